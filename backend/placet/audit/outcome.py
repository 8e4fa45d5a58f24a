"""The verifier's answer as one value: verdict, checks and what the report draws."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from placet.audit.facts import Ending, Moment
from placet.audit.findings import Result
from placet.audit.progress import JobProgress
from placet.core.errors import PlacetError
from placet.core.ids import JobId
from placet.core.values import U32, U48, U96, Value

CHAIN_LANE = -1
"""The lane of what happens to the whole job, or to its consents."""
_MOST = 4 << 10
_Words = Annotated[str, Field(max_length=_MOST)]


class Verdict(StrEnum):
    INTACT = "intact"
    LAWFULLY_ERASED = "lawfully-erased"
    BREACHED = "breached"
    INCOMPLETE = "incomplete"
    TAMPERED = "tampered"
    DISPUTED = "disputed"

    @property
    def words(self) -> str:
        """As people read it."""
        return self.value.replace("-", " ")


class Basis(StrEnum):
    """Whose word the verifier worked with, besides the parties' signatures."""

    LIVE_CHAIN = "live-chain"
    PROVEN = "proven"
    OWN_FILES = "own-files"
    BUNDLE = "bundle"

    @property
    def words(self) -> str:
        """As people read it."""
        return {
            Basis.LIVE_CHAIN: "Contracts and names are those of your own files, the chain that of your own endpoint.",
            Basis.PROVEN: "Contracts and names are those of your own files; the chain's events are proven under hashes "
            "of blocks that you gave.",
            Basis.OWN_FILES: "Contracts and names are those of your own files; what the chain says is the bundle's.",
            Basis.BUNDLE: "Contracts and names are the bundle's own word: whoever made it may have made them up.",
        }[self]


class Happening(Value):
    """A point on the timeline: `lane` is a party, or `CHAIN_LANE`; `block` is None for what is not on chain."""

    lane: int
    kind: Literal["opened", "amended", "withdrawn", "step", "sealed", "key", "withheld", "credit", "refund", "ended"]
    at: U48
    block: int | None
    attempt: int | None = None
    step: U32 | None = None
    what: str


class Passage(Value):
    """`count` messages of one tag that `sender` shows, or is shown, to have sent to `receiver`: from which step, into
    which (None where nobody shows it), and how many of them the receiver acknowledged under its signature."""

    attempt: U32
    sender: U32
    sent: U32 | None
    receiver: U32
    received: U32 | None
    tag: str
    count: int
    acknowledged: int


class PartyView(Value):
    """A party as a person wants to see it."""

    name: str
    role: str
    people: int | None
    steps: int
    reward: U96
    paid: U96
    evidence: bool


class Repetition(Value):
    """How often `consumer` had computed over an offer of `provider`'s: a fact, since results of several jobs can be
    compared. `nth` is the job's number among the offer's openings, from 1; `over` its number among those that any of
    the consents used here covered, so that it is no larger over these consents. None where not all of them are
    shown."""

    provider: str
    consumer: str
    nth: U32
    over: U32 | None

    @property
    def words(self) -> str:
        """As people read it."""
        over = "" if self.over is None else f", and number {self.over} at the most over these consents"
        return f"job number {self.nth} of {self.consumer} over this offer of {self.provider}{over}"


class AuditReport(Value):
    """What `verify` found. `named` are those whom a failed check holds responsible."""

    type: Literal["placet.report"] = "placet.report"
    version: Literal[1] = 1
    job: JobId
    verdict: Verdict
    basis: Basis
    headline: str
    ending: Ending
    ended: str
    recipe: str | None
    purpose: str | None
    chain_id: int
    head: Moment
    progress: JobProgress
    named: tuple[str, ...]
    disputed: tuple[str, ...]
    notes: tuple[str, ...]
    parties: tuple[PartyView, ...]
    repetitions: tuple[Repetition, ...]
    results: tuple[Result, ...]
    timeline: tuple[Happening, ...]
    links: tuple[Passage, ...]


class AuditFailure(Value):
    """A `PlacetError`."""

    code: _Words
    message: _Words
    expected: _Words | None = None
    found: _Words | None = None
    remedy: _Words | None = None

    @classmethod
    def of(cls, error: PlacetError) -> AuditFailure:
        words = {name: getattr(error, name) for name in cls.model_fields}
        return cls.model_validate({name: word and word[:_MOST] for name, word in words.items()})


class Judgement(Value):
    """The answer: one of the two."""

    report: AuditReport | None = None
    failure: AuditFailure | None = None

    @model_validator(mode="after")
    def _one(self) -> Judgement:
        if (self.report is None) == (self.failure is None):
            raise ValueError("a report or a failure")
        return self
