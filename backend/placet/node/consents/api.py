"""Routes for owners: offers, drafts, consents, withdrawals."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query

from placet.chain.threaded import ask_chain
from placet.core.errors import AccessError, NotFoundError
from placet.core.ids import ConsentId
from placet.core.languages import ENGLISH, Language
from placet.core.receipts import SignedReceipt
from placet.core.values import Signer
from placet.node.consents import (
    access,
    admission,
    erasures,
    export,
    lookup,
    models,
    proof_tags,
    receipts,
    uses,
    withdrawals,
)
from placet.node.consents import queries as consents
from placet.node.http.auth import AnyCaller, Caller
from placet.node.http.dependencies import ClientAddress, TheNode
from placet.node.http.problems import problems
from placet.node.service import Node

router = APIRouter(tags=["consents"])
_SIGNED: dict[str, Any] = {"security": [{"authorization": []}]}


def _open(node: Node, client: str) -> None:
    node.clients.take("drafts", client, node.settings.limits.drafts_per_client_minute)


@router.get("/v1/offers", response_model=models.Offers, responses=problems())
async def offers(
    node: TheNode, client: ClientAddress, language: Annotated[Language, Query()] = ENGLISH
) -> models.Offers:
    """What this institution may be asked for: its offers with their scopes opened and in words."""
    _open(node, client)
    return await ask_chain(_offers, node, language)


def _offers(node: Node, language: Language) -> models.Offers:
    node.demand_chain()
    offers = []
    for event in node.offers().values():
        if event.provider != node.address:
            continue
        try:
            scope = node.scopes.of(event.terms)
            consumer = node.trust.name(event.terms.consumer)
            words = consents.texts(node, event.terms, scope, language)
        except NotFoundError:  # an offer whose scope is not opened here, or that names strangers, can't be consented to
            continue
        offers.append(
            models.OfferResponse(
                id=event.offer,
                offer=event.terms,
                scope=scope,
                texts=words,
                provider=models.Named(address=event.provider, name=node.trust.name(event.provider)),
                consumer=models.Named(address=event.terms.consumer, name=consumer),
                openings=node.openings(event.offer),
            )
        )
    return models.Offers(offers=offers)


@router.post("/v1/consents/draft", response_model=models.DraftResponse, responses=problems(404, 421))
async def draft(node: TheNode, client: ClientAddress, request: models.DraftRequest) -> models.DraftResponse:
    """A consent to sign: in full, in plain words, and as `eth_signTypedData_v4` takes it. Nothing is stored."""
    _open(node, client)
    node.demand_chain()
    return await ask_chain(consents.draft, node, request)


@router.post(
    "/v1/consents", status_code=202, response_model=models.ConsentAccepted, responses=problems(403, 404, 409, 421)
)
async def submit(node: TheNode, client: ClientAddress, submission: models.ConsentSubmission) -> models.ConsentAccepted:
    """Take a signed consent on. Its id is the idempotency key: the same again changes nothing."""
    node.clients.take("requests", client, node.settings.limits.requests_per_client_minute)
    return await admission.admit(node, submission, client)


@router.get("/v1/consents", response_model=models.ConsentPage, responses=problems(401, 403), openapi_extra=_SIGNED)
async def listing(
    node: TheNode,
    caller: AnyCaller,
    client: ClientAddress,
    owner: Annotated[Signer | None, Query()] = None,
    status: Annotated[models.ConsentStatus | None, Query()] = None,
    cursor: Annotated[ConsentId | None, Query()] = None,
) -> models.ConsentPage:
    """An owner's consents; for the institution those of any owner, or all."""
    if not caller.institution and owner not in (None, caller.signer):
        raise AccessError("only an owner himself lists his consents", code="access.owner")
    whose = owner if caller.institution else caller.signer
    if whose is None:
        return await ask_chain(consents.listing, node, status, cursor)
    rows, more = await lookup.rows_of(node, whose, cursor, client)
    return await ask_chain(lambda: consents.page_of(node, rows, status, more=more))


@router.get(
    "/v1/consents/{id}", response_model=models.ConsentResponse, responses=problems(401, 404), openapi_extra=_SIGNED
)
async def show(node: TheNode, caller: AnyCaller, client: ClientAddress, id: ConsentId) -> models.ConsentResponse:
    """A consent, with its leaf, its batch and the proof, so that its owner can check it against the chain himself."""
    return await ask_chain(consents.show, node, await lookup.row_of(node, id, _owner(caller), client))


@router.get("/v1/consents/{id}/uses", response_model=models.Uses, responses=problems(401, 404), openapi_extra=_SIGNED)
async def used(node: TheNode, caller: AnyCaller, client: ClientAddress, id: ConsentId) -> models.Uses:
    """Which of this node's jobs used the consent, when, and how they ended."""
    await lookup.row_of(node, id, _owner(caller), client)
    return await asyncio.to_thread(uses.of_consent, node, id)


