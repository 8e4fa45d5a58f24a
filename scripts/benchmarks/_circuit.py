"""Circuit PSI by a garbled circuit and by Cheetah, bare: each party a process of its own, linked over loopback.

Half of the rows are in common and have an amount each; count and sum are checked. Called in a network of its own
(`_spu.own_loopback`), so that bytes are of these parties alone, headers of TCP included.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import resource
import struct
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from _spu import HOST, SECONDS, networks, traffic

from placet.chain.local import free_port
from placet.core.errors import PlacetError, ProtocolError
from placet.protocols.garbled import Brought, CountTerms, evaluate, garble, opened
from placet.protocols.spu import Network, count_and_sum, open_count_and_sum

ROLES = ("provider", "consumer")
_FIGURES = (("provider_cpu_s", "provider_peak_mb"), ("consumer_cpu_s", "consumer_peak_mb"))
SMALLEST = 5
_HEADER = struct.Struct("<IQ")


class StreamChannel:
    """A channel between the two over one TCP connection."""

    def __init__(self, me: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.me = me
        self._reader = reader
        self._writer = writer

    async def send(self, to: str, tag: str, payload: bytes) -> None:
        name = tag.encode()
        self._writer.write(_HEADER.pack(len(name), len(payload)) + name)
        self._writer.write(payload)
        await self._writer.drain()

    async def receive(self, sender: str, tag: str, *, limit: int) -> bytes:
        size, length = _HEADER.unpack(await self._reader.readexactly(_HEADER.size))
        if (await self._reader.readexactly(size)).decode() != tag or length > limit:
            raise ProtocolError("another message than was due", expected=tag)
        return await self._reader.readexactly(length)


def rows_of(role: str, n: int) -> tuple[list[bytes], list[int] | None]:
    """The provider has customers 0 to n - 1, the consumer every second one up to 2n."""
    if role == "provider":
        return [b"customer %d" % number for number in range(n)], list(range(n))
    return [b"customer %d" % (2 * number) for number in range(n)], None


def one_party(role: str, n: int, port: int, network: Network | None, told: Connection) -> None:
    """The process of a party; `network` where Cheetah computes. Tells its share and what it took, or why it did not."""
    identifiers, amounts = rows_of(role, n)
    began, used = time.perf_counter(), _processor()
    try:
        if network is None:
            share = asyncio.run(_garbled(role, identifiers, amounts, port))
        else:
            with tempfile.TemporaryDirectory(prefix="placet-bench-") as folder:
                share = asyncio.run(_cheetah(network, identifiers, amounts, Path(folder)))
    except PlacetError as error:
        told.send(str(error))
        return
    told.send((share, _processor() - used, time.perf_counter() - began, _peak_mb()))


async def _garbled(role: str, identifiers: list[bytes], amounts: list[int] | None, port: int) -> bytes:
    terms = CountTerms((len(identifiers),) * 2, summed=True, noisy=False, smallest=SMALLEST)
    if role == "provider":
        met: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Future()
        await asyncio.start_server(lambda *pair: met.set_result(pair), HOST, port)
        channel = StreamChannel(role, *await met)
        return await garble(channel, "consumer", Brought(identifiers, amounts), terms, context=b"bench")
    deadline = time.monotonic() + 60
    while True:
        try:
            channel = StreamChannel(role, *await asyncio.open_connection(HOST, port))
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.02)
    return await evaluate(channel, "provider", Brought(identifiers), terms, context=b"bench")


async def _cheetah(network: Network, identifiers: list[bytes], amounts: list[int] | None, scratch: Path) -> bytes:
    return await count_and_sum(
        network,
        identifiers,
        amounts,
        rows=(len(identifiers),) * 2,
        amounts_of=0,
        smallest=SMALLEST,
        scratch=scratch,
        seconds=SECONDS,
    )


def circuit(protocol: str, n: int) -> dict[str, Any]:
    """Figures of one run of `garbled` or `cheetah`: of either party processor seconds and peak memory, of both together
    bytes and the time by the clock; or why it does not run."""
    before, port = traffic(), free_port()
    views: list[Network | None] = [None, None] if protocol == "garbled" else [*networks(2)]
    spawn = multiprocessing.get_context("spawn")
    pipes = [spawn.Pipe(duplex=False) for _ in ROLES]
    parties = [
        spawn.Process(target=one_party, args=(role, n, port, view, told))
        for role, view, (_, told) in zip(ROLES, views, pipes, strict=True)
    ]
    for party in parties:
        party.start()
    outcomes = [pipe.recv() for pipe, _ in pipes]
    for party in parties:
        party.join()
    figures: dict[str, Any] = {"protocol": protocol, "n": n}
    if refusal := next((one for one in outcomes if isinstance(one, str)), None):
        return figures | {"refused": refusal}
    _demand_right(protocol, n, (outcomes[0][0], outcomes[1][0]))
    for (cpu_s, peak_mb), (_, processor, _, peak) in zip(_FIGURES, outcomes, strict=True):
        figures |= {cpu_s: round(processor, 2), peak_mb: round(peak)}
    return figures | {"wall_s": round(max(one[2] for one in outcomes), 2), "mb": round((traffic() - before) / 1e6, 2)}


def _demand_right(protocol: str, n: int, shares: tuple[bytes, bytes]) -> None:
    common = range(0, n, 2)
    if protocol == "garbled":
        numbers: Any = opened(shares, 2)
    else:
        with tempfile.TemporaryDirectory(prefix="placet-bench-") as folder:
            numbers = asyncio.run(
                open_count_and_sum(
                    shares, rows=(n, n), summed=True, smallest=SMALLEST, scratch=Path(folder), seconds=SECONDS
                )
            )
    if tuple(numbers) != (len(common), sum(common)):
        sys.exit(f"{protocol} over {n} rows came to {numbers}")


def _processor() -> float:
    """Of this process and of its children that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _peak_mb() -> float:
    """Of this process, or of the largest that it started."""
    own = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return max(int(own[1]) if own else 0, children) / 1024
