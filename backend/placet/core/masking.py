"""How an output is kept back: encrypted to whom it is for (HPKE, RFC 9180), then masked under a release key.

Nobody opens it before the key is on chain, and nobody but its receiver opens it then.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from placet.core.errors import InputError

SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
"""The one HPKE suite of all formats."""
_NONCE = bytes(12)


def _info(job: bytes, attempt: int, party: int) -> bytes:
    return b"placet.output/1" + job + attempt.to_bytes(4, "big") + party.to_bytes(4, "big")


def mask(part: bytes, *, key: bytes, consumer: bytes, job: bytes, attempt: int, party: int) -> bytes:
    """A party's part of the output for the consumer's X25519 key (32 bytes), masked under `key` (32 bytes)."""
    info = _info(job, attempt, party)
    inner = SUITE.encrypt(part, x25519.X25519PublicKey.from_public_bytes(consumer), info=info)
    return AESGCM(key).encrypt(_NONCE, inner, info)


def unmask(masked: bytes, *, key: bytes, secret: bytes, job: bytes, attempt: int, party: int) -> bytes:
    """The part behind a masked output; InputError if key or secret don't open it."""
    info = _info(job, attempt, party)
    try:
        inner = AESGCM(key).decrypt(_NONCE, masked, info)
        return SUITE.decrypt(inner, x25519.X25519PrivateKey.from_private_bytes(secret), info=info)
    except (InvalidTag, ValueError):
        raise InputError("the masked output does not open", found=f"the output of party {party}") from None


def public_key(secret: bytes) -> bytes:
    """The X25519 public key (32 bytes) of an HPKE secret."""
    return x25519.X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
