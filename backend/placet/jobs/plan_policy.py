"""What a party demands of a plan before it signs: sound terms, and uses that offers, datasets and its policy allow.

All of it is read from its own chain endpoint. Fail closed: where something can't be checked, the answer is no.
"""

from __future__ import annotations

import asyncio
import logging

from placet.catalogue.declared import DeclaredJob, DeclaredTerms, declared
from placet.chain.lineage import lineage_at
from placet.chain.states import DatasetState, OfferState
from placet.chain.threaded import ask_chain
from placet.core.errors import ConsentError, NotFoundError, PlanError, StateError
from placet.core.ids import DatasetId, OfferId
from placet.core.lawful import Use, breaches
from placet.core.lineage import Lineage, model_breaches
from placet.core.offers import Scope, Subjects
from placet.core.plan import Party, Plan, RandomAudit, Terms
from placet.core.purposes import PURPOSES, purpose_id
from placet.core.values import to_hex
from placet.jobs.certificates import tls_key
from placet.jobs.context import JobContext
from placet.jobs.recipe import Runs, run_of
from placet.jobs.settlement import release_time
from placet.jobs.stakes import demand_stake
from placet.jobs.standing import StandingPlans
from placet.protocols.spu import extra

log = logging.getLogger("placet.jobs")
LONGEST = 30 * 86_400
"""Seconds from now to `settleBy` at the most."""
LONGEST_OPENING = 86_400 + 3600
"""Seconds from now to `openBy` at the most, a day and some difference of clocks: so long a vault keeps what is signed
for a plan that nobody opens."""


