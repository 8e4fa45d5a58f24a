"""The schemes that sums are encrypted by: one and the same protocol over either."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from placet.protocols.mpc import okamoto, paillier
from placet.protocols.mpc.ciphertexts import AdditiveKey, SumKey
from placet.protocols.order import Entropy

MAX_KEY_BYTES = max(okamoto.KEY_BYTES, paillier.MAX_KEY_BYTES)
BITS = 2048


class _Read(Protocol):
    def __call__(self, payload: bytes, *, sender: str) -> AdditiveKey: ...


@dataclass(frozen=True)
class Cipher:
    """`generate` makes a key by randomness, `read` a peer's public key from bytes: ProtocolError for what none is."""

    name: str
    generate: Callable[[Entropy], SumKey]
    read: _Read


PAILLIER = Cipher(
    "paillier-2048", lambda entropy: paillier.generate(BITS, entropy=entropy), paillier.public_key_from_bytes
)
OKAMOTO_UCHIYAMA = Cipher("okamoto-uchiyama-2048", okamoto.generate, okamoto.public_key_from_bytes)
