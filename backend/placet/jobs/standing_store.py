"""What a node keeps of standing plans: which there are, who has signed, and which of their numbers are used up.

A number is written down before the plan of its opening is signed, and for ever: a plan that never opens has used it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from placet.chain.tables import create
from placet.chain.threaded import Threaded, threaded
from placet.core.errors import NotFoundError, PlanError
from placet.core.ids import JobId
from placet.core.standing import StandingPlan
from placet.core.values import parse, to_hex
from placet.jobs.messages import JobRequest
from placet.jobs.tables import metadata, openings, standing

_LARGE = 1 << 20
_TRIES = 20


@dataclass(frozen=True)
class StandingRecord:
    """A standing plan here. `request` is what its openings ask for, at the consumer's node. `signatures` in the order
    of its signers, empty where there is none yet. `agreed`: this institution signs, or has signed. `ended`: it signs no
    opening any more. `used` numbers are gone."""

    plan: StandingPlan
    request: JobRequest | None
    signatures: tuple[bytes, ...]
    agreed: bool
    ended: bool
    used: int
    created: int

    @property
    def signed(self) -> bool:
        """By all: consumer and sponsor stand among the parties."""
        return all(self.signatures[: len(self.plan.fixed.parties)])


class StandingStore:
    """Synchronous; each call is one transaction. Coroutines call `threaded`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self.threaded = ThreadedStandingStore(self)
        create(engine, metadata)

    def add(self, plan: StandingPlan, request: JobRequest | None, *, agreed: bool, at: int) -> None:
        """One more; what is known already stays as it is."""
        values = {
            "plan": plan.model_dump_json(),
            "request": None if request is None else request.model_dump_json(),
            "signatures": json.dumps(["0x"] * len(plan.signers)),
            "agreed": agreed,
            "ended": False,
            "created": at,
        }
        with self._engine.begin() as connection:
            known = sa.select(standing.c.hash).where(standing.c.hash == plan.hash)
            if connection.execute(known).first() is None:
                connection.execute(sa.insert(standing).values(hash=plan.hash, **values))

    def find(self, plan: bytes) -> StandingRecord | None:
        """By its hash; None for an unknown one."""
        return next(iter(self._records(standing.c.hash == plan)), None)

    def known(self, plan: bytes) -> StandingRecord:
        """NotFoundError for an unknown one."""
        record = self.find(plan)
        if record is None:
            raise NotFoundError("this node knows no such standing plan", found=to_hex(plan))
        return record

    def all(self) -> list[StandingRecord]:
        """Newest first."""
        return self._records(sa.true())

    def _records(self, condition: sa.ColumnElement[bool]) -> list[StandingRecord]:
        count = sa.select(openings.c.standing, sa.func.count().label("used")).group_by(openings.c.standing).subquery()
        query = (
            sa.select(standing, count.c.used)
            .join(count, count.c.standing == standing.c.hash, isouter=True)
            .where(condition)
            .order_by(standing.c.created.desc(), standing.c.hash)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [_record(row) for row in rows]

    def agree(self, plan: bytes) -> None:
        """This institution signs it."""
        self._update(plan, agreed=True)

    def end(self, plan: bytes) -> None:
        """This institution signs no opening of it any more, for ever."""
        self._update(plan, ended=True)

    def signed(self, plan: bytes, signatures: Sequence[bytes]) -> None:
        """Signatures in the order of its signers."""
        self._update(plan, signatures=json.dumps([to_hex(one) for one in signatures]))

    def _update(self, plan: bytes, **values: object) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.update(standing).where(standing.c.hash == plan).values(**values))

    def use(self, plan: bytes, number: int, job: JobId) -> None:
        """Use a number up for a job; once more for the same job is nothing new. PlanError `plan.standing` where another
        has it."""
        here = (openings.c.standing == plan) & (openings.c.number == number)
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(openings.c.job).where(here)).first()
            if row is None:
                connection.execute(sa.insert(openings).values(standing=plan, number=number, job=job))
            elif row.job is None:
                connection.execute(sa.update(openings).where(here).values(job=job))
            elif JobId(bytes(row.job)) != job:
                raise PlanError(
                    "the standing plan's opening of this number was another job",
                    expected="a number that was not used",
                    found=number,
                    code="plan.standing",
                )

    def take(self, plan: StandingPlan) -> int:
        """The next number, for a job that is to be proposed. PlanError `plan.standing` where none is left."""
        highest = sa.select(sa.func.max(openings.c.number)).where(openings.c.standing == plan.hash)
        for _ in range(_TRIES):  # another may take the same number at the same time
            try:
                with self._engine.begin() as connection:
                    last = connection.execute(highest).scalar()
                    number = 0 if last is None else int(last) + 1
                    if number < plan.openings:
                        connection.execute(sa.insert(openings).values(standing=plan.hash, number=number, job=None))
            except sa.exc.IntegrityError:
                continue
            if number < plan.openings:
                return number
            break
        raise PlanError(
            "the standing plan has no opening left",
            expected=f"at most {plan.openings}",
            remedy="agree on another standing plan",
            code="plan.standing",
        )


def _record(row: sa.RowMapping) -> StandingRecord:
    request = row["request"]
    return StandingRecord(
        plan=parse(StandingPlan, row["plan"], limit=_LARGE),
        request=None if request is None else parse(JobRequest, request, limit=_LARGE),
        signatures=tuple(bytes.fromhex(one[2:]) for one in json.loads(row["signatures"])),
        agreed=row["agreed"],
        ended=row["ended"],
        used=row["used"] or 0,
        created=row["created"],
    )


class ThreadedStandingStore(Threaded[StandingStore]):
    """The same for coroutines."""

    add = threaded(StandingStore.add)
    find = threaded(StandingStore.find)
    known = threaded(StandingStore.known)
    all = threaded(StandingStore.all)
    agree = threaded(StandingStore.agree)
    end = threaded(StandingStore.end)
    signed = threaded(StandingStore.signed)
    use = threaded(StandingStore.use)
    take = threaded(StandingStore.take)
