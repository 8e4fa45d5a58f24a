"""Oblivious transfers, their extension and the OPPRF, both sides in one process. Takes --n rows a side."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

import numpy as np

from placet.protocols.local import LocalNetwork
from placet.protocols.ot.base import receive_base, send_base
from placet.protocols.ot.extension import receive_correlated, send_correlated
from placet.protocols.ot.okvs import decode, encode
from placet.protocols.ot.opprf import bins_for, receive_programmed, send_programmed, tag_bits

DEFAULT = 10_000
ROUNDS = 3
BASE = 128
ENTRIES = 3
CONTEXT = bytes(40)

NOTES = {
    "base_cpu_s": f"{BASE} base transfers",
    "opprf_cpu_s": "OPPRF with one word of payload, half of the rows in common",
    "opprf_mb": "its messages, MB of 10^6 bytes",
    "labels_cpu_s": "labels for all of its tags' bits",
    "labels_mb": "their messages",
    "encode_cpu_s": "encoding the store alone, three entries a row",
    "decode_cpu_s": "looking all entries up",
}
Sides = Callable[[LocalNetwork], tuple[Awaitable[object], Awaitable[object]]]


def _run(sides: Sides) -> tuple[float, float]:
    """Processor time of both sides, and MB sent: the median of `ROUNDS`."""

    async def both() -> LocalNetwork:
        network = LocalNetwork(("shop", "bank"))
        await asyncio.gather(*sides(network))
        return network

    times, sent = [], 0
    for _ in range(ROUNDS):
        start = time.process_time()
        network = asyncio.run(both())
        times.append(time.process_time() - start)
        sent = sum(len(payload) for *_, payload in network.sent)
    return statistics.median(times), sent / 1e6


def _store(entries: int) -> tuple[float, float]:
    """Processor time to encode a store, and to look all of it up."""
    draw = np.random.default_rng(1)
    keys = draw.integers(0, 256, (entries, 16), np.uint8)
    values = draw.integers(0, 1 << 64, (entries, 2), np.uint64)
    start = time.process_time()
    table = encode(keys, values, entries, context=CONTEXT)
    middle = time.process_time()
    decode(table, keys, context=CONTEXT)
    return middle - start, time.process_time() - middle


def main(*, json: bool, n: int = DEFAULT) -> dict[str, object]:
    out = sys.stderr if json else sys.stdout
    shop, bank = ([f"customer {step * i}".encode() for i in range(n)] for step in (1, 2))
    payloads = np.arange(n, dtype=np.uint64)[:, None]
    bits = bins_for(n) * tag_bits(bins_for(n))
    choices = np.random.default_rng(1).integers(0, 2, bits).astype(np.uint8)

    def base(network: LocalNetwork) -> tuple[Awaitable[object], Awaitable[object]]:
        return (
            send_base(network.channel("shop"), "bank", BASE, context=CONTEXT),
            receive_base(network.channel("bank"), "shop", [i % 2 for i in range(BASE)], context=CONTEXT),
        )

    def programmed(network: LocalNetwork) -> tuple[Awaitable[object], Awaitable[object]]:
        return (
            receive_programmed(network.channel("shop"), "bank", shop, payload_words=1, rows=(n, n), context=CONTEXT),
            send_programmed(network.channel("bank"), "shop", bank, payloads, rows=(n, n), context=CONTEXT),
        )

    def labels(network: LocalNetwork) -> tuple[Awaitable[object], Awaitable[object]]:
        return (
            send_correlated(network.channel("shop"), "bank", bits, context=CONTEXT),
            receive_correlated(network.channel("bank"), "shop", choices, context=CONTEXT),
        )

    base_cpu, _ = _run(base)
    opprf_cpu, opprf_mb = _run(programmed)
    labels_cpu, labels_mb = _run(labels)
    encode_cpu, decode_cpu = _store(ENTRIES * n)
    figures: dict[str, float] = {
        "base_cpu_s": base_cpu,
        "opprf_cpu_s": opprf_cpu,
        "opprf_mb": opprf_mb,
        "labels_cpu_s": labels_cpu,
        "labels_mb": labels_mb,
        "encode_cpu_s": encode_cpu,
        "decode_cpu_s": decode_cpu,
    }
    print(f"{n} rows a side, {bits} labels", file=out)
    for name, value in figures.items():
        print(f"{name:14} {value:8.3f}  {NOTES[name]}", file=out)
    return {"n": n, "labels": bits} | {name: round(value, 3) for name, value in figures.items()}
