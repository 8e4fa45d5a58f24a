"""Sees consents die while a job is open: ends what can't be sealed any more, instead of finding out at the seal."""

from __future__ import annotations

from placet.chain.threaded import ask_chain, ask_store
from placet.core.plan import Input
from placet.jobs.attempts import Attempts
from placet.jobs.context import JobContext
from placet.jobs.coordinator import Coordinator
from placet.jobs.in_hand import JobInHand
from placet.jobs.records import JobRecord, Phase
from placet.jobs.settlement import turn_of


class ConsentWatch:
    """`own`: this party's inputs; `others`: what other parties consented to themselves."""

    def __init__(self, context: JobContext, attempts: Attempts, coordinator: Coordinator) -> None:
        self.context = context
        self._attempts = attempts
        self._coordinator = coordinator

    async def own(self, record: JobRecord, hand: JobInHand, attempt: int, phase: Phase) -> None:
        """End an attempt of which a consent has died, instead of finding out at its seal.

        What could not be looked at or acted upon counts as not seen, so that the next tick does it.
        """
        first = record.plan.input_offset(record.party)
        ended = {}
        for number, chosen in enumerate(record.plan.parties[record.party].inputs, first):
            ended[attempt, number] = await ask_store(self.context.index.ended_mark, chosen.offer)
        if all(hand.ended_seen.get(key, (0, 0)) == mark for key, mark in ended.items()):
            return
        kept = await self._attempts.store.threaded.attempt(record.job, attempt)
        inputs = {} if kept is None else await self._attempts.ended_inputs(record, kept)
        dead = [number for number, one in inputs.items() if one.consents]
        for number in dead:
            if record.plan.inputs[number].named:
                return await self._coordinator.abort_for(record, number)
        if dead and phase is Phase.RUNNING:
            await self._attempts.store.threaded.fail(record.job, attempt, "consent.withdrawn")
            hand.running[attempt].cancel()
        hand.ended_seen.update(ended)

    async def others(self, record: JobRecord, hand: JobInHand, now: int) -> None:
        """End a job of which another party's own consent has died: that party may have left. It has the first word."""
        own = record.plan.input_offset(record.party)
        mine = range(own, own + len(record.plan.parties[record.party].inputs))
        for number, chosen in enumerate(record.plan.inputs):
            if number in mine or not chosen.named or not await ask_chain(self._ended, chosen):
                continue
            hand.dead_since = now if hand.dead_since is None else hand.dead_since
            if now > hand.dead_since + turn_of(record, self.context.address):
                return await self._coordinator.abort_for(record, number)

    def _ended(self, chosen: Input) -> bool:
        return chosen.consent in self.context.index.dead(chosen.offer)
