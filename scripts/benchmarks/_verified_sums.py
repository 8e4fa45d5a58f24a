"""A sum over three providers, held against commitments and not, one party's work after the other's."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from placet.jobs.randomness import stream
from placet.protocols.mpc import additive, commitments
from placet.protocols.mpc.verified import (
    PlaceWords,
    SharedOut,
    WeightedShares,
    acceptance,
    commitments_fit,
    part_fits,
    share,
    share_fits,
    totals_of,
)

PROVIDERS = 3
ROUNDS = 3
CHALLENGE = bytes(range(32))


class _Spent:
    """Processor seconds of the parties, and bytes that a provider sends."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {"provider": 0.0, "consumer": 0.0}
        self.bytes = 0

    @contextmanager
    def by(self, who: str) -> Iterator[None]:
        start = time.process_time()
        yield
        self.seconds[who] += (time.process_time() - start) / (PROVIDERS if who == "provider" else 1)


def _verified(values: list[list[int]]) -> _Spent:
    spent, places = _Spent(), len(values[0])
    seeds = [bytes([number]) * 32 for number in range(PROVIDERS)]
    with spent.by("provider"):
        randomness = [commitments.scalars(places, stream(seed, b"commitments")) for seed in seeds]
        committed = [asyncio.run(commitments.commit_all(*pair)) for pair in zip(values, randomness, strict=True)]
        words = [PlaceWords.of(*pair) for pair in zip(values, randomness, strict=True)]
        given = [share(one, PROVIDERS, entropy=stream(seed, b"share")) for one, seed in zip(words, seeds, strict=True)]
        held = [tuple(PlaceWords.read(one[j].payload, places) for one in given) for j in range(PROVIDERS)]
        parts = [SharedOut((), one).total for one in held]
    with spent.by("provider"):
        weighted = [WeightedShares.of(CHALLENGE, one) for one in given]
        fits = all(share_fits(held[j][i], weighted[i], j) for i in range(PROVIDERS) for j in range(PROVIDERS) if i != j)
    with spent.by("consumer"):
        points = [commitments.points_of(one, places) for one in committed]
        fits &= asyncio.run(commitments_fit(asyncio.run(commitments.sums(points)), weighted))
        fits &= all(part_fits(PlaceWords.read(one.payload, places), weighted, j) for j, one in enumerate(parts))
        totals = totals_of(parts)[0]
    assert fits and totals == [sum(column) for column in zip(*values, strict=True)]
    messages = (PROVIDERS - 1) * len(parts[0].payload) + PROVIDERS * len(weighted[0].payload)
    spent.bytes = len(committed[0]) + len(parts[0].payload) + messages + len(acceptance(weighted))
    return spent


def _unverified(values: list[list[int]]) -> _Spent:
    spent, places = _Spent(), len(values[0])
    with spent.by("provider"):
        given = [additive.share(additive.encode(one), PROVIDERS) for one in values]
        parts = []
        for j in range(PROVIDERS):
            total = given[0][j]
            for one in given[1:]:
                total = additive.add(total, additive.from_bytes(additive.to_bytes(one[j]), places))
            parts.append(total)
    with spent.by("consumer"):
        totals = additive.reconstruct(parts)
    assert totals == [sum(column) for column in zip(*values, strict=True)]
    spent.bytes = PROVIDERS * len(additive.to_bytes(parts[0]))
    return spent


def verified_sum(n: int, say: Callable[[str], None]) -> dict[str, object]:
    """Values of 50 bits at all of `n` places."""
    draw = stream(bytes(32), b"values")
    values = [[1 + int.from_bytes(draw(8), "big") % 2**50 for _ in range(n)] for _ in range(PROVIDERS)]
    rounds = [(_verified(values), _unverified(values)) for _ in range(ROUNDS)]
    verified, unverified = (_figures([pair[number] for pair in rounds]) for number in range(2))
    say(f"a sum over {PROVIDERS} providers at {n} places")
    for name in verified:
        say(f"  {name:<16} {verified[name]:>8} verified {unverified[name]:>8} unverified")
    return {"places": n, "providers": PROVIDERS, "verified": verified, "unverified": unverified}


def _figures(rounds: list[_Spent]) -> dict[str, float]:
    return {
        "provider_cpu_s": round(statistics.median(one.seconds["provider"] for one in rounds), 3),
        "consumer_cpu_s": round(statistics.median(one.seconds["consumer"] for one in rounds), 3),
        "mb_sent": round(rounds[0].bytes / 1e6, 3),
    }
