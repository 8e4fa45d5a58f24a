"""The sponsor's side: from a request to a plan that all have signed, to the opening transaction."""

from __future__ import annotations

import asyncio
import secrets

from placet.core.errors import ConfigError, PeerError, PlacetError, PlanError
from placet.core.plan import Plan, Terms
from placet.core.purposes import purpose_id
from placet.core.values import ZERO20, V, Value, parse
from placet.jobs.agreement import Agreement, consumer_key, own_party
from placet.jobs.asking import MAX_ANSWER, Agreed, JobRequest, Prepare, Prepared, Provider, Sign, Signed
from placet.jobs.recipe import recipe
from placet.jobs.store import Record

TRIES = 20


class Asking:
    """Ask parties, each by the address in the trust list."""

    def __init__(self, agreement: Agreement) -> None:
        self.agreement = agreement
        self.desk = agreement.desk

    async def ask(self, party: bytes, what: str, question: Value, answer: type[V]) -> V:
        """One party's answer; tried again for a while where it is only not there yet."""
        peer = self.desk.trust.institution(party)
        for attempt in range(TRIES):
            try:
                raw = await self.desk.peers.call(peer, what, question.model_dump_json().encode(), limit=MAX_ANSWER)
                return parse(answer, raw, limit=MAX_ANSWER)
            except PlacetError as error:
                if error.code not in ("peer.early", "peer.unreachable") or attempt == TRIES - 1:
                    raise
            await asyncio.sleep(0.5)
        raise PeerError("a peer did not answer", code="peer.unreachable")


async def propose(asking: Asking, request: JobRequest) -> Record:
    """Gather what the parties bring, make the plan, have it signed by all, and keep it. Opens nothing yet."""
    agreement, desk = asking.agreement, asking.desk
    known = recipe(request.recipe)
    chain = desk.chain
    if len({p.address for p in request.providers}) != len(request.providers):
        raise PlanError("a provider is named twice")
    if sum(p.reward for p in request.providers) and request.token == ZERO20:
        raise PlanError("rewards need a token")
    now = await asyncio.to_thread(chain.now)
    block = await asyncio.to_thread(chain.confirmed)
    deadline = now + request.open_seconds + request.deadline_seconds
    wanted = [Prepare(offer=p.offer, recipe=known.name, block=block, deadline=deadline) for p in request.providers]
    brought = await asyncio.gather(
        *(asking.ask(p.address, "prepare", w, Prepared) for p, w in zip(request.providers, wanted, strict=True))
    )
    seed = secrets.token_bytes(32)
    own = await asyncio.to_thread(chain.consent, request.own.consent)
    own_offer = await asyncio.to_thread(chain.offer, request.own.offer)
    terms = Terms(
        recipe=known.name,
        recipe_version=known.version,
        engine=request.engine,
        parameters=dict(request.parameters),
        roles=(*("provider" for _ in request.providers), "consumer"),
        inputs=(*("accounts" for _ in request.providers), "customers"),
        block=block,
        consumer_key=consumer_key(desk),
        on_withdrawal=known.on_withdrawal,
    )
    total = sum(p.reward for p in request.providers)
    plan = Plan.model_validate(
        {
            "terms": terms.hash,
            "consumer": desk.address,
            "purpose": purpose_id(request.purpose),
            "operations": known.operations,
            "sponsor": desk.address,
            "token": request.token if total else ZERO20,
            "open_by": now + request.open_seconds,
            "deadline": deadline,
            "settle_by": deadline + request.settle_seconds,
            "salt": secrets.token_bytes(32),
            "parties": [
                *(_entry(p, b) for p, b in zip(request.providers, brought, strict=True)),
                {
                    **own_party(desk, seed),
                    "reward": 0,
                    "output": False,
                    "inputs": [
                        {
                            "offer": request.own.offer,
                            "consent": request.own.consent,
                            "epoch": own_offer.epoch,
                            "opens_before": own.first_opening + own.uses,
                        }
                    ],
                },
            ],
        }
    )
    await agreement.demand_plan(plan, terms)
    job = plan.job(desk.deployment.jobs)
    await agreement.keep(
        plan, terms, len(request.providers), agreement.drawer.close(b"seed", seed), desk.signer.sign(job)
    )
    signed = await asyncio.gather(
        *(asking.ask(p.address, "sign", Sign(plan=plan, terms=terms), Signed) for p in request.providers)
    )
    for party, answer in zip(plan.parties, signed, strict=False):
        desk.chain.verifiers.demand("the plan", party.signer, job, answer.signature)
    mine = desk.signer.sign(job)
    signatures = (*(s.signature for s in signed), mine, b"", b"")
    agreement.store.signed(job, signatures)
    for provider in request.providers:
        await asking.ask(provider.address, "agreed", Agreed(job=job, signatures=signatures), Agreed)
    return agreement.store.job(job)


def _entry(provider: Provider, brought: Prepared) -> dict[str, object]:
    if brought.input.offer != provider.offer:
        raise PlanError("a provider brought another offer", found=provider.address.hex())
    return {
        "signer": provider.address,
        "recorder": brought.recorder,
        "payee": brought.payee,
        "reward": provider.reward,
        "tls_key": brought.tls_key,
        "seed": brought.seed,
        "output": True,
        "inputs": [brought.input],
    }


async def open_job(asking: Asking, record: Record) -> None:
    """Approve the rewards and send the opening. Reverted where the contract says no, ChainError if it is late."""
    desk, plan = asking.desk, record.plan
    if plan.sponsor != desk.address:
        raise ConfigError("only the sponsor opens a job")
    if plan.total_reward:
        escrow = desk.deployment.reward_escrow.address
        allowed = await asyncio.to_thread(desk.chain.allowance, plan.token, desk.address, escrow)
        intent = f"approve:{record.job.hex()}"
        if desk.sender.outcome(intent) is None:
            call = desk.calls.approve(plan.token, escrow, allowed + plan.total_reward)
            try:
                desk.sender.submit(intent, call, desk.address)
            except PlacetError as error:
                if error.code != "state":
                    raise
        await desk.sender.wait(intent, 60.0)
    intent = f"open:{record.job.hex()}"
    desk.sender.submit(intent, desk.calls.open(plan, record.signatures), desk.recorder.address)
    await desk.sender.wait(intent, 60.0)
