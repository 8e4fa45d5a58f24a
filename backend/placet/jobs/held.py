"""Plans that wait for a person of this institution: held, decided about, and over.

A plan that is held was checked as one that is signed, and is checked again when a person signs it. Until then the
consumer hears what it hears of a standing plan that waits: no signature yet, ask again. The decision is in the database
before the consumer hears of it, and a signature is there in the same transaction as the job that it agrees to.
"""

from __future__ import annotations

import asyncio
import contextlib

from placet.chain.events import JobCancelled
from placet.chain.threaded import ask_chain, ask_store
from placet.core.errors import PlacetError, PlanError, StateError
from placet.core.ids import JobId
from placet.core.plan import Plan, Terms
from placet.jobs.context import JobContext
from placet.jobs.held_store import HeldPlan, HeldStore, PlanState, RowNumbers
from placet.jobs.holding import PlanInShort, is_held
from placet.jobs.messages import MAX_ANSWER, AttemptRef
from placet.jobs.store import JobStore

_TELLING = 2.0
"""Seconds for which a decision's consumer is told to ask. Untold it asks by itself."""
_ENDED = {
    PlanState.SIGNED: "it is signed",
    PlanState.REFUSED: "it is refused",
    PlanState.STALE: "what it rests on has changed",
    PlanState.EXPIRED: "its time to open has passed",
    PlanState.CANCELLED: "it was cancelled",
}


class HeldPlans:
    """One institution's plans that wait for a person. Who decides holds the job's lock."""

    def __init__(self, context: JobContext, jobs: JobStore) -> None:
        self.context = context
        self.store = HeldStore(context.engine)
        self._jobs = jobs

    def concerns(self, recipe: str, purpose: bytes, consumer: bytes, rows: int | None) -> bool:
        """Does a person decide about such a plan? `rows`: this party's lawful ones, None if unknown. Of what this
        institution proposes itself its people have decided."""
        return consumer != self.context.address and is_held(
            self.context.hold, PlanInShort(recipe, purpose, consumer, rows)
        )

    async def waits(self, job: JobId) -> bool:
        """Does this plan wait for a person? PlanError for one that will not be signed any more, with the reason."""
        record = await self.store.threaded.find(job)
        if record is None or record.state is PlanState.SIGNED:
            return False
        if record.state is PlanState.REFUSED:
            raise PlanError(
                "a person of this institution refuses the plan",
                found=record.reason,
                remedy="propose another one",
                code="plan.refused",
            )
        if record.state is not PlanState.WAITING:
            raise PlanError(
                f"the plan was held for a person, but {_ENDED[record.state]}",
                found=record.reason,
                remedy="propose again",
                code="plan.stale",
            )
        await self._demand_time(record)
        return True

    async def _demand_time(self, record: HeldPlan) -> None:
        if await ask_chain(self.context.chain.now) > record.plan.open_by:
            await self.over(record, PlanState.EXPIRED)
            raise PlanError(
                f"the plan was held for a person, but {_ENDED[PlanState.EXPIRED]}",
                remedy="propose again, with more open_seconds",
                code="plan.stale",
            )

    async def hold(self, plan: Plan, terms: Terms, commitment: bytes, seed: bytes, numbers: RowNumbers | None) -> None:
        """Keep a plan that was checked, until a person decides."""
        job = plan.job(self.context.deployment.jobs)
        now = await ask_chain(self.context.chain.now)
        await self.store.threaded.add(HeldPlan(job, plan, terms, seed, numbers, now), commitment)
        await self._jobs.threaded.note(
            job, "held", recipe=terms.recipe, consumer=self.context.trust.name(plan.consumer)
        )

    async def undecided(self, job: JobId) -> HeldPlan:
        """A plan about which a person may decide now. NotFoundError; StateError `plan.decided` where it waits no more,
        PlanError where its time has passed."""
        record = await self.store.threaded.known(job)
        if record.state is PlanState.WAITING and await ask_store(self._cancelled, job):
            await self.over(record, PlanState.CANCELLED)
            record = await self.store.threaded.known(job)
        if record.state is not PlanState.WAITING:
            raise StateError(
                f"nothing is decided about the plan any more: {_ENDED[record.state]}",
                expected="a plan that waits",
                found=record.state,
                code="plan.decided",
            )
        await self._demand_time(record)
        return record

    async def refuse(self, job: JobId, by: str, reason: str) -> HeldPlan:
        """A person refuses, for ever: the consumer hears why. Once more is nothing new."""
        if (await self.store.threaded.known(job)).state is not PlanState.REFUSED:
            record = await self.undecided(job)
            now = await ask_chain(self.context.chain.now)
            await self.store.threaded.decide(job, PlanState.REFUSED, at=now, by=by, reason=reason)
            await self._jobs.threaded.note(job, "refused", by=by, why=reason)
            await self.tell(record.plan, job)
        return await self.store.threaded.known(job)

    async def went_stale(self, record: HeldPlan, error: PlacetError) -> None:
        """What was checked when the plan came is not so any more: nobody signs it."""
        await self.over(record, PlanState.STALE, f"{error.code}: {error.message}"[:500])
        await self.tell(record.plan, record.job)

    async def end_overdue(self) -> None:
        """Plans whose time has passed, or that a signer cancelled, wait no more."""
        records = await self.store.threaded.waiting()
        if not records:
            return
        now = await ask_chain(self.context.chain.now)
        for record in records:
            if now > record.plan.open_by:
                await self.over(record, PlanState.EXPIRED)
            elif await ask_store(self._cancelled, record.job):
                await self.over(record, PlanState.CANCELLED)

    async def over(self, record: HeldPlan, state: PlanState, reason: str | None = None) -> None:
        """A plan waits no more, by nobody's decision here."""
        now = await ask_chain(self.context.chain.now)
        await self.store.threaded.decide(record.job, state, at=now, reason=reason)
        await self._jobs.threaded.note(record.job, str(state), **({} if reason is None else {"why": reason}))

    def _cancelled(self, job: JobId) -> bool:
        return any(isinstance(event, JobCancelled) for event in self.context.index.job_events(job))

    async def tell(self, plan: Plan, job: JobId) -> None:
        """Let the consumer ask now, and not in a while."""
        with contextlib.suppress(PlacetError, TimeoutError):
            async with asyncio.timeout(_TELLING):
                consumer = self.context.trust.institution(plan.consumer)
                question = AttemptRef(job=job, attempt=1).model_dump_json().encode()
                await self.context.peers.call(consumer, "look", question, limit=MAX_ANSWER)
