"""Certificates of who signs credentials (`x5c`, RFC 7515, 4.1.6): a chain up to an anchor of the enroller's own.

RFC 5280 by `cryptography`'s path validation, with the rules of the web where they fit: times, names, signatures, that
who issues is a CA and may, how long a path is, no critical extension that is not understood. Otherwise than on the web
a signer needs no name of a host; it has to be for digital signatures, and not for TLS alone. What was revoked of
certificates is not looked up: an anchor whose issuers are no longer to be believed leaves the enroller's list.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    ClientVerifier,
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from placet.core.errors import ConfigError
from placet.core.malformed_certificates import MALFORMED
from placet.identity.tokens import MAX_CHAIN, refused

MAX_ANCHORS = 1_000
_HTTPS = re.compile(r"https://([A-Za-z0-9.-]+)(?:/.*)?")
_OF_OTHERS = frozenset(
    {
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.CODE_SIGNING,
        ExtendedKeyUsageOID.EMAIL_PROTECTION,
        ExtendedKeyUsageOID.TIME_STAMPING,
        ExtendedKeyUsageOID.OCSP_SIGNING,
    }
)
"""Purposes that are none of an issuer's of credentials."""


class Anchors:
    """CA certificates: who may certify issuers. There is at least one."""

    def __init__(self, certificates: Sequence[x509.Certificate]) -> None:
        self._store = Store(list(certificates))

    def chain(self, x5c: Sequence[str], now: int) -> tuple[x509.Certificate, ...]:
        """The signer's certificate, then its issuers in order up to one of these anchors. AccessError for anything else
        at this time."""
        given = [_certificate(one) for one in x5c]
        try:
            verified = tuple(self._verifier(now).verify(given[0], given[1:]).chain)
        except VerificationError as error:
            raise refused(
                "its issuer's certificates do not hold",
                "a chain that is valid now, up to an anchor of the enroller's list",
                found=_reason(error),
            ) from None
        except MALFORMED:
            raise _malformed() from None
        if verified[: len(given)] != tuple(given):
            raise refused("its issuer's certificates are no chain", "each one certified by the next")
        return verified

    def _verifier(self, now: int) -> ClientVerifier:
        signer = (
            ExtensionPolicy.webpki_defaults_ee()
            .require_present(x509.KeyUsage, Criticality.AGNOSTIC, _demand_signer)
            .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _demand_purpose)
            .may_be_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
        )
        issuer = ExtensionPolicy.webpki_defaults_ca().may_be_present(
            x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _demand_purpose
        )
        builder = PolicyBuilder().store(self._store).time(datetime.fromtimestamp(now, UTC))
        return (
            builder.max_chain_depth(MAX_CHAIN - 2)
            .extension_policies(ca_policy=issuer, ee_policy=signer)
            .build_client_verifier()
        )


def read_anchors(pem: bytes, what: str) -> tuple[x509.Certificate, ...]:
    """The CA certificates of a file, which is named `what` in errors. ConfigError `config.wallet`."""
    try:
        certificates = tuple(x509.load_pem_x509_certificates(pem))
        all_of_cas = all(one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca for one in certificates)
    except (*MALFORMED, x509.ExtensionNotFound):
        all_of_cas, certificates = False, ()
    if not all_of_cas or not 1 <= len(certificates) <= MAX_ANCHORS:
        raise ConfigError(
            "a file of anchors is none",
            expected=f"1 to {MAX_ANCHORS} certificates of CAs, in PEM",
            found=what,
            remedy="who has no CA stands among the issuers, with a key",
            code="config.wallet",
        )
    return certificates


def signing_key(signer: x509.Certificate) -> ec.EllipticCurvePublicKey:
    """The key of a certificate. AccessError where it can't sign by ES256."""
    try:
        key = signer.public_key()
    except MALFORMED:
        raise _malformed() from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise refused("its issuer's certificate has a key of another kind", "P-256")
    return key


def demand_named(signer: x509.Certificate, issuer: str) -> None:
    """AccessError unless the certificate's alternative names have this identifier: as a URI, or as the host of an https
    one. Of names of hosts none stands for many."""
    try:
        names = signer.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = x509.SubjectAlternativeName([])
    except MALFORMED:
        raise _malformed() from None
    host = _HTTPS.fullmatch(issuer)
    by_host = host is not None and host[1].lower() in map(str.lower, names.get_values_for_type(x509.DNSName))
    if not by_host and issuer not in names.get_values_for_type(x509.UniformResourceIdentifier):
        raise refused("its issuer's certificate is another's", "one that names the issuer (iss)")


def _certificate(text: str) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
    except (binascii.Error, *MALFORMED):
        raise _malformed() from None


def _malformed() -> Exception:
    return refused("a certificate of its issuer is none", "X.509 in DER, in base64")


def _demand_signer(_: Policy, __: x509.Certificate, usage: x509.KeyUsage) -> None:
    if not usage.digital_signature or usage.key_cert_sign:
        raise ValueError("the certificate is not for digital signatures")


def _demand_purpose(_: Policy, __: x509.Certificate, purposes: x509.ExtendedKeyUsage | None) -> None:
    if purposes is not None and _OF_OTHERS.issuperset(purposes):
        raise ValueError("the certificate is for other purposes, such as TLS, alone")


def _reason(error: VerificationError) -> str:
    """What the library says, without what it quotes of a certificate."""
    reason = str(error).partition(" (encountered")[0].removeprefix("validation failed: ")
    reason = reason.removeprefix("candidates exhausted: ")
    return "no anchor has issued them" if "no interior errors" in reason else reason
