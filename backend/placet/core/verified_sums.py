"""The names of a verified sum in a trail, and the complaint of a party that was given something wrong in one.

Parties write these names, and an audit looks for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from placet.core.errors import PlacetError, StateError
from placet.core.garbling import GarblingComplaint
from placet.core.plan import MAX_PARTIES
from placet.core.values import U32, Octets, Value

PROTOCOL = "sum.pedersen-secp256k1/1"
COMMIT, SHARE_OUT, PROVE = "commit-values", "sum-shares", "prove-sums"
"""A provider's steps."""
RECEIVE, CHECK = "receive-commitments", "check-sums"
"""The consumer's."""
COMMITTED = "commitments"
"""The output of `COMMIT`: the SHA-256 of the provider's commitments, 33 bytes a place, in the order of the places."""
RANDOMNESS = b"commitments"
"""The label of a provider's committed randomness under which its commitments are, so that it can open any later."""
COMMITMENTS, SHARE = "sum.commitments", "sum.share"
CHALLENGE, WEIGHTED, ACCEPTED = "sum.challenge", "sum.weighted", "sum.accepted"
MAX_SHOWN = 16 << 20
"""Bytes that a party's complaints show together: what is larger is refused by its sender's name, and not shown."""
AUDIT_SHOWS = "the audit shows by whose signature"
_MAX_WEIGHTED = 33 * (MAX_PARTIES + 1)
Shown = Annotated[Octets, Field(max_length=MAX_SHOWN)]


class SumComplaint(Value):
    """Messages that `accused` signed in an attempt and that contradict each other, for who judges it.

    `commitments`: what it committed to is not what it shared out. `share`: what it sent to the party that complains is
    not what it committed to as that one's share. `release`: the sum that it released is not the one of the shares that
    it accepted; `secret` is then the X25519 secret of this one encryption (32 bytes), which opens `payload`.
    `weighted`: the weighted shares of the accused, or where it released, of all providers in the plan's order.
    """

    attempt: U32
    accused: U32
    about: Literal["commitments", "share", "release"]
    weighted: Annotated[
        tuple[Annotated[Octets, Field(max_length=_MAX_WEIGHTED)], ...], Field(min_length=1, max_length=MAX_PARTIES)
    ]
    payload: Shown
    secret: Annotated[Octets, Field(max_length=32)] = b""


Complaint = Annotated[SumComplaint | GarblingComplaint, Field(discriminator="about")]


class RefusedSum(Value):
    """Why a party took no result out of a job, and what it has to complain of."""

    message: str
    found: str
    code: str
    complaints: Annotated[tuple[Complaint, ...], Field(max_length=MAX_PARTIES)] = ()

    @classmethod
    def of(cls, error: PlacetError, complaints: Iterable[Complaint]) -> RefusedSum:
        """With as many complaints as may be shown."""
        left, shown = MAX_SHOWN, []
        for one in complaints:
            if len(one.payload) <= left:
                shown.append(one)
                left -= len(one.payload)
        return cls(message=error.message, found=error.found or "", code=error.code, complaints=tuple(shown))

    def error(self) -> StateError:
        """For who asks for the result."""
        return StateError(self.message, found=self.found, remedy=AUDIT_SHOWS, code=self.code)
