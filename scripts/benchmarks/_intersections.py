"""Plain intersections bare, one party learning which of its rows the other has: salted hashes, and SPU's protocols."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _spu import SECONDS, children, networks, traffic

from placet.core.errors import PlacetError
from placet.protocols import spu
from placet.protocols.local import LocalNetwork
from placet.protocols.psi import salted_hash
from placet.protocols.spu import extra

SPU_KINDS = ("ecdh", "kkrt", "rr22")


def intersections(shop: Sequence[bytes], bank: Sequence[bytes], context: bytes) -> list[dict[str, object]]:
    """A row a kind: processor seconds of both, seconds by the clock, megabytes of 10^6 bytes. SPU's are of two
    processes over loopback, started anew, and its megabytes all that went over it."""
    rows = [_salted(shop, bank, context)]
    try:
        extra.require()
    except PlacetError as missing:
        print(f"without SPU: {missing}", file=sys.stderr)
        return rows
    return rows + [_spu(kind, shop, bank) for kind in SPU_KINDS]


def _row(kind: str, cpu: float, wall: float, sent: int) -> dict[str, object]:
    return {"kind": kind, "cpu_s": round(cpu, 3), "wall_s": round(wall, 3), "mb": round(sent / 1e6, 3)}


def _salted(shop: Sequence[bytes], bank: Sequence[bytes], context: bytes) -> dict[str, object]:
    async def both() -> int:
        network = LocalNetwork(("shop", "bank"))
        await asyncio.gather(
            *(
                salted_hash.intersect(
                    network.channel(me), peer, list(own), receiver="shop", context=context, max_rows=len(own)
                )
                for me, peer, own in (("shop", "bank", shop), ("bank", "shop", bank))
            )
        )
        return sum(len(payload) for *_, payload in network.sent)

    wall, cpu = time.perf_counter(), time.process_time()
    sent = asyncio.run(both())
    return _row("salted hash", time.process_time() - cpu, time.perf_counter() - wall, sent)


def _spu(kind: str, shop: Sequence[bytes], bank: Sequence[bytes]) -> dict[str, object]:
    async def both(folder: str) -> None:
        await asyncio.gather(
            *(
                spu.intersect(
                    network, [one.decode() for one in own], kind, receiver=0, scratch=Path(folder), seconds=SECONDS
                )
                for network, own in zip(networks(2), (shop, bank), strict=True)
            )
        )

    sent, wall, cpu = traffic(), time.perf_counter(), time.process_time() + children()
    with tempfile.TemporaryDirectory(prefix="placet-bench-") as folder:
        asyncio.run(both(folder))
    return _row(f"spu {kind}", time.process_time() + children() - cpu, time.perf_counter() - wall, traffic() - sent)
