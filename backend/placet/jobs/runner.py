"""A job's life at one institution: follow the chain, compute, record, seal, release, settle.

Every turn looks at the chain and at the database and does what is due next, so that a node killed at any point goes on
from there. What was running in memory is lost with it: that attempt fails and the parties agree on a new one.
"""

from __future__ import annotations

import asyncio
import json
import logging

from placet.chain.client import JobState, JobStatus
from placet.chain.events import JobOpened, JobSealed, KeyReleased
from placet.core.errors import ChainError, PeerError, PlacetError, StateError
from placet.core.plan import Amendment, Seal, cancellation_hash
from placet.core.values import ZERO32, to_hex
from placet.jobs.agreement import Agreement
from placet.jobs.asking import About, Agreed, Amend, AskSeal, JobRequest, Roots, Signed, Standing
from placet.jobs.desk import Desk
from placet.jobs.link import Envelope, Link
from placet.jobs.proposal import Asking, open_job, propose
from placet.jobs.recipe import recipe
from placet.jobs.sealing import unmask
from placet.jobs.store import Phase, Record, Store
from placet.jobs.work import Work, masked_outputs

log = logging.getLogger("placet.jobs")
MAX_ATTEMPTS = 8
RECORD_BATCH = 300
_ENDS = {
    JobStatus.COMPLETED: "completed",
    JobStatus.CLOSED: "closed",
    JobStatus.ABORTED: "aborted",
    JobStatus.CANCELLED: "cancelled",
}


