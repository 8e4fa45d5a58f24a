"""A party runs its side of a sealed attempt again, and compares all that comes out with its trail.

Deterministic engines take everything from four things: the plan, the party's seed, its rows and what others sent. The
plan and the trail are on chain by their hashes. The seed is held against its commitment in the plan, each payload
against the message that its sender signed, and rows come from the vault, whose gate hands out none that was withdrawn
or erased since. Everything else is worked out anew by the recipe that this program has: a node that did something else
finds its trail to differ. So nothing here knows any recipe or message.

Nothing is sent and nothing is written: the replay's link ends in the trail, and its steps in a report.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING

from pydantic import JsonValue

from placet.catalogue.declared import declared
from placet.catalogue.determinism import why_not_again
from placet.chain.states import JobState, JobStatus
from placet.chain.threaded import ask_chain
from placet.core.complaints import Complaint
from placet.core.errors import (
    AccessError,
    ChainError,
    ConfigError,
    NotFoundError,
    PlacetError,
    ProtocolError,
    StateError,
    StorageError,
    WarrantError,
)
from placet.core.ids import JobId
from placet.core.trail import Artefact, Step, evidence_hash, trail_head, trail_start
from placet.jobs.context import JobContext
from placet.jobs.party_run import PartyRun
from placet.jobs.randomness import seed_commitment
from placet.jobs.recipe import Runs, run_of
from placet.jobs.records import JobRecord
from placet.jobs.replay_link import SAME, NotCoveredError, ReplayLink, why_of
from placet.jobs.replay_report import MAX_DIFFERENCES, ReplayFinding, ReplayReport, SignedReplay, StepReplay, compared
from placet.jobs.step_recorder import StepRecorder
from placet.jobs.store import JobStore

if TYPE_CHECKING:
    from placet.core.text_columns import Places
    from placet.vault.rows import Rows

_SEALED = (JobStatus.SEALED, JobStatus.COMPLETED, JobStatus.CLOSED)
_NOTHING_SAID = (StateError, WarrantError, ChainError, ConfigError, StorageError, AccessError, NotFoundError)
"""Errors that say something of this place and not of what the party did: nothing differs for them."""


@dataclass(kw_only=True)
class ReplayRun(PartyRun):
    """A party's attempt once more. `trail`: its steps, in their order."""

    trail: Sequence[Step]
    steps: dict[str, list[StepReplay]] = field(default_factory=lambda: defaultdict(list))
    """What came of them, by name; one beyond the trail's has an index beyond theirs."""

    @contextlib.asynccontextmanager
    async def step(
        self, name: str, protocol: str, *inputs: Artefact, parameters: dict[str, JsonValue] | None = None
    ) -> AsyncIterator[StepRecorder]:
        recorder: StepRecorder | None = None
        try:
            async with super().step(name, protocol, *inputs, parameters=parameters) as recorder:
                yield recorder
        except Exception as error:
            if (before := self._next(name)) is not None:
                self.steps[name].append(_stopped(before, recorder, error))
            raise

    def _next(self, name: str) -> Step | None:
        """The trail's next step of that name that is not compared yet."""
        return next(iter([step for step in self.trail if step.name == name][len(self.steps[name]) :]), None)

    async def _record(self, step: Step) -> bytes:
        before = self._next(step.name)
        if before is None:
            extra = len(self.trail) + sum(one.index >= len(self.trail) for many in self.steps.values() for one in many)
            why = "the trail has no such step"
            lone = StepReplay(outcome="differs", why=why, index=extra, name=step.name, hash=step.hash)
            self.steps[step.name].append(lone)
            return step.hash
        remade = step.model_copy(update={"index": before.index, "at": before.at})
        differences = compared(before, remade)
        same = remade.hash == before.hash
        self.steps[step.name].append(
            StepReplay(
                outcome="same" if same else "differs",
                why=None if same else "the replay comes to something else",
                index=before.index,
                name=before.name,
                hash=before.hash,
                differences=tuple(differences[:MAX_DIFFERENCES]),
                more=max(len(differences) - MAX_DIFFERENCES, 0),
            )
        )
        return remade.hash

    async def _keep(self, **values: bytes) -> None:
        """Nothing is kept."""

    async def refuse(self, error: ProtocolError, *complaints: Complaint) -> ProtocolError:
        """Nothing is kept of it."""
        return error

    async def keep_sampled(self, commitments: bytes, places: Sequence[int], rows: Rows, used: Sequence[int]) -> None:
        """What a random audit asks for is kept since the attempt."""

    async def anchored(self, *parties: int) -> None:
        """All is on chain."""

    async def demand_open(self) -> None:
        """It was."""

    async def opening_block(self) -> bytes:
        """As the chain has it: who gives its index another chooses its noise by that block's hash. ProtocolError."""
        if not await ask_chain(lambda: self.context.chain.is_opening(self.record.job, self.opened_in())):
            raise ProtocolError("this node's index has the job's opening in another block than the chain")
        return await super().opening_block()

    async def demand_consented(self) -> None:
        """The vault has just said so of all rows."""

    async def matched(self, alias: str, rows: Rows, places: Sequence[int] | Places) -> None:
        """The vault was told."""

    async def _demand_unspent(self) -> None:
        """Nothing is told anybody."""

    async def _hand_out(self, number: int) -> Rows:
        vault = self.context.demand_rows()
        return await vault.rows_again(self.record.job, self.plan, self.terms, self.attempt, number)

    async def open(self, alias: str) -> tuple[Rows, Artefact]:
        """As of a job. NotCoveredError where these are not the rows of the trail: nothing follows from others."""
        outcome = await super().open(alias)
        if self.steps[f"open-{alias}"][-1].outcome != "same":
            raise NotCoveredError(
                "the rows in the vault, or the salt of their hash, are not those of the trail", found=alias
            )
        return outcome

    async def last_checkpoint(self) -> bytes | None:
        """NotCoveredError where an earlier attempt may have left one: it went with the job's end."""
        earlier = [one for one in await self.store.threaded.attempts(self.record.job) if one.attempt < self.attempt]
        if any(one.roots == self.roots for one in earlier):
            raise NotCoveredError("an earlier attempt's checkpoint is gone, from which this one may have gone on")
        return None


