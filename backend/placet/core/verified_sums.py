"""The names of a verified sum in a trail, and the complaint of a party that was given something wrong in one.

Parties write these names, and an audit looks for them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

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
