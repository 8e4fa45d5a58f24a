"""A receiver of correlated transfers reads the sender's secret where nobody checks it, and is caught where it is
checked: the attack on IKNP that Keller, Orsini and Scholl describe (CRYPTO 2015, section 3)."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from placet.core.errors import ProtocolError
from placet.protocols.ot import extension
from placet.protocols.ot import trees as trees_module
from placet.protocols.ot.columns import transpose, unpacked
from placet.protocols.ot.extension import LINES, LabelReceiver, LabelSender, hashed
from placet.protocols.ot.trees import DEPTH, GROUP_BYTES, LEAVES, FullTrees

CONTEXT = b"job 1, attempt 1"
DELTA = hashlib.sha256(b"the garbler's secret").digest()[:16]
SECRET = np.frombuffer(bytes([DELTA[0] | 1]) + DELTA[1:], np.uint8)
PAIRS = np.random.default_rng(1).integers(0, 256, (128, 2, 16), np.uint8)
CHOICES = np.zeros(128, np.uint8)
COLUMNS = LINES * 32


def entropy(count: int) -> bytes:
    return b"\x5a" * count


def trees() -> FullTrees:
    """The receiver's, with the streams not begun."""
    return FullTrees(PAIRS, entropy(16 * LINES), CONTEXT)


def sender(message: bytes | None = None) -> LabelSender:
    seeds = PAIRS[np.arange(128), unpacked(SECRET)]
    return LabelSender(SECRET, seeds, trees().message if message is None else message, CONTEXT, "evaluator")


def message(errors: np.ndarray, guess: np.ndarray) -> bytes:
    """What a cheater sends: an honest receiver's columns XOR `errors`, and the hashes that hold if delta is `guess`."""
    honest, _ = LabelReceiver(PAIRS, CONTEXT, entropy).extend(CHOICES)
    lines = np.frombuffer(honest, np.uint8, COLUMNS).reshape(LINES, 32) ^ errors
    key = extension._check_key(lines, extension._check_start(CONTEXT, trees().message), 0)
    line = np.zeros((1, 32), np.uint8)
    line[0, 16:] = 0x5A
    rows = trees().take(32).columns ^ np.repeat(errors, DEPTH, axis=0) * unpacked(guess)[:, None]
    return lines.tobytes() + hashed(line, key).tobytes() + hashed(rows, key).tobytes()


def one_error_a_row() -> np.ndarray:
    """In row j the choice is 1 in line j alone."""
    return np.packbits(np.eye(LINES, 256, dtype=np.uint8), axis=1, bitorder="little")


def test_without_the_check_32_ciphertexts_tell_the_whole_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of four columns: sixteen tries find what a label is XOR the own one."""
    monkeypatch.setattr(extension, "hashed", lambda lines, key: np.zeros((len(lines), 16), np.uint8))
    attempt = message(one_error_a_row(), np.zeros(16, np.uint8))
    unchecked = attempt[:COLUMNS] + bytes(16 * 129)
    zeros = sender().accept(128, unchecked)
    used = [hashlib.sha256(label.tobytes()).digest() for label in zeros]
    own = transpose(trees().take(32).columns)[:128].copy()
    learned = bytearray(16)
    for line in range(LINES):
        for bits in range(LEAVES):
            label = own[line].copy()
            label[line // 2] ^= bits << DEPTH * (line % 2)
            if hashlib.sha256(label.tobytes()).digest() == used[line]:
                learned[line // 2] |= bits << DEPTH * (line % 2)
    assert bytes(learned) == SECRET.tobytes()


def test_with_the_check_the_same_attempt_is_refused() -> None:
    with pytest.raises(ProtocolError, match="the same choices in every column") as refusal:
        sender().accept(128, message(one_error_a_row(), np.zeros(16, np.uint8)))
    assert refusal.value.code == "ot.check"


@pytest.mark.parametrize("column", [0, 1, 77, 127])
def test_a_cheater_that_guesses_bits_is_caught_where_the_guess_is_wrong(column: int) -> None:
    """What is left to it: c bits are learned with probability 2^-c, since each wrong guess ends the job."""
    errors = np.zeros((LINES, 32), np.uint8)
    errors[column // DEPTH, 0] = 1
    right = SECRET.copy()
    wrong = SECRET.copy()
    wrong[column // 8] ^= 1 << column % 8
    sender().accept(128, message(errors, right))
    with pytest.raises(ProtocolError, match="the same choices"):
        sender().accept(128, message(errors, wrong))


def forged_after_the_lines() -> tuple[bytes, bytes]:
    """Trees, and the part's message: the lines came first, of which the first's choices are others than the rest's, and
    then a tree under which these hash alike, if the key is what it was before."""
    line = np.full((1, 32), 0x5A, np.uint8)
    lines = trees().take(32).total ^ line
    lines[0] = 0xA5
    key = extension._check_key(lines, extension._check_start(CONTEXT, trees().message), 0)

    def passes(root: bytes) -> bool:
        wrong = FullTrees(PAIRS[:DEPTH], root, CONTEXT).take(32).total ^ lines[0]
        return bool((extension.hashed(wrong, key) == extension.hashed(line, key)).all())

    root = next(root for root in map(hash_of, range(400)) if passes(root))
    forged = FullTrees(PAIRS, root + entropy(16 * (LINES - 1)), CONTEXT)
    key = extension._check_key(lines, extension._check_start(CONTEXT, forged.message), 0)
    rows = np.concatenate([line, forged.take(32).columns])
    return forged.message, lines.tobytes() + extension.hashed(rows, key).tobytes()


def hash_of(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(4, "big")).digest()[:16]


def test_no_tree_can_be_chosen_to_a_key_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a hash of four bits, which anybody searches. The same passes where trees are not in the key."""
    full = extension.hashed
    monkeypatch.setattr(extension, "hashed", lambda lines, key: full(lines, key) & np.array([15] + [0] * 15, np.uint8))
    forged, attempt = forged_after_the_lines()
    with pytest.raises(ProtocolError, match="the same choices"):
        sender(forged).accept(128, attempt)

    monkeypatch.setattr(extension, "_check_start", lambda context, trees: context)
    forged, attempt = forged_after_the_lines()
    sender(forged).accept(128, attempt)


def other_sums(side: int) -> bytes:
    """A tree of the first group whose last sum of one side is wrong in a bit."""
    message = bytearray(trees().message)
    message[16 * (2 * (DEPTH - 1) + side)] ^= 1
    return bytes(message)


def test_a_tree_that_is_none_is_caught_but_for_a_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wrong sum is read where delta's bit is 0; here it is 1, so that the other one is."""
    sender(other_sums(1))
    with pytest.raises(ProtocolError, match="one tree a group") as refusal:
        sender(other_sums(0))
    assert refusal.value.code == "ot.check"

    monkeypatch.setattr(trees_module, "_digest", lambda checks, group, context: bytes(32))
    honest = LabelReceiver(PAIRS, CONTEXT, entropy).extend(CHOICES)[0]
    with pytest.raises(ProtocolError, match="the same choices"):
        sender(other_sums(0)).accept(128, honest)


@pytest.mark.parametrize("change", [b"", bytes(1), bytes(GROUP_BYTES)])
def test_trees_of_another_length_are_refused(change: bytes) -> None:
    with pytest.raises(ProtocolError, match="wrong length"):
        sender(trees().message[:-1] if not change else trees().message + change)
