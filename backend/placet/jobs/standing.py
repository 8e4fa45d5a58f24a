"""This institution's word on standing plans: it agrees to one once, and signs openings of it from then on.

Where the policy says so (`standing` in [policy]) a recipe is served under standing plans alone, to which the
institution's operator has agreed by hand: one agreement of people, many openings. An institution that ends a standing
plan signs no opening of it any more, and without every party's signature the contract opens none.
"""

from __future__ import annotations

from collections.abc import Sequence

from placet.catalogue.declared import DeclaredTerms, auditor_of, declared_terms, use_of
from placet.chain.threaded import ask_chain
from placet.core.errors import PlanError, StateError
from placet.core.ids import OfferId
from placet.core.lawful import Use
from placet.core.plan import Plan, Terms, demand_signatures
from placet.core.standing import StandingPlan, demand_opening
from placet.core.values import to_hex
from placet.jobs.context import JobContext
from placet.jobs.messages import SignatureResponse, StandingSigned, StandRequest
from placet.jobs.standing_store import StandingRecord, StandingStore

LONGEST = 366 * 86_400
"""Seconds from now to the end of a standing plan's window at the most."""


class StandingPlans:
    """One institution as a party of standing plans."""

    def __init__(self, context: JobContext, store: StandingStore) -> None:
        self.context = context
        self.store = store

    def sign(self, plan: StandingPlan) -> bytes:
        return self.context.signer.sign(plan.digest(self.context.deployment.jobs))

    def demand(self, plan: StandingPlan, asker: bytes, now: int) -> DeclaredTerms:
        """PlanError unless a standing plan is its consumer's, of a recipe's terms, within the times that are signed
        here, and this institution is a party of it."""
        fixed = plan.fixed
        signers = [party.signer for party in fixed.parties]
        if fixed.consumer != asker or fixed.sponsor != asker:
            raise PlanError("a standing plan is proposed by its consumer, who is also its sponsor", found=to_hex(asker))
        if self.context.address not in signers or asker not in signers:
            raise PlanError("not a party of this plan", found=to_hex(self.context.address), code="plan.parties")
        if not plan.not_after > now or plan.not_after > now + LONGEST:
            raise PlanError(
                "the standing plan's times are out of range",
                expected=f"until a time within {LONGEST} s from now",
                code="plan.standing",
            )
        return declared_terms(fixed.terms, signers, asker)

    def own_uses(self, plan: StandingPlan, job: DeclaredTerms) -> list[tuple[OfferId, Use]]:
        """Own offers, and what each opening would do with them. PlanError where the plan gives this institution other
        inputs than its role has."""
        fixed = plan.fixed
        place = [party.signer for party in fixed.parties].index(self.context.address)
        seat, inputs = job.seats[place], fixed.parties[place].inputs
        if len(seat.inputs) != len(inputs):
            raise PlanError("this role brings another number of inputs", expected=len(seat.inputs), found=len(inputs))
        return [
            (
                own.offer,
                use_of(
                    job.spec,
                    job.parameters,
                    seat.name,
                    one.alias,
                    auditor_of(fixed.terms),
                    provider=self.context.address,
                    consumer=fixed.consumer,
                    parties=tuple(party.signer for party in fixed.parties),
                    purpose=fixed.purpose,
                    operations=fixed.operations,
                    named=any(own.consent),
                    data_life=fixed.terms.data_life,
                ),
            )
            for one, own in zip(seat.inputs, inputs, strict=True)
        ]

    async def enter(self, request: StandRequest, now: int, *, by_hand: bool) -> SignatureResponse:
        """Keep a standing plan that was held against policy and offers. Its signature, or none as long as the
        institution's operator has to agree: where its recipe is served so alone, or a plan like it waits for a person
        (`by_hand`)."""
        plan = request.plan
        by_hand = by_hand or plan.fixed.terms.recipe in self.context.standing_recipes
        await self.store.threaded.add(plan, None, agreed=not by_hand, at=now)
        record = await self.store.threaded.known(plan.hash)
        if record.ended:
            raise _ended()
        return SignatureResponse(signature=self.sign(plan) if record.agreed else b"")

    async def stood(self, asker: bytes, signed: StandingSigned) -> StandingSigned:
        """The consumer shows the standing plan with all signatures."""
        record = await self.store.threaded.known(signed.plan)
        if record.plan.fixed.consumer != asker:
            raise PlanError("only its consumer brings a standing plan's parties together", found=to_hex(asker))
        await self.keep_signatures(record.plan, signed.signatures)
        return signed

    async def keep_signatures(self, plan: StandingPlan, signatures: Sequence[bytes]) -> None:
        """SignatureError or PlanError unless they are all signers'."""
        digest = plan.digest(self.context.deployment.jobs)
        verifiers = self.context.chain.verifiers
        await ask_chain(demand_signatures, "the standing plan", plan.signers, tuple(signatures), digest, verifiers)
        await self.store.threaded.signed(plan.hash, signatures)

    def demand_kind(self, terms: Terms) -> None:
        """PlanError `plan.standing` where this institution serves the recipe under standing plans alone."""
        if terms.standing is None and terms.recipe in self.context.standing_recipes:
            raise PlanError(
                "this institution serves the recipe under a standing plan alone",
                expected="an opening of a standing plan to which it has agreed",
                found="a plan of its own",
                remedy="placet job stand proposes one",
                code="plan.standing",
            )

    async def demand_opening(self, plan: Plan, terms: Terms, now: int) -> None:
        """PlanError `plan.standing` unless a plan is an opening that may be signed now, or stands for itself."""
        self.demand_kind(terms)
        if terms.standing is None:
            return
        record = await self.store.threaded.find(terms.standing.plan)
        if record is None or not record.agreed or not record.signed:
            raise PlanError(
                "the standing plan is not agreed here",
                expected="one that all of its parties have signed",
                found=to_hex(terms.standing.plan),
                code="plan.standing",
            )
        if record.ended:
            raise _ended()
        demand_opening(record.plan, plan, terms, now)

    async def use(self, plan: Plan, terms: Terms) -> None:
        """Use the opening's number up, before the plan is signed."""
        if terms.standing is not None:
            job = plan.job(self.context.deployment.jobs)
            await self.store.threaded.use(terms.standing.plan, terms.standing.number, job)

    async def agree(self, plan: bytes) -> StandingRecord:
        """The institution's operator agrees. StateError where that was ended."""
        record = await self.store.threaded.known(plan)
        if record.ended:
            raise StateError("this institution has ended the standing plan", code="plan.standing")
        await self.store.threaded.agree(plan)
        return await self.store.threaded.known(plan)

    async def end(self, plan: bytes) -> StandingRecord:
        """From here on no opening of it is signed here. One that is signed already may open, as any plan."""
        await self.store.threaded.known(plan)
        await self.store.threaded.end(plan)
        return await self.store.threaded.known(plan)


def _ended() -> PlanError:
    return PlanError(
        "this institution has ended the standing plan",
        expected="a standing plan that all parties keep",
        found="one that a party has ended",
        remedy="agree on another one, or propose a plan for this job alone",
        code="plan.standing",
    )