@router.get(
    "/v1/consents/{id}/receipt",
    response_model=SignedReceipt,
    responses=problems(401, 404, 409),
    openapi_extra=_SIGNED,
)
async def receipt(node: TheNode, caller: AnyCaller, client: ClientAddress, id: ConsentId) -> SignedReceipt:
    """What the institution signs about a consent, for its owner to keep and to show: JSON-LD after ISO/IEC TS
    27560:2023 in the profile of the Data Privacy Vocabulary."""
    return await ask_chain(receipts.of_consent, node, await lookup.row_of(node, id, _owner(caller), client))


@router.post("/v1/consents/{id}/withdrawal/draft", response_model=models.WithdrawalDraft, responses=problems())
async def withdrawal_draft(node: TheNode, client: ClientAddress, id: ConsentId) -> models.WithdrawalDraft:
    """What the owner signs to withdraw. It follows from the id alone."""
    allowed = node.settings.limits.drafts_per_client_minute
    node.clients.take("withdrawal drafts", client, allowed)
    return withdrawals.draft(node, id)


@router.post(
    "/v1/consents/{id}/withdrawal", status_code=202, response_model=models.ConsentAccepted, responses=problems(403, 404)
)
async def withdraw(
    node: TheNode, client: ClientAddress, id: ConsentId, given: models.Withdrawal
) -> models.ConsentAccepted:
    """Withdraw, at once and for ever. A node that does not know the consent relays it if it comes in full."""
    return await withdrawals.accept(node, id, given, client)


@router.post(
    "/v1/consents/{id}/tag",
    response_model=models.TagAccepted,
    responses=problems(401, 403, 404, 409),
    openapi_extra=_SIGNED,
)
async def tag(
    node: TheNode, caller: AnyCaller, client: ClientAddress, id: ConsentId, given: models.TagSubmission
) -> models.TagAccepted:
    """Keep the tag by which the owner of a live consent proves it without being named. Once: the same again changes
    nothing, another one is refused."""
    if caller.signer is None:
        raise AccessError("only its owner gives a consent a tag", remedy="placet owner tag", code="access.owner")
    await proof_tags.accept(node, id, caller.signer, given, client)
    return models.TagAccepted(id=id)


@router.post(
    "/v1/consents/{id}/erasure",
    response_model=models.Erasure,
    responses=problems(401, 403, 404, 409),
    openapi_extra=_SIGNED,
)
async def erase(node: TheNode, caller: AnyCaller, client: ClientAddress, id: ConsentId) -> models.Erasure:
    """Forget an ended consent for good, here and in the vault, for its owner. Its number stays on the chain."""
    if caller.signer is None:
        raise AccessError("only its owner erases a consent over HTTP", remedy="placet erase", code="access.owner")
    row = await lookup.row_of(node, id, caller.signer, client)
    return models.Erasure(id=id, erased=await erasures.erase(node, row))


@router.post(
    "/v1/owners/{owner}/erasure",
    status_code=202,
    response_model=erasures.OwnersErasures,
    responses=problems(401, 403, 409),
    openapi_extra=_SIGNED,
)
async def erase_owner(
    node: TheNode, caller: AnyCaller, client: ClientAddress, owner: Signer
) -> erasures.OwnersErasures:
    """Forget a person, whose consents have all ended: here, in the vault, and at everybody who took part in a job with
    them. Each that has forgotten signs a receipt. For himself, and for the institution that he asked otherwise."""
    _demand_himself(caller, owner)
    return await erasures.ask(node, owner, client)


@router.get(
    "/v1/owners/{owner}/erasure",
    response_model=erasures.OwnersErasures,
    responses=problems(401, 403),
    openapi_extra=_SIGNED,
)
async def erasure_of(node: TheNode, caller: AnyCaller, owner: Signer) -> erasures.OwnersErasures:
    """What came of it: the receipts, who has not answered yet, what the law has this institution keep until when."""
    _demand_himself(caller, owner)
    return await erasures.of_owner(node, owner)


@router.get("/v1/export", response_model=models.Export, responses=problems(401, 403), openapi_extra=_SIGNED)
async def exported(
    node: TheNode, caller: AnyCaller, client: ClientAddress, cursor: Annotated[ConsentId | None, Query()] = None
) -> models.Export:
    """All that this node holds of an owner's consents, in words and as it was signed, and their uses."""
    if caller.signer is None:
        raise AccessError("an export is for an owner", remedy="GET /v1/consents", code="access.owner")
    return await export.of_owner(node, caller.signer, cursor, client)


@router.get(
    "/v1/owners/{owner}/access",
    response_model=access.OwnersAccess,
    responses=problems(401, 403),
    openapi_extra=_SIGNED,
)
async def accessed(
    node: TheNode,
    caller: AnyCaller,
    client: ClientAddress,
    owner: Signer,
    cursor: Annotated[ConsentId | None, Query()] = None,
) -> access.OwnersAccess:
    """The export of one owner, and what was done with it: the jobs that used his consents, who took part, who got the
    result, who was paid. For himself, and for the institution that answers him."""
    _demand_himself(caller, owner)
    return await access.of_owner(node, owner, cursor, client)


def _demand_himself(caller: Caller, owner: bytes) -> None:
    if not caller.institution and caller.signer != owner:
        raise AccessError("only an owner himself asks what was done with his data", code="access.owner")


def _owner(caller: Caller) -> bytes | None:
    return None if caller.institution else caller.signer
