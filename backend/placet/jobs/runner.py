"""All jobs of one institution: follow the chain, compute, record, and hand over to who brings a job to its end.

Every tick looks at the chain and at the database and does what is due next, so that a node killed at any point goes on
from there. What was running in memory is lost with it: that attempt fails and the parties agree on a new one.

The job, on chain (`JobStatus`):

    NONE ─── all have signed: the sponsor opens ───────────────────────────▶ OPEN
     ├────── a signer cancels ─────────────────────────────────────────────▶ CANCELLED
     ├────── a person of a party refuses to sign ──────────────────────────▶ refused (here alone)
     └────── `open_by` passed, in a block that stays ──────────────────────▶ expired (here alone)
    OPEN ─── all COMPUTED: the consumer seals, with the steps that lack ───▶ SEALED
     ├────── a party's attempt FAILED: the consumer amends ────────────────▶ OPEN, in the next attempt
     └────── no attempt left, a consent dead that must live, `deadline` ───▶ ABORTED
    SEALED ─ every party releases its key, the escrow pays ────────────────▶ COMPLETED
     └────── `settle_by` passed ───────────────────────────────────────────▶ CLOSED

This party's part of an attempt, here (`Phase`):

    (none) ─ the opening, and all stakes, are confirmed: the recipe runs ──▶ RUNNING
     └────── messages of it went with an earlier process ──────────────────▶ FAILED
    RUNNING  the recipe is done ───────────────────────────────────────────▶ COMPUTED: the seal records its steps
     └────── an error, a restart, a consent withdrawn ─────────────────────▶ FAILED

A job whose end is confirmed ends here too: its trails are completed, its result opened, what is owed claimed.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging

from placet.catalogue.declared import declared
from placet.chain.intents import Intents
from placet.chain.states import JobState, JobStatus
from placet.chain.storage import storage_error
from placet.chain.threaded import ask_chain, ask_store
from placet.core.errors import ChainError, PeerError, PlacetError, StateError, unforeseen
from placet.core.ids import JobId
from placet.core.values import to_hex
from placet.jobs.answers import PeerAnswers
from placet.jobs.certificates import institution_of
from placet.jobs.computing import Computing
from placet.jobs.consent_watch import ConsentWatch
from placet.jobs.context import JobContext
from placet.jobs.coordinator import Coordinator
from placet.jobs.gathering import drop, gather, is_refusal, refusal_of
from placet.jobs.in_hand import LONGEST_WAIT, RETRY, JobInHand
from placet.jobs.link import Envelope, Link
from placet.jobs.messages import MAX_ANSWER, AttemptRef, JobRequest, StandingRequest
from placet.jobs.party_run import PartyRun
from placet.jobs.peer_client import PeerClient
from placet.jobs.progress import CHAIN, blocks_more
from placet.jobs.proposal import propose
from placet.jobs.recipe import Runs, run_of
from placet.jobs.records import JobRecord, Phase
from placet.jobs.settlement import ENDS, Settlement, turn_of
from placet.jobs.stakes import Stakes
from placet.jobs.standing_proposal import propose_opening, stand
from placet.jobs.standing_store import StandingRecord
from placet.jobs.store import JobStore
from placet.jobs.trail import SEAL_BLOCKS, record_steps, seal_takes

log = logging.getLogger("placet.jobs")
TIDY_SECONDS = 3600.0


class Runner:
    """`store`, `answers` and `settlement` answer questions about jobs; `tick` moves them on."""

    def __init__(self, context: JobContext, runs: Runs) -> None:
        self.context = context
        self.runs = runs
        self.store = JobStore(context.engine)
        self.answers = PeerAnswers(context, self.store, runs)
        self.intents = Intents(context.sender, context.recorder.address)
        self.peer_client = PeerClient(self.answers)
        self.coordinator = Coordinator(self.answers.attempts, self.peer_client, self.intents, self.say)
        self.settlement = Settlement(self.answers.attempts, self.intents, self.say)
        self._computing = Computing(self.store, runs, self.say)
        self.stakes = Stakes(context, self.store, self.intents)
        self._watch = ConsentWatch(context, self.answers.attempts, self.coordinator)
        self._jobs: dict[JobId, JobInHand] = {}
        self._tidy_at = 0.0

    async def start(self, request: JobRequest) -> JobRecord:
        """Propose a job and set it going; the opening is sent by the next tick."""
        return await propose(self.peer_client, request)

    async def stand(self, request: StandingRequest) -> StandingRecord:
        """Propose a standing plan."""
        return await stand(self.peer_client, request)

    async def start_opening(self, plan: bytes) -> JobRecord:
        """Propose the next opening of a standing plan and set it going."""
        return await propose_opening(self.peer_client, plan)

    def _hand(self, job: JobId) -> JobInHand:
        return self._jobs.setdefault(job, JobInHand())

    async def tick(self) -> bool:
        """Look at every job that has not ended and is not being looked at; whether there is any. Plans that nobody
        decided about in time wait no more."""
        await self.answers.agreement.held.end_overdue()
        going, now = await self.store.threaded.all(going=True), asyncio.get_running_loop().time()
        for record in going:
            hand = self._hand(record.job)
            if hand.look is not None and not hand.look.done():
                hand.again = True
            elif now >= hand.rest_until:
                hand.look = asyncio.create_task(self._look(record))
        await self._tidy(now)
        return bool(going)

    async def _tidy(self, now: float) -> None:
        """Remove results whose data life is over, and payloads that no replay will ask for, once an hour and when a job
        has ended."""
        if now < self._tidy_at:
            return
        self._tidy_at, payloads = now + TIDY_SECONDS, self.context.payloads
        at = await ask_chain(self.context.chain.now)
        await self.settlement.lives.sweep(at)
        if payloads is not None:
            await ask_store(payloads.sweep, self.store, at)

    async def stop(self) -> None:
        """Cancel what is running; the next start goes on from the database."""
        hands = self._jobs.values()
        tasks = [task for hand in hands for task in (hand.look, *hand.running.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def say(self, record: JobRecord, status: str, **details: object) -> None:
        """Something that a person following the job wants to know; what has not changed is not said again."""
        hand = self._hand(record.job)
        if hand.said.get(status) != details:
            hand.said[status] = details
            if status != "waiting":
                hand.advanced, hand.rest_until = True, 0.0
            await self.store.threaded.note(record.job, status, **details)

    async def _look(self, record: JobRecord) -> None:
        hand = self._hand(record.job)
        hand.again = False
        try:
            await self._advance(record)
            hand.said.pop("waiting", None)
            hand.failures = 0
        except PlacetError as error:
            log.warning("job %s waits: %s", to_hex(record.job)[:10], error)
            self._rest(hand)
            await self.say(record, "waiting", code=error.code, why=error.message)
        except Exception as error:  # a mistake in one look must not end the others, and the next one may succeed
            log.error("job %s: %s", to_hex(record.job)[:10], storage_error(error) or unforeseen(error))
            self._rest(hand)
        if hand.advanced or hand.again:
            hand.advanced = False
            self.store.due.send()

    def _rest(self, hand: JobInHand) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(hand.rest(loop.time()), self.store.due.send)

    async def _advance(self, record: JobRecord) -> None:
        state = await ask_chain(self.context.chain.job, record.job)
        now = self._hand(record.job).now = await ask_chain(self.context.chain.now)
        if state.status is JobStatus.NONE:
            await self._unopened(record, now)
        elif state.status is JobStatus.OPEN:
            await self._open(record, state, now)
        elif state.status is JobStatus.SEALED:
            await self.settlement.sealed(record, now)
        elif state.status in ENDS:
            how = await self.settlement.ended(record, state)
            if how is not None:
                await self._end(record, how)

    async def _unopened(self, record: JobRecord, now: int) -> None:
        if now > record.plan.open_by:
            if await ask_chain(self._never_opens, record):
                await self._end(record, "expired")
        elif record.plan.sponsor == self.context.address:
            if not record.signed:
                return await self._gather(record)
            self._want_engine(record)
            with self.store.waits.waiting(record.job, "the opening to be in a block"):
                await self.coordinator.open(record)
        else:
            if record.signed:
                self._want_engine(record)
            sponsor = self.context.trust.name(record.plan.sponsor)
            self.store.waits.set(record.job, CHAIN, f"{sponsor} to open the job")

    def _want_engine(self, record: JobRecord) -> None:
        """Have an engine's process started while the opening gets deep: it has nothing of the job, which may never
        open. Once a job."""
        hand = self._hand(record.job)
        if record.terms.engine == "spu" and not hand.engine_wanted:
            hand.engine_wanted = True
            if run_of(self.runs, record.terms.recipe).intersects:
                self.context.engine_ports.spare.want()

    async def _gather(self, record: JobRecord) -> None:
        """Ask for the signatures that a plan lacks, since people decide first; who says no ends the job."""
        hand, now = self._hand(record.job), asyncio.get_running_loop().time()
        if now < hand.ask_at and record.job not in self.store.called:
            return
        self.store.called.discard(record.job)
        hand.ask_at, hand.ask_rest = now + hand.ask_rest, min(2 * hand.ask_rest, LONGEST_WAIT)
        try:
            async with self.peer_client.gathering.of(record.job):
                current = await self.store.threaded.job(record.job)
                if current.ended is None and not current.signed:
                    await gather(self.peer_client, current)
        except PlacetError as error:
            if not is_refusal(error):
                raise
            await self._end(record, "refused", **refusal_of(error))
            await drop(self.peer_client, record)

    def _never_opens(self, record: JobRecord) -> bool:
        """Has the time to open passed in a block that stays, without an opening? No clock of ours decides that."""
        deep = self.context.chain.block(self.context.chain.confirmed()).timestamp > record.plan.open_by
        return deep and self.context.chain.job(record.job).status is JobStatus.NONE

    async def _open(self, record: JobRecord, state: JobState, now: int) -> None:
        if now > record.plan.deadline:
            if now > record.plan.deadline + turn_of(record, self.context.address):
                await self.coordinator.abort(record, "deadline")
            return
        if self._key_lost(record):
            return await self.coordinator.abort(record, "hpke.lost")
        left = await ask_chain(self._blocks_left, record)
        if left:
            return self.store.waits.set(record.job, CHAIN, blocks_more("the opening", left))
        self.store.waits.set(record.job, CHAIN)
        hand = self._hand(record.job)
        for number, task in hand.running.items():
            if number < state.attempt:
                task.cancel()
                hand.links.pop(number, None)
        phase = await self.store.threaded.phase(record.job, state.attempt)
        running = hand.running.get(state.attempt)
        if phase is None:
            if await self.stakes.ready(record):
                await self._begin(record, state.attempt)
        elif phase is Phase.RUNNING and (running is None or running.done()):
            await self.store.threaded.fail(record.job, state.attempt, "the node was restarted")
        elif phase is Phase.COMPUTED:
            await self._tell(record, state.attempt, phase)
            if not await self._left_to_seal(record, state.attempt) and await record_steps(
                self.context, self.store, self.intents, record, state.attempt
            ):
                await self.say(record, "recorded", attempt=state.attempt)
            if record.plan.consumer != self.context.address:
                consumer = self.context.trust.name(record.plan.consumer)
                self.store.waits.set(record.job, CHAIN, f"{consumer} to seal, once all have computed")
            await self._watch.others(record, hand, now)
        else:
            if phase is Phase.FAILED:
                await self._tell(record, state.attempt, phase)
            await self._watch.own(record, hand, state.attempt, phase)
            await self._watch.others(record, hand, now)
        if record.plan.consumer == self.context.address:
            await self.coordinator.bring_together(record, state)

    def _key_lost(self, record: JobRecord) -> bool:
        """Is the HPKE secret gone under which the seed is kept, or to which the result would be sealed? Then nothing
        comes of the job any more."""
        try:
            self.context.at_rest.open(record.seed, b"seed")
            if record.plan.consumer == self.context.address:
                self.context.hpke_of(record.terms.consumer_key)
        except StateError:
            return True
        return False

    async def _left_to_seal(self, record: JobRecord, attempt: int) -> bool:
        """Are the last steps for the seal to record, which is on its way?"""
        block = await ask_chain(self.context.chain.confirmed)
        since = self._hand(record.job).computed_in.setdefault(attempt, block)
        return block - since < SEAL_BLOCKS and await seal_takes(self.context, self.store, record, attempt)

    async def _tell(self, record: JobRecord, attempt: int, phase: Phase) -> None:
        """Let the consumer look, once: how an attempt ends here is on no chain. Unheard, it is found out later."""
        hand = self._hand(record.job)
        if record.plan.consumer == self.context.address or (attempt, phase) in hand.told:
            return
        hand.told.add((attempt, phase))
        about, consumer = (
            AttemptRef(job=record.job, attempt=attempt),
            self.context.trust.institution(record.plan.consumer),
        )
        with contextlib.suppress(PlacetError, TimeoutError):
            async with asyncio.timeout(RETRY):
                await self.context.peers.call(consumer, "look", about.model_dump_json().encode(), limit=MAX_ANSWER)

    def _blocks_left(self, record: JobRecord) -> int:
        """How many blocks the opening lacks to its depth, 0 where it is deep."""
        index = self.context.index
        index.sync()
        taken_back = index.taken_back
        opened = index.opened(record.job)
        lacks = self.context.deployment.confirmations if opened is None else opened.block - index.counts
        left = max(lacks, 1 if opened is None else 0)
        self._hand(record.job).deep_since = None if left else taken_back
        return left

    def _is_deep(self, record: JobRecord) -> bool:
        """Was the opening deep, and has no reorganisation taken events back since? Looks follow the chain and notice;
        a message of a peer asks no more than this."""
        return self._hand(record.job).deep_since == self.context.index.taken_back

    async def _begin(self, record: JobRecord, attempt: int) -> None:
        roots = await ask_chain(self.answers.attempts.current_roots, record, attempt)
        lost = await self._lost(record, attempt)
        if not lost:
            self.link(record, attempt)  # by which `message` knows it, from before the attempt is written down
        await self.store.threaded.begin(record.job, attempt, roots)
        if lost:
            await self.store.threaded.fail(record.job, attempt, "the node was restarted")
        else:
            self._hand(record.job).running[attempt] = asyncio.create_task(
                self._computing.run(record, attempt, lambda: self._party_run(record, attempt, roots))
            )

    async def _lost(self, record: JobRecord, attempt: int) -> bool:
        """Were messages of an attempt acknowledged whose content went with an earlier process?"""
        heard = await self.store.threaded.heard(record.job, attempt, record.party)
        return heard and attempt not in self._hand(record.job).links

    def link(self, record: JobRecord, attempt: int) -> Link:
        """The link of the current attempt; one an attempt."""
        links = self._hand(record.job).links
        if attempt not in links:
            links[attempt] = Link(self.context, self.store, record, attempt)
        return links[attempt]

    def _party_run(self, record: JobRecord, attempt: int, roots: tuple[bytes, ...]) -> PartyRun:
        hand = self._hand(record.job)
        return PartyRun(
            self.context,
            record,
            declared(record.plan, record.terms),
            attempt,
            roots,
            self.store,
            self.link(record, attempt),
            lambda: hand.now,
            self.say,
            functools.partial(record_steps, self.context, self.store, self.intents, record, attempt),
        )

    async def _end(self, record: JobRecord, how: str, **details: object) -> None:
        for extension in self.context.extensions:
            await ask_store(extension.forget, record.job)
        await self.say(record, how, **details)
        await self.store.threaded.end(record.job, how)
        self._tidy_at = 0.0
        self.store.waits.forget(record.job)
        for task in self._jobs.pop(record.job).running.values():
            task.cancel()

    async def message(self, sender: bytes, envelope: Envelope, payload: bytes) -> bytes:
        """A peer's message: taken only for a job that our own endpoint shows as open, in its current attempt."""
        message = envelope.message
        record = await self.store.threaded.job(message.job)
        parties = record.plan.parties
        if message.sender >= len(parties) or parties[message.sender].signer != sender:
            raise PeerError("the sender is not who the connection says", code="peer.wrong-party")
        institution_of(parties[message.sender], self.context.trust)
        try:
            state = await ask_chain(self.context.chain.job, message.job)
            left = 0 if self._is_deep(record) else await ask_chain(self._blocks_left, record)
        except ChainError:
            raise PeerError("the chain can't be seen here now", code="peer.early") from None
        if state.status is JobStatus.NONE or state.attempt < message.attempt or left:
            raise PeerError("the job is not open here yet", code="peer.early")
        if state.status is not JobStatus.OPEN or state.attempt > message.attempt:
            raise PeerError("the job is not open in this attempt", code="peer.late")
        phase = await self.store.threaded.phase(message.job, message.attempt)
        known = message.attempt in self._hand(message.job).links
        if not known and (phase is not None or await self._lost(record, message.attempt)):
            raise PeerError("this attempt is lost here", code="peer.late")
        return await self.link(record, message.attempt).accept(envelope, payload)
