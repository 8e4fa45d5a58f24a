"""Secret orders: the permutation under which a list travels, and the way back."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import TypeVar

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from placet.core.errors import InputError

T = TypeVar("T")

Entropy = Callable[[int], bytes]
"""Gives so many fresh random bytes. `secrets.token_bytes`, or a stream from a committed seed for re-execution."""


def keystream(key: bytes) -> Entropy:
    """Bytes that follow from a key of 32, which is used for nothing else: ChaCha20."""
    cipher = Cipher(algorithms.ChaCha20(key, bytes(16)), mode=None).encryptor()
    return lambda count: cipher.update(bytes(count))


def secret_permutation(count: int, entropy: Entropy = secrets.token_bytes) -> tuple[int, ...]:
    """A uniform permutation of `range(count)`: the order of 128-bit random keys.

    Keys collide, and the order is then not quite uniform, with probability below count² / 2^129.
    """
    keys = entropy(16 * count)
    return tuple(sorted(range(count), key=lambda i: keys[16 * i : 16 * i + 16]))


def require_permutation(permutation: Sequence[int], count: int) -> None:
    """InputError unless `permutation` holds each of `range(count)` once."""
    if len(permutation) != count or set(permutation) != set(range(count)):
        raise InputError(
            "not a permutation", expected=f"each of 0 to {count - 1} once", found=f"{len(permutation)} entries"
        )


def restore(values: Sequence[T], permutation: Sequence[int]) -> list[T]:
    """Bring `values`, given in permuted order, back: what stood at place i belongs to entry permutation[i]."""
    require_permutation(permutation, len(values))
    restored = list(values)
    for value, entry in zip(values, permutation, strict=True):
        restored[entry] = value
    return restored
