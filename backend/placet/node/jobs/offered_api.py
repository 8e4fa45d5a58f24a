"""What the other institutions of the trust list have and offer to this one, before anybody asks for a job."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, TypeVar
from urllib.parse import urlsplit

from fastapi import APIRouter
from pydantic import BaseModel, Field

from placet.chain.threaded import ask_chain
from placet.core.errors import InputError, PeerError, PlacetError
from placet.core.ids import DatasetId, JobId, OfferId
from placet.core.namespace import Namespace
from placet.core.offers import Decimals, Offer, Scope
from placet.core.requests import MAX_LIFETIME, RequestParts, signed_request
from placet.core.trust import Institution as ListedInstitution
from placet.core.values import U32, Name, NanoRho, Text, parse
from placet.node.consents.models import ColumnMeaning, Named
from placet.node.http.auth import Institution
from placet.node.http.dependencies import TheNode
from placet.node.http.problems import problems
from placet.node.service import Node
from placet.node.state import now

if TYPE_CHECKING:
    import httpx

router = APIRouter(tags=["jobs"])
MAX_DATASETS = 1000
MAX_OFFERS = 1000
MAX_COLUMNS = 4096
_MAX_ANSWER = 4 << 20
_ASK_SECONDS = 10.0
_AT_A_TIME = 8
A = TypeVar("A", bound=BaseModel)


class ForeignOffer(BaseModel):
    """An offer as the node of its provider shows it; `scope` is the one whose hash the offer has. `spent`: how much of
    its privacy budget, in nano-rho, the chain says that jobs have spent; null while the chain does not answer, or has
    no such offer of this provider."""

    id: OfferId
    offer: Offer
    scope: Scope
    openings: U32
    spent: NanoRho | None = None


class ForeignDataset(BaseModel):
    """A dataset as the node of its provider shows it. `budget` and `spent`, in nano-rho, are the chain's; null while it
    does not answer, or where it has no such dataset of this provider."""

    name: Name
    id: DatasetId
    columns: Annotated[list[Name], Field(max_length=MAX_COLUMNS)]
    identifier: Name
    namespace: Namespace | None = None
    decimals: Annotated[dict[Name, Decimals], Field(max_length=MAX_COLUMNS)]
    personal: bool
    origin: JobId | None = None
    budget: NanoRho | None = None
    spent: NanoRho | None = None
    about: Text | None = None
    refreshed: date | None = None
    meanings: Annotated[dict[Name, ColumnMeaning], Field(max_length=MAX_COLUMNS)] = Field(default_factory=dict)


class _ForeignOffers(BaseModel):
    offers: Annotated[list[ForeignOffer], Field(max_length=MAX_OFFERS)]


class _ForeignDatasets(BaseModel):
    datasets: Annotated[list[ForeignDataset], Field(max_length=MAX_DATASETS)]


class OfferedBy(BaseModel):
    """What an institution of the trust list offers to this one, and of which datasets it lets others know. `error`: the
    code of why its node did not say."""

    provider: Named
    offers: list[ForeignOffer]
    datasets: list[ForeignDataset]
    error: str | None


class OfferedList(BaseModel):
    """In the trust list's order."""

    offered: list[OfferedBy]


@router.get("/v1/offered", response_model=OfferedList, responses=problems(403))
async def offered(node: TheNode, _: Institution) -> OfferedList:
    """What the other institutions of the trust list have and offer to this one. Their nodes are asked by this one, so
    that its page speaks to nobody else; what is left of privacy budgets is asked of the chain."""
    import httpx

    others = [one for one in node.trust.institutions if one.address != node.address]
    places = asyncio.Semaphore(_AT_A_TIME)
    async with httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=_ASK_SECONDS) as http:
        answers = await asyncio.gather(*(_offered_by(node, http, places, one) for one in others))
    return OfferedList(offered=await ask_chain(_with_budgets, node, answers))


