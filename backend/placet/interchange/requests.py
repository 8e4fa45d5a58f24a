"""What an artefact of another system comes to here: a request, from which an owner may sign a consent.

It is no consent and no evidence of one: nobody's key of ours signed it. It bounds what is signed: no earlier begin, no
later end, no more uses and no longer data life than the artefact says.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import Field, model_validator

from placet.core.errors import ConsentError
from placet.core.offers import DataLifeDays, Scope
from placet.core.times import UnixTime
from placet.core.values import Bytes32, Text, Value

MAX_REQUEST = 64 << 10
"""Bytes of a request's file."""
System = Literal["account-aggregator", "uk-open-banking"]


class Unmatched(Value):
    """A member of the artefact, by its path, and why there is nothing here for it. Never its value: many are a
    person's."""

    member: Text
    why: Text


class ConsentRequest(Value):
    """`artefact` is the SHA-256 of the file that was read, `reference` its id there, `status` its status there, and
    `means` that in our words. `signature`: whether the key that was given signed it. `purpose` is the artefact's own
    code; which of our purposes an offer has is for its provider to say, and for its owner to read."""

    type: Literal["placet.consent-request"] = "placet.consent-request"
    version: Literal[1] = 1
    system: System
    artefact: Bytes32
    reference: Text | None = None
    status: Annotated[str, Field(pattern=r"^[A-Z]{1,20}$")]
    means: Literal["asked", "given"]
    signature: Literal["verified", "unchecked"]
    not_before: UnixTime
    not_after: UnixTime | None = None
    uses: Annotated[int, Field(ge=1, lt=2**32, strict=True)] | None = None
    data_life: DataLifeDays | None = None
    purpose: Text | None = None
    unmatched: Annotated[tuple[Unmatched, ...], Field(max_length=64)] = ()

    @model_validator(mode="after")
    def _in_order(self) -> ConsentRequest:
        if self.not_after is not None and self.not_before > self.not_after:
            raise ValueError("the request begins after its end")
        return self


class Bounded(NamedTuple):
    """A consent's begin, end (Unix seconds) and uses, within a request."""

    not_before: int
    not_after: int
    uses: int


def demand_within(request: ConsentRequest, scope: Scope, *, now: int, not_after: int, uses: int) -> Bounded:
    """What an owner may sign to an offer with this scope if he asked for these: no more than the request says.
    ConsentError for a request whose time is over, and for an offer that lets a result be kept longer."""
    if request.not_after is not None and request.not_after < now:
        raise _beyond("the request's time is over", f"an end after {now}", request.not_after)
    life = request.data_life
    if life is not None and (scope.data_life is None or scope.data_life > life):
        longer = "no end" if scope.data_life is None else f"{scope.data_life} days"
        raise _beyond("the offer lets its results be kept longer than the request", f"at most {life} days", longer)
    ends = min(not_after, not_after if request.not_after is None else request.not_after)
    begins = max(now, request.not_before)
    if begins > ends:
        raise _beyond("the request begins after the end that was asked for", f"a begin by {ends}", begins)
    return Bounded(begins, ends, min(uses, uses if request.uses is None else request.uses))


def _beyond(message: str, expected: str, found: object) -> ConsentError:
    return ConsentError(
        message,
        expected=expected,
        found=found,
        remedy="ask the institution for an offer that keeps to the request, or for a new request",
        code="consent.request",
    )