class PlanPolicy:
    """One institution's, by its policy as it is now."""

    def __init__(self, context: JobContext, runs: Runs, standing: StandingPlans) -> None:
        self.context = context
        self._runs = runs
        self._standing = standing

    async def demand_plan(self, plan: Plan, terms: Terms) -> None:
        """PlanError unless plan and terms are sound, and this party's own entry is its own."""
        context = self.context
        job = declared(plan, terms)
        await self.demand_runs(job)
        self.demand_purpose(plan.purpose)
        now = await ask_chain(context.chain.now)
        if not now <= plan.open_by <= now + LONGEST_OPENING or plan.settle_by > now + LONGEST:
            times = f"openBy within {LONGEST_OPENING} s from now, settleBy within {LONGEST} s"
            raise PlanError("the plan's times are out of range", expected=times)
        floor = release_time(context)
        if plan.settle_by - plan.deadline < floor:
            raise PlanError(
                "too little time to release the keys after a seal at the deadline",
                expected=f"at least {floor} s from deadline to settleBy",
                found=plan.settle_by - plan.deadline,
                code="plan.settle",
            )
        await self.demand_confirmed(terms)
        await self._standing.demand_opening(plan, terms, now)
        for party in plan.parties:
            if party.tls_key != _pinned(context, party):
                raise PlanError("a party's TLS key is not the trust list's", found=to_hex(party.signer))
        place = plan.party_of(context.address)
        mine, first = plan.parties[place], plan.input_offset(place)
        own = range(first, first + len(mine.inputs))
        for number, plan_input in enumerate(plan.inputs):
            if number in own:
                await self.demand_use(plan_input.offer, job.use(number))
            else:
                await self._demand_others_use(plan_input.offer, job.use(number))
        await self._demand_audit(job)
        if (mine.recorder, mine.payee, mine.tls_key) != (context.recorder.address, context.address, context.tls_key):
            raise PlanError("this party's entry is not its own", code="plan.entry")
        for extension in context.extensions:
            await ask_chain(extension.demand, context, plan, terms)

    async def _demand_audit(self, job: DeclaredJob) -> None:
        """PlanError unless the auditor is the trust list's, and a stake of this party's is within its own limits;
        StateError where it has not so much."""
        audit, context = job.terms.staked, self.context
        if audit is None:
            return
        if not context.trust.is_auditor(audit.auditor):
            raise PlanError(
                "the plan's audit names nobody whom the trust list has as an auditor",
                found=to_hex(audit.auditor),
                code="plan.audit",
            )
        if isinstance(audit, RandomAudit):
            self._demand_key(audit)
        most = context.stakes.get(audit.token, 0)
        if job.plan.party_of(context.address) not in job.staking:
            return
        if audit.stake > most:
            raise PlanError(
                "the plan wants a larger stake than this institution puts up",
                expected=f"at most {most} of {to_hex(audit.token)}",
                found=audit.stake,
                remedy="its node.toml says how much of which token: stakes in [policy]",
                code="plan.stake",
            )
        await demand_stake(context, audit.token, audit.stake)

    def _demand_key(self, audit: RandomAudit) -> None:
        """PlanError unless rows are opened to the trust list's key. Who proposed another one could read them, and the
        auditor, who can't, would call them refused."""
        key = self.context.trust.auditor_key(audit.auditor)
        if key != audit.key:
            raise PlanError(
                "the plan's random audit opens rows to a key that is not the auditor's",
                expected="the auditor's key in the trust list" if key is None else to_hex(key),
                found=to_hex(audit.key),
                remedy="add the auditor's entry with his key, by `placet trust auditor` and `placet trust add`",
                code="plan.audit",
            )

    async def demand_use(self, offer: OfferId, use: Use) -> None:
        """ConsentError unless the offer, its scope and its dataset allow this use, and PlanError for a purpose that
        this institution does not serve. The log says the how many-th job of its consumer over the offer it would be."""
        state = await ask_chain(self.context.chain.offer, offer)
        if state.provider != self.context.address:
            raise ConsentError(
                "the offer is another institution's",
                expected=to_hex(self.context.address),
                found=to_hex(state.provider),
                code="consent.provider",
            )
        scope = self.context.scope(state.offer)
        if scope.purpose not in self.context.purposes:
            raise ConsentError(
                "not a purpose that this institution serves", found=scope.purpose, code="consent.purpose"
            )
        dataset = await ask_chain(self.context.chain.dataset, state.offer.dataset)
        for breach in breaches(use, state.provider, state.offer, scope, dataset.subjects, dataset.model):
            raise breach.error(ConsentError, "consent")
        _demand_left(use, state, dataset)
        if dataset.subjects is Subjects.MODEL:
            await self.demand_lineage(state, scope)
        log.info("allowed: job %d of %s over offer %s", state.openings + 1, to_hex(use.consumer), to_hex(offer))

    async def demand_runs(self, job: DeclaredTerms) -> None:
        """PlanError unless such a job runs here: by this institution's policy, and with what is installed."""
        name = job.spec.name
        if name not in self.context.recipes:
            raise PlanError(
                "this institution does not take part in such a recipe",
                expected=", ".join(self.context.recipes),
                found=name[:100],
                remedy="its node.toml names them: recipes in [policy]",
                code="plan.recipe",
            )
        run = await asyncio.to_thread(run_of, self._runs, name)  # a recipe is imported when it is first asked for
        run.demand(job)
        if job.terms.engine == "spu":
            extra.require()
        if job.terms.engine == "flower":
            self.context.engine_ports.flower.require()

    def demand_purpose(self, purpose: bytes) -> None:
        if purpose not in {purpose_id(p) for p in PURPOSES if p in self.context.purposes}:
            raise PlanError("not a purpose that this institution serves")

    async def demand_confirmed(self, terms: Terms) -> None:
        if terms.block > await ask_chain(self.context.chain.confirmed):
            raise StateError("that block is not confirmed here yet", found=terms.block, code="peer.early")

    async def _demand_others_use(self, offer: OfferId, use: Use) -> None:
        """ConsentError unless another party's offer and dataset allow its use as far as the chain shows them: a party
        does not compute over persons' rows that their holder calls its own. StateError `peer.early` where the chain
        does not show them here yet."""
        try:
            state = await ask_chain(self.context.chain.offer, offer)
            dataset = await ask_chain(self.context.chain.dataset, state.offer.dataset)
        except NotFoundError as error:
            raise StateError(error.message, found=error.found, code="peer.early") from None
        for breach in breaches(use, state.provider, state.offer, None, dataset.subjects, dataset.model):
            raise breach.error(ConsentError, "consent", "another party's input: ")
        if dataset.subjects is Subjects.MODEL:
            await self.demand_lineage(state, None)

    async def demand_lineage(self, state: OfferState, scope: Scope | None) -> None:
        """ConsentError `model.*` unless the model behind an offer is of a job that its provider was a party of; and,
        where the offer's scope is known here, no more have withdrawn since than that tolerates."""
        lineage = await asyncio.to_thread(self._lineage, state.offer.dataset)
        for breach in model_breaches(state.provider, scope, lineage):
            raise breach.error(ConsentError, "model")
        if lineage is not None:
            log.info("model of job %s: %d of its lineage have ended since", to_hex(lineage.origin.job), lineage.total)

    def _lineage(self, dataset: DatasetId) -> Lineage | None:
        self.context.index.sync()
        return lineage_at(self.context.chain, self.context.index, dataset)


def _demand_left(use: Use, state: OfferState, dataset: DatasetState) -> None:
    """ConsentError where a privacy budget does not reach as the chain has it now; the opening holds it again."""
    for whose, left in (
        ("offer", state.offer.budget - state.spent),
        ("dataset", dataset.budget - dataset.spent),
    ):
        if use.spends > left:
            raise ConsentError(
                f"the {whose}'s privacy budget does not reach",
                expected=f"at most {left} nano-rho, which are left",
                found=use.spends,
                remedy="ask less, or with more noise; a budget is for ever",
                code="consent.budget",
            )


def _pinned(context: JobContext, party: Party) -> bytes:
    return tls_key(context.trust.institution(party.signer).certificate)