class Runner:
    """All jobs of one institution."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.store = Store(desk.engine)
        self.agreement = Agreement(desk, self.store)
        self.asking = Asking(self.agreement)
        self._links: dict[tuple[bytes, int], Link] = {}
        self._running: dict[tuple[bytes, int], asyncio.Task[None]] = {}
        self._busy: set[bytes] = set()

    async def start(self, request: JobRequest) -> Record:
        """Propose a job and set it going; the opening is sent by the next turn."""
        return await propose(self.asking, request)

    async def turn(self) -> None:
        """One look at every job that has not ended."""
        jobs = [record for record in self.store.all(going=True) if record.job not in self._busy]
        await asyncio.gather(*(self._look(record) for record in jobs))

    async def stop(self) -> None:
        """Cancel what is running; the next start goes on from the database."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _look(self, record: Record) -> None:
        self._busy.add(record.job)
        try:
            await self._advance(record)
        except ChainError as error:
            log.warning("job %s waits for the chain: %s", to_hex(record.job)[:10], error.message)
        except PlacetError as error:
            log.warning("job %s: %s", to_hex(record.job)[:10], error)
            self.store.note(record.job, self._now(), "waiting", code=error.code, why=error.message)
        finally:
            self._busy.discard(record.job)

    def _now(self) -> int:
        return self.desk.chain.now()

    async def _advance(self, record: Record) -> None:
        desk = self.desk
        state = await asyncio.to_thread(desk.chain.job, record.job)
        now = await asyncio.to_thread(self._now)
        if state.status is JobStatus.NONE:
            await self._unopened(record, now)
        elif state.status is JobStatus.OPEN:
            await self._open(record, state, now)
        elif state.status is JobStatus.SEALED:
            await self._sealed(record, now)
        elif state.status in _ENDS and self._settled(record):
            await self._ended(record, state)

    def _settled(self, record: Record) -> bool:
        """Has everything that the job's events tell reached confirmation depth?"""
        self.desk.index.sync()
        events = self.desk.index.job_events(record.job)
        return not events or events[-1].block <= self.desk.chain.confirmed()

    async def _unopened(self, record: Record, now: int) -> None:
        if now > record.plan.open_by:
            self._end(record, "expired", now)
        elif record.plan.sponsor == self.desk.address and all(record.signatures[: len(record.plan.parties)]):
            self.store.note(record.job, now, "opening")
            await open_job(self.asking, record)
            self.store.note(record.job, self._now(), "open")

    async def _open(self, record: Record, state: JobState, now: int) -> None:
        if now > record.plan.deadline:
            return await self._abort(record, "deadline")
        if not self._confirmed(record):
            return
        for key, task in list(self._running.items()):
            if key[0] == record.job and key[1] < state.attempt:
                task.cancel()
        attempt = self.store.attempt(record.job, state.attempt)
        key = (record.job, state.attempt)
        if attempt is None:
            roots = await asyncio.to_thread(self.agreement.current_roots, record, state.attempt)
            self.store.begin(record.job, state.attempt, roots)
            self._running[key] = asyncio.create_task(self._compute(record, state.attempt, roots))
        elif attempt.phase is Phase.RUNNING and key not in self._running:
            self.store.fail(record.job, state.attempt, "the node was restarted")
        elif attempt.phase is Phase.COMPUTED:
            await self._record(record, state.attempt)
        if record.plan.consumer == self.desk.address:
            await self._bring_together(record, state)

    def _confirmed(self, record: Record) -> bool:
        self.desk.index.sync()
        confirmed = self.desk.chain.confirmed()
        opened = [e for e in self.desk.index.job_events(record.job) if isinstance(e, JobOpened)]
        return bool(opened) and opened[0].block <= confirmed

    def link(self, record: Record, attempt: int) -> Link:
        """The link of the current attempt; one an attempt."""
        key = (record.job, attempt)
        if key not in self._links:
            self._links[key] = Link(self.desk, self.store, record, attempt)
        return self._links[key]

    async def _compute(self, record: Record, attempt: int, roots: tuple[bytes, ...]) -> None:
        work = Work(self.desk, self.store, record, attempt, roots, self.link(record, attempt), self._now)
        self.store.note(record.job, self._now(), "computing", attempt=attempt)
        try:
            await self._warranted(work)
        except asyncio.CancelledError:
            self.store.fail(record.job, attempt, "amended")
            raise
        except PlacetError as error:
            log.warning("job %s, attempt %d: %s", to_hex(record.job)[:10], attempt, error)
            self.store.fail(record.job, attempt, error.code)
            self.store.note(record.job, self._now(), "failed-attempt", attempt=attempt, code=error.code)
        except Exception:
            log.exception("job %s, attempt %d", to_hex(record.job)[:10], attempt)
            self.store.fail(record.job, attempt, "internal")
        else:
            self.store.keep(record.job, attempt, phase=Phase.COMPUTED.value)
            self.store.note(record.job, self._now(), "computed", attempt=attempt)

    async def _warranted(self, work: Work) -> None:
        """Run the recipe; the vault may need a moment until its own endpoint is as far as ours."""
        for _ in range(120):
            try:
                return await recipe(work.terms.recipe).run(work)
            except PlacetError as error:
                if error.code not in ("warrant.unopened", "warrant.unconfirmed") or work.started:
                    raise
            await asyncio.sleep(0.5)
        raise PeerError("the vault never saw the opened job", code="warrant.unconfirmed")

    async def _record(self, record: Record, attempt: int) -> None:
        """Bring this party's step hashes on chain, gap-free."""
        hashes = [step.hash for step in self.store.steps(record.job, attempt)]
        _, done = await asyncio.to_thread(self.desk.chain.trail, record.job, attempt, record.party)
        for start in range(done, len(hashes), RECORD_BATCH):
            part = hashes[start : start + RECORD_BATCH]
            call = self.desk.calls.record(record.job, attempt, record.party, start, part)
            intent = f"record:{record.job.hex()}:{attempt}:{start}"
            self.desk.sender.submit(intent, call, self.desk.recorder.address)
            await self.desk.sender.wait(intent, 60.0)
        if done < len(hashes):
            self.store.note(record.job, self._now(), "recorded", attempt=attempt, steps=len(hashes))

    async def _bring_together(self, record: Record, state: JobState) -> None:
        """The consumer's part: ask how far all are, then seal, or agree on a new attempt."""
        plan, about = record.plan, About(job=record.job, attempt=state.attempt)
        standings = [
            await self.agreement.standing(plan.consumer, about)
            if party.signer == self.desk.address
            else await self.asking.ask(party.signer, "standing", about, Standing)
            for party in plan.parties
        ]
        failed = [s for s in standings if s.state == "failed"]
        if failed:
            await self._again(record, state, failed[0].why or "failed")
        elif all(s.state == "computed" for s in standings):
            for party, standing in enumerate(standings):
                head, _ = await asyncio.to_thread(self.desk.chain.trail, record.job, state.attempt, party)
                if head != standing.head:
                    return
            await self._seal(record, state, standings)

    async def _seal(self, record: Record, state: JobState, standings: list[Standing]) -> None:
        plan = record.plan
        seal = Seal(
            job=record.job,
            attempt=state.attempt,
            heads=tuple(s.head for s in standings),
            outputs=tuple(s.output for s in standings),
            keys=tuple(s.key for s in standings),
            epochs=await self.agreement.epochs(record),
        )
        try:
            signatures = await self._signatures(record, "seal", AskSeal(seal=seal))
        except PlacetError as error:
            if error.code == "consent.withdrawn":
                return await self._again(record, state, error.code)
            raise
        full = (*signatures, b"")
        self.store.agree("seal", seal, full)
        intent = f"seal:{record.job.hex()}:{state.attempt}:{'-'.join(map(str, seal.epochs))}"
        self.desk.sender.submit(intent, self.desk.calls.seal(plan, seal, full), self.desk.recorder.address)
        await self.desk.sender.wait(intent, 60.0)
        self.store.note(record.job, self._now(), "sealed", attempt=state.attempt)

    async def _signatures(self, record: Record, what: str, question: AskSeal | Amend) -> list[bytes]:
        """All parties' signatures under a seal or an amendment, checked."""
        content = question.seal if isinstance(question, AskSeal) else question.amendment
        digest = self.desk.deployment.jobs.digest(content.struct_hash())
        found = []
        for party in record.plan.parties:
            if party.signer == self.desk.address:
                own = self.agreement.seal if isinstance(question, AskSeal) else self.agreement.amend
                answer = await own(record.plan.consumer, content)  # type: ignore[arg-type]
            else:
                answer = await self.asking.ask(party.signer, what, question, Signed)
            self.desk.chain.verifiers.demand(f"the {what}", party.signer, digest, answer.signature)
            found.append(answer.signature)
        return found

    async def _again(self, record: Record, state: JobState, why: str) -> None:
        """A new attempt without what has died, or the end, as the terms say."""
        withdrawn = why in ("consent.withdrawn", "warrant.withdrawn", "warrant.erased")
        if (withdrawn and record.terms.on_withdrawal == "abort") or state.attempt >= MAX_ATTEMPTS:
            return await self._abort(record, why)
        plan, about = record.plan, About(job=record.job, attempt=state.attempt + 1)
        roots: list[bytes] = []
        for party in plan.parties:
            mine = party.signer == self.desk.address
            answer = (
                await self.agreement.roots(plan.consumer, about)
                if mine
                else await self.asking.ask(party.signer, "roots", about, Roots)
            )
            if len(answer.roots) != len(party.inputs):
                raise PeerError("a party answered with other inputs", found=to_hex(party.signer))
            roots.extend(answer.roots)
        epochs = await self.agreement.epochs(record)
        amendment = Amendment(job=record.job, attempt=state.attempt + 1, roots=tuple(roots), epochs=epochs)
        signatures = await self._signatures(record, "amend", Amend(amendment=amendment))
        self.store.agree("amendment", amendment, signatures)
        intent = f"amend:{record.job.hex()}:{amendment.attempt}:{to_hex(amendment.struct_hash())[:18]}"
        call = self.desk.calls.amend(plan, amendment, signatures)
        self.desk.sender.submit(intent, call, self.desk.recorder.address)
        await self.desk.sender.wait(intent, 60.0)
        self.store.note(record.job, self._now(), "amended", attempt=amendment.attempt, why=why)

    async def _abort(self, record: Record, why: str) -> None:
        reason = why.encode()[:32].ljust(32, b"\0")
        self.desk.sender.submit(
            f"abort:{record.job.hex()}", self.desk.calls.abort(record.job, reason), self.desk.recorder.address
        )
        await self.desk.sender.wait(f"abort:{record.job.hex()}", 60.0)

    async def _sealed(self, record: Record, now: int) -> None:
        """After the seal: publish our key at depth; after `settleBy` close what others left open."""
        desk = self.desk
        if not self._settled(record) and now <= record.plan.settle_by:
            return
        sealed = [e for e in desk.index.job_events(record.job) if isinstance(e, JobSealed)]
        if not sealed:
            return
        if now > record.plan.settle_by:
            intent = f"close:{record.job.hex()}"
            desk.sender.submit(intent, desk.calls.close(record.job), desk.recorder.address)
            await desk.sender.wait(intent, 60.0)
            return
        attempt = self.store.attempt(record.job, sealed[-1].attempt)
        due = await asyncio.to_thread(desk.chain.key_due, record.job, record.party)
        if due is None or attempt is None or attempt.key is None or sealed[-1].keys[record.party] == ZERO32:
            return
        key = self.agreement.drawer.open(b"key", attempt.key)
        intent = f"release:{record.job.hex()}"
        desk.sender.submit(intent, desk.calls.release(record.job, record.party, key), desk.recorder.address)
        await desk.sender.wait(intent, 60.0)
        self.store.note(record.job, self._now(), "released")

    async def _ended(self, record: Record, state: JobState) -> None:
        if state.status is JobStatus.COMPLETED and record.plan.consumer == self.desk.address:
            await asyncio.to_thread(self._open_result, record)
        for attempt in self.store.attempts(record.job):
            if self.store.steps(record.job, attempt.attempt) and state.status is not JobStatus.CANCELLED:
                await self._record(record, attempt.attempt)
        self._end(record, _ENDS[state.status], self._now())

    def _open_result(self, record: Record) -> None:
        events = self.desk.index.job_events(record.job)
        sealed = next(e for e in events if isinstance(e, JobSealed))
        keys = {e.party: e.key for e in events if isinstance(e, KeyReleased)}
        attempt = self.store.attempt(record.job, sealed.attempt)
        if attempt is None or attempt.output is None or attempt.private is None:
            raise StateError("the consumer's part of the sealed attempt is lost")
        parts = {
            party: unmask(
                masked,
                key=keys[party],
                secret=self.desk.hpke,
                job=record.job,
                attempt=sealed.attempt,
                party=party,
            )
            for party, masked in masked_outputs(attempt.output).items()
        }
        drawer = self.agreement.drawer
        rows = recipe(record.terms.recipe).combine(parts, drawer.open(b"private", attempt.private))
        self.store.keep_result(record.job, drawer.close(b"result", json.dumps(rows).encode()))

    def result(self, job: bytes) -> list[dict[str, object]]:
        """The result, for its consumer; StateError while there is none."""
        closed = self.store.job(job).result
        if closed is None:
            raise StateError("there is no result here", remedy="wait until the job completed, and ask its consumer")
        rows: list[dict[str, object]] = json.loads(self.agreement.drawer.open(b"result", closed))
        return rows

    def _end(self, record: Record, how: str, now: int) -> None:
        for key in [k for k in self._links if k[0] == record.job]:
            del self._links[key]
        for running in [k for k in self._running if k[0] == record.job]:
            self._running.pop(running).cancel()
        self.store.end(record.job, how)
        self.store.note(record.job, now, how)

    async def message(self, sender: bytes, envelope: Envelope, payload: bytes) -> bytes:
        """A peer's message: taken only for a job that our own endpoint shows as open, in its current attempt."""
        message = envelope.message
        record = self.store.job(message.job)
        parties = record.plan.parties
        if message.sender >= len(parties) or parties[message.sender].signer != sender:
            raise PeerError("the sender is not who the connection says", code="peer.wrong-party")
        state = await asyncio.to_thread(self.desk.chain.job, message.job)
        if state.status is JobStatus.NONE or state.attempt < message.attempt or not self._confirmed(record):
            raise PeerError("the job is not open here yet", code="peer.early")
        if state.status is not JobStatus.OPEN or state.attempt > message.attempt:
            raise PeerError("the job is not open in this attempt", code="peer.late")
        attempt = self.store.attempt(message.job, message.attempt)
        if attempt is not None and (message.job, message.attempt) not in self._running:
            raise PeerError("this attempt is lost here", code="peer.late")
        return self.link(record, message.attempt).accept(envelope, payload)

    async def cancel(self, record: Record) -> None:
        """Cancel before the opening. Reverted if it is too late."""
        signers = record.plan.signers
        signature = self.desk.signer.sign(self.desk.deployment.jobs.digest(cancellation_hash(record.job)))
        call = self.desk.calls.cancel(record.plan, signers.index(self.desk.address), signature)
        self.desk.sender.submit(f"cancel:{record.job.hex()}", call, self.desk.recorder.address)
        await self.desk.sender.wait(f"cancel:{record.job.hex()}", 60.0)

    async def agreed(self, asker: bytes, told: Agreed) -> Agreed:
        """The consumer shows us the fully signed plan."""
        record = self.store.job(told.job)
        if asker != record.plan.consumer or len(told.signatures) != len(record.plan.signers):
            raise PeerError("not this job's consumer", code="peer.wrong-party")
        for signer, signature in zip(record.plan.signers, told.signatures, strict=True):
            if signature:
                self.desk.chain.verifiers.demand("the plan", signer, record.job, signature)
        self.store.signed(told.job, told.signatures)
        return told