def _stopped(before: Step, recorder: StepRecorder | None, error: Exception) -> StepReplay:
    """A step of the trail which the replay could not do to its end."""
    (uncovered,) = _uncovered([before], why_of(error))
    if isinstance(error, _NOTHING_SAID) or not isinstance(error, PlacetError):
        return uncovered
    sent = () if recorder is None else tuple(recorder.sent)
    numbers = {(one.peer, one.sequence) for one in sent}
    until = before.model_copy(update={"sent": tuple(o for o in before.sent if (o.peer, o.sequence) in numbers)})
    differences = compared(until, until.model_copy(update={"sent": sent}))[:MAX_DIFFERENCES]
    why = f"the replay ends in this step: {why_of(error)}"[:400]
    return uncovered.model_copy(update={"outcome": "differs", "why": why, "differences": tuple(differences)})


async def replay(context: JobContext, store: JobStore, runs: Runs, job: JobId) -> ReplayReport:
    """Of the attempt that was sealed. NotFoundError for a job that this node does not know; StateError `replay.engine`
    for one of an engine that can't be run again, `replay.unsealed` where no attempt was sealed."""
    record = await store.threaded.job(job)
    if (why := why_not_again(record.terms)) is not None:
        raise StateError(f"such a job can't be run again: {why}", found=record.terms.engine, code="replay.engine")
    state = await ask_chain(context.chain.job, job)
    attempt = await store.threaded.attempt(job, state.attempt)
    if state.status not in _SEALED or attempt is None:
        raise StateError(
            "no attempt of this job was sealed: nothing was released",
            expected="sealed, completed or closed",
            found=state.status.name.lower(),
            code="replay.unsealed",
        )
    trail = await store.threaded.steps(job, state.attempt)
    context = dataclasses.replace(context, note_uses=lambda *_: None)
    link = ReplayLink(context, store, record, state.attempt, trail)
    run = ReplayRun(
        context,
        record,
        declared(record.plan, record.terms),
        state.attempt,
        attempt.roots,
        store,
        link,
        lambda: record.plan.open_by,
        _unsaid,
        _unrecorded,
        trail=trail,
    )
    seed, agreed = _seed(context, record), _agreed(context, record)
    wrong = next((one for one in (agreed, seed) if one.outcome != "same"), None)
    steps = await _steps(run, runs, trail) if wrong is None else _uncovered(trail, wrong.why)
    return ReplayReport(
        job=job,
        attempt=state.attempt,
        party=record.party,
        institution=record.plan.parties[record.party].signer,
        name=context.trust.name(record.plan.parties[record.party].signer),
        role=run.role,
        recipe=record.terms.recipe,
        recipe_version=record.terms.recipe_version,
        engine=record.terms.engine,
        release=version("placet"),
        at=await ask_chain(context.chain.now),
        trail=agreed if wrong is agreed else await ask_chain(_on_chain, context, record, state, trail),
        seed=seed,
        received=link.received(trail),
        steps=tuple(steps),
    )


