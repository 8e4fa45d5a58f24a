"""PSI, both sides in one process: ECDH with placement, and plain for both; FHE of a short list. Takes --n rows a side.

`--engine ecdh` or `fhe` measures that one alone; of FHE --n is the set, against which stand a hundred customers.

`ratio_to_x25519` is the processor time of the placement over that of as many bare X25519 exchanges (four a row, by
OpenSSL), taken in turn with it: the least that the same protocol would cost on Curve25519, hashing and checks free.
"""

from __future__ import annotations

import asyncio
import secrets
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TextIO

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

sys.path.insert(0, str(Path(__file__).resolve().parent))
import _fhe

from placet.protocols.local import LocalNetwork
from placet.protocols.order import secret_permutation
from placet.protocols.psi import arrange, intersect, place
from placet.protocols.psi.ristretto import Blinding, hash_to_group, require_point

DEFAULT = 10_000
ROUNDS = 3
SAMPLE = 1_000
CONTEXT = bytes(40)

NOTES = {
    "place_cpu_s": "processor time of both sides, half of the rows in common",
    "place_wall_s": "the same by the clock, multiplications on all processors",
    "intersect_cpu_s": "plain, both receive",
    "ratio_to_x25519": "placement over four bare X25519 exchanges a row",
    "hash_us": "one identifier to a point",
    "multiply_us": "one point by a secret scalar",
    "check_us": "one point of a peer",
    "mb": "all messages of the placement, MB of 10^6 bytes",
}


def _each_us(action: Callable[[], object]) -> float:
    """Microseconds of processor time for one of `SAMPLE` actions."""
    start = time.process_time()
    for _ in range(SAMPLE):
        action()
    return (time.process_time() - start) / SAMPLE * 1e6


def _run(n: int, sides: Callable[[LocalNetwork], tuple[Awaitable[object], Awaitable[object]]]) -> tuple[float, ...]:
    """Processor time, time by the clock, and bytes sent."""

    async def both() -> LocalNetwork:
        network = LocalNetwork(("shop", "bank"))
        await asyncio.gather(*sides(network))
        return network

    wall, cpu = time.perf_counter(), time.process_time()
    network = asyncio.run(both())
    spent = time.process_time() - cpu, time.perf_counter() - wall
    return *spent, sum(len(payload) for *_, payload in network.sent)


def main(*, json: bool, n: int = DEFAULT, engine: str = "all") -> dict[str, object]:
    if engine not in ("all", "ecdh", "fhe"):
        raise SystemExit("psi has the engines ecdh and fhe")
    out = sys.stderr if json else sys.stdout
    outcome: dict[str, object] = {"n": n}
    if engine != "fhe":
        outcome |= _printed(f"{n} against {n} rows, ECDH", _ecdh(n), NOTES, out)
    if engine != "ecdh":
        fhe = _fhe.figures(n, CONTEXT, secrets.token_bytes)
        outcome["fhe"] = _printed(f"{_fhe.LISTED} against {n} rows, FHE", fhe, _fhe.NOTES, out)
    return outcome


def _printed(title: str, figures: dict[str, float], notes: dict[str, str], out: TextIO) -> dict[str, float]:
    print(title, file=out)
    for name, value in figures.items():
        print(f"{name:16} {value:8.2f}  {notes[name]}", file=out)
    return {name: round(value, 3) for name, value in figures.items()}


def _ecdh(n: int) -> dict[str, float]:
    shop, bank = ([f"customer {step * i}".encode() for i in range(n)] for step in (1, 2))
    order, key, other = secret_permutation(n), Blinding(), X25519PrivateKey.generate()
    point = hash_to_group(b"", CONTEXT)

    def placing(network: LocalNetwork) -> tuple[Awaitable[object], Awaitable[object]]:
        return (
            arrange(network.channel("shop"), "bank", shop, order, context=CONTEXT, max_rows=n),
            place(network.channel("bank"), "shop", bank, context=CONTEXT, max_positions=n),
        )

    def plain(network: LocalNetwork) -> tuple[Awaitable[object], Awaitable[object]]:
        return (
            intersect(network.channel("shop"), "bank", shop, receiver=None, context=CONTEXT, max_rows=n),
            intersect(network.channel("bank"), "shop", bank, receiver=None, context=CONTEXT, max_rows=n),
        )

    rounds = []
    for _ in range(ROUNDS):
        cpu, wall, sent = _run(n, placing)
        plain_cpu, *_ = _run(n, plain)
        bare = _each_us(lambda: other.exchange(X25519PublicKey.from_public_bytes(point))) * 4 * n / 1e6
        rounds.append((cpu, wall, plain_cpu, cpu / bare))
    place_cpu, place_wall, intersect_cpu, ratio = (statistics.median(column) for column in zip(*rounds, strict=True))
    return {
        "place_cpu_s": place_cpu,
        "place_wall_s": place_wall,
        "intersect_cpu_s": intersect_cpu,
        "ratio_to_x25519": ratio,
        "hash_us": _each_us(lambda: hash_to_group(b"customer 1", CONTEXT)),
        "multiply_us": _each_us(lambda: key(point)),
        "check_us": _each_us(lambda: require_point(point, "bank")),
        "mb": sent / 1e6,
    }
