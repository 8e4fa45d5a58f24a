"""A party's word on a plan: what it brings, signs, and refuses, worked out from its own chain endpoint and vault.

Fail closed: where something can't be checked, the answer is no.
"""

from __future__ import annotations

import sqlalchemy as sa

from placet.catalogue.declared import auditor_of, declared_terms, use_of
from placet.chain.threaded import ask_chain
from placet.core.errors import ConsentError, PlanError, WarrantError
from placet.core.ids import JobId, OfferId
from placet.core.lawful import Use
from placet.core.plan import Input, Plan, Terms, demand_signatures
from placet.core.values import ZERO32, to_hex
from placet.jobs.askers import Askers
from placet.jobs.attempts import job_of_asker
from placet.jobs.context import JobContext
from placet.jobs.entries import Entries, named_dead, named_input
from placet.jobs.held import HeldPlans
from placet.jobs.held_store import HeldPlan, PlanState, RowNumbers, decision
from placet.jobs.locks import JobLocks
from placet.jobs.messages import (
    PlanRef,
    PrepareRequest,
    PrepareResponse,
    SignatureResponse,
    SignedByAll,
    SignRequest,
    StandRequest,
)
from placet.jobs.plan_policy import LONGEST, PlanPolicy
from placet.jobs.recipe import Runs
from placet.jobs.records import JobRecord
from placet.jobs.standing import StandingPlans
from placet.jobs.standing_store import StandingStore
from placet.jobs.store import JobStore
from placet.vault.responses import LawfulSet, SetToSign