def signed(context: JobContext, report: ReplayReport) -> SignedReplay:
    """The report under this party's recorder's signature."""
    digest = context.deployment.jobs.digest(evidence_hash(report.job, report.party, report.hash()))
    return SignedReplay(report=report, signature=context.recorder.sign(digest))


async def _unsaid(record: JobRecord, status: str, **details: object) -> None:
    """Nobody follows a replay."""


async def _unrecorded() -> int:
    return 0


def _agreed(context: JobContext, record: JobRecord) -> ReplayFinding:
    """Is the plan the job's, and with it the terms? A replay of another comes to what was done under that one."""
    if record.plan.job(context.deployment.jobs) == record.job:
        return SAME
    return ReplayFinding(outcome="differs", why="the plan that this node holds is not the job's")


def _seed(context: JobContext, record: JobRecord) -> ReplayFinding:
    try:
        seed = context.at_rest.open(record.seed, b"seed")
    except StateError as error:
        return ReplayFinding(outcome="not-covered", why=why_of(error))
    if seed_commitment(seed) != record.plan.parties[record.party].seed:
        return ReplayFinding(outcome="differs", why="the seed that is kept is not the one that the plan commits to")
    return SAME


def _on_chain(context: JobContext, record: JobRecord, state: JobState, trail: Sequence[Step]) -> ReplayFinding:
    head, count = context.chain.trail(record.job, state.attempt, record.party)
    own = trail_head(trail_start(record.job, state.attempt, record.party), (step.hash for step in trail))
    if (own, len(trail)) == (head, count):
        return SAME
    return ReplayFinding(
        outcome="differs", why=f"the {len(trail)} steps that this node holds are not the {count} on chain"
    )


def _uncovered(trail: Iterable[Step], why: str | None) -> list[StepReplay]:
    return [StepReplay(outcome="not-covered", why=why, index=s.index, name=s.name, hash=s.hash) for s in trail]


async def _steps(run: ReplayRun, runs: Runs, trail: Sequence[Step]) -> list[StepReplay]:
    """Of each step of the trail what came of it, and what came beyond it."""
    ended: Exception | None = None
    try:
        await run_of(runs, run.terms.recipe).run(run)
    except Exception as error:
        ended = error
    outcomes = {one.index: one for many in run.steps.values() for one in many}
    left = [step for step in trail if step.index not in outcomes]
    if ended is None:
        why = "the replay makes no such step"
        rest = [one.model_copy(update={"outcome": "differs"}) for one in _uncovered(left, why)]
    else:
        rest = _uncovered(left, f"the replay ended before: {why_of(ended)}"[:400])
        differs = any(one.outcome == "differs" for one in outcomes.values())
        if rest and isinstance(ended, PlacetError) and not isinstance(ended, _NOTHING_SAID) and not differs:
            rest[0] = rest[0].model_copy(update={"outcome": "differs"})
    return sorted([*outcomes.values(), *rest], key=lambda one: one.index)
