"""After the seal: publish the own key, settle or close, and open the result."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from placet.catalogue.specs import spec_of
from placet.chain.events import Event, JobAborted, JobCancelled, JobClosed, JobCompleted, JobSealed, KeyReleased
from placet.chain.intents import Intents
from placet.chain.states import JobState, JobStatus
from placet.chain.threaded import ask_chain, ask_store
from placet.core.complaints import Complaint, RefusedResult
from placet.core.errors import InputError, PlacetError, Reverted, StateError, unforeseen
from placet.core.ids import JobId
from placet.core.masking import shared_secret, unmask
from placet.core.model_card import held_as
from placet.core.values import ZERO32, to_hex
from placet.core.verified_sums import SumComplaint
from placet.jobs import model_parts
from placet.jobs.attempts import Attempts
from placet.jobs.context import JobContext, RowSource
from placet.jobs.data_life import DataLives
from placet.jobs.masked_outputs import masked_outputs
from placet.jobs.party_run import Say
from placet.jobs.progress import CHAIN, PARTIES, blocks_more
from placet.jobs.recipe import Open, WrongParts, run_of
from placet.jobs.records import JobRecord
from placet.jobs.refused import refusal_in, refused_result
from placet.jobs.results import decoded, encoded, without_rows
from placet.jobs.trail import record_steps

log = logging.getLogger("placet.jobs")
ENDS: dict[JobStatus, tuple[str, type[Event]]] = {
    JobStatus.COMPLETED: ("completed", JobCompleted),
    JobStatus.CLOSED: ("closed", JobClosed),
    JobStatus.ABORTED: ("aborted", JobAborted),
    JobStatus.CANCELLED: ("cancelled", JobCancelled),
}
STAGGER = 4
"""Seconds between the parties' tries to end a job that is overdue, so that not all of them pay for it."""


def release_time(context: JobContext) -> int:
    """Seconds in which a seal gets deep and a key is mined, on chains with blocks of up to twelve seconds."""
    return 10 + 12 * context.deployment.confirmations


def turn_of(record: JobRecord, own: bytes) -> int:
    """How many seconds this party leaves the others the first word; the sponsor, whose money is at stake, none."""
    return 0 if record.plan.sponsor == own else STAGGER * (record.party + 1)


def _reason(reason: bytes) -> str:
    """The code that a party gave for an abort, as the chain tells it: some of it may be another party's word."""
    code = reason.rstrip(b"\0").decode("ascii", "replace")
    return code if code.isprintable() else "failed"


