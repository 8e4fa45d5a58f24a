"""A batch file: signed consents to one offer under a Merkle root, in Parquet, ascending by consent id.

The header is canonical JSON in the footer, the consents are rows (`core.batch_columns`).
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from placet.core.consent import ConsentFields
from placet.core.enrolment import AnyEnrolment, EnrolmentOpening, enrolment_of
from placet.core.errors import InputError, PlacetError
from placet.core.hashing import document_bytes
from placet.core.ids import BatchRoot
from placet.core.offers import Offer, Scope
from placet.core.values import Value, parse

MAX_HEADER = 65_536
MAX_COUNT = 1 << 25
"""Consents of one file."""


class BatchHeader(Value):
    """What a batch file says of itself. `count` is the number of its rows."""

    type: Literal["placet.batch"] = "placet.batch"
    version: Literal[1] = 1
    offer: Offer
    scope: Scope
    count: Annotated[int, Field(ge=1, le=MAX_COUNT, strict=True)]
    root: BatchRoot

    @classmethod
    def of_text(cls, text: bytes) -> BatchHeader:
        """InputError unless this is such a header in canonical JSON."""
        header = parse(cls, text, limit=MAX_HEADER, what="the batch file's header")
        if document_bytes(header) != text:
            raise InputError("the batch file's header is not in its one form", expected="canonical JSON (RFC 8785)")
        return header


class BatchRow(NamedTuple):
    """A person's consent with its signature, its enrolment and, for the provider's vault alone, what opens that."""

    consent: ConsentFields
    signature: bytes
    enroller: bytes
    enrolled: bytes
    """The enroller's signature, or the root of the batch of enrolments (32 bytes)."""
    opening: tuple[str, bytes] | None
    """Subject and salt."""

    def __repr__(self) -> str:
        return "BatchRow(…)"

    def enrolment(self) -> AnyEnrolment:
        return enrolment_of(self.enroller, self.consent.enrolment, self.enrolled)

    def opened(self) -> EnrolmentOpening | None:
        return None if self.opening is None else EnrolmentOpening(subject=self.opening[0], salt=self.opening[1])


def at_row(number: int, error: PlacetError) -> InputError:
    """An error as that of a row, the first being row 1."""
    return InputError(
        f"row {number}: {error.message}",
        expected=error.expected,
        found=error.found,
        remedy=error.remedy,
        code=error.code,
    )
