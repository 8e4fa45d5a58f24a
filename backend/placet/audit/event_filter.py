"""Events by kind and by what stands in their indexed fields: where they may be, and which they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from placet.chain import event_types
from placet.chain.events import CONTRACTS, E, Event
from placet.core.block_header import bloom_over
from placet.core.trust import Deployment


class EventFilter:
    """Events of these kinds, of the deployment's contracts, that have these indexed fields."""

    def __init__(
        self, deployment: Deployment, kinds: Sequence[type[Event]], indexed: Mapping[str, bytes | int]
    ) -> None:
        self._masks = [
            bloom_over((address, event_types.event_type(kind).topic, *_told(kind, indexed)))
            for address, contract in event_types.addresses(deployment).items()
            for kind in kinds
            if kind in CONTRACTS[contract]
        ]

    def may_hold(self, bloom: int) -> bool:
        """False only where a block's Bloom filter rules such events out."""
        return any(bloom & mask == mask for mask in self._masks)


_BY = frozenset({"consent", "dataset", "job", "offer", "provider"})
"""The indexed fields by one of which facts are looked for."""


class EventIndex:
    """Events by the fields by which facts are looked for, in the order in which they came."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._events: dict[tuple[str, object], list[Event]] = defaultdict(list)
        for event in events:
            for name in _BY.intersection(vars(event)):
                self._events[name, getattr(event, name)].append(event)

    def all(self, kinds: Sequence[type[E]], indexed: Mapping[str, bytes | int]) -> list[E]:
        """Those of these kinds that have these indexed fields."""
        classes, events = tuple(kinds), self._events.get(next(iter(indexed.items())), ())
        matching = (event for event in events if all(getattr(event, name) == value for name, value in indexed.items()))
        return [event for event in matching if isinstance(event, classes)]


def _told(kind: type[Event], indexed: Mapping[str, bytes | int]) -> list[bytes]:
    return [topic for topic in event_types.indexed_topics(kind, indexed) if topic is not None]
