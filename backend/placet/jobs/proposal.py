"""The sponsor's side: from a request to a plan that all have signed, to the opening transaction."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from placet.catalogue.declared import declared_terms, demand_divided, opens_garblings
from placet.catalogue.spec import Role
from placet.catalogue.specs import spec_of
from placet.chain.intents import Intents
from placet.chain.threaded import ask_chain
from placet.core.consent import Status
from placet.core.errors import ConfigError, ConsentError, PlacetError, PlanError
from placet.core.ids import ConsentId, OfferId
from placet.core.plan import Input, OpeningRef, Plan, Terms
from placet.core.purposes import purpose_id
from placet.core.values import ZERO20
from placet.jobs.allowance import Allowances, TokenPayment
from placet.jobs.context import JobContext
from placet.jobs.entries import consumer_key, named_input, own_party
from placet.jobs.gathering import drop, gather, refusal_of
from placet.jobs.messages import (
    BY_HAND,
    JobRequest,
    ModelInput,
    PartyEntry,
    PrepareRequest,
    PrepareResponse,
    ProviderRequest,
    SignedByAll,
    Sponsorship,
)
from placet.jobs.peer_client import PeerClient
from placet.jobs.records import JobRecord


async def propose(peer_client: PeerClient, request: JobRequest, opening: OpeningRef | None = None) -> JobRecord:
    """Gather what the parties bring, make the plan, have it signed by all, and keep it. Opens nothing yet. `opening`:
    it is one of a standing plan."""
    context = peer_client.context
    spec = spec_of(request.recipe)
    await _demand_affordable(context, request)
    now = await ask_chain(context.chain.now)
    seats = spec.seats(len(request.providers) + 1)
    terms = terms_of(context, request, await ask_chain(context.chain.confirmed), opening)
    demand_divided(declared_terms(terms, _signers(context, request), context.address), request.pot)
    responses = await _prepared(peer_client, request, terms, now)
    if request.open_seconds is None and any(response.by_hand for response in responses):
        request = request.model_copy(update={"open_seconds": BY_HAND})
        responses = await _prepared(peer_client, request, terms, now)  # of whom consents last until the later deadline
    seed = secrets.token_bytes(32)
    consumer = {**own_party(context, seed), "reward": 0, "output": seats[-1].output}
    consumer["inputs"] = await _own_inputs(peer_client, request, terms, now, seats[-1])
    entries = zip(request.providers, responses, seats, strict=False)
    providers = [_provider(provider, response, seat) for provider, response, seat in entries]
    plan = sponsored(context, request, terms, [*providers, consumer], now)
    return await agree(peer_client, plan, terms, len(request.providers), seed)


def terms_of(context: JobContext, request: JobRequest, block: int, opening: OpeningRef | None = None) -> Terms:
    """What a request's job runs, over the lawful sets of a block."""
    spec = spec_of(request.recipe)
    seats = spec.seats(len(request.providers) + 1)
    parameters, audit = spec.parse(request.parameters), request.audit
    garbles = opens_garblings(parameters)
    return Terms(
        recipe=spec.name,
        recipe_version=spec.version,
        engine=request.engine,
        parameters=parameters.to_json(),
        roles=tuple(seat.name for seat in seats),
        inputs=tuple(one.alias for seat in seats for one in seat.inputs),
        block=block,
        consumer_key=consumer_key(context),
        on_withdrawal=spec.on_withdrawal,
        standing=opening,
        audit=None if audit is None or garbles else audit.of(context.address),
        garbling=audit.of_garblings(context.address) if audit is not None and garbles else None,
        data_life=request.data_life,
    )


async def _own_inputs(peer_client: PeerClient, request: JobRequest, terms: Terms, now: int, seat: Role) -> list[Input]:
    """The consumer's own rows, as it would bring persons', or under its consent; and its part of a model, if it brings
    one. ConsentError where its consent is not given; PlanError where there is one for persons' rows, or none for its
    own."""
    context, own, persons = peer_client.context, request.own, seat.persons
    if (own is None) != (seat.alias is None):
        raise PlanError(
            f"{request.recipe} takes {'rows' if seat.alias else 'nothing'} of the consumer",
            expected="an own offer" if seat.alias else "no own offer",
            found="an own offer" if own else "none",
            code="plan.inputs",
        )
    if own is None:
        return []
    if persons != (own.consent is None):
        raise PlanError(
            f"{request.recipe} takes {'persons rows' if persons else 'own rows'} of the consumer",
            expected="an offer alone" if persons else "an offer and the own consent to it",
            found="a consent" if persons else "no consent",
            code="plan.inputs",
        )
    if own.consent is None:
        question = _question(context, request, terms, own.offer, None, request.model, now)
        return list((await peer_client.propose(context.address, "prepare", question, PrepareResponse)).inputs)
    state = await ask_chain(context.chain.consent, own.consent)
    if state.status is not Status.GIVEN:
        raise ConsentError(
            "the consumer's own consent is not given", found=state.status.name.lower(), code="consent.dead"
        )
    spec = spec_of(request.recipe)
    spends = spec.spends(terms.roles[-1], spec.parse(request.parameters))
    return [await named_input(context, own.offer, own.consent, spends)]


def _signers(context: JobContext, request: JobRequest) -> tuple[bytes, ...]:
    return (*(provider.address for provider in request.providers), context.address)


