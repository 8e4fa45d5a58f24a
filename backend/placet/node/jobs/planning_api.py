"""What an institution asks before it starts a job: who offers it what, and what a request would mean."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from fastapi import APIRouter
from pydantic import BaseModel

from placet.catalogue.spec import RecipeParameters, RecipeSpec
from placet.catalogue.specs import spec_of
from placet.core.errors import InputError, PeerError, PlacetError, PlanError
from placet.core.ids import OfferId
from placet.core.offers import Offer, Scope
from placet.core.trust import Institution as ListedInstitution
from placet.core.values import U32, Address, parse
from placet.jobs.messages import JobRequest
from placet.node.consents.models import Named
from placet.node.http.auth import Institution
from placet.node.http.dependencies import TheNode
from placet.node.http.problems import problems
from placet.node.service import Node

router = APIRouter(tags=["jobs"])
_MAX_ANSWER = 4 << 20
_ASK_SECONDS = 10.0
_AT_A_TIME = 8


class ForeignOffer(BaseModel):
    """An offer as the node of its provider shows it; `scope` is the one whose hash the offer has."""

    id: OfferId
    offer: Offer
    scope: Scope
    openings: U32


class _ForeignOffers(BaseModel):
    offers: list[ForeignOffer]


class OfferedBy(BaseModel):
    """What an institution of the trust list offers to this one. `error`: the code of why its node did not say."""

    provider: Named
    offers: list[ForeignOffer]
    error: str | None


class OfferedList(BaseModel):
    """In the trust list's order."""

    offered: list[OfferedBy]


class PlannedParty(BaseModel):
    """A party of a job that is not proposed yet: its role, and what it would learn, in the catalogue's words."""

    address: Address
    name: str
    role: str
    learns: str


class CheckedRequest(BaseModel):
    """What a job's request would mean. `parties` in the plan's order; `cost` in words, where it can be said before the
    rows are counted."""

    parties: list[PlannedParty]
    cost: str | None


@router.get("/v1/offered", response_model=OfferedList, responses=problems(403))
async def offered(node: TheNode, _: Institution) -> OfferedList:
    """What the other institutions of the trust list offer to this one. Their nodes are asked by this one, so that its
    page speaks to nobody else."""
    others = [one for one in node.trust.institutions if one.address != node.address]
    places = asyncio.Semaphore(_AT_A_TIME)
    async with httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=_ASK_SECONDS) as http:
        return OfferedList(offered=await asyncio.gather(*(_offered_by(node, http, places, one) for one in others)))


async def _offered_by(
    node: Node, http: httpx.AsyncClient, places: asyncio.Semaphore, institution: ListedInstitution
) -> OfferedBy:
    provider = Named(address=institution.address, name=institution.name)
    try:
        async with places, asyncio.timeout(_ASK_SECONDS):
            listed = parse(_ForeignOffers, await _asked(http, institution), limit=_MAX_ANSWER, what="a node's offers")
    except TimeoutError:
        return OfferedBy(provider=provider, offers=[], error="peer.slow")
    except PlacetError as error:
        return OfferedBy(provider=provider, offers=[], error=error.code)
    offers = [one for one in listed.offers if _holds_together(one, institution) and one.offer.consumer == node.address]
    return OfferedBy(provider=provider, offers=offers, error=None)


async def _asked(http: httpx.AsyncClient, institution: ListedInstitution) -> bytes:
    content = bytearray()
    try:
        async with http.stream(
            "GET", f"{institution.api.rstrip('/')}/v1/offers", headers={"Accept-Encoding": "identity"}
        ) as answer:
            if not answer.is_success:
                raise PeerError("a node does not show its offers", found=answer.status_code)
            async for piece in answer.aiter_raw():
                content += piece
                if len(content) > _MAX_ANSWER:
                    raise InputError("a node's offers are too large", expected=f"at most {_MAX_ANSWER} bytes")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise PeerError("a node can't be reached", found=type(error).__name__, code="peer.unreachable") from None
    return bytes(content)


def _holds_together(one: ForeignOffer, provider: ListedInstitution) -> bool:
    """Is it this provider's offer, and the scope the one that the chain has the hash of?"""
    return one.offer.id == one.id and one.scope.hash == one.offer.scope and one.scope.provider == provider.address


@router.post("/v1/jobs/check", response_model=CheckedRequest, responses=problems(403))
async def check(node: TheNode, request: JobRequest, _: Institution) -> CheckedRequest:
    """What this request would mean: who takes part as what, and what each would learn. Nobody is asked, nothing is
    stored. PlanError for what the recipe does not take."""
    spec = spec_of(request.recipe)
    parameters = spec.parse(request.parameters)
    _demand_engine(spec, request.engine)
    signers = (*(one.address for one in request.providers), node.address)
    seats = spec.seats(len(signers))
    cost = await _cost_of(node, spec, parameters, request)
    return CheckedRequest(
        parties=[
            PlannedParty(address=signer, name=node.trust.name(signer), role=seat.name, learns=seat.learns)
            for signer, seat in zip(signers, seats, strict=True)
        ],
        cost=cost,
    )


async def _cost_of(node: Node, spec: RecipeSpec[Any], parameters: RecipeParameters, request: JobRequest) -> str | None:
    """In words, for as many rows as the own table has; None where the recipe can't say it."""
    own = None if request.own is None else node.offers().get(request.own.offer)
    if spec.cost is None or own is None:
        return None
    rows = next((info.rows for info in await node.tables() if info.dataset == own.terms.dataset), None)
    needs = None if rows is None else spec.cost(parameters, rows)
    return None if needs is None else needs.words()


def _demand_engine(spec: RecipeSpec[Any], engine: str) -> None:
    if engine not in spec.engines:
        raise PlanError(
            f"{spec.name} has no such engine", expected=", ".join(spec.engines), found=engine[:80], code="plan.engine"
        )
