"""A certificate's key as plans name it, and the institution behind a plan's party."""

from __future__ import annotations

from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from placet.core.errors import InputError, PeerError
from placet.core.hashing import sha256
from placet.core.plan import Party
from placet.core.trust import Institution, TrustList
from placet.core.values import to_hex


@lru_cache(maxsize=512)
def tls_key(certificate: str) -> bytes:
    """SHA-256 of a PEM certificate's DER SubjectPublicKeyInfo; InputError if it is none."""
    try:
        loaded = x509.load_pem_x509_certificate(certificate.encode())
    except ValueError:
        raise InputError("not a certificate", expected="one certificate in PEM") from None
    return of(loaded)


def of(certificate: x509.Certificate) -> bytes:
    """The same of a loaded certificate."""
    return sha256(certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def institution_of(party: Party, trust: TrustList) -> Institution:
    """A party's entry in the trust list, whose certificate is what the peer link goes by.

    PeerError `peer.wrong-party` unless that certificate has the key that the plan names: a trust list may have changed
    since the plan was signed.
    """
    institution = trust.institution(party.signer)
    if tls_key(institution.certificate) != party.tls_key:
        raise PeerError(
            "the trust list has another TLS key for this party than the plan",
            expected=to_hex(party.tls_key),
            found=f"{institution.name}: {to_hex(tls_key(institution.certificate))}",
            code="peer.wrong-party",
        )
    return institution