async def _demand_affordable(context: JobContext, request: JobRequest) -> None:
    """PlanError for providers or rewards that make no plan, InputError for a token that is none."""
    if len({p.address for p in request.providers}) != len(request.providers):
        raise PlanError("a provider is named twice")
    due = sum(p.reward for p in request.providers) + request.pot
    if due and request.token == ZERO20:
        raise PlanError("rewards and a pot need a token")
    if due and await ask_chain(context.chain.balance_of, request.token, context.address) < due:
        raise PlanError("rewards and pot are more than this institution has", expected=due, code="plan.rewards")


async def _prepared(peer_client: PeerClient, request: JobRequest, terms: Terms, now: int) -> list[PrepareResponse]:
    """What each provider would bring, asked at once."""
    questions = [
        _question(peer_client.context, request, terms, provider.offer, provider.consent, provider.model, now)
        for provider in request.providers
    ]
    pairs = zip(request.providers, questions, strict=True)
    return await asyncio.gather(*(peer_client.propose(p.address, "prepare", q, PrepareResponse) for p, q in pairs))


def _question(
    context: JobContext,
    request: JobRequest,
    terms: Terms,
    offer: OfferId,
    consent: ConsentId | None,
    model: ModelInput | None,
    now: int,
) -> PrepareRequest:
    return PrepareRequest(
        offer=offer,
        consent=consent,
        model=model,
        terms=terms,
        purpose=purpose_id(request.purpose),
        parties=_signers(context, request),
        deadline=request.deadline_from(now),
    )


def sponsored(
    context: JobContext, request: Sponsorship, terms: Terms, parties: Sequence[Mapping[str, object]], now: int
) -> Plan:
    """The plan of a job that this institution sponsors and consumes. PlanError if the parts make none."""
    deadline = request.deadline_from(now)
    paid = request.pot or any(party["reward"] for party in parties)
    try:
        return Plan.model_validate(
            {
                "terms": terms.hash,
                "consumer": context.address,
                "purpose": purpose_id(request.purpose),
                "operations": int(spec_of(terms.recipe).operations_on(terms.engine)),
                "sponsor": context.address,
                "token": request.token if paid else ZERO20,
                "pot": request.pot,
                "open_by": request.open_by_from(now),
                "deadline": deadline,
                "settle_by": deadline + request.settle_seconds,
                "salt": secrets.token_bytes(32),
                "parties": [dict(party) for party in parties],
            }
        )
    except ValidationError as error:
        raise PlanError("no sound plan follows from the request", found=str(error.errors()[0]["msg"])[:200]) from None


async def agree(peer_client: PeerClient, plan: Plan, terms: Terms, own: int, seed: bytes) -> JobRecord:
    """Keep a plan in which this institution is party `own`, and have all others sign it. Where a person decides first
    its signature lacks then: the runner asks again until `open_by`. Their errors where they refuse; the plan is kept as
    refused then."""
    agreement, signer = peer_client.answers.agreement, peer_client.context.signer
    await agreement.policy.demand_plan(plan, terms)
    job = plan.job(peer_client.context.deployment.jobs)
    async with peer_client.gathering.of(job):  # until all were asked once, the runner asks nobody
        await agreement.keep(plan, terms, own, agreement.at_rest.seal(seed, b"seed"), signer.sign(job))
        record = await agreement.store.threaded.job(job)
        try:
            return await gather(peer_client, record)
        except PlacetError as error:
            await agreement.store.threaded.note(job, "refused", **refusal_of(error))
            await agreement.store.threaded.end(job, "refused")
            agreement.store.waits.forget(job)
            await drop(peer_client, record)
            raise


def _provider(provider: ProviderRequest, brought: PrepareResponse, seat: Role) -> dict[str, object]:
    offers = [provider.offer] if provider.model is None else [provider.offer, provider.model.offer]
    if [one.offer for one in brought.inputs] != offers:
        raise PlanError("a provider brought another offer", found=provider.address.hex())
    return party_of(provider.address, brought, provider.reward, seat.output, brought.inputs)


def party_of(signer: bytes, entry: PartyEntry, reward: int, output: bool, inputs: Sequence[Input]) -> dict[str, object]:
    """Another party's place in a plan. `output`: it holds a release key."""
    return {
        "signer": signer,
        "recorder": entry.recorder,
        "payee": entry.payee,
        "reward": reward,
        "tls_key": entry.tls_key,
        "seed": entry.seed,
        "output": output,
        "inputs": list(inputs),
    }


class Opening:
    """Approves the rewards and sends the opening, one job after the other."""

    def __init__(self, peer_client: PeerClient, intents: Intents) -> None:
        self._peer_client = peer_client
        self._intents = intents
        self._allowances = Allowances(peer_client.context, intents)
        self._told: set[bytes] = set()

    async def send(self, record: JobRecord) -> None:
        """Reverted where the contract says no; PeerError or ChainError if somebody is not there yet."""
        context, plan = self._peer_client.context, record.plan
        if plan.sponsor != context.address:
            raise ConfigError("only the sponsor opens a job")
        await self._tell(record)
        escrow = context.deployment.reward_escrow.address
        rewards = TokenPayment(record.job.hex(), plan.token, escrow, plan.funding) if plan.funding else None
        async with self._allowances.given(rewards):
            call = context.calls.open(plan, record.signatures)
            await self._intents.carry(f"open:{record.job.hex()}", call, context.address if rewards else None)

    async def _tell(self, record: JobRecord) -> None:
        """All parties keep all signatures before the opening. Once is enough, however often that is tried."""
        if record.job in self._told:
            return
        question = SignedByAll(job=record.job, signatures=record.signatures)
        others = [party for party in record.plan.parties if party.signer != self._peer_client.context.address]
        await asyncio.gather(*(self._peer_client.ask_party(party, "agreed", question, SignedByAll) for party in others))
        self._told.add(record.job)
