"""What a recipe sees: one party's attempt of one job. Opens lawful rows, records steps, hands its output over.

`now` is the chain's time in Unix seconds; `say` tells who follows the job; `record_now` brings this party's steps on
chain at once, as the runner does at the end of an attempt anyway."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from pydantic import JsonValue

from placet.chain.signals import listening
from placet.chain.states import JobStatus
from placet.chain.threaded import ask_chain, ask_store
from placet.core.complaints import Complaint, RefusedResult
from placet.core.errors import ProtocolError, StateError
from placet.core.hashing import sha256
from placet.core.masking import mask
from placet.core.offers import Scope
from placet.core.stakes import stake_of
from placet.core.trail import (
    HEAD_TAG,
    MASKED_OUTPUT,
    START_PROTOCOL,
    Artefact,
    Step,
    start_told,
    trail_head,
    trail_start,
)
from placet.jobs.entries import consent_ended, ended_inputs
from placet.jobs.link import MAX_PAYLOAD, Link
from placet.jobs.masked_outputs import MASKED, framed
from placet.jobs.progress import STEPS, VAULT, Wait
from placet.jobs.records import JobRecord
from placet.jobs.refused import refused_result
from placet.jobs.sampling import KEPT, KeptPlaces
from placet.jobs.seat import PartySeat
from placet.jobs.step_recorder import StepRecorder, name_of
from placet.jobs.store import JobStore
from placet.models.contribution import PROTOCOL, Contribution, Table, divide

if TYPE_CHECKING:
    from placet.core.text_columns import Places
    from placet.vault.rows import Rows

R = TypeVar("R")
LOOK = 1.0
"""Seconds between two looks at the chain where nothing wakes a party that waits for others' steps."""
ASK_AGAIN = 10.0
"""Seconds after which a party that it waits for is asked whether it is still at work."""


class Say(Protocol):
    """Tells who follows a job what happens."""

    async def __call__(self, record: JobRecord, status: str, **details: object) -> None: ...


