"""Which blocks may hold logs that somebody looks for: the Bloom filters in the headers (Yellow Paper, 4.4.3)."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence

from placet.chain import event_logs
from placet.chain.rpc import octets
from placet.core.hashing import keccak

Topics = Sequence[Sequence[bytes] | None]
"""As in `eth_getLogs`, by position: what may stand there; None for anything."""


@functools.lru_cache(maxsize=1 << 14)
def mask(item: bytes) -> int:
    """The three bits of an address or a topic."""
    digest = keccak(item)
    bits = 0
    for at in (0, 2, 4):
        bits |= 1 << (int.from_bytes(digest[at : at + 2], "big") & 2047)
    return bits


def bloom_of(logs: Iterable[dict[str, object]]) -> int:
    """The Bloom filter of a block that holds these logs. ChainError for a log that is none."""
    bits = 0
    for log in logs:
        for item in (octets(log.get("address"), 20), *event_logs.topics_of(log)):
            bits |= mask(item)
    return bits


class LogFilter:
    """Logs of these contracts (address to name): of all kinds of event that they have, or as `topics` say."""

    def __init__(self, contracts: Mapping[bytes, str], topics: Topics = ()) -> None:
        self._topics = topics
        self._masks = {
            address: [mask(address), *(mask(topic) for topic in self._kinds(name))]
            for address, name in contracts.items()
        }
        self._rest = [[mask(topic) for topic in options] for options in topics[1:] if options is not None]

    def _kinds(self, contract: str) -> set[bytes]:
        own = event_logs.kinds_by_topic(contract).keys()
        return own & set(self._topics[0]) if self._topics and self._topics[0] is not None else set(own)

    def may_hold(self, bloom: int) -> bool:
        """False only where the filter rules such logs out."""
        return any(
            bloom & address == address and any(bloom & kind == kind for kind in kinds)
            for address, *kinds in self._masks.values()
        ) and all(any(bloom & option == option for option in options) for options in self._rest)

    def takes(self, log: dict[str, object]) -> bool:
        """Is it such a log?"""
        if octets(log.get("address"), 20) not in self._masks:
            return False
        topics = event_logs.topics_of(log)
        return len(topics) >= len(self._topics) and all(
            options is None or topic in options for options, topic in zip(self._topics, topics, strict=False)
        )
