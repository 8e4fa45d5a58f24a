"""How an output leaves its party: encrypted to the consumer (HPKE, RFC 9180), then masked under a release key.

Nobody opens it before the key is on chain, and nobody but the consumer opens it then. What a node keeps of a job for
itself (release keys, results) is encrypted under a key derived from its own HPKE secret.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256 as _sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from placet.core.errors import InputError, StateError
from placet.core.hashing import sha256
from placet.protocols.order import Entropy

_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
_NONCE = bytes(12)


def _info(job: bytes, attempt: int, party: int) -> bytes:
    return b"placet.output/1" + job + attempt.to_bytes(4, "big") + party.to_bytes(4, "big")


def mask(part: bytes, *, key: bytes, consumer: bytes, job: bytes, attempt: int, party: int) -> bytes:
    """A party's part of the output for the consumer's X25519 key (32 bytes), masked under `key` (32 bytes)."""
    info = _info(job, attempt, party)
    inner = _SUITE.encrypt(part, x25519.X25519PublicKey.from_public_bytes(consumer), info=info)
    return AESGCM(key).encrypt(_NONCE, inner, info)


def unmask(masked: bytes, *, key: bytes, secret: bytes, job: bytes, attempt: int, party: int) -> bytes:
    """The part behind a masked output; InputError if key or secret don't open it."""
    info = _info(job, attempt, party)
    try:
        inner = AESGCM(key).decrypt(_NONCE, masked, info)
        return _SUITE.decrypt(inner, x25519.X25519PrivateKey.from_private_bytes(secret), info=info)
    except (InvalidTag, ValueError):
        raise InputError("the masked output does not open", found=f"the output of party {party}") from None


def public_key(secret: bytes) -> bytes:
    """The X25519 public key (32 bytes) of an HPKE secret."""
    return x25519.X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


class Drawer:
    """Keeps bytes at rest under a key derived from the node's HPKE secret (AES-256-GCM, name as associated data)."""

    def __init__(self, secret: bytes) -> None:
        self._aead = AESGCM(hmac.digest(secret, b"placet.drawer/1", "sha256"))

    def close(self, name: bytes, content: bytes) -> bytes:
        nonce = secrets.token_bytes(12)
        return nonce + self._aead.encrypt(nonce, content, name)

    def open(self, name: bytes, closed: bytes) -> bytes:
        """StateError if it was altered."""
        try:
            return self._aead.decrypt(closed[:12], closed[12:], name)
        except (InvalidTag, ValueError):
            raise StateError("what the node kept of a job was altered, or is under another key") from None


def seed_commitment(seed: bytes) -> bytes:
    """What the plan says of a party's randomness."""
    return sha256(b"placet.seed/1", seed)


def stream(seed: bytes, *labels: bytes) -> Entropy:
    """Random bytes that follow from a party's seed and the labels: ChaCha20 under HMAC-SHA-256(seed, labels)."""
    info = b"".join(len(label).to_bytes(4, "big") + label for label in labels)
    key = hmac.new(seed, b"placet.stream/1" + info, _sha256).digest()
    cipher = Cipher(algorithms.ChaCha20(key, bytes(16)), mode=None).encryptor()
    return lambda count: cipher.update(bytes(count))
