"""A receiver of correlated transfers reads the sender's secret where nobody checks it, and is caught where it is
checked: the attack on IKNP that Keller, Orsini and Scholl describe (CRYPTO 2015, section 3)."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from placet.core.errors import ProtocolError
from placet.protocols.ot import extension
from placet.protocols.ot.columns import SeedStreams, transpose, unpacked
from placet.protocols.ot.extension import LabelReceiver, LabelSender, hashed

CONTEXT = b"job 1, attempt 1"
DELTA = hashlib.sha256(b"the garbler's secret").digest()[:16]
SECRET = np.frombuffer(bytes([DELTA[0] | 1]) + DELTA[1:], np.uint8)
PAIRS = np.random.default_rng(1).integers(0, 256, (128, 2, 16), np.uint8)
CHOICES = np.zeros(128, np.uint8)
COLUMNS = 128 * 32


def sender() -> LabelSender:
    return LabelSender(SECRET, PAIRS[np.arange(128), unpacked(SECRET)], CONTEXT)


def message(errors: np.ndarray, guess: np.ndarray) -> bytes:
    """What a cheater sends: an honest receiver's columns XOR `errors`, and the hashes that hold if delta is `guess`."""
    honest, _ = LabelReceiver(PAIRS, CONTEXT, lambda count: b"\x5a" * count).extend(CHOICES)
    columns = np.frombuffer(honest, np.uint8, COLUMNS).reshape(128, 32) ^ errors
    key = extension._check_key(columns, CONTEXT, 0)
    line = np.zeros((1, 32), np.uint8)
    line[0, 16:] = 0x5A
    rows = SeedStreams(PAIRS[:, 0]).take(32) ^ errors * unpacked(guess)[:, None]
    return columns.tobytes() + hashed(line, key).tobytes() + hashed(rows, key).tobytes()


def one_error_a_row() -> np.ndarray:
    """In row j the choice is 1 in column j alone."""
    return np.packbits(np.eye(128, 256, dtype=np.uint8), axis=1, bitorder="little")


def test_without_the_check_128_ciphertexts_tell_the_whole_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extension, "hashed", lambda lines, key: np.zeros((len(lines), 16), np.uint8))
    attempt = message(one_error_a_row(), np.zeros(16, np.uint8))
    unchecked = attempt[:COLUMNS] + bytes(16 * 129)
    zeros = sender().accept(128, unchecked, "evaluator")
    used = [hashlib.sha256(label.tobytes()).digest() for label in zeros]
    own = transpose(SeedStreams(PAIRS[:, 0]).take(32))[:128].copy()
    learned = [int(hashlib.sha256(own[j].tobytes()).digest() != used[j]) for j in range(128)]
    assert learned == unpacked(SECRET).tolist()


def test_with_the_check_the_same_attempt_is_refused() -> None:
    with pytest.raises(ProtocolError, match="the same choices in every column") as refusal:
        sender().accept(128, message(one_error_a_row(), np.zeros(16, np.uint8)), "evaluator")
    assert refusal.value.code == "ot.check"


@pytest.mark.parametrize("column", [0, 1, 77, 127])
def test_a_cheater_that_guesses_a_bit_is_caught_where_the_guess_is_wrong(column: int) -> None:
    """What is left to it: c bits are learned with probability 2^-c, since each wrong guess ends the job."""
    errors = np.zeros((128, 32), np.uint8)
    errors[column, 0] = 1
    right = SECRET.copy()
    wrong = SECRET.copy()
    wrong[column // 8] ^= 1 << column % 8
    sender().accept(128, message(errors, right), "evaluator")
    with pytest.raises(ProtocolError, match="the same choices"):
        sender().accept(128, message(errors, wrong), "evaluator")
