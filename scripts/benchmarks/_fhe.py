"""FHE PSI, `LISTED` customers against a set, each side's work by itself."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Callable
from typing import TypeVar

from placet.protocols.bins import cuckoo_rows
from placet.protocols.fhe import oprf
from placet.protocols.fhe.intersect import prepare
from placet.protocols.fhe.layout import Tags, hits, slots
from placet.protocols.fhe.parameters import BINS
from placet.protocols.fhe.scheme import Bfv, ReceiverKey, answer
from placet.protocols.order import Entropy
from placet.protocols.psi.ristretto import Blinding, require_point

LISTED = 100
T = TypeVar("T")

NOTES = {
    "offline_cpu_s": "the provider's function of all its rows, and its polynomials: once a job and round",
    "provider_cpu_s": "the provider's side beside that",
    "consumer_cpu_s": "the consumer's side",
    "up_mb": "to the provider",
    "down_mb": "to the consumer",
    "peak_mb": "memory of the process, both sides in one",
}


def figures(n: int, context: bytes, entropy: Entropy) -> dict[str, float]:
    """By the names of `NOTES`; half of the list is in the set of `n`. Fails unless exactly these match."""
    spent = dict.fromkeys(("offline", "provider", "consumer"), 0.0)

    def at(side: str, work: Callable[[], T]) -> T:
        start = time.process_time()
        outcome = work()
        spent[side] += time.process_time() - start
        return outcome

    held = [f"customer {i}".encode() for i in range(n)]
    listed = [f"customer {i}".encode() for i in range(n - LISTED // 2, n + LISTED - LISTED // 2)]
    key = Blinding(entropy)
    parts = at("offline", lambda: asyncio.run(prepare(key, held, context, entropy)))

    def blinded() -> list[oprf.Blinded]:
        return [oprf.Blinded(oprf.input_of(identifier, context), Blinding(entropy)) for identifier in listed]

    def multiples() -> list[bytes]:
        for point in points:
            require_point(point, "consumer")
        return [key(point) for point in points]

    def queried() -> tuple[ReceiverKey, list[int], bytes]:
        for point in evaluated:
            require_point(point, "provider")
        tags = Tags.of(b"".join(one.output(point) for one, point in zip(blinds, evaluated, strict=True)))
        table = cuckoo_rows(tags.bins, BINS)
        fresh = ReceiverKey(Bfv())
        return fresh, table.tolist(), fresh.query(slots(table, tags, entropy))

    def matches() -> set[int]:
        return {
            row
            for values in secret.opened(reply, "provider")
            for row, hit in zip(table, hits(values), strict=True)
            if hit and row >= 0
        }

    blinds = at("consumer", blinded)
    points = [one.point for one in blinds]
    evaluated = at("provider", multiples)
    secret, table, query = at("consumer", queried)
    reply = at("provider", lambda: answer(Bfv(), query, parts, "consumer"))
    if at("consumer", matches) != set(range(LISTED // 2)):
        raise RuntimeError("FHE PSI gave another intersection")
    return {
        **{f"{side}_cpu_s": seconds for side, seconds in spent.items()},
        "up_mb": (len(query) + 32 * LISTED) / 1e6,
        "down_mb": (len(reply) + 32 * LISTED) / 1e6,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
