"""What a party's replay says: step by step whether the same came out, and of what that can't be said."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from placet.core.hashing import canonical, document_hash, sha256
from placet.core.ids import JobId
from placet.core.trail import Step
from placet.core.values import U32, U48, Address, Bytes32, Name, Signature, Text, Value

Outcome = Literal["same", "differs", "not-covered"]
MAX_DIFFERENCES = 64
"""Of one step; the rest of them is counted."""


class Difference(Value):
    """`what` in words; its digest in the trail and that of the replay, None where there is none."""

    what: Annotated[str, Field(max_length=200)]
    recorded: Bytes32 | None
    replayed: Bytes32 | None


class ReplayFinding(Value):
    """`why`: of what differs or is not covered."""

    outcome: Outcome
    why: Annotated[str | None, Field(max_length=400)] = None


class StepReplay(ReplayFinding):
    """One step of the trail. `more`: differences beyond those that are told."""

    index: U32
    name: Name
    hash: Bytes32
    differences: Annotated[tuple[Difference, ...], Field(max_length=MAX_DIFFERENCES)] = ()
    more: U32 = 0


class ReplayReport(Value):
    """A party's own report of the attempt that was sealed. `trail`: is what this node holds of its steps what stands on
    chain, and its plan the job's? `seed`: is the seed that it holds the one that the plan commits to? `received`: of
    the messages in its trail, is what it holds of each what was signed? `release`: the version of Placet that ran;
    `at`: chain time, Unix seconds.
    """

    type: Literal["placet.replay"] = "placet.replay"
    version: Literal[1] = 1
    job: JobId
    attempt: U32
    party: U32
    institution: Address
    name: Text
    role: Text
    recipe: Name
    recipe_version: U32
    engine: Name
    release: Annotated[str, Field(max_length=80)]
    at: U48
    trail: ReplayFinding
    seed: ReplayFinding
    received: ReplayFinding
    steps: tuple[StepReplay, ...]

    def hash(self) -> bytes:
        return document_hash(self)

    @property
    def outcome(self) -> Outcome:
        """`differs` if anything does; `same` if all is the same."""
        outcomes = {one.outcome for one in (self.trail, self.seed, self.received, *self.steps)}
        return next((one for one in ("differs", "not-covered") if one in outcomes), "same")

    @property
    def first(self) -> StepReplay | None:
        """The first step that differs: what comes after it may follow from it."""
        return next((step for step in self.steps if step.outcome == "differs"), None)


class SignedReplay(Value):
    """A report under its party's recorder's signature (EIP-712 `Evidence`, of the report's hash)."""

    report: ReplayReport
    signature: Signature

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


def compared(recorded: Step, replayed: Step) -> list[Difference]:
    """How two records of one step differ but for their place and time, which are the trail's."""
    differences = []
    for what in ("protocol", "parameters"):
        one, other = (_digest(step, what) for step in (recorded, replayed))
        if one != other:
            differences.append(Difference(what=what, recorded=one, replayed=other))
    for direction, words in (("inputs", "input"), ("outputs", "output")):
        before = {artefact.name: artefact.commitment for artefact in getattr(recorded, direction)}
        after = {artefact.name: artefact.commitment for artefact in getattr(replayed, direction)}
        differences += _of(words, before, after)
    for direction, words in (("sent", "sent to"), ("received", "received from")):
        before, after = (
            {f"party {one.peer}, number {one.sequence}, {one.tag}": one.digest for one in getattr(step, direction)}
            for step in (recorded, replayed)
        )
        differences += _of(words, before, after)
    return differences


def _digest(step: Step, what: str) -> bytes:
    return sha256(canonical(getattr(step, what)))


def _of(words: str, before: dict[str, bytes], after: dict[str, bytes]) -> list[Difference]:
    return [
        Difference(what=f"{words} {name}", recorded=before.get(name), replayed=after.get(name))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    ]
