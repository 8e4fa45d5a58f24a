"""What goes over the socket: frames (`core.framing`) of JSON, one request, one answer.

A request is `{"call": …, "arguments": {…}}`, an answer `{"result": …}` or `{"failure": {…}}`. Rows come as an Arrow
stream in a frame of its own, after an empty result.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Generic, TypeVar

from pydantic import Field, JsonValue

from placet.core.consent import Consent
from placet.core.enrolment import Enrolment, EnrolmentOpening
from placet.core.errors import PlacetError
from placet.core.framing import WIDTH, announced, header
from placet.core.ids import BatchRoot, ConsentId, EnrolmentRoot, JobId, OfferId
from placet.core.offers import Offer, Scope
from placet.core.plan import MOST_DRAWN, Plan, Terms
from placet.core.values import U32, U48, Address, Bytes32, Octets, Signature, Signer, Value
from placet.vault.admission import Submission
from placet.vault.models import KeptModel
from placet.vault.responses import SetToSign
from placet.vault.schema import DatasetInfo

MAX_REQUEST = 32 << 20
MAX_ANSWER = 512 << 20
MAX_SUBMISSIONS = 1000
"""Consents of one `admit_many` request; the client splits more."""
MAX_BATCH = 65_536


class Request(Value):
    call: Annotated[str, Field(max_length=40)]
    arguments: dict[str, JsonValue]


class Failure(Value):
    """A PlacetError on its way; `kind` is its class."""

    kind: str
    code: str
    message: str
    expected: str | None = None
    found: str | None = None
    remedy: str | None = None

    @classmethod
    def of(cls, error: PlacetError) -> Failure:
        return cls(
            kind=type(error).__name__,
            code=error.code,
            message=error.message,
            expected=error.expected,
            found=error.found,
            remedy=error.remedy,
        )

    def error(self) -> PlacetError:
        """The same error again; a kind that can't be rebuilt as its nearest ancestor that can."""
        kind = _KINDS.get(self.kind, PlacetError)
        return kind(self.message, expected=self.expected, found=self.found, remedy=self.remedy, code=self.code)


def _kinds(kind: type[PlacetError]) -> dict[str, type[PlacetError]]:
    """Classes by name; one with a constructor of its own is stood for by its parent."""
    kinds = {kind.__name__: kind}
    for child in kind.__subclasses__():
        below = _kinds(child)
        if "__init__" in vars(child):
            below[child.__name__] = kind
        kinds |= below
    return kinds


_KINDS = _kinds(PlacetError)

T = TypeVar("T")


class Answer(Value, Generic[T]):
    result: T | None = None
    failure: Failure | None = None


class Nothing(Value):
    """No arguments, or no result."""


class AdmitArguments(Value):
    consent: Consent
    scope: Scope
    signature: Signature
    enrolment: Enrolment | None
    opening: EnrolmentOpening | None


class AdmitManyArguments(Value):
    offer: Offer
    scope: Scope
    submissions: Annotated[tuple[Submission, ...], Field(max_length=MAX_SUBMISSIONS)]


class BatchArguments(Value):
    offer: OfferId
    root: BatchRoot
    leaves: Annotated[tuple[ConsentId, ...], Field(max_length=MAX_BATCH)]


class KeepArguments(Value):
    job: JobId
    plan: Plan
    terms: Terms
    model: KeptModel


class JobArguments(Value):
    job: JobId


class AnchoredArguments(Value):
    offer: OfferId
    root: BatchRoot


class EnrolmentsArguments(Value):
    enroller: Address
    root: EnrolmentRoot


class LawfulArguments(Value):
    offer: OfferId
    block: Annotated[int, Field(ge=0, lt=2**53)]
    deadline: U48
    sign: SetToSign | None = None


class SetArguments(Value):
    offer: OfferId
    root: Bytes32


class WithoutArguments(SetArguments):
    sign: SetToSign | None = None


class PartArguments(SetArguments):
    start: U32


class ConsentArguments(Value):
    consent: ConsentId


class OneConsentArguments(ConsentArguments):
    """For its owner; for the institution without one."""

    owner: Signer | None


class OwnersArguments(Value):
    owner: Signer
    after: ConsentId


class RowsArguments(Value):
    job: JobId
    plan: Plan
    terms: Terms
    attempt: U32
    input: U32


class MatchedArguments(RowsArguments):
    matched: Octets


class OpenRowsArguments(RowsArguments):
    consents: Annotated[tuple[ConsentId, ...], Field(max_length=MOST_DRAWN)]


class Identity(Value):
    consent: ConsentId


class Outcome(Value):
    consent: ConsentId | None = None
    failure: Failure | None = None


class Outcomes(Value):
    outcomes: tuple[Outcome, ...]


class DatasetInfos(Value):
    datasets: tuple[DatasetInfo, ...]


class Erased(Value):
    erased: bool


class PersonMarkArguments(Value):
    consent: ConsentId
    salt: Bytes32


class PersonMark(Value):
    mark: Bytes32 | None


async def read_frame(reader: asyncio.StreamReader, limit: int) -> bytes:
    """The next frame; LimitError if it is larger than `limit`, IncompleteReadError if the peer stops."""
    return await reader.readexactly(announced(await reader.readexactly(WIDTH), limit))


async def write_frame(writer: asyncio.StreamWriter, content: bytes | memoryview) -> None:
    writer.writelines((header(len(content)), content))
    await writer.drain()
