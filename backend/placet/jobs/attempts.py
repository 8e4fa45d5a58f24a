"""A party's part in a job's attempts: how far it is, the lawful sets of the next one, its signature under the end.

Every answer is worked out from its own chain endpoint and vault. Fail closed: where something can't be checked, the
answer is no.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from placet.catalogue.declared import declared
from placet.chain.events import JobAmended
from placet.chain.states import JobStatus
from placet.chain.threaded import ask_chain
from placet.core.errors import PeerError, PlanError, StateError
from placet.core.hashing import sha256
from placet.core.ids import JobId
from placet.core.plan import Seal, key_hash
from placet.core.trail import trail_head, trail_start
from placet.core.values import ZERO32, to_hex
from placet.jobs.certificates import institution_of
from placet.jobs.context import JobContext
from placet.jobs.entries import consent_ended, ended_inputs
from placet.jobs.masked_outputs import masked_outputs
from placet.jobs.messages import (
    LEFT_TO_SEAL,
    AmendRequest,
    AttemptRef,
    AttemptRoots,
    AttemptStatus,
    SealRequest,
    SignatureResponse,
)
from placet.jobs.recipe import Runs, run_of
from placet.jobs.records import Attempt, JobRecord, Phase
from placet.jobs.store import JobStore
from placet.models.contribution import sealed_payouts
from placet.vault.responses import DeadLeaves, LawfulSet, SetToSign

MOST_ATTEMPTS = 32
"""Each attempt of a recipe with PSI is another chance to guess who is in a list."""


class Attempts:
    """One institution as a party of attempts, asked by the others."""

    def __init__(self, context: JobContext, store: JobStore, runs: Runs) -> None:
        self.context = context
        self.runs = runs
        self.store = store
        self.at_rest = context.at_rest

    async def look(self, asker: bytes, about: AttemptRef) -> AttemptStatus:
        """Another party has something new that is on no chain, of an attempt or of the plan: look at the job now, and
        not in a while.
        Answers what `alive` does; nothing is taken on its word."""
        answer = await self.alive(asker, about)
        self.store.called.add(about.job)
        self.store.due.send()
        return answer

    async def alive(self, asker: bytes, about: AttemptRef) -> AttemptStatus:
        """Is this party still at an attempt? For every party that waits for a message of ours."""
        record = await self.store.threaded.job(about.job)
        party = next((party for party in record.plan.parties if party.signer == asker), None)
        if party is None:
            raise PeerError("not a party of this job", found=to_hex(asker), code="peer.wrong-party")
        institution_of(party, self.context.trust)
        attempt = await self.store.threaded.attempt(about.job, about.attempt)
        lacks = self.store.waits.lacks(about.job)
        return AttemptStatus(state="waiting" if attempt is None else attempt.phase.value, lacks=lacks)

    async def standing(self, asker: bytes, about: AttemptRef) -> AttemptStatus:
        """How far this party is in an attempt."""
        record = await job_of_asker(self.context, self.store, asker, about.job)
        attempt = await self.store.threaded.attempt(about.job, about.attempt)
        if attempt is None:
            return AttemptStatus(state="waiting", lacks=self.store.waits.lacks(about.job))
        if attempt.phase is not Phase.COMPUTED:
            return AttemptStatus(
                state="running" if attempt.phase is Phase.RUNNING else "failed",
                why=attempt.why,
                lacks=self.store.waits.lacks(about.job),
            )
        head, hashes = await self.head(record, about.attempt)
        output, key = self.outcome(record, attempt)
        last = tuple(hashes[-LEFT_TO_SEAL:])
        return AttemptStatus(state="computed", head=head, steps=len(hashes), last=last, output=output, key=key)

    async def head(self, record: JobRecord, attempt: int) -> tuple[bytes, list[bytes]]:
        """The head of this party's trail, and its steps' hashes."""
        hashes = [step.hash for step in await self.store.threaded.steps(record.job, attempt)]
        return trail_head(trail_start(record.job, attempt, record.party), hashes), hashes

    def outcome(self, record: JobRecord, attempt: Attempt) -> tuple[bytes, bytes]:
        """Hashes of this party's masked output and of its release key; zero where it has none."""
        if not record.plan.parties[record.party].output:
            return ZERO32, ZERO32
        if attempt.output is None or attempt.key is None:
            raise StateError("this party has no output yet", code="peer.early")
        return sha256(attempt.output), key_hash(self.at_rest.open(attempt.key, b"key"))

    async def payouts(self, record: JobRecord, attempt: int) -> tuple[int, ...]:
        """How the pot is divided, by the metrics that this party has recorded. ProtocolError `contribution.*` where
        they are none, or not those that the plan's rule needs."""
        plan, steps = record.plan, await self.store.threaded.steps(record.job, attempt)
        return sealed_payouts(plan.pot, declared(plan, record.terms).division, steps, len(plan.parties))

    async def roots(self, asker: bytes, about: AttemptRef) -> AttemptRoots:
        """This party's lawful roots for the next attempt: what it used, less what has died since."""
        record = await job_of_asker(self.context, self.store, asker, about.job)
        return AttemptRoots(roots=tuple(_roots(await self._next(record, about.attempt))))

    async def _next(
        self, record: JobRecord, attempt: int, signing: Mapping[int, SetToSign] | None = None
    ) -> list[LawfulSet | None]:
        """Own lawful sets for `attempt`, from those of the attempt before; None for a named consent. `signing`: what
        the amendment says of each input, by its number."""
        before = await ask_chain(self.current_roots, record, attempt - 1)
        first, signing = record.plan.input_offset(record.party), signing or {}
        sets: list[LawfulSet | None] = []
        for number, plan_input in enumerate(record.plan.parties[record.party].inputs, first):
            if plan_input.named:
                sets.append(None)
            else:
                left = self.context.demand_rows().without(plan_input.offer, before[number], signing.get(number))
                sets.append(await left)
        return sets

    def current_roots(self, record: JobRecord, attempt: int) -> tuple[bytes, ...]:
        """All inputs' roots in an attempt: the plan's, or the amendment's on chain. StateError if it is not there."""
        if attempt == 1:
            return tuple(i.lawful_root for i in record.plan.inputs)
        self.context.index.sync()
        for event in self.context.index.job_events(record.job):
            if isinstance(event, JobAmended) and event.attempt == attempt:
                return event.roots
        raise StateError("no such attempt on chain", found=attempt, code="peer.early")

    async def amend(self, asker: bytes, request: AmendRequest) -> SignatureResponse:
        """Sign a new attempt if its part is right and every epoch is the chain's. StateError `peer.ended` where this
        party failed in a way that ends the job: whoever cheats asks for attempts all the same."""
        amendment = request.amendment
        record = await job_of_asker(self.context, self.store, asker, amendment.job)
        state = await ask_chain(self.context.chain.job, amendment.job)
        if amendment.attempt > MOST_ATTEMPTS:
            raise StateError("too many attempts", expected=f"at most {MOST_ATTEMPTS}", found=amendment.attempt)
        if state.status is not JobStatus.OPEN or amendment.attempt != state.attempt + 1:
            raise StateError("not the next attempt of an open job", expected=state.attempt + 1, found=amendment.attempt)
        running = await self.store.threaded.attempt(record.job, state.attempt)
        if running is not None and running.why is not None and run_of(self.runs, record.terms.recipe).ends(running.why):
            raise StateError(
                "this party takes no other attempt at the job",
                found=f"attempt {state.attempt} ended with {running.why}",
                code="peer.ended",
            )
        await self._demand_epochs(record, amendment.epochs)
        first = record.plan.input_offset(record.party)
        named = enumerate(zip(amendment.roots, amendment.epochs, strict=False))
        signing = {number: SetToSign(job=record.job, root=root, epoch=epoch) for number, (root, epoch) in named}
        lawful = await self._next(record, amendment.attempt, signing)
        self._demand_looked_through(amendment.epochs, dict(enumerate(lawful, first)))
        mine = _roots(lawful)
        if list(amendment.roots[first : first + len(mine)]) != mine:
            raise PlanError("the amendment does not hold this party's roots", code="plan.stale")
        if running is not None:
            await self.store.threaded.fail(record.job, state.attempt, "amended")
        return SignatureResponse(
            signature=self.context.signer.sign(self.context.deployment.jobs.digest(amendment.struct_hash()))
        )

    async def seal(self, asker: bytes, request: SealRequest) -> SignatureResponse:
        """Sign the end of an attempt: own head, output and key as they are, the pot divided as the own metrics say
        (PlanError `plan.payouts`), every epoch the chain's, and no leaf dead at the latest block (ConsentError
        `consent.withdrawn` otherwise). Others' heads are theirs to sign: the contract records what leads to them, or
        seals nothing."""
        seal = request.seal
        record = await job_of_asker(self.context, self.store, asker, seal.job)
        plan, mine = record.plan, record.party
        state = await ask_chain(self.context.chain.job, seal.job)
        attempt = await self.store.threaded.attempt(seal.job, seal.attempt)
        if state.status is not JobStatus.OPEN or state.attempt != seal.attempt:
            raise StateError("not the current attempt of an open job", found=seal.attempt)
        if attempt is None or attempt.phase is not Phase.COMPUTED:
            raise StateError("this party has not computed yet", code="peer.early")
        if not len(seal.heads) == len(seal.outputs) == len(seal.keys) == len(plan.parties):
            raise PlanError("the seal speaks of other parties")
        head, _ = await self.head(record, seal.attempt)
        if (seal.heads[mine], seal.outputs[mine], seal.keys[mine]) != (head, *self.outcome(record, attempt)):
            raise PlanError("the seal does not hold this party's trail, output and key", code="plan.seal")
        self._demand_payouts(seal, await self.payouts(record, seal.attempt))
        outputs = {output for output, party in zip(seal.outputs, plan.parties, strict=True) if party.output}
        if run_of(self.runs, record.terms.recipe).open is not None and len(outputs) != 1:
            raise PlanError("the parties were handed different results", code="plan.results")
        if plan.parties[mine].signer == plan.consumer and not plan.parties[mine].output:
            self._demand_received(record, attempt, seal)
        await self._demand_epochs(record, seal.epochs)
        ended = await self.ended_inputs(record, attempt)
        self._demand_looked_through(seal.epochs, ended)
        if any(one.consents for one in ended.values()):
            raise consent_ended()
        return SignatureResponse(
            signature=self.context.signer.sign(self.context.deployment.jobs.digest(seal.struct_hash()))
        )

    @staticmethod
    def _demand_payouts(seal: Seal, payouts: tuple[int, ...]) -> None:
        if seal.payouts != payouts:
            raise PlanError(
                "the seal does not divide the pot as this party's metrics do",
                expected=", ".join(map(str, payouts)),
                found=", ".join(map(str, seal.payouts)),
                code="plan.payouts",
            )

    def _demand_received(self, record: JobRecord, attempt: Attempt, seal: Seal) -> None:
        if attempt.output is None:
            raise StateError("the masked outputs are not here yet", code="peer.early")
        for party, masked in masked_outputs(attempt.output).items():
            if sha256(masked) != seal.outputs[party]:
                raise PlanError("a masked output is not the one received", found=f"party {party}", code="plan.seal")

    async def ended_inputs(self, record: JobRecord, attempt: Attempt) -> dict[int, DeadLeaves]:
        """By number of this party's inputs: which of its consents have ended by the latest block, and the epoch of the
        list that was looked through."""
        return await ended_inputs(self.context, record.plan, record.party, attempt.roots)

    async def _demand_epochs(self, record: JobRecord, epochs: tuple[bytes, ...]) -> None:
        if epochs != await self.epochs(record):
            raise StateError("an offer's epoch has moved on", code="peer.epoch", remedy="propose it again")

    def _demand_looked_through(
        self, epochs: tuple[bytes, ...], inputs: Mapping[int, LawfulSet | DeadLeaves | None]
    ) -> None:
        """StateError unless the epochs of own inputs are those of the very lists that they were held against: after a
        reorganisation as many others may have withdrawn."""
        if any(one is not None and epochs[number] != one.epoch for number, one in inputs.items()):
            raise StateError("an offer's epoch has moved on", code="peer.epoch", remedy="propose it again")

    async def epochs(self, record: JobRecord) -> tuple[bytes, ...]:
        """All inputs' epochs, as of the latest block."""
        offers = [await ask_chain(self.context.chain.offer, i.offer) for i in record.plan.inputs]
        return tuple(offer.epoch for offer in offers)


def _roots(lawful: Sequence[LawfulSet | None]) -> list[bytes]:
    return [ZERO32 if one is None else one.root for one in lawful]


async def job_of_asker(context: JobContext, store: JobStore, asker: bytes, job: JobId) -> JobRecord:
    """A job about which its consumer asks. NotFoundError for an unknown one, PlanError for another asker, PeerError
    `peer.wrong-party` where the trust list has another TLS key for the consumer than the plan."""
    record = await store.threaded.job(job)
    if asker != record.plan.consumer:
        raise PlanError("only the job's consumer brings its parties together", found=to_hex(asker))
    institution_of(record.plan.parties[record.plan.party_of(asker)], context.trust)
    return record
