"""The consumer's part: bring the parties to one opening, through as many attempts as it takes, to one seal."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from placet.chain.intents import Intents
from placet.chain.states import JobState
from placet.chain.threaded import ask_chain
from placet.core.errors import PeerError, PlacetError, Reverted, StateError
from placet.core.plan import Amendment, Party, Seal, cancellation_hash, demand_signatures
from placet.core.values import V, Value, to_hex
from placet.jobs.attempts import MOST_ATTEMPTS, Attempts
from placet.jobs.entries import named_dead
from placet.jobs.link import lacking
from placet.jobs.messages import AmendRequest, AttemptRef, AttemptRoots, AttemptStatus, SealRequest, SignatureResponse
from placet.jobs.party_run import Say
from placet.jobs.peer_client import PeerClient
from placet.jobs.progress import PARTIES
from placet.jobs.proposal import Opening
from placet.jobs.recipe import run_of
from placet.jobs.records import JobRecord
from placet.jobs.trail import lacking_steps

PATIENCE = {"standing": 20, "roots": 60, "amend": 60, "seal": 60}
"""Seconds for all parties to answer: how far they are; what takes a look at every row."""
MAX_ATTEMPTS = 8
"""Attempts after which only one with fewer rows is begun, up to `MOST_ATTEMPTS`."""
_CODE = re.compile(r"[a-z]+([.-][a-z]+)*", re.ASCII)
"""What goes on chain of why a job was aborted: of what a peer says, no more than a code."""
DISAGREED = frozenset({"plan.results", "plan.payouts", "contribution.record", "contribution.table"})
"""Codes of parties that computed different things: there is no seal, and the sponsor gets everything back."""
WITHDRAWN = frozenset({"consent.withdrawn", "warrant.withdrawn", "warrant.erased"})


class Coordinator:
    """For the jobs whose consumer this institution is."""

    def __init__(self, attempts: Attempts, peer_client: PeerClient, intents: Intents, say: Say) -> None:
        self.context = attempts.context
        self.store = attempts.store
        self.attempts = attempts
        self.peer_client = peer_client
        self.intents = intents
        self.say = say
        self._opening = Opening(peer_client, intents)

    async def open(self, record: JobRecord) -> None:
        """Open a job that all have signed. What the contract refuses is cancelled, so that nobody opens it later."""
        await self.say(record, "opening")
        try:
            await self._opening.send(record)
        except Reverted as refusal:
            if refusal.name.startswith("ERC20"):  # the token, not the ledger: there may be money a moment later
                raise
            if refusal.name == "TooLateToOpen":  # it expires by itself, at every party alike
                raise
            await self.say(record, "refused", code=refusal.name, why=refusal.message)
            await self.cancel(record)

    async def cancel(self, record: JobRecord) -> None:
        """Before the opening. StateError `job.opened` if it is too late."""
        place = record.plan.signers.index(self.context.address)
        signature = self.context.signer.sign(self.context.deployment.jobs.digest(cancellation_hash(record.job)))
        call = self.context.calls.cancel(record.plan, place, signature)
        try:
            await self.intents.carry(f"cancel:{record.job.hex()}", call)
        except Reverted as refusal:
            if refusal.name != "WrongStatus":
                raise
            state = await ask_chain(self.context.chain.job, record.job)
            raise StateError(
                "a job is cancelled before it opens",
                expected="a job that was not opened",
                found=state.status.name.lower(),
                remedy="an open job ends by its seal or at its deadline; who withdraws a consent ends what used it",
                code="job.opened",
            ) from None

    async def bring_together(self, record: JobRecord, state: JobState) -> None:
        """Ask how far all are, then seal, or agree on a new attempt."""
        about = AttemptRef(job=record.job, attempt=state.attempt)
        standings = await self._ask_all(record, "standing", about, AttemptStatus)
        failed = [s.why or "failed" for s in standings if s.state == "failed"]
        self._tell_standings(record, standings)
        if failed:
            ends = run_of(self.attempts.runs, record.terms.recipe).ends
            await self._again(record, state, next((w for w in failed if w in WITHDRAWN or ends(w)), failed[0]))
        elif all(s.state == "computed" for s in standings):
            steps = await self._lacking(record, state, standings)
            if steps is not None:
                await self._seal(record, state, standings, steps)

    def _tell_standings(self, record: JobRecord, standings: list[AttemptStatus]) -> None:
        """To who follows the job: which parties it waits for, and what those say that they lack."""
        whats = []
        for party, standing in zip(record.plan.parties, standings, strict=True):
            if standing.state in ("waiting", "running"):
                why = lacking(standing)
                whats.append(f"{self._name(party)} to compute" + (f", which {why}" if why else ""))
        self.store.waits.set(record.job, PARTIES, *whats)

    def _name(self, party: Party) -> str:
        return self.context.trust.name(party.signer)

    async def _answer(self, record: JobRecord, party: Party, what: str, question: Value, answer: type[V]) -> V:
        with self.store.waits.waiting(record.job, f"{self._name(party)} to answer “{what}”"):
            return await self.peer_client.ask_party(party, what, question, answer)

    async def _ask_all(self, record: JobRecord, what: str, question: Value, answer: type[V]) -> list[V]:
        """All parties' answers, asked at once; who lets us wait must not keep us from a look at the chain."""
        parties = record.plan.parties
        answers = [asyncio.ensure_future(self._answer(record, p, what, question, answer)) for p in parties]
        try:
            async with asyncio.timeout(PATIENCE[what]):
                return await asyncio.gather(*answers)
        except TimeoutError:
            silent = ", ".join(self._name(p) for p, one in zip(parties, answers, strict=True) if not one.done())
            raise PeerError(
                f"a party does not answer to “{what}”: {silent}",
                expected=f"within {PATIENCE[what]} s",
                found=silent,
                code="peer.unreachable",
            ) from None
        finally:
            for one in answers:
                one.cancel()
            await asyncio.gather(*answers, return_exceptions=True)

    async def _lacking(
        self, record: JobRecord, state: JobState, standings: list[AttemptStatus]
    ) -> list[Sequence[bytes]] | None:
        """Of each party the steps that are to go on chain with the seal; None while some party has to record more."""
        steps, missing = list[Sequence[bytes]](), []
        for number, (party, standing) in enumerate(zip(record.plan.parties, standings, strict=True)):
            head, count = await ask_chain(self.context.chain.trail, record.job, state.attempt, number)
            lacking = lacking_steps(head, count, standing)
            if lacking is None:
                missing.append(f"the steps of {self._name(party)} to be on chain")
            else:
                steps.append(lacking)
        self.store.waits.set(record.job, PARTIES, *missing)
        return None if missing else steps

    async def _seal(
        self, record: JobRecord, state: JobState, standings: list[AttemptStatus], steps: Sequence[Sequence[bytes]]
    ) -> None:
        try:
            seal = Seal(
                job=record.job,
                attempt=state.attempt,
                heads=tuple(s.head for s in standings),
                outputs=tuple(s.output for s in standings),
                keys=tuple(s.key for s in standings),
                epochs=await self.attempts.epochs(record),
                payouts=await self.attempts.payouts(record, state.attempt),
            )
            signatures = await self._signatures(record, "seal", SealRequest(seal=seal), seal)
        except PlacetError as error:
            if error.code == "consent.withdrawn":
                return await self._again(record, state, error.code)
            if error.code in DISAGREED:
                return await self.abort(record, error.code)
            raise
        full = (*signatures, b"")
        await self.store.threaded.agree("seal", seal, full)
        name = f"seal:{record.job.hex()}:{to_hex(seal.struct_hash())[2:34]}"
        with self.store.waits.waiting(record.job, "the seal to be in a block"):
            await self.intents.carry(name, self.context.calls.seal(record.plan, seal, steps, full))
        await self.say(record, "sealed", attempt=state.attempt)

    async def _signatures(
        self, record: JobRecord, what: str, question: SealRequest | AmendRequest, content: Seal | Amendment
    ) -> tuple[bytes, ...]:
        """All parties' signatures under a seal or an amendment, checked."""
        signatures = tuple(
            answer.signature for answer in await self._ask_all(record, what, question, SignatureResponse)
        )
        digest = self.context.deployment.jobs.digest(content.struct_hash())
        signers = tuple(party.signer for party in record.plan.parties)
        verifiers = self.context.chain.verifiers
        await ask_chain(demand_signatures, f"the {what}", signers, signatures, digest, verifiers)
        return signatures

    async def _again(self, record: JobRecord, state: JobState, why: str) -> None:
        """A new attempt without what has died, or the end, as the terms say."""
        for number, plan_input in enumerate(record.plan.inputs):
            if plan_input.named and await named_dead(self.context, plan_input.consent):
                return await self.abort_for(record, number)
        withdrawn = why in WITHDRAWN and record.terms.on_withdrawal == "abort"
        if withdrawn or run_of(self.attempts.runs, record.terms.recipe).ends(why):
            return await self.abort(record, why)
        plan, about = record.plan, AttemptRef(job=record.job, attempt=state.attempt + 1)
        roots: list[bytes] = []
        answers = await self._ask_all(record, "roots", about, AttemptRoots)
        for party, answer in zip(plan.parties, answers, strict=True):
            if len(answer.roots) != len(party.inputs):
                raise PeerError("a party answered with other inputs", found=to_hex(party.signer))
            roots.extend(answer.roots)
        before = await ask_chain(self.attempts.current_roots, record, state.attempt)
        if state.attempt >= (MAX_ATTEMPTS if tuple(roots) == before else MOST_ATTEMPTS):
            return await self.abort(record, why)
        epochs = await self.attempts.epochs(record)
        amendment = Amendment(job=record.job, attempt=state.attempt + 1, roots=tuple(roots), epochs=epochs)
        signatures = await self._signatures(record, "amend", AmendRequest(amendment=amendment), amendment)
        await self.store.threaded.agree("amendment", amendment, signatures)
        name = f"amend:{record.job.hex()}:{to_hex(amendment.struct_hash())[2:34]}"
        with self.store.waits.waiting(record.job, "the new attempt to be in a block"):
            await self.intents.carry(name, self.context.calls.amend(plan, amendment, signatures))
        await self.say(record, "amended", attempt=amendment.attempt, why=why)

    async def abort(self, record: JobRecord, why: str) -> None:
        """End an open job; the sponsor gets its rewards back. Before the deadline only a party can."""
        reason = (why if _CODE.fullmatch(why) else "failed").encode()[:32].ljust(32, b"\0")
        await self.intents.carry(f"abort:{record.job.hex()}", self.context.calls.abort(record.job, reason))

    async def abort_for(self, record: JobRecord, number: int) -> None:
        """End an open job because the consent that one of its inputs names is dead."""
        call = self.context.calls.abort_for_consent(record.plan, number, b"consent.withdrawn".ljust(32, b"\0"))
        await self.intents.carry(f"abort:{record.job.hex()}:{number}", call)
