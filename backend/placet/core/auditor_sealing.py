"""What a party opens to one auditor, encrypted to his key by HPKE (RFC 9180, one suite for all formats)."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import x25519

from placet.core.errors import InputError
from placet.core.hashing import sha256
from placet.core.masking import SUITE


def auditor_secret(secret: bytes) -> bytes:
    """The X25519 secret under which things are opened to an auditor, of the secret of its signing key (32 bytes)."""
    return sha256(b"placet.auditor/1", secret)


def encrypted(raw: bytes, auditor: bytes, info: bytes) -> bytes:
    """For the auditor with that public key. InputError where it is no X25519 key."""
    try:
        return SUITE.encrypt(raw, x25519.X25519PublicKey.from_public_bytes(auditor), info=info)
    except ValueError:
        raise InputError("no key that anything can be opened to", expected="an auditor's X25519 key") from None


def decrypted(sealed: bytes, secret: bytes, info: bytes) -> bytes | None:
    """None where the auditor's secret does not open it, or it was sealed for something else."""
    try:
        return SUITE.decrypt(sealed, x25519.X25519PrivateKey.from_private_bytes(secret), info=info)
    except (InvalidTag, ValueError):
        return None
