"""Certificate chains of manufacturers: every certificate up to a root that we hold, each one valid at a given time.

Not the web's rules: no names of hosts, no purposes. Each issuer must be allowed to issue, at its depth; a critical
extension that is not understood is refused. Signatures are over SHA-384, as AWS and AMD make them.

AMD's VCEKs and VLEKs have the serial number zero, which RFC 5280 forbids and `cryptography` is about to refuse. So a
certificate whose serial is the one byte zero is read from a copy in which that byte is one, and its issuer's signature
is checked over the bytes that were signed. Nothing here uses a serial number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from placet.core.errors import AttestationError
from placet.core.malformed_certificates import MALFORMED
from placet.protocols.enclave.evidence.refusals import refusal

E = TypeVar("E", bound=x509.ExtensionType)
_UNDERSTOOD = (x509.BasicConstraints, x509.KeyUsage)
_BEGIN = re.compile(rb"\x30\x82..\x30\x82(?P<size>..)\xa0\x03\x02\x01\x02\x02(?P<serial>.)", re.DOTALL)
"""A certificate of version 3 and 256 bytes or more, up to its serial number's length."""
_OUTER = 4
"""Bytes of its own header, and of that of what is signed."""


@dataclass(frozen=True)
class Certificate:
    """What is read out of a certificate (its serial number aside), and the bytes that its issuer signed."""

    read: x509.Certificate
    signed: bytes

    @classmethod
    def of(cls, certificate: x509.Certificate) -> Certificate:
        """A root that we hold."""
        return cls(certificate, certificate.tbs_certificate_bytes)


def load(der: bytes, name: str) -> Certificate:
    """A certificate in DER, nothing after it; what is in it is read here, so that nothing malformed turns up later."""
    begin = _BEGIN.match(der)
    if begin is None:
        raise _no_certificate(name)
    end = 2 * _OUTER + int.from_bytes(begin["size"], "big")
    serial = slice(begin.end(), begin.end() + begin["serial"][0])
    number = der[serial]
    if number[:1] >= b"\x80" or not number:
        raise refusal("format", f"{name} has a serial number below zero, or none", expected="zero or more")
    readable = der[: serial.start] + b"\x01" + der[serial.stop :] if number == b"\x00" else der
    try:
        read = x509.load_der_x509_certificate(readable)
        _ = read.subject, read.issuer, read.extensions, read.public_key(), read.signature_algorithm_parameters
        _ = read.signature_hash_algorithm, read.not_valid_before_utc, read.not_valid_after_utc
    except MALFORMED:
        raise _no_certificate(name) from None
    algorithm = der[end : end + 2 + der[end + 1]]
    if not der.startswith(algorithm, serial.stop):
        raise refusal("format", f"{name} names two algorithms of its signature", expected="the same inside and outside")
    return Certificate(read, der[_OUTER:end])


def _no_certificate(name: str) -> AttestationError:
    return refusal("format", f"{name} is not a certificate", expected="X.509 in DER, version 3", found="another thing")


def check_chain(chain: Sequence[Certificate], root: x509.Certificate, now: int) -> int:
    """Check leaf, issuers and root, in this order; the last second at which all of them are valid."""
    read = [certificate.read for certificate in chain]
    if read[-1] != root:
        raise refusal("chain", "the chain ends in another root", expected=_name(root), found=_name(read[-1]))
    for certificate in read:
        _check_time(certificate, now)
        _check_extensions(certificate)
    for depth, (child, issuer) in enumerate(pairwise(chain)):
        _check_issuer(issuer.read, below=depth)
        _check_signature(child, issuer.read)
    _check_leaf(read[0])
    return min(int(certificate.not_valid_after_utc.timestamp()) for certificate in read)


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


def _check_signature(child: Certificate, issuer: x509.Certificate) -> None:
    algorithm = child.read.signature_hash_algorithm
    if not isinstance(algorithm, hashes.SHA384):
        raise refusal("chain", f"{_name(child.read)} is signed over another hash", expected="SHA-384")
    key, how = issuer.public_key(), child.read.signature_algorithm_parameters
    try:
        if child.read.issuer != issuer.subject:
            raise InvalidSignature
        if isinstance(key, rsa.RSAPublicKey) and isinstance(how, padding.PSS | padding.PKCS1v15):
            key.verify(child.read.signature, child.signed, how, algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(how, ec.ECDSA):
            key.verify(child.read.signature, child.signed, how)
        else:
            raise InvalidSignature
    except (InvalidSignature, *MALFORMED):
        raise refusal(
            "chain", "a certificate was not issued by the next one", expected=_name(issuer), found=_name(child.read)
        ) from None


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value)[:80] if names else "without a name"
