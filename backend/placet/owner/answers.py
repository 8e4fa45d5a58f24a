"""What nodes answer to an owner, as far as the owner's client reads it. Unknown fields are passed over."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from placet.core.consent import CompactConsent, Consent
from placet.core.erasure import SignedErasure
from placet.core.ids import BatchRoot, ConsentId, JobId, OfferId
from placet.core.offers import Offer, Scope
from placet.core.values import U32, U48, Address, Bytes32, quotation


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class OfferAnswer(_Answer):
    """An offer with its opened scope and the number of jobs opened so far."""

    id: OfferId
    offer: Offer
    scope: Scope
    openings: U32


class OffersAnswer(_Answer):
    offers: Annotated[tuple[OfferAnswer, ...], Field(max_length=10_000)]


class DraftAnswer(_Answer):
    """A consent to be signed."""

    id: ConsentId
    consent: Consent
    notice: Annotated[str, Field(max_length=20_000)]
    typed_data: dict[str, JsonValue]


class AcceptedAnswer(_Answer):
    id: ConsentId
    status: Annotated[str, Field(max_length=40)]


class TagAnswer(_Answer):
    id: ConsentId


class BatchAnswer(_Answer):
    """Where a consent lies in its batch."""

    root: BatchRoot
    proof: Annotated[tuple[Bytes32, ...], Field(max_length=64)]
    block: int | None = None


class ConsentAnswer(_Answer):
    """A consent as its node sees it."""

    id: ConsentId
    status: Annotated[str, Field(max_length=40)]
    offer: OfferId
    consent: CompactConsent
    batch: BatchAnswer | None = None
    block: int | None = None
    error: str | None = None


class ConsentsAnswer(_Answer):
    consents: Annotated[tuple[ConsentAnswer, ...], Field(max_length=10_000)]
    cursor: Annotated[str, Field(max_length=400)] | None = None


class UseAnswer(_Answer):
    """One job that used a consent."""

    job: JobId
    nth: U32
    attempt: U32
    at: U48
    outcome: Annotated[str, Field(max_length=40)]
    block: int | None = None


class UsesAnswer(_Answer):
    uses: Annotated[tuple[UseAnswer, ...], Field(max_length=100_000)]


class AccessAnswer(BaseModel):
    """All that a node tells an owner of himself, kept as it came."""

    model_config = ConfigDict(frozen=True, extra="allow")

    consents: Annotated[tuple[JsonValue, ...], Field(max_length=10_000)]
    jobs: Annotated[tuple[JsonValue, ...], Field(max_length=100_000)]
    cursor: Annotated[str, Field(max_length=400)] | None = None


class InstitutionAnswer(_Answer):
    address: Address
    name: Annotated[str, *quotation(1000)]


class HolderAnswer(_Answer):
    """An institution by its address and what it has signed of an erasure; nothing yet where it has not answered, and
    then in `waits` the code of why not."""

    institution: InstitutionAnswer
    erasure: SignedErasure | None = None
    waits: Annotated[str, *quotation(100)] | None = None


class ErasureAnswer(_Answer):
    """How far the erasure of a consent is, by its provider's node."""

    consent: ConsentId
    state: Annotated[str, Field(max_length=40)]
    asked: U48
    retain_until: U48 | None = None
    reason: Annotated[str, *quotation(1000)] | None = None
    erasure: SignedErasure | None = None
    block: int | None = None
    holders: Annotated[tuple[HolderAnswer, ...], Field(max_length=1000)] = ()


class ErasuresAnswer(_Answer):
    erasures: Annotated[tuple[ErasureAnswer, ...], Field(max_length=10_000)]


class WithdrawalDraftAnswer(_Answer):
    """A withdrawal to be signed."""

    typed_data: dict[str, JsonValue]


class ProblemAnswer(_Answer):
    """RFC 9457 problem details, as nodes and enrollers answer them."""

    code: Annotated[str, Field(max_length=100, pattern=r"^[a-z0-9]+([.-][a-z0-9]+)*$")] = "unknown"
    title: Annotated[str, *quotation(1000)] = ""
    detail: Annotated[str, *quotation(4000)] = ""
    expected: Annotated[str, *quotation(4000)] | None = None
    found: Annotated[str, *quotation(4000)] | None = None
    remedy: Annotated[str, *quotation(4000)] | None = None
