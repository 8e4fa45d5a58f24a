"""What a node keeps of plans that wait for a person of its institution, and of what was decided, by whom and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa

from placet.chain.tables import create
from placet.chain.threaded import Threaded, threaded
from placet.core.errors import LimitError, NotFoundError, PlanError
from placet.core.ids import JobId
from placet.core.plan import Plan, Terms
from placet.core.values import parse, to_hex
from placet.jobs.tables import metadata, plans_held, prepared

KEPT = 90 * 86_400
"""Seconds for which a plan that waits no more is kept, with who decided; what comes later takes it away."""
MOST_WAITING = 50
"""Plans of one consumer that wait at a time."""
_LARGE = 64 << 20


class PlanState(StrEnum):
    """What became of a plan that was held. `stale`: when a person would have signed it, something was not as it was
    checked before; `expired`: nobody decided until `open_by`; `cancelled`: by a signer, on chain."""

    WAITING = "waiting"
    SIGNED = "signed"
    REFUSED = "refused"
    STALE = "stale"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class RowNumbers:
    """How many rows a party would bring, of how many live consents and rows of its table, where these are known."""

    rows: int
    consents: int | None = None
    of: int | None = None


@dataclass(frozen=True)
class HeldPlan:
    """A plan that was held. `seed` is sealed (`core.at_rest`); `numbers` is None where this party brings no persons'
    rows; `by` who decided, `reason` why. Times are Unix seconds."""

    job: JobId
    plan: Plan
    terms: Terms
    seed: bytes
    numbers: RowNumbers | None
    created: int
    state: PlanState = PlanState.WAITING
    decided: int | None = None
    by: str | None = None
    reason: str | None = None


class HeldStore:
    """Synchronous; each call is one transaction. Coroutines call `threaded`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self.threaded = ThreadedHeldStore(self)
        create(engine, metadata)

    def add(self, record: HeldPlan, commitment: bytes) -> None:
        """One more; what was prepared for it under that seed commitment is its own from here on. LimitError where its
        consumer has too many waiting, PlanError `plan.unprepared` where another plan took the seed."""
        plan, numbers = record.plan, record.numbers
        mine = (plans_held.c.consumer == plan.consumer) & (plans_held.c.state == PlanState.WAITING)
        with self._engine.begin() as connection:
            connection.execute(_outdated(record.created))
            count = connection.execute(sa.select(sa.func.count()).where(mine)).scalar_one()
            if count >= MOST_WAITING:
                raise LimitError(
                    "too many plans of this consumer wait for a person here",
                    expected=f"at most {MOST_WAITING}",
                    remedy="cancel some, or ask the institution to decide",
                    code="limit.plans",
                )
            taken = connection.execute(sa.delete(prepared).where(prepared.c.commitment == commitment))
            if taken.rowcount != 1:
                raise PlanError("the plan does not hold what this party prepared", code="plan.unprepared")
            connection.execute(
                sa.insert(plans_held).values(
                    job=record.job,
                    consumer=plan.consumer,
                    plan=plan.model_dump_json(),
                    terms=record.terms.model_dump_json(),
                    seed=record.seed,
                    rows=None if numbers is None else numbers.rows,
                    consents=None if numbers is None else numbers.consents,
                    of_rows=None if numbers is None else numbers.of,
                    created=record.created,
                    state=record.state,
                )
            )

    def find(self, job: JobId) -> HeldPlan | None:
        """None for a plan that was never held here."""
        return next(iter(self._records(sa.select(plans_held).where(plans_held.c.job == job))), None)

    def known(self, job: JobId) -> HeldPlan:
        """NotFoundError for a plan that was never held here."""
        record = self.find(job)
        if record is None:
            raise NotFoundError("no such plan was held here", found=to_hex(job))
        return record

    def waiting(self) -> list[HeldPlan]:
        """Newest first."""
        query = sa.select(plans_held).where(plans_held.c.state == PlanState.WAITING)
        return self._records(query.order_by(plans_held.c.created.desc(), plans_held.c.job))

    def decided(self, most: int) -> list[HeldPlan]:
        """Those that wait no more, the last decided first."""
        query = sa.select(plans_held).where(plans_held.c.state != PlanState.WAITING)
        return self._records(query.order_by(plans_held.c.decided.desc(), plans_held.c.job).limit(most))

    def decide(
        self, job: JobId, state: PlanState, *, at: int, by: str | None = None, reason: str | None = None
    ) -> None:
        """What became of a plan that waits; of another nothing changes."""
        with self._engine.begin() as connection:
            connection.execute(_outdated(at))
            connection.execute(decision(job, state, at=at, by=by, reason=reason))

    def _records(self, query: sa.Select[tuple[object, ...]]) -> list[HeldPlan]:
        with self._engine.connect() as connection:
            return [_record(row) for row in connection.execute(query).mappings()]


def decision(job: JobId, state: PlanState, *, at: int, by: str | None, reason: str | None = None) -> sa.Update:
    """The statement of `HeldStore.decide`, to be one transaction with what follows from it."""
    waits = (plans_held.c.job == job) & (plans_held.c.state == PlanState.WAITING)
    return sa.update(plans_held).where(waits).values(state=state, decided=at, decided_by=by, reason=reason)


def _outdated(now: int) -> sa.Delete:
    return sa.delete(plans_held).where(plans_held.c.state != PlanState.WAITING, plans_held.c.decided < now - KEPT)


def _record(row: sa.RowMapping) -> HeldPlan:
    return HeldPlan(
        job=JobId(bytes(row["job"])),
        plan=parse(Plan, row["plan"], limit=_LARGE),
        terms=parse(Terms, row["terms"], limit=_LARGE),
        seed=bytes(row["seed"]),
        numbers=None if row["rows"] is None else RowNumbers(row["rows"], row["consents"], row["of_rows"]),
        created=row["created"],
        state=PlanState(row["state"]),
        decided=row["decided"],
        by=row["decided_by"],
        reason=row["reason"],
    )


class ThreadedHeldStore(Threaded[HeldStore]):
    """The same for coroutines."""

    add = threaded(HeldStore.add)
    find = threaded(HeldStore.find)
    known = threaded(HeldStore.known)
    waiting = threaded(HeldStore.waiting)
    decided = threaded(HeldStore.decided)
    decide = threaded(HeldStore.decide)
