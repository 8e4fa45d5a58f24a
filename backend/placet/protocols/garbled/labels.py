"""Labels of garbled wires, and the hash under which gates are encrypted.

A wire has one label for 0 and another for 1; they differ by the garbler's secret `delta` (Kolesnikov, Schneider 2008),
whose lowest bit is 1, so that a label's lowest bit says which of a gate's rows it opens and nothing else.

The hash is TMMO, H(x, i) = π(π(x) ⊕ i) ⊕ π(x), with π a fixed permutation (Guo, Katz, Wang, Yu, *Efficient and secure
multiparty computation from fixed-key block ciphers*, S&P 2020): tweakable circular correlation robust where π is ideal,
for labels of anybody's choice, as long as no tweak comes twice under one delta. π is AES-128 under a public key of the
session.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

Labels = npt.NDArray[np.uint64]
"""(…, 2): 128 bits each, little-endian; the lowest bit is bit 0 of the first word."""
Bits = npt.NDArray[np.uint8]
"""Of 0 and 1."""
Words = npt.NDArray[np.uint64]
LABEL_BYTES = 16
WORD_BITS = 64


class LabelHash:
    """H, of one session. `context` is public, the same on both sides, unique to a use."""

    def __init__(self, context: bytes) -> None:
        key = hashlib.sha256(b"placet.garbled/1" + context).digest()[:16]
        self._permutation = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - a permutation of blocks

    def __call__(self, labels: Labels, tweaks: Words) -> Labels:
        """H(labels[i], tweaks[i]), (n, 2) of (n, 2) and (n,). The cipher is fed all of them at once."""
        inner = self._permute(labels)
        tweaked = inner.copy()
        tweaked[:, 0] ^= tweaks
        outer: Labels = self._permute(tweaked) ^ inner
        return outer

    def _permute(self, blocks: Labels) -> Labels:
        through = self._permutation.update(np.ascontiguousarray(blocks).tobytes())
        return np.frombuffer(through, np.uint64).reshape(blocks.shape)


def where(bits: Bits, labels: Labels) -> Labels:
    """`labels`, which broadcast against (…, 1), where a bit is 1, and zero elsewhere."""
    masks: Labels = (np.uint64(0) - bits.astype(np.uint64))[..., np.newaxis] & labels
    return masks


def lowest(labels: Labels) -> Bits:
    """The lowest bit of each."""
    return (labels[..., 0] & np.uint64(1)).astype(np.uint8)


def bits_of(words: Words, width: int) -> Bits:
    """Bit planes (width, …) of words, the lowest first."""
    places = np.arange(width, dtype=np.uint64).reshape(-1, *(1,) * words.ndim)
    return ((words[np.newaxis] >> places) & np.uint64(1)).astype(np.uint8)


def words_of(planes: Bits) -> Words:
    """The reverse of `bits_of`."""
    places = np.arange(len(planes), dtype=np.uint64).reshape(-1, *(1,) * (planes.ndim - 1))
    words: Words = (planes.astype(np.uint64) << places).sum(axis=0, dtype=np.uint64)
    return words
