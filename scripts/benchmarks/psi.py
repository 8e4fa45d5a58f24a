"""PSI: ECDH with placement, and plain for both; FHE of a short list; count and sum by circuits. Takes --n rows a side.

`--engine ecdh`, `fhe` or `circuit` measures that one alone; of FHE --n is the set, against which stand a hundred
customers. A circuit is garbled, or Cheetah's: a row for each over a thousand rows and over --n, each party a process of
its own; in what stands before that both sides are one process.

`unproved_cpu_s` is the processor time of plain PSI for one receiver, in turn with the placement: the messages and
multiplications that the placement had before its consumer proved anything. `ratio_to_unproved` is what the proof
makes of it with one provider; `ratio_of_two` the same with two, who compare one list that is hidden once.
`kinds` has all of them in one form, `kind`, `cpu_s` of both sides and `mb` of all messages, in the order of the table
in docs/explanation/protocols.md. `others` has a row each for salted hashes and for SPU's three, where one party
learns the intersection.
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
from typing import Any, TextIO

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _circuit import circuit
from _fhe import LISTED, figures
from _fhe import NOTES as FHE_NOTES
from _intersections import intersections
from _spu import own_loopback

from placet.protocols.local import LocalNetwork
from placet.protocols.order import secret_permutation
from placet.protocols.psi import BlindedList, arrange, intersect, place
from placet.protocols.psi.ristretto import Blinding, hash_to_group, require_point, total

DEFAULT = 10_000
SMALL = 1_000
ROUNDS = 3
SAMPLE = 1_000
BANKS = ("bank", "fund")
CONTEXT = bytes(40)

NOTES = {
    "place_cpu_s": "processor time of both sides, half of the rows in common",
    "place_wall_s": "the same by the clock, multiplications on all processors",
    "unproved_cpu_s": "plain, one receives: as the placement without a proof",
    "ratio_to_unproved": "the placement over that",
    "ratio_of_two": "the placement at two providers over twice that",
    "intersect_cpu_s": "plain, both receive",
    "ratio_to_x25519": "placement over four bare X25519 exchanges a row",
    "hash_us": "one identifier to a point",
    "multiply_us": "one point by a secret scalar",
    "add_us": "one point and another",
    "check_us": "one point of a peer",
    "mb": "all messages of the placement, MB of 10^6 bytes",
    "unproved_mb": "all messages of the plain one, one receives",
}


def _each_us(action: Callable[[], object]) -> float:
    """Microseconds of processor time for one of `SAMPLE` actions."""
    start = time.process_time()
    for _ in range(SAMPLE):
        action()
    return (time.process_time() - start) / SAMPLE * 1e6


def _run(sides: Callable[[LocalNetwork], list[Awaitable[object]]]) -> tuple[float, ...]:
    """Processor time, time by the clock, and bytes sent."""

    async def all_sides() -> LocalNetwork:
        network = LocalNetwork(("shop", *BANKS))
        await asyncio.gather(*sides(network))
        return network

    wall, cpu = time.perf_counter(), time.process_time()
    network = asyncio.run(all_sides())
    spent = time.process_time() - cpu, time.perf_counter() - wall
    return *spent, sum(len(payload) for *_, payload in network.sent)


def main(*, json: bool, n: int = DEFAULT, engine: str = "all") -> dict[str, object]:
    if engine not in ("all", "ecdh", "fhe", "circuit"):
        raise SystemExit("psi has the engines ecdh, fhe and circuit")
    out = sys.stderr if json else sys.stdout
    own_loopback()
    outcome: dict[str, Any] = {"n": n}
    if engine in ("all", "ecdh"):
        outcome |= _printed(f"{n} against {n} rows, ECDH", _ecdh(n), NOTES, out)
    if engine in ("all", "fhe"):
        fhe = figures(n, CONTEXT, secrets.token_bytes)
        outcome["fhe"] = _printed(f"{LISTED} against {n} rows, FHE", fhe, FHE_NOTES, out)
    if engine == "all":
        outcome["others"] = rows = intersections(*_lists(n), CONTEXT)
        for row in rows:
            print(", ".join(f"{name} {value}" for name, value in row.items()), file=out)
    if engine in ("all", "circuit"):
        counted = [circuit(by, size) for size in sorted({SMALL, n}) for by in ("garbled", "cheetah")]
        outcome["circuit"] = counted
        for row in counted:
            print("circuit PSI: " + ", ".join(f"{name} {value}" for name, value in row.items()), file=out)
    if engine == "all":
        outcome["kinds"] = kinds = _kinds(outcome)
        print(f"{'kind':22} {'cpu_s':>8} {'mb':>8}  {n} against {n} rows, FHE {LISTED} against {n}", file=out)
        for row in kinds:
            print(f"{row['kind']:22} {row['cpu_s']:8.2f} {row['mb']:8.2f}", file=out)
    return outcome


def _kinds(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """A row of each kind over --n rows, whatever its own figures are called."""
    fhe, n = figures["fhe"], figures["n"]
    of_fhe = fhe["offline_cpu_s"] + fhe["provider_cpu_s"] + fhe["consumer_cpu_s"]
    circuits = [row for row in figures["circuit"] if row["n"] == n]
    rows = [
        ("ecdh with placement", figures["place_cpu_s"], figures["mb"]),
        ("ecdh plain", figures["unproved_cpu_s"], figures["unproved_mb"]),
        *((row["kind"], row["cpu_s"], row["mb"]) for row in figures["others"]),
        ("fhe", of_fhe, fhe["up_mb"] + fhe["down_mb"]),
        *((f"circuit {c['protocol']}", c["provider_cpu_s"] + c["consumer_cpu_s"], c["mb"]) for c in circuits),
    ]
    return [{"kind": kind, "cpu_s": round(cpu, 3), "mb": round(mb, 3)} for kind, cpu, mb in rows]


def _lists(n: int) -> tuple[list[bytes], list[bytes]]:
    """The consumer's, and a provider's that has half of it."""
    shop, bank = ([f"customer {step * i}".encode() for i in range(n)] for step in (1, 2))
    return shop, bank


def _printed(title: str, figures: dict[str, float], notes: dict[str, str], out: TextIO) -> dict[str, float]:
    print(title, file=out)
    for name, value in figures.items():
        print(f"{name:18} {value:8.2f}  {notes[name]}", file=out)
    return {name: round(value, 3) for name, value in figures.items()}


def _ecdh(n: int) -> dict[str, float]:
    shop, bank = _lists(n)
    order, key, other = secret_permutation(n), Blinding(), X25519PrivateKey.generate()
    point = hash_to_group(b"", CONTEXT)

    def placing(*banks: str) -> Callable[[LocalNetwork], list[Awaitable[object]]]:
        async def consumer(network: LocalNetwork) -> None:
            shown = await BlindedList.of(shop, order, context=CONTEXT)
            await asyncio.gather(*(arrange(network.channel("shop"), one, shown, max_rows=n) for one in banks))

        def provider(network: LocalNetwork, name: str) -> Awaitable[object]:
            others = [one for one in banks if one != name]
            return place(network.channel(name), "shop", others, bank, context=CONTEXT, max_positions=n)

        return lambda network: [consumer(network), *(provider(network, name) for name in banks)]

    def plain(receiver: str | None) -> Callable[[LocalNetwork], list[Awaitable[object]]]:
        return lambda network: [
            intersect(network.channel(me), peer, rows, receiver=receiver, context=CONTEXT, max_rows=n)
            for me, peer, rows in (("shop", "bank", shop), ("bank", "shop", bank))
        ]

    rounds = []
    for _ in range(ROUNDS):
        cpu, wall, sent = _run(placing("bank"))
        unproved, _, plain_sent = _run(plain("bank"))
        two, *_ = _run(placing(*BANKS))
        plain_cpu, *_ = _run(plain(None))
        bare = _each_us(lambda: other.exchange(X25519PublicKey.from_public_bytes(point))) * 4 * n / 1e6
        rounds.append((cpu, wall, unproved, cpu / unproved, two / unproved / 2, plain_cpu, cpu / bare))
    names = (
        "place_cpu_s", "place_wall_s", "unproved_cpu_s", "ratio_to_unproved", "ratio_of_two", "intersect_cpu_s",
        "ratio_to_x25519",
    )  # fmt: skip
    medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
    return {
        **dict(zip(names, medians, strict=True)),
        "hash_us": _each_us(lambda: hash_to_group(b"customer 1", CONTEXT)),
        "multiply_us": _each_us(lambda: key(point)),
        "add_us": _each_us(lambda: total([point, point])),
        "check_us": _each_us(lambda: require_point(point, "bank")),
        "mb": sent / 1e6,
        "unproved_mb": plain_sent / 1e6,
    }
