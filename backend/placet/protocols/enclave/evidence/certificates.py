"""Certificate chains of manufacturers: every certificate up to a root that we hold, each one valid at a given time.

Not the web's rules: no names of hosts, no purposes. Each issuer must be allowed to issue, at its depth; a critical
extension that is not understood is refused. Signatures are over SHA-384, as AWS and AMD make them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from placet.protocols.enclave.evidence.refusals import refusal

E = TypeVar("E", bound=x509.ExtensionType)
MALFORMED = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""All that reading a certificate, or a key out of one, raises for what is none."""
_UNDERSTOOD = (x509.BasicConstraints, x509.KeyUsage)


def load(der: bytes, name: str) -> x509.Certificate:
    """A certificate in DER, nothing after it; what is in it is read here, so that nothing malformed turns up later."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        _ = certificate.subject, certificate.issuer, certificate.extensions, certificate.public_key()
        _ = certificate.signature_hash_algorithm, certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except MALFORMED:
        raise refusal(
            "format", f"{name} is not a certificate", expected="X.509 in DER", found="another thing"
        ) from None
    return certificate


def check_chain(chain: Sequence[x509.Certificate], root: x509.Certificate, now: int) -> int:
    """Check leaf, issuers and root, in this order; the last second at which all of them are valid."""
    if chain[-1] != root:
        raise refusal("chain", "the chain ends in another root", expected=_name(root), found=_name(chain[-1]))
    for certificate in chain:
        _check_time(certificate, now)
        _check_extensions(certificate)
    for depth, (child, issuer) in enumerate(pairwise(chain)):
        _check_issuer(issuer, below=depth)
        _check_signature(child, issuer)
    _check_leaf(chain[0])
    return min(int(certificate.not_valid_after_utc.timestamp()) for certificate in chain)


def _check_time(certificate: x509.Certificate, now: int) -> None:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begin.timestamp() <= now <= end.timestamp():
        raise refusal(
            "expired",
            f"the certificate {_name(certificate)} is not valid at this time",
            expected=f"{int(begin.timestamp())} to {int(end.timestamp())}",
            found=now,
        )


def _check_extensions(certificate: x509.Certificate) -> None:
    for extension in certificate.extensions:
        if extension.critical and not isinstance(extension.value, _UNDERSTOOD):
            raise refusal("chain", "a critical extension that is not understood", found=extension.oid.dotted_string)


def _check_issuer(issuer: x509.Certificate, below: int) -> None:
    basic, usage = _extension(issuer, x509.BasicConstraints), _extension(issuer, x509.KeyUsage)
    may = basic is not None and basic.ca and usage is not None and usage.key_cert_sign
    limit = None if basic is None else basic.path_length
    if not may or (limit is not None and below > limit):
        raise refusal("chain", "a certificate that may not issue this one", found=_name(issuer))


def _check_leaf(leaf: x509.Certificate) -> None:
    basic, usage = _extension(leaf, x509.BasicConstraints), _extension(leaf, x509.KeyUsage)
    if (basic is not None and basic.ca) or (usage is not None and not usage.digital_signature):
        raise refusal("chain", "a leaf that is no signer", expected="digital signature, no CA", found=_name(leaf))


def _check_signature(child: x509.Certificate, issuer: x509.Certificate) -> None:
    if not isinstance(child.signature_hash_algorithm, hashes.SHA384):
        raise refusal("chain", f"{_name(child)} is signed over another hash", expected="SHA-384")
    try:
        child.verify_directly_issued_by(issuer)
    except (InvalidSignature, *MALFORMED):
        raise refusal(
            "chain", "a certificate was not issued by the next one", expected=_name(issuer), found=_name(child)
        ) from None


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value)[:80] if names else "without a name"
