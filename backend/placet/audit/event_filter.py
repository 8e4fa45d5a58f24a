"""Which events somebody looks for: kinds, and what stands in their indexed fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from placet.chain import event_types
from placet.chain.events import CONTRACTS, Event
from placet.core.block_header import bloom_over
from placet.core.trust import Deployment


class EventFilter:
    """Events of these kinds, of the deployment's contracts, that have these indexed fields."""

    def __init__(
        self, deployment: Deployment, kinds: Sequence[type[Event]], indexed: Mapping[str, bytes | int]
    ) -> None:
        self._kinds, self._indexed = tuple(kinds), dict(indexed)
        self._masks = [
            bloom_over((address, event_types.event_type(kind).topic, *_told(kind, indexed)))
            for address, contract in event_types.addresses(deployment).items()
            for kind in kinds
            if kind in CONTRACTS[contract]
        ]

    def may_hold(self, bloom: int) -> bool:
        """False only where a block's Bloom filter rules such events out."""
        return any(bloom & mask == mask for mask in self._masks)

    def takes(self, event: Event) -> bool:
        """Is it such an event?"""
        return isinstance(event, self._kinds) and all(
            getattr(event, name) == value for name, value in self._indexed.items()
        )


def _told(kind: type[Event], indexed: Mapping[str, bytes | int]) -> list[bytes]:
    return [topic for topic in event_types.indexed_topics(kind, indexed) if topic is not None]
