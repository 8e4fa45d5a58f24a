"""A party's randomness in a job: all of it follows from one seed, to which the plan commits."""

from __future__ import annotations

import hmac
from hashlib import sha256 as _sha256

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from placet.core.framing import frame
from placet.core.hashing import sha256
from placet.protocols.order import Entropy


def seed_commitment(seed: bytes) -> bytes:
    """What the plan says of a party's randomness: SHA-256("placet.seed/1" ‖ seed), of a seed of 32 random bytes."""
    return sha256(b"placet.seed/1", seed)


def stream(seed: bytes, *labels: bytes) -> Entropy:
    """Random bytes that follow from a party's seed and the labels: ChaCha20 under HMAC-SHA-256(seed, labels)."""
    info = b"".join(map(frame, labels))
    key = hmac.new(seed, b"placet.stream/1" + info, _sha256).digest()
    cipher = Cipher(algorithms.ChaCha20(key, bytes(16)), mode=None).encryptor()
    return lambda count: cipher.update(bytes(count))
