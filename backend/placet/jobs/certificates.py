"""A certificate's key as plans name it."""

from __future__ import annotations

from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from placet.core.errors import InputError
from placet.core.hashing import sha256


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