class Settlement:
    """One institution's part of a job's end."""

    def __init__(self, attempts: Attempts, intents: Intents, say: Say) -> None:
        self.context = attempts.context
        self.store = attempts.store
        self.at_rest = attempts.at_rest
        self.runs = attempts.runs
        self.intents = intents
        self.say = say
        self.lives = DataLives(attempts.context, attempts.store)

    def _events(self, record: JobRecord, kind: type[Event]) -> tuple[list[Event], int]:
        """All that the chain tells of the job, and how many blocks its `kind` of event lacks to its depth: 0 once it is
        deep. What follows it may be newer."""
        self.context.index.sync()
        events = self.context.index.job_events(record.job)
        block = next((event.block for event in events if isinstance(event, kind)), None)
        return events, 1 if block is None else max(block - self.context.chain.confirmed(), 0)

    async def _deep(self, record: JobRecord, kind: type[Event], what: str) -> list[Event] | None:
        """All events once `kind` is deep; till then who follows the job is told of the blocks that are missing."""
        events, left = await ask_chain(self._events, record, kind)
        self.store.waits.set(record.job, CHAIN, *([blocks_more(what, left)] if left else []))
        self.store.waits.set(record.job, PARTIES)
        return None if left else events

    def _tell_keys(self, record: JobRecord, sealed: JobSealed, events: list[Event]) -> None:
        """To who follows the job: whose keys are not on chain yet."""
        released = {event.party for event in events if isinstance(event, KeyReleased)}
        missing = [
            f"the key of {self.context.trust.name(party.signer)} on chain"
            for number, (party, key) in enumerate(zip(record.plan.parties, sealed.keys, strict=True))
            if key != ZERO32 and number not in released
        ]
        self.store.waits.set(record.job, PARTIES, *missing)

    async def sealed(self, record: JobRecord, now: int) -> None:
        """Publish our key once the seal is deep; close what others left open after `settleBy`."""
        context = self.context
        if now > record.plan.settle_by:
            if now > record.plan.settle_by + turn_of(record, context.address):
                await self.intents.carry(f"close:{record.job.hex()}", context.calls.close(record.job))
            return
        events = await self._deep(record, JobSealed, "the seal")
        if events is None:
            return
        sealed = next(e for e in events if isinstance(e, JobSealed))
        self._tell_keys(record, sealed, events)
        attempt = await self.store.threaded.attempt(record.job, sealed.attempt)
        due = await ask_chain(context.chain.key_due, record.job, record.party)
        if due is None or attempt is None or attempt.key is None or sealed.keys[record.party] == ZERO32:
            return
        if (
            now > record.plan.settle_by - release_time(context) // 4
        ):  # shown and mined too late, it would tell for nothing
            await self.say(record, "too-late-to-release")
            return
        key = self.at_rest.open(attempt.key, b"key")
        with self.store.waits.waiting(record.job, "the own key to be on chain"):
            call = context.calls.release(record.job, record.party, key)
            await self.intents.carry(f"release:{record.job.hex()}", call)
        await self.say(record, "released")

    async def ended(self, record: JobRecord, state: JobState) -> str | None:
        """How the job ended, once that is deep, the result opened, every trail complete, and what is owed claimed. The
        result itself waits for nothing: the seal that its keys belong to was deep before its parties gave them away."""
        how, kind = ENDS[state.status]
        result = await self._result(record) if state.status is JobStatus.COMPLETED else {}
        events = await self._deep(record, kind, "the job's end")
        if events is None:
            return None
        for event in events:
            if isinstance(event, JobAborted):
                await self.say(record, "abort-reason", code=_reason(event.reason))
        await self.lives.note(record, events)
        if state.status is not JobStatus.CANCELLED:
            for attempt in await self.store.threaded.attempts(record.job):
                try:
                    await record_steps(self.context, self.store, self.intents, record, attempt.attempt)
                except Reverted as refusal:
                    await self.say(record, "trail-refused", attempt=attempt.attempt, code=refusal.name)
        if self.context.rows is not None:
            await self._keep_model(self.context.rows, record, state, result.get("report") or {})
        if state.rewarded:
            await self._claim(record)
        if state.status is JobStatus.ABORTED:
            await self._refund(record, state)
        return how

    async def _result(self, record: JobRecord) -> dict[str, Any]:
        """The result, opened once, at later looks without its rows; an empty one where this party has none, or can't
        open it."""
        if run_of(self.runs, record.terms.recipe).open is None and record.plan.consumer != self.context.address:
            return {}
        if (before := await ask_store(self._kept, record.job)) is not None:
            return {} if refusal_in(before) else before
        events, left = await ask_chain(self._events, record, JobSealed)
        if left:
            return {}
        try:
            result = await ask_store(self._open_result, record, events)
        except PlacetError as error:
            await self.say(record, "result-lost", code=error.code, why=error.message)
        except Exception as error:  # what others released must not keep the job from its end
            log.error("job %s: %s", to_hex(record.job)[:10], unforeseen(error))
            await self.say(record, "result-lost", code="internal")
        else:
            if alarm := result.get("alarm"):
                await self.say(record, "alarm", **alarm)
            return result
        return {}

    async def _keep_model(self, vault: RowSource, record: JobRecord, state: JobState, report: dict[str, Any]) -> None:
        """What the job made stays in the vault: the own part of it, or what its consumer got in clear."""
        spec = spec_of(record.terms.recipe)
        how = held_as(spec.tells(spec.parse(record.terms.parameters)).output)
        if how == "shared":
            await vault.settle_model(record.job)
        elif how == "clear" and "commitment" in report:
            try:
                whole = model_parts.in_clear(record, state.attempt, report)
                await vault.keep_model(record.job, record.plan, record.terms, whole)
            except StateError as error:
                if error.code not in model_parts.NEVER_KEPT:
                    raise
                await self.say(record, "model-not-kept", code=error.code, why=error.message)

    async def _refund(self, record: JobRecord, state: JobState) -> None:
        """Take back what the opening spent of the own privacy budgets, where no party has recorded a step."""
        context, job = self.context, record.job
        if not any(one.budget for one in record.plan.parties[record.party].inputs):
            return
        for attempt in range(1, state.attempt + 1):
            for party in range(len(record.plan.parties)):
                if (await ask_chain(context.chain.trail, job, attempt, party))[1]:
                    return await self.say(record, "budget-spent")
        try:
            await self.intents.carry(f"refund:{job.hex()}", context.calls.refund(record.plan))
        except Reverted as refusal:  # another provider was first, or a step came between
            return await self.say(record, "budget-spent", code=refusal.name)
        await self.say(record, "budget-refunded")

    async def _claim(self, record: JobRecord) -> None:
        """Fetch what the escrow owes this institution, from this job and others in its token."""
        context, token = self.context, record.plan.token
        if not await ask_chain(context.chain.owed, token, context.address):
            return
        try:
            await self.intents.carry(f"claim:{record.job.hex()}", context.calls.claim_for(token, context.address))
        except Reverted as refusal:
            await self.say(record, "unclaimed", code=refusal.name, why=refusal.message)

    def _open_result(self, record: JobRecord, events: list[Event]) -> dict[str, Any]:
        """The result, which is kept; an empty one where this party has none."""
        sealed = next(e for e in events if isinstance(e, JobSealed))
        keys = {e.party: e.key for e in events if isinstance(e, KeyReleased)}
        attempt, known = self.store.attempt(record.job, sealed.attempt), run_of(self.runs, record.terms.recipe)
        if known.open is not None:
            if attempt is not None and attempt.private is not None:
                return self._keep(record, self._open_private(known.open, attempt.private, keys))
            return {}
        secret = self.context.hpke_of(record.terms.consumer_key)
        if attempt is None or attempt.output is None or attempt.private is None:
            raise StateError("the consumer's part of the sealed attempt is lost", remedy="run the job again")
        outputs = masked_outputs(attempt.output)
        parts = {
            party: unmask(
                masked,
                key=keys[party],
                secret=secret,
                job=record.job,
                attempt=sealed.attempt,
                party=party,
            )
            for party, masked in outputs.items()
        }
        private = self.at_rest.open(attempt.private, b"private")
        if known.combine is None:
            raise StateError("this recipe makes no result for its consumer alone")
        try:
            return self._keep(record, known.combine(parts, private, self.context.engine_ports.scratch))
        except WrongParts as wrong:
            names = ", ".join(self.context.trust.name(record.plan.parties[party].signer) for party in wrong.parties)
            wrong.found = f"{names}: {wrong.found}"
            refused = RefusedResult.of(wrong, self._complaints(record, sealed.attempt, wrong, outputs, keys))
            self.store.keep_result(record.job, self.at_rest.seal(refused_result(refused), b"result"))
            raise

    def _open_private(self, open_: Open, private: bytes, keys: Mapping[int, bytes]) -> dict[str, Any]:
        """By whichever of the institution's HPKE secrets it was sealed to. As `open_` where that is none of them."""
        envelope = self.at_rest.open(private, b"private")
        for secret in self.context.earlier_hpke:
            with contextlib.suppress(InputError):
                return open_(envelope, keys, secret)
        return open_(envelope, keys, self.context.hpke)

    def _complaints(
        self,
        record: JobRecord,
        attempt: int,
        wrong: WrongParts,
        outputs: Mapping[int, bytes],
        keys: Mapping[int, bytes],
    ) -> Iterator[SumComplaint]:
        """What shows an auditor the parts that are wrong, and nothing else of what this party can open. Never all
        parts: together they tell what nobody but this party is to know."""
        opener = self.context.hpke_of(record.terms.consumer_key)
        place: dict[str, Any] = {"secret": opener, "job": record.job, "attempt": attempt}
        for party in wrong.parties[: len(outputs) - 1]:
            secret = shared_secret(outputs[party], key=keys[party], party=party, **place)
            yield SumComplaint(
                attempt=attempt,
                accused=party,
                about="release",
                weighted=wrong.shown,
                payload=outputs[party],
                secret=secret,
            )

    def _keep(self, record: JobRecord, result: dict[str, Any]) -> dict[str, Any]:
        self.store.keep_result(record.job, self.at_rest.seal(encoded(result), b"result"))
        return result

    def result(self, job: JobId) -> dict[str, object]:
        """The result, for its consumer; StateError while there is none, and where this party refused it."""
        result = self._kept(job, decoded)
        if result is None and (signed := self.store.deletion(job)) is not None:
            raise StateError(
                "the result is deleted: its data life is over",
                expected=f"a question by {signed.deletion.keep_until}",
                found=f"deleted at {signed.deletion.deleted}",
                remedy="run the job again, while consents live",
                code="job.deleted",
            )
        if result is None:
            raise StateError("there is no result here", remedy="wait until the job completed, and ask its consumer")
        if refused := refusal_in(result):
            raise refused.error()
        return result

    def complaints(self, job: JobId) -> tuple[Complaint, ...]:
        """What shows who gave this party something wrong, where it refused a result."""
        refused = refusal_in(self._kept(job) or {})
        return () if refused is None else refused.complaints

    def _kept(self, job: JobId, read: Callable[[bytes], dict[str, Any]] = without_rows) -> dict[str, Any] | None:
        closed = self.store.job(job).result
        return None if closed is None else read(self.at_rest.open(closed, b"result"))