async def _offered_by(
    node: Node, http: httpx.AsyncClient, places: asyncio.Semaphore, institution: ListedInstitution
) -> OfferedBy:
    answer = OfferedBy(
        provider=Named(address=institution.address, name=institution.name), offers=[], datasets=[], error=None
    )
    try:
        async with places, asyncio.timeout(_ASK_SECONDS):
            offers = (await _asked(http, institution, "/v1/offers", {}, _ForeignOffers)).offers
            answer.offers = await asyncio.to_thread(_believed, offers, institution, node.address)
            signed = _signed(node, institution, "/v1/datasets")
            answer.datasets = (await _asked(http, institution, "/v1/datasets", signed, _ForeignDatasets)).datasets
    except TimeoutError:
        answer.error = "peer.slow"
    except PlacetError as error:
        answer.error = error.code
    return answer


def _signed(node: Node, institution: ListedInstitution, path: str) -> dict[str, str]:
    """The header by which an institution knows this one, good once and there alone."""
    path, signer = urlsplit(institution.api).path.rstrip("/") + path, node.keys.signer
    request, expiry = RequestParts(institution.address, "GET", path, b""), now() + MAX_LIFETIME // 2
    domain = node.deployment.consents
    credential = signed_request(node.address, signer.sign, request, expiry=expiry, domain=domain)
    return {"Authorization": credential.header()}


async def _asked(
    http: httpx.AsyncClient, institution: ListedInstitution, path: str, headers: dict[str, str], kind: type[A]
) -> A:
    import httpx

    content = bytearray()
    try:
        async with http.stream(
            "GET", institution.api.rstrip("/") + path, headers=headers | {"Accept-Encoding": "identity"}
        ) as answer:
            if not answer.is_success:
                raise PeerError("a node does not show what it offers", found=answer.status_code)
            async for piece in answer.aiter_raw():
                content += piece
                if len(content) > _MAX_ANSWER:
                    raise InputError("a node's answer is too large", expected=f"at most {_MAX_ANSWER} bytes")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise PeerError("a node can't be reached", found=type(error).__name__, code="peer.unreachable") from None
    return await asyncio.to_thread(parse, kind, bytes(content), limit=_MAX_ANSWER, what="a node's answer")


def _believed(offers: Sequence[ForeignOffer], provider: ListedInstitution, consumer: bytes) -> list[ForeignOffer]:
    """What is offered to this consumer and holds together. Tenths of a second for the longest answer, of hashes: not
    for a thread that serves others."""
    return [one for one in offers if one.offer.consumer == consumer and _holds_together(one, provider)]


def _holds_together(one: ForeignOffer, provider: ListedInstitution) -> bool:
    """Is it this provider's offer, and the scope the one that the chain has the hash of?"""
    return one.offer.id == one.id and one.scope.hash == one.offer.scope and one.scope.provider == provider.address


def _with_budgets(node: Node, answers: Sequence[OfferedBy]) -> list[OfferedBy]:
    """The same with budgets as the chain has them, never as a provider's node says."""
    return [
        answer.model_copy(
            update={
                "offers": [_budget_of_offer(node, answer.provider.address, one) for one in answer.offers],
                "datasets": [_budget_of_dataset(node, answer.provider.address, one) for one in answer.datasets],
            }
        )
        for answer in answers
    ]


def _budget_of_offer(node: Node, provider: bytes, one: ForeignOffer) -> ForeignOffer:
    try:
        state = node.chain.offer(one.id)
    except PlacetError:
        state = None
    spent = state.spent if state is not None and state.provider == provider else None
    return one.model_copy(update={"spent": spent})


def _budget_of_dataset(node: Node, provider: bytes, one: ForeignDataset) -> ForeignDataset:
    try:
        state = node.dataset(one.id)
    except PlacetError:
        state = None
    if state is None or state.provider != provider:
        return one.model_copy(update={"budget": None, "spent": None})
    return one.model_copy(update={"budget": state.budget, "spent": state.spent})
