"""Consents on a network of four validators, a second accepted, anchored and final, beside Anvil. Takes --n.

The same institutions take the same consents over HTTP twice: on Anvil with a block every three seconds, one of them on
top confirms; and on a network of validators with as long a slot, where what the chain calls final counts. Anchored is
a consent whose batch is in the latest block, given one whose batch counts. Needs `placet chain install --validators`.
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _load import Client, documents, subject, submissions

from placet.chain import events
from placet.chain.client import Chain
from placet.chain.local import LocalChain, rpc
from placet.chain.network import host
from placet.chain.network.settings import FEWEST, NetworkSettings
from placet.core.values import from_hex
from placet.sandbox.consortium import Consortium, LocalEndpoint, wait
from placet.sandbox.founding import ONE_BLOCK, Charter, Stock, consortium_on

NOTES = {
    "accepted_per_s": "consents a second, from the first request until the last one is in vault and queue, on disk",
    "anchored_per_s": "the same until the last one's batch is in a block",
    "given_per_s": "the same until the last one's batch counts",
    "given_after_s": "seconds from the last one's batch in a block until it counts",
    "batches": "transactions for all of them",
}
DEFAULT = 2_000
SLOT = 3
SECONDS = 1_800
NAMES = {"bank": "First Bank", "consumer": "Credit House"}


class _Network:
    """Four validators for the length of a `with` block, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._settings = folder, NetworkSettings(FEWEST, host.free_ports(FEWEST), 31337, SLOT)
        self.url = self._settings.url(1)

    def __enter__(self) -> _Network:
        host.up(self._folder, self._settings, child=True)
        wait(
            lambda: int(self.rpc("eth_getBlockByNumber", "finalized", False)["number"], 16) > 0,
            "final block",
            None,
            SECONDS,
        )
        return self

    def __exit__(self, *_: object) -> None:
        host.down(self._folder)

    def rpc(self, method: str, *params: object) -> object:
        return rpc(self.url, method, *params)

    def block_number(self) -> int:
        return int(str(self.rpc("eth_blockNumber")), 16)


def main(*, json: bool, n: int = DEFAULT) -> dict[str, object]:
    """Measure and print; see `scripts/bench`."""
    out = sys.stderr if json else sys.stdout
    with tempfile.TemporaryDirectory(prefix="placet-network-") as folder:
        with LocalChain(block_time=SLOT) as anvil:
            alone = _measured(Path(folder) / "a", anvil, ONE_BLOCK, n)
        with _Network(Path(folder) / "validators") as network:
            four = _measured(Path(folder) / "b", network, ("--evm", "cancun"), n)
    ratios = {f"{name}_ratio": round(four[name] / alone[name], 3) for name in NOTES if name.endswith("_per_s")}
    for name, note in NOTES.items():
        print(f"{name:<16} {alone[name]:>10,} on Anvil {four[name]:>10,} on four validators  {note}", file=out)
    for name, ratio in ratios.items():
        print(f"{name:<20} {ratio}", file=out)
    return {"n": n, "slot_s": SLOT, "anvil": alone, "validators": four, **ratios}


def _measured(folder: Path, chain: LocalEndpoint, deploy: tuple[object, ...], n: int) -> dict[str, float]:
    folder.mkdir()
    everybody = {subject(i): i for i in range(n)}
    stock = Stock({"bank": everybody}, [subject(0)], [subject(0)])
    with consortium_on(chain, folder, NAMES, stock, charter=Charter(deploy)) as group:
        bodies = [body for _, body in submissions(group, "bank", n)]
        start = time.perf_counter()
        Client(f"{group.members['bank'].api}/v1/consents", SECONDS).send(bodies)
        accepted = time.perf_counter() - start
        deployment, _ = documents(folder)
        reader, offer = Chain(chain.url, deployment), from_hex(group.offers["bank"])
        log = folder / "bank-node.log"
        wait(lambda: _anchored(group, reader, offer) == n, "batch in a block", log, SECONDS)
        anchored = time.perf_counter() - start
        wait(
            lambda: _rows(group, "select count(*) from node_consents where status = 'given'")[0][0] == n,
            "batch that counts",
            log,
            SECONDS,
        )
        given = time.perf_counter() - start
        return {
            "accepted_per_s": round(n / accepted, 1),
            "anchored_per_s": round(n / anchored, 1),
            "given_per_s": round(n / given, 1),
            "given_after_s": round(given - anchored, 1),
            "batches": len(_rows(group, "select 1 from node_batches")),
        }


def _anchored(group: Consortium, reader: Chain, offer: bytes) -> int:
    """How many consents are in batches that the latest block has."""
    told = {event.root for event in reader.events((events.BatchAnchored,), reader.deployment.block, offer=offer)}
    kept = dict(_rows(group, "select root, length(leaves) / 32 from node_batches"))
    return sum(kept.get(root, 0) for root in told)


def _rows(group: Consortium, query: str) -> list[tuple[int, ...]]:
    with contextlib.closing(sqlite3.connect(group.folder / "bank" / "state.db", timeout=60)) as state:
        return state.execute(query).fetchall()
