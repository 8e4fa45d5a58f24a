"""What this node knows of models that jobs made: their cards, who holds them, who has withdrawn since."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, JsonValue

from placet.catalogue.declared import declared
from placet.chain.events import JobSealed, ModelRegistered
from placet.chain.lineage import withdrawn_at
from placet.chain.threaded import ask_chain
from placet.core.errors import StateError
from placet.core.ids import ConsentId, DatasetId, JobId, OfferId
from placet.core.model_card import Held
from placet.core.values import Address, Bytes32
from placet.jobs.model_cards import card_of, held, holders, purpose_of
from placet.jobs.retraining import again
from placet.jobs.runner import Runner
from placet.node.consents.numbers import last_consent
from placet.node.http.auth import Institution
from placet.node.http.dependencies import TheNode, TheRunner
from placet.node.http.problems import problems
from placet.node.service import Node

router = APIRouter(tags=["models"])


class Since(BaseModel):
    """What has happened at an offer of a model's lineage since the job's seal: consents that ended, and batches of
    consents that were anchored, of which the chain does not tell the number."""

    offer: OfferId
    institution: Address
    withdrawn: int
    new_batches: int


class PartOffer(BaseModel):
    """An offer of a holder's part to this institution. `consent` is the holder's last one that stands, None without."""

    offer: OfferId
    consent: ConsentId | None


class PartRegistration(BaseModel):
    """A party's part, or the whole of a model in clear, on chain."""

    institution: Address
    dataset: DatasetId
    commitment: Bytes32
    card: Bytes32
    offers: list[PartOffer]


class ModelResponse(BaseModel):
    """A model by its job. `held`: in parts by all `holders`, or in clear by the one. `card` is this institution's: the
    one that it registered, or would; None, and `why`, where it has nothing of the model. `since` is None where the
    chain does not show the lineage."""

    job: JobId
    recipe: str
    engine: str
    parameters: dict[str, JsonValue]
    purpose: str
    roles: dict[str, Address]
    held: Held
    holders: list[Address]
    card: dict[str, JsonValue] | None
    card_hash: Bytes32 | None
    why: str | None
    registered: list[PartRegistration]
    withdrawn: int | None
    since: list[Since] | None


@router.get("/v1/jobs/{job}/model", response_model=ModelResponse, responses=problems(403, 404, 409))
async def model(node: TheNode, runner: TheRunner, job: JobId, _: Institution) -> dict[str, Any]:
    """The model that a job made, as this party of it knows it."""
    node.demand_chain()
    return await ask_chain(_described, node, runner, job)


@router.get("/v1/jobs/{job}/request", response_model=dict[str, JsonValue], responses=problems(403, 404, 409))
async def request(node: TheNode, runner: TheRunner, job: JobId, _: Institution) -> dict[str, Any]:
    """What its consumer would ask, as `POST /v1/jobs` takes it, to have a model trained again: the same of the same
    parties, over the same offers."""
    node.demand_chain()
    return await ask_chain(_again, runner, job)


def _again(runner: Runner, job: JobId) -> dict[str, Any]:
    record = runner.store.job(job)
    held(declared(record.plan, record.terms))
    return again(record.plan, record.terms, purpose_of(runner, record), runner.context.address).model_dump(mode="json")


def _described(node: Node, runner: Runner, job: JobId) -> dict[str, Any]:
    record = runner.store.job(job)
    planned = declared(record.plan, record.terms)
    how, card, why = held(planned), None, None
    try:
        card = next(iter(node.cards.of(job)), None) or card_of(runner, job)
    except StateError as error:
        why = error.message
    node.index.sync()
    counts, terms = withdrawn_at(node.chain, node.index, job), record.terms
    parties = [party.signer for party in record.plan.parties]
    events = node.index.job_events(job)
    sealed = next((event.block for event in events if isinstance(event, JobSealed)), 0)
    return {
        "job": job,
        "recipe": terms.recipe,
        "engine": terms.engine,
        "parameters": terms.parameters,
        "purpose": purpose_of(runner, record),
        "roles": dict(zip(terms.roles, parties, strict=True)),
        "held": how,
        "holders": holders(planned),
        "card": None if card is None else card.to_json(),
        "card_hash": None if card is None else card.hash,
        "why": why,
        "registered": [
            _registered(node, event) for event in node.index.models() if event.job == job and event.provider in parties
        ],
        "withdrawn": None if counts is None else sum(count for _, count in counts),
        "since": None if counts is None else [_since(node, sealed, *each) for each in counts],
    }


def _since(node: Node, sealed: int, offer: OfferId, withdrawn: int) -> Since:
    provider = node.offers()[offer].provider
    return Since(
        offer=offer,
        institution=provider,
        withdrawn=withdrawn,
        new_batches=sum(block > sealed for block in node.index.batches(offer).values()),
    )


def _registered(node: Node, event: ModelRegistered) -> PartRegistration:
    to_us = [
        one.offer
        for one in node.offers().values()
        if one.provider == event.provider and (one.terms.dataset, one.terms.consumer) == (event.dataset, node.address)
    ]
    return PartRegistration(
        institution=event.provider,
        dataset=event.dataset,
        commitment=event.commitment,
        card=event.card,
        offers=[PartOffer(offer=offer, consent=last_consent(node, offer)) for offer in to_us],
    )