async def together(*works: Coroutine[None, None, object]) -> None:
    """All at once; the first error ends the others and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None


@dataclass
class PartyRun(PartySeat):
    """One party's attempt."""

    store: JobStore
    link: Link
    now: Callable[[], int]
    say: Say
    record_now: Callable[[], Awaitable[int]]
    _steps: int = 0
    _head: bytes = b""
    _untold: set[int] = field(default_factory=set)
    _adding: asyncio.Lock = field(default_factory=asyncio.Lock)

    @contextlib.asynccontextmanager
    async def step(
        self, name: str, protocol: str, *inputs: Artefact, parameters: dict[str, JsonValue] | None = None
    ) -> AsyncIterator[StepRecorder]:
        """Record what happens inside as one step. One that fails is not recorded; its messages are kept."""
        stage = StepRecorder(name, self.party, self.link, self.entropy)
        yield stage
        by_peer = {"key": lambda e: (e.peer, e.sequence)}
        async with self._adding:  # the next number is another's as soon as this step is written down
            step = Step(
                job=self.record.job,
                attempt=self.attempt,
                party=self.party,
                index=self._steps,
                name=name,
                protocol=protocol,
                parameters={**(parameters or {}), **({"noise": stage.noise} if stage.noise else {})},
                inputs=inputs,
                outputs=tuple(stage.outputs),
                sent=tuple(sorted(stage.sent, **by_peer)),  # type: ignore[call-overload]
                received=tuple(sorted(stage.received, **by_peer)),  # type: ignore[call-overload]
                at=self.now(),
            )
            hash_ = await self._record(step)
            self._head = trail_head(self.head, [hash_])
            self._steps += 1
        await self.say(self.record, "step", attempt=self.attempt, index=step.index, name=name)

    async def _record(self, step: Step) -> bytes:
        """Write a step down that has been made; its hash."""
        await self.store.threaded.add_step(step)
        return step.hash

    @property
    def head(self) -> bytes:
        """Of this party's trail, of all steps so far."""
        return self._head or trail_start(self.record.job, self.attempt, self.party)

    async def _keep(self, **values: bytes) -> None:
        """Write columns of this attempt down, as `AttemptStore.keep`."""
        await self.store.threaded.keep(self.record.job, self.attempt, **values)

    @property
    def seconds_left(self) -> int:
        """To the deadline: no engine runs longer. ProtocolError where nothing is left."""
        left = self.plan.deadline - self.now()
        if left <= 0:
            raise ProtocolError("the deadline has passed", code="job.deadline")
        return left

    @property
    def started(self) -> bool:
        """Has any step been recorded?"""
        return self._steps > 0

    async def started_with(self, *parties: int) -> None:
        """These parties hold this party's signature on all its steps so far, and it theirs on as many, before anything
        goes on.

        For protocols that disclose something inside themselves: what each side starts from is fixed by then. Who seals
        or records another trail is named by what it signed here (the audit's `trail/starts`). In a job that spends a
        privacy budget this party's own steps are on chain besides: or who spends it would end the job once it has
        learned something, take the budget back, and leave nobody a trail. ProtocolError `peer.start` where one has done
        more or less until here.
        """
        if any(one.budget for one in self.plan.inputs):
            await self.anchored()
        word = start_told(self.head, self._steps)
        async with self.step("start", START_PROTOCOL) as step:
            await together(*(step.send(name_of(party), HEAD_TAG, word) for party in parties))
            for party in parties:
                theirs = await step.receive(name_of(party), HEAD_TAG, limit=len(word))
                if len(theirs) != len(word) or theirs[-4:] != word[-4:]:
                    raise ProtocolError(
                        f"{self.name(party)} starts from elsewhere",
                        expected=f"a trail's head of {self._steps} steps",
                        found=f"{len(theirs)} bytes, {int.from_bytes(theirs[-4:], 'big')} steps",
                        code="peer.start",
                    )
        await self.demand_open()

    async def anchored(self, *parties: int) -> None:
        """This party's steps so far are on chain, and as many of each of `parties`, before anything goes on: where a
        stranger must see that something has begun. PeerError if one of them has given up."""
        await self.record_now()
        waiting, loop, waits = set(parties), asyncio.get_running_loop(), self.store.waits
        ask_at = loop.time() + ASK_AGAIN
        with listening(self.context.moved) as listener:
            while True:
                depth = await ask_chain(self.context.chain.confirmed)
                ask = loop.time() >= ask_at
                for party in sorted(waiting):
                    _, steps = await ask_chain(
                        self.context.chain.trail, self.record.job, self.attempt, party, block=depth
                    )
                    if steps >= self._steps:
                        waiting.discard(party)
                    elif ask:
                        await self.link.demand_at_work(party)
                whats = [f"the steps of {self.name(party)} on chain, {self._steps} of them deep" for party in waiting]
                waits.set(self.record.job, STEPS, *sorted(whats))
                if not waiting:
                    await self.demand_open()
                    return await self.say(self.record, "anchored", attempt=self.attempt)
                if ask:
                    ask_at = loop.time() + ASK_AGAIN
                await listener.wait(LOOK)

    def working(self, what: str) -> contextlib.AbstractContextManager[Wait]:
        """While the block runs, who follows the job hears of this work, and of the rows that its `count` counts."""
        return self.store.waits.waiting(self.record.job, what)

    @contextlib.asynccontextmanager
    async def engine_port(self) -> AsyncIterator[int]:
        """`EnginePorts.port`, of which a wait is told to who follows the job, here and at the other parties."""
        async with contextlib.AsyncExitStack() as stack:
            with self.store.waits.waiting(self.record.job, "a free port of the own engine (engine.busy)", "engine"):
                port = await stack.enter_async_context(self.context.engine_ports.port())
            yield port

    async def demand_open(self) -> None:
        """StateError unless the job is open in this attempt, ProtocolError after its deadline: a trail may grow after
        the end."""
        _ = self.seconds_left
        state = await ask_chain(self.context.chain.job, self.record.job)
        if state.status is not JobStatus.OPEN or state.attempt != self.attempt:
            raise StateError("the job is not open in this attempt", found=state.status.name, code="peer.late")

    async def demand_consented(self) -> None:
        """`demand_open`, and ConsentError `consent.withdrawn` where a consent to this party's own inputs has ended: for
        protocols that disclose something round by round."""
        await self.demand_open()
        ended = await ended_inputs(self.context, self.plan, self.party, self.roots)
        if any(one.consents for one in ended.values()):
            raise consent_ended()

    def resource(self, kind: type[R]) -> R:
        """What this institution brings to a recipe that takes more than rows. ConfigError where it has none."""
        return self.context.resource(kind)

    async def open(self, alias: str) -> tuple[Rows, Artefact]:
        """This party's lawful rows of an input, out of the vault, and their commitment. WarrantError if it says no.

        Of rows that spend a privacy budget the step is on chain before anything may follow, so that nobody takes the
        budget back. StateError `job.spent` where an earlier attempt had them and the recipe tells of them before the
        release: what that attempt told is paid for, what another would tell is not."""
        number = self.number(alias)
        chosen = self.plan.inputs[number]
        if chosen.budget and not self.declared.spec.masked:
            await self._demand_unspent()
        lawful = (
            Artefact(name="consent", commitment=chosen.consent)
            if chosen.named
            else Artefact(name="lawful", commitment=self.roots[number])
        )
        async with self.step(f"open-{alias}", "vault/1", lawful) as step:
            with self.working("the rows from the own vault"):
                rows = await self._hand_out(number)
            self.store.waits.set(self.record.job, VAULT)
            used = chosen.consent if chosen.named else rows.consent_ids
            await ask_store(self.context.note_uses, self.record.job, self.attempt, chosen.offer, used)
            if rows.asks_matches:
                self._untold.add(number)
            made = await step.output_written("rows", rows.written)
        if chosen.budget:
            await self.anchored()
        await self.say(self.record, "rows", attempt=self.attempt, input=alias, rows=rows.count)
        return rows, made

    async def _hand_out(self, number: int) -> Rows:
        """The lawful rows of an own input, out of the vault."""
        return await self.context.demand_rows().rows(self.record.job, self.plan, self.terms, self.attempt, number)

    async def _demand_unspent(self) -> None:
        earlier = range(1, self.attempt)
        if begun := [one for one in earlier if await self.store.threaded.steps(self.record.job, one)]:
            raise StateError(
                "an attempt has used the rows that this job's privacy budget is for",
                expected="one attempt",
                found=f"{len(begun)} before this one",
                remedy="end the job; a new one spends anew",
                code="job.spent",
            )

    async def scope(self, alias: str) -> Scope:
        """What this party's own offer says of an input."""
        state = await ask_chain(self.context.chain.offer, self.plan.inputs[self.number(alias)].offer)
        return self.context.scope(state.offer)

    async def matched(self, alias: str, rows: Rows, places: Sequence[int] | Places) -> None:
        """The rows of an input that match, by their places, before the consumer learns anything of it. WarrantError
        `warrant.change` where the owners were promised that a job ends which differs too little from an earlier one."""
        number = self.number(alias)
        if number not in self._untold:
            return
        from placet.core.text_columns import bits  # numpy with it, for a node that computes

        vault = self.context.demand_rows()
        await vault.matched(self.record.job, self.plan, self.terms, self.attempt, number, bits(places, rows.count))
        self._untold.discard(number)

    async def say_matched(self, peer: int, *, rows: int, matched: int) -> None:
        """To who follows the job at this party, which learns its own matches inside the protocol: how many they are."""
        why = None if matched else "none of the rows is in the other list: are identifiers written alike in both?"
        await self.say(
            self.record, "matched", attempt=self.attempt, party=self.name(peer), rows=rows, matched=matched, why=why
        )

    async def say_rows_of(self, peer: int, rows: int) -> None:
        """The same of how many rows a peer brought, which the protocol tells this party."""
        await self.say(self.record, "peer-rows", attempt=self.attempt, party=self.name(peer), rows=rows)

    async def checkpoint(self, content: bytes) -> None:
        """Keep, sealed, what a later attempt over the same rows may go on from; the last one counts."""
        await self._keep(private=self.context.at_rest.seal(content, b"checkpoint"))

    async def last_checkpoint(self) -> bytes | None:
        """What the latest earlier attempt that had one kept, if it was over the same rows of all parties. A checkpoint
        that does not open is none: the attempt begins anew."""
        for earlier in reversed(await self.store.threaded.attempts(self.record.job)):
            if earlier.attempt < self.attempt and earlier.private is not None:
                if earlier.roots != self.roots:
                    return None
                with contextlib.suppress(StateError):
                    return self.context.at_rest.open(earlier.private, b"checkpoint")
                return None
        return None

    async def keep_sampled(self, commitments: bytes, places: Sequence[int], rows: Rows, used: Sequence[int]) -> None:
        """Keep, sealed, what the random audit that the plan names will ask for: this party's commitments, and whose
        consent covers the row at each of `places`; `used` are those rows, by their numbers. Nothing without such an
        audit."""
        if self.terms.audit is None:
            return
        consents, stake = rows.consents, stake_of(self.plan, self.terms.audit, self.record.job, self.party)
        content = KeptPlaces.of(commitments, places, [consents[number] for number in used])
        sealed = self.context.at_rest.seal(content.model_dump_json().encode(), KEPT)
        until = stake.find_by + 2 * stake.answer_seconds
        await self.store.threaded.keep_sample(self.record.job, self.attempt, sealed, until, self.now())

    async def refuse(self, error: ProtocolError, *complaints: Complaint) -> ProtocolError:
        """Keep, sealed, why this party ends the attempt, and what shows who gave it something wrong: that is shown with
        its evidence. Gives `error` back, to be raised."""
        refused = RefusedResult.of(error, complaints)
        closed = self.context.at_rest.seal(refused_result(refused), b"result")
        await self.store.threaded.keep_result(self.record.job, closed)
        return error

    async def release(self, part: bytes, *inputs: Artefact) -> None:
        """Mask this party's part of the output and hand it to the consumer. The key stays here until the seal. What
        masks follows from the seed and the part, so that a replay makes it again, and never masks two parts, also where
        an attempt were run twice. StateError where the vault waits to be told the matches."""
        if self._untold:
            raise StateError("the vault was not told which rows match", code="warrant.untold")
        consumer = self.plan.party_of(self.plan.consumer)
        digest = sha256(part)
        key = self.entropy(b"release-key", digest)(32)
        masked = mask(
            part,
            key=key,
            ephemeral=self.entropy(b"ephemeral", digest)(32),
            consumer=self.terms.consumer_key,
            job=self.record.job,
            attempt=self.attempt,
            party=self.party,
        )
        await self._keep(key=self.context.at_rest.seal(key, b"key"), output=masked)
        async with self.step("mask-output", "hpke+aes-gcm/1", *inputs) as step:
            await step.send(name_of(consumer), MASKED_OUTPUT, masked)
            step.public(MASKED, sha256(masked))

    async def contributed(self, metric: str, table: Table, *inputs: Artefact) -> None:
        """Record for all to see how good the model is with each coalition of parties (by number; the metric in
        millionths), which all parties have learned alike. The pot is divided by that record: ProtocolError where it
        is not what the plan's rule needs, and no seal where another party has recorded something else."""
        contribution = Contribution.of(metric, table)
        if (division := self.declared.division) is not None:
            divide(self.plan.pot, division, contribution, len(self.plan.parties))
        async with self.step("contribution", PROTOCOL, *inputs, parameters=contribution.to_json()):
            pass

    async def collect(self, private: bytes, *inputs: Artefact) -> None:
        """The consumer's side of `release`: keep every party's masked output, and what is needed to open the result."""
        senders = [i for i, p in enumerate(self.plan.parties) if p.output]
        outputs: dict[int, bytes] = {}
        async with self.step("receive-masked", "hpke+aes-gcm/1", *inputs) as step:
            for sender in senders:
                outputs[sender] = await step.receive(name_of(sender), MASKED_OUTPUT, limit=MAX_PAYLOAD)
                step.public(f"{MASKED}/{sender}", sha256(outputs[sender]))
        await self._keep(output=framed(outputs))
        await self.keep_private(private)

    async def keep_private(self, private: bytes) -> None:
        """Keep, sealed, what the consumer needs beside the parts to make its result; the last one counts."""
        closed = self.context.at_rest.seal(private, b"private")
        await self._keep(private=closed)
