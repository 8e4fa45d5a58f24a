"""Which blocks may hold logs that somebody looks for: the Bloom filters in the headers (Yellow Paper, 4.4.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from placet.chain import event_logs, event_types
from placet.chain.rpc import octets
from placet.core.block_header import bloom_bits, bloom_over

Topics = Sequence[Sequence[bytes] | None]
"""As in `eth_getLogs`, by position: what may stand there; None for anything."""


def bloom_of(logs: Iterable[dict[str, object]]) -> int:
    """The Bloom filter of a block that holds these logs. ChainError for a log that is none."""
    return bloom_over(item for log in logs for item in (octets(log.get("address"), 20), *event_logs.topics_of(log)))


class LogFilter:
    """Logs of these contracts (address to name): of all kinds of event that they have, or as `topics` say."""

    def __init__(self, contracts: Mapping[bytes, str], topics: Topics = ()) -> None:
        self._topics = topics
        self._masks = {
            address: [bloom_bits(address), *(bloom_bits(topic) for topic in self._kinds(name))]
            for address, name in contracts.items()
        }
        self._rest = [[bloom_bits(topic) for topic in options] for options in topics[1:] if options is not None]

    def _kinds(self, contract: str) -> set[bytes]:
        own = event_types.kinds_by_topic(contract).keys()
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