class Agreement:
    """One institution's word on plans: what it would bring, its signature, and what it keeps of both."""

    def __init__(self, context: JobContext, store: JobStore, runs: Runs) -> None:
        self.context = context
        self.store = store
        self.at_rest = context.at_rest
        self.entries = Entries(context, store)
        self.held = HeldPlans(context, store)
        self.standing = StandingPlans(context, StandingStore(context.engine))
        self.policy = PlanPolicy(context, runs, self.standing)
        self._deciding = JobLocks()
        self._askers = Askers()

    async def prepare(self, asker: bytes, request: PrepareRequest) -> PrepareResponse:
        """What this party would bring. PlanError or ConsentError where policy, offer or scope say no, LimitError where
        it is asked too often."""
        context = self.context
        now = await ask_chain(context.chain.now)
        if not now < request.deadline <= now + LONGEST:  # else consents' ends could be found out by asking
            raise PlanError("the plan's times are out of range", expected=f"within {LONGEST} s from now")
        self.standing.demand_kind(request.terms)
        uses = await self._wanted_uses(asker, request)
        offers = (request.offer,) if request.model is None else (request.offer, request.model.offer)
        if len(offers) != len(uses):
            raise PlanError("this role brings another number of inputs", expected=len(uses), found=len(offers))
        if uses[0].named is (request.consent is None):
            raise PlanError(
                "this role brings " + ("what needs its own consent" if uses[0].named else "persons' rows"),
                expected="an offer and its provider's consent" if uses[0].named else "an offer alone",
                code="plan.inputs",
            )
        for offer, use in zip(offers, uses, strict=True):
            await self.policy.demand_use(offer, use)
        await self.policy.demand_confirmed(request.terms)
        self._askers.take(asker)
        lawful, inputs = await self._first_input(request, uses[0].spends)
        if request.model is not None:
            inputs.append(await named_input(context, request.model.offer, request.model.consent))
        entry = await self.entries.fresh([_brought(one) for one in inputs])
        by_hand = request.terms.standing is None and self.held.concerns(
            request.terms.recipe, request.purpose, asker, None if lawful is None else lawful.count
        )
        return PrepareResponse(**dict(entry), inputs=tuple(inputs), by_hand=by_hand)

    async def _first_input(self, request: PrepareRequest, spends: int) -> tuple[LawfulSet | None, list[Input]]:
        """Persons' rows with their lawful set, or what this institution itself has consented to."""
        if request.consent is not None:
            return None, [await named_input(self.context, request.offer, request.consent, spends)]
        lawful = await self.context.demand_rows().lawful(request.offer, request.terms.block, request.deadline)
        rows = Input(
            offer=request.offer,
            lawful_root=lawful.root,
            epoch=lawful.epoch,
            opens_before=lawful.opens_before,
            budget=spends,
        )
        return lawful, [rows]

    async def _wanted_uses(self, asker: bytes, request: PrepareRequest) -> list[Use]:
        """What a job that is not planned yet would do with each of this party's inputs."""
        if self.context.address not in request.parties:
            raise PlanError("not a party of this plan", found=to_hex(self.context.address), code="plan.parties")
        job = declared_terms(request.terms, request.parties, asker)
        await self.policy.demand_runs(job)
        seat = job.seats[request.parties.index(self.context.address)]
        return [
            use_of(
                job.spec,
                job.parameters,
                seat.name,
                one.alias,
                auditor_of(request.terms),
                provider=self.context.address,
                consumer=asker,
                parties=request.parties,
                purpose=request.purpose,
                operations=int(job.spec.operations_on(job.terms.engine)),
                named=one.alias == seat.model,
                data_life=request.terms.data_life,
            )
            for one in seat.inputs
        ]

    async def stand(self, asker: bytes, request: StandRequest) -> SignatureResponse:
        """Sign a standing plan whose openings this institution would sign by its policy and its own offers, as they are
        now; each opening is held against them again. Empty as long as its operator has to agree."""
        now = await ask_chain(self.context.chain.now)
        job = self.standing.demand(request.plan, asker, now)
        await self.policy.demand_runs(job)
        self.policy.demand_purpose(request.plan.fixed.purpose)
        for offer, use in self.standing.own_uses(request.plan, job):
            await self.policy.demand_use(offer, use)
        self._askers.take(asker)
        fixed = request.plan.fixed
        by_hand = self.held.concerns(fixed.terms.recipe, fixed.purpose, asker, None)
        return await self.standing.enter(request, now, by_hand=by_hand)

    async def sign(self, asker: bytes, request: SignRequest) -> SignatureResponse:
        """Sign a plan that holds exactly what this party prepared; keep it before the signature leaves. Empty as long
        as a person of this institution has to decide about it."""
        plan = request.plan
        if plan.consumer != asker or plan.sponsor != asker:
            raise PlanError("a plan is proposed by its consumer, who is also its sponsor", found=to_hex(asker))
        job = plan.job(self.context.deployment.jobs)
        async with self._deciding.of(job):
            if await self.held.waits(job):
                return SignatureResponse(signature=b"")
            return SignatureResponse(signature=await self._sign(asker, request, job))

    async def _sign(self, asker: bytes, request: SignRequest, job: JobId) -> bytes:
        """The signature, or none where the plan is held from now on."""
        plan, terms = request.plan, request.terms
        await self.policy.demand_plan(plan, terms)
        party = plan.party_of(self.context.address)
        mine = plan.parties[party]
        if await self.store.threaded.find(job) is not None:
            return self.context.signer.sign(job)
        prepared = await self.store.threaded.prepared(mine.seed)
        offers = b"".join(one.offer for one in mine.inputs)
        roots = b"".join(_brought(one)[1] for one in mine.inputs)
        if prepared is None or (offers, roots) != (bytes(prepared["offer"]), bytes(prepared["root"])):
            raise PlanError("the plan does not hold what this party prepared", code="plan.unprepared")
        self._askers.take(asker)
        seed = bytes(prepared["seed"])
        if terms.standing is None and self.context.hold != "none":  # a standing plan's people have agreed already
            numbers = await self._numbers(job, plan, terms, party)
            rows = 0 if numbers is None else numbers.rows
            if self.held.concerns(terms.recipe, plan.purpose, asker, rows):
                await self.held.hold(plan, terms, mine.seed, seed, numbers)
                return b""
        signature = self.context.signer.sign(job)
        await self.keep(plan, terms, party, seed, signature)
        return signature

    async def _numbers(self, job: JobId, plan: Plan, terms: Terms, party: int) -> RowNumbers | None:
        """What this party brings of persons' rows. PlanError `plan.stale` unless its inputs are what it would prepare
        now."""
        inputs = plan.parties[party].inputs
        sets = [await self._demand_current(job, plan, terms, plan_input, keep=False) for plan_input in inputs]
        lawful = next((one for one in sets if one is not None), None)
        if lawful is None:
            return None
        counts = lawful.counts
        return RowNumbers(lawful.count) if counts is None else RowNumbers(lawful.count, counts.consents, counts.rows)

    async def approve(self, job: JobId, by: str) -> HeldPlan:
        """A person of this institution agrees to a plan that was held: it is checked again and signed, and its consumer
        hears of it. Once more is nothing new. PlanError or ConsentError where it can't be signed any more: its consumer
        hears to propose again."""
        async with self._deciding.of(job):
            if (await self.held.store.threaded.known(job)).state is PlanState.SIGNED:
                return await self.held.store.threaded.known(job)
            record = await self.held.undecided(job)
            plan, now = record.plan, await ask_chain(self.context.chain.now)
            try:
                await self.policy.demand_plan(plan, record.terms)
                signature, party = self.context.signer.sign(job), plan.party_of(self.context.address)
                word = decision(job, PlanState.SIGNED, at=now, by=by)
                await self.keep(plan, record.terms, party, record.seed, signature, word)
            except (PlanError, ConsentError, WarrantError) as error:
                await self.held.went_stale(record, error)
                raise
            await self.store.threaded.note(job, "approved", by=by)
        await self.held.tell(plan, job)
        return await self.held.store.threaded.known(job)

    async def refuse(self, job: JobId, by: str, reason: str) -> HeldPlan:
        """A person of this institution refuses a plan that was held."""
        async with self._deciding.of(job):
            return await self.held.refuse(job, by, reason)

    async def dropped(self, asker: bytes, about: PlanRef) -> PlanRef:
        """A plan's consumer proposes it no more: nobody has to decide about it."""
        async with self._deciding.of(about.job):
            record = await self.held.store.threaded.find(about.job)
            if record is not None and record.plan.consumer == asker and record.state is PlanState.WAITING:
                await self.held.over(record, PlanState.CANCELLED, "its consumer proposes it no more")
        return about

    async def _tell_counts(self, job: JobId, lawful: LawfulSet | None) -> None:
        """To who follows the job here: how many of its own rows and consents came together for it."""
        if lawful is not None and (counts := lawful.counts) is not None:
            numbers = {"of": counts.rows, "consents": counts.consents, "without_row": counts.rowless}
            await self.store.threaded.note(job, "lawful-rows", rows=lawful.count, **numbers)

    async def _demand_current(
        self, job: JobId, plan: Plan, terms: Terms, plan_input: Input, *, keep: bool = True
    ) -> LawfulSet | None:
        """PlanError `plan.stale` unless an input is what this party would prepare now; the lawful set of
        persons, which the vault keeps then if it is signed (`keep`)."""
        lawful = None
        if plan_input.named:
            current = await named_input(self.context, plan_input.offer, plan_input.consent)
            root = ZERO32 if await named_dead(self.context, plan_input.consent) else plan_input.consent
            now = (root, current.epoch, current.opens_before)
        else:
            signing = SetToSign(
                job=job,
                root=plan_input.lawful_root,
                epoch=plan_input.epoch,
                opens_before=plan_input.opens_before,
                open_by=plan.open_by,
            )
            rows, at = self.context.demand_rows(), (plan_input.offer, terms.block, plan.deadline)
            lawful = await rows.lawful(*at, signing if keep else None)
            now = (lawful.root, lawful.epoch, lawful.opens_before)
        signed = (
            plan_input.consent if plan_input.named else plan_input.lawful_root,
            plan_input.epoch,
            plan_input.opens_before,
        )
        if signed != now:
            raise PlanError(  # without what it is now: whoever wants to know that asks for it by `prepare`
                "the lawful set has changed since, or is not the one prepared",
                remedy="propose again",
                code="plan.stale",
            )
        return lawful

    async def keep(
        self, plan: Plan, terms: Terms, party: int, seed: bytes, signature: bytes, *beside: sa.Executable
    ) -> None:
        """Write an agreed plan down, once; what was prepared for it is used up by it, and the same transaction writes
        what stands `beside` it. PlanError `plan.stale` unless this party's inputs are what it would prepare now; its
        vault keeps their lawful sets from then on."""
        job = plan.job(self.context.deployment.jobs)
        if await self.store.threaded.find(job) is None:
            inputs = plan.parties[party].inputs
            current = [await self._demand_current(job, plan, terms, plan_input) for plan_input in inputs]
            await self.standing.use(plan, terms)
            now = await ask_chain(self.context.chain.now)
            signatures = tuple(signature if signer == self.context.address else b"" for signer in plan.signers)
            record = JobRecord(job, plan, terms, signatures, party, seed, None, None, now)
            await self.store.threaded.add(record, *beside)
            await self.store.threaded.note(job, "agreed", recipe=terms.recipe)
            for lawful in current:
                await self._tell_counts(job, lawful)

    async def agreed(self, asker: bytes, signed: SignedByAll) -> SignedByAll:
        """The consumer shows the fully signed plan."""
        record = await job_of_asker(self.context, self.store, asker, signed.job)
        verifiers = self.context.chain.verifiers
        await ask_chain(demand_signatures, "the plan", record.plan.signers, signed.signatures, signed.job, verifiers)
        await self.store.threaded.signed(signed.job, signed.signatures)
        return signed


def _brought(chosen: Input) -> tuple[OfferId, bytes]:
    return chosen.offer, chosen.consent if chosen.named else chosen.lawful_root
