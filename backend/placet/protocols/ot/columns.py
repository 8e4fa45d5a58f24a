"""Matrices of bits in columns and in rows: the streams that seeds are stretched to, and the way between both.

A matrix is packed along its last axis, lowest bit first: bit j of a line is bit j % 8 of its byte j // 8.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

Bytes = npt.NDArray[np.uint8]
_BLOCK = 1 << 11
"""Bytes of a line that are turned at a time, so that they stay in the cache."""
_STEPS = (
    (np.uint64(7), np.uint64(0x00AA00AA00AA00AA)),
    (np.uint64(14), np.uint64(0x0000CCCC0000CCCC)),
    (np.uint64(28), np.uint64(0x00000000F0F0F0F0)),
)


class SeedStreams:
    """One stream of AES-128-CTR for each of `seeds` (n, 16). A seed is stretched once: by one `SeedStreams`."""

    def __init__(self, seeds: Bytes) -> None:
        nonce = bytes(16)
        self._ciphers = [Cipher(algorithms.AES(one.tobytes()), modes.CTR(nonce)).encryptor() for one in seeds]

    def take(self, size: int) -> Bytes:
        """The next `size` bytes of each (n, size)."""
        zeros = bytes(size)
        return np.frombuffer(b"".join(one.update(zeros) for one in self._ciphers), np.uint8).reshape(-1, size)


def transpose(matrix: Bytes) -> Bytes:
    """The columns of a bit matrix (m, n/8) as lines (n, m/8); m and n are multiples of 8.

    Eight by eight bits at a time are one 64-bit word (Warren, "Hacker's Delight", section 7-3).
    """
    lines, width = matrix.shape
    turned = np.empty((width * 8, lines // 8), np.uint8)
    grouped = matrix.reshape(lines // 8, 8, width)
    for start in range(0, width, _BLOCK):
        part = grouped[:, :, start : start + _BLOCK]
        words = np.array(part.transpose(2, 0, 1), order="C").view("<u8")[:, :, 0]
        for shift, mask in _STEPS:
            swapped = words >> shift
            swapped ^= words
            swapped &= mask
            words ^= swapped
            swapped <<= shift
            words ^= swapped
        bits = words.view(np.uint8).reshape(-1, lines // 8, 8)
        turned[8 * start : 8 * (start + len(bits))] = bits.transpose(0, 2, 1).reshape(-1, lines // 8)
    return turned


def packed(bits: Bytes) -> Bytes:
    """Bits (…, n), each 0 or 1, packed; zeros fill the last byte."""
    return np.packbits(bits, axis=-1, bitorder="little")


def unpacked(line: Bytes) -> Bytes:
    """The opposite: (…, 8·bytes) bits."""
    return np.unpackbits(line, axis=-1, bitorder="little")
