"""Bit matrices turned, and the streams of seeds."""

from __future__ import annotations

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from placet.protocols.ot.columns import SeedStreams, packed, transpose, unpacked


@pytest.mark.parametrize(("lines", "width"), [(8, 1), (128, 3), (448, 17), (16, 128), (8, (1 << 11) + 5)])
def test_columns_become_lines(lines: int, width: int) -> None:
    matrix = np.random.default_rng(lines).integers(0, 256, (lines, width), np.uint8)
    turned = transpose(matrix)
    assert turned.shape == (8 * width, lines // 8)
    assert (unpacked(turned) == unpacked(matrix).T).all()
    assert (transpose(turned) == matrix).all()


def test_packing_is_lowest_bit_first_and_fills_with_zeros() -> None:
    assert packed(np.array([1, 0, 0, 0, 0, 0, 0, 0, 0, 1], np.uint8)).tolist() == [1, 2]


def test_a_stream_goes_on_where_it_was_and_is_aes_ctr() -> None:
    seeds = np.arange(32, dtype=np.uint8).reshape(2, 16)
    parts, whole = SeedStreams(seeds), SeedStreams(seeds).take(40)
    assert (np.concatenate([parts.take(7), parts.take(33)], axis=1) == whole).all()
    plain = Cipher(algorithms.AES(bytes(range(16, 32))), modes.CTR(bytes(16))).encryptor().update(bytes(40))
    assert whole[1].tobytes() == plain
