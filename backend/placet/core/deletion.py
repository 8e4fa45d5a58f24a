"""A result's end: what a consumer signs when its node has deleted what it kept of one.

It is the consumer's word. No signature shows that nothing was copied before: what the audit holds against the chain's
time is that somebody is answerable for the deletion, or that nobody is.
"""

from __future__ import annotations

from placet.core import eip712
from placet.core.eip712 import Domain
from placet.core.ids import JobId
from placet.core.times import UnixTime
from placet.core.values import Signature, Value

DAY = 86_400
GRACE = DAY
"""Seconds after the end of a data life within which a node deletes: it looks once an hour, and may be down."""


def end_of_life(ended: int, days: int) -> int:
    """The last second (Unix) for which a result of a job that ended then may be kept."""
    return ended + days * DAY


class ResultDeletion(Value):
    """`keep_until` is the end of its data life, `deleted` when the node deleted it (Unix seconds)."""

    job: JobId
    keep_until: UnixTime
    deleted: UnixTime

    def digest(self, domain: Domain) -> bytes:
        """What its consumer's recorder signs: EIP-712 `ResultDeletion`."""
        return domain.digest(eip712.RESULT_DELETION.hash(self))


class SignedDeletion(Value):
    """A deletion under the signature of its consumer's recorder."""

    deletion: ResultDeletion
    signature: Signature
