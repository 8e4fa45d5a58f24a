"""What a node keeps of a job for itself (release keys, results), encrypted under a key derived from its own HPKE
secret; and the randomness that follows from its seed."""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256 as _sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from placet.core.errors import StateError
from placet.core.hashing import sha256
from placet.protocols.order import Entropy


class AtRest:
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
