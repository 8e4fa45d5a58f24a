"""Two signed checkpoints of one deployment's events, held against each other."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from placet.core.cosigning import WitnessedBlock, cosigners
from placet.core.errors import SignatureError
from placet.core.signed_note import SignedNote, WitnessKey
from placet.core.values import to_hex


class HistoryAgreement(StrEnum):
    """What two checkpoints say of each other."""

    SAME = "same"
    FORK = "fork"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class CheckpointComparison:
    """`both`: witnesses that signed both. Where these contradict each other, that is against their own signatures."""

    agreement: HistoryAgreement
    first: tuple[str, ...]
    second: tuple[str, ...]
    both: tuple[str, ...]
    words: str


def compare(first: SignedNote, second: SignedNote, witnesses: tuple[WitnessKey, ...]) -> CheckpointComparison:
    """InputError for notes that are no checkpoints of this kind, SignatureError unless each is signed by one of these
    witnesses."""
    signers = [cosigners(note, witnesses) for note in (first, second)]
    if not all(signers):
        raise SignatureError("a checkpoint is signed by none of these witnesses")
    agreement, words = _held(WitnessedBlock.read(first.text), WitnessedBlock.read(second.text))
    names = [tuple(sorted(key.name for key in signed)) for signed in signers]
    both = tuple(sorted(key.name for key in signers[0].keys() & signers[1].keys()))
    return CheckpointComparison(agreement, names[0], names[1], both, words)


def _held(a: WitnessedBlock, b: WitnessedBlock) -> tuple[HistoryAgreement, str]:
    if a.checkpoint.origin != b.checkpoint.origin:
        return HistoryAgreement.UNDECIDED, "they are about different deployments"
    if a.checkpoint == b.checkpoint:
        return HistoryAgreement.SAME, f"one and the same history up to block {a.number}"
    if a.number == b.number and a.hash != b.hash:
        return HistoryAgreement.FORK, f"block {a.number} is {to_hex(a.hash)} in one and {to_hex(b.hash)} in the other"
    if a.number == b.number:
        return HistoryAgreement.FORK, f"of the same block {a.number} one made other events than the other"
    low, high = sorted((a, b), key=lambda one: one.number)
    if low.checkpoint.size > high.checkpoint.size:
        words = f"block {high.number} has fewer events before it than the earlier block {low.number}"
        return HistoryAgreement.FORK, words
    if low.checkpoint.size == high.checkpoint.size and low.checkpoint.root != high.checkpoint.root:
        words = f"other {low.checkpoint.size} events up to block {low.number} than up to {high.number}"
        return HistoryAgreement.FORK, words
    words = f"they go up to different blocks, {low.number} and {high.number}: wait for the same one"
    return HistoryAgreement.UNDECIDED, words
