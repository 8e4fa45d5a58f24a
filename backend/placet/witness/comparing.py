"""Two signed checkpoints of one deployment's events, held against each other."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from placet.core.cosigning import WitnessedBlock, cosigners
from placet.core.errors import SignatureError
from placet.core.signed_note import SignedNote, WitnessKey
from placet.core.values import to_hex


class Agreement(StrEnum):
    """What two checkpoints say of each other."""

    SAME = "same"
    FORK = "fork"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Comparison:
    """`both`: witnesses that signed both. Where these contradict each other, that is against their own signatures."""

    agreement: Agreement
    first: tuple[str, ...]
    second: tuple[str, ...]
    both: tuple[str, ...]
    words: str


def compare(first: SignedNote, second: SignedNote, witnesses: tuple[WitnessKey, ...]) -> Comparison:
    """InputError for notes that are no checkpoints of this kind, SignatureError unless each is signed by one of these
    witnesses."""
    signers = [cosigners(note, witnesses) for note in (first, second)]
    if not all(signers):
        raise SignatureError("a checkpoint is signed by none of these witnesses")
    agreement, words = _held(WitnessedBlock.read(first.text), WitnessedBlock.read(second.text))
    names = [tuple(sorted(key.name for key in signed)) for signed in signers]
    both = tuple(sorted(key.name for key in signers[0].keys() & signers[1].keys()))
    return Comparison(agreement, names[0], names[1], both, words)


def _held(a: WitnessedBlock, b: WitnessedBlock) -> tuple[Agreement, str]:
    if a.checkpoint.origin != b.checkpoint.origin:
        return Agreement.UNDECIDED, "they are about different deployments"
    if a.checkpoint == b.checkpoint:
        return Agreement.SAME, f"one and the same history up to block {a.number}"
    if a.number == b.number and a.hash != b.hash:
        return Agreement.FORK, f"block {a.number} is {to_hex(a.hash)} in one and {to_hex(b.hash)} in the other"
    if a.number == b.number:
        return Agreement.FORK, f"of the same block {a.number} one made other events than the other"
    lower, higher = sorted((a, b), key=lambda one: one.number)
    if lower.checkpoint.size > higher.checkpoint.size:
        return Agreement.FORK, f"block {higher.number} has fewer events before it than the earlier block {lower.number}"
    if lower.checkpoint.size == higher.checkpoint.size and lower.checkpoint.root != higher.checkpoint.root:
        return (
            Agreement.FORK,
            f"other {lower.checkpoint.size} events up to block {lower.number} than up to {higher.number}",
        )
    return (
        Agreement.UNDECIDED,
        f"they go up to different blocks, {lower.number} and {higher.number}: wait for the same one",
    )
