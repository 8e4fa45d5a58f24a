"""How far a job has come, in as few words as tell whether its facts are all there: status, attempt, heads of trails.

A trail's head chains all of its steps. So of two progresses that are the same, neither has a step that the other lacks.
"""

from __future__ import annotations

from placet.audit.facts import ChainFacts, Ending
from placet.core.values import U32, Bytes32, Value


class TrailHead(Value):
    """Where a party's trail in an attempt ends."""

    attempt: U32
    party: U32
    head: Bytes32


class JobProgress(Value):
    """`trails`: those that hold a step, by attempt and party."""

    status: Ending
    attempt: U32
    trails: tuple[TrailHead, ...] = ()

    @classmethod
    def of(cls, facts: ChainFacts) -> JobProgress:
        """By a job's events."""
        heads = {(recorded.attempt, recorded.party): recorded.head for recorded in facts.recorded}
        return cls(status=facts.status, attempt=facts.attempt, trails=trail_heads(heads))


def trail_heads(heads: dict[tuple[int, int], bytes]) -> tuple[TrailHead, ...]:
    """Of heads (32 bytes) by attempt and party."""
    return tuple(TrailHead(attempt=at, party=party, head=head) for (at, party), head in sorted(heads.items()))
