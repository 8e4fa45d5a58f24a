"""The consent API under load and a kill: consents a second accepted and anchored, beside a bare endpoint. Takes --n.

A consortium of real processes: chain, node and vault of a bank. Half of the consents measure the way from the request
to the anchored batch, between two rounds of the bare endpoint (FastAPI on uvicorn in a process of its own, the same
requests from the same client, nothing done but one signature checked). During the other half the node is killed
(SIGKILL) and started again. Then the chain's roots are held against what was accepted: every consent in exactly one
anchored batch.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx

from placet.chain import events
from placet.chain.client import Chain
from placet.chain.local import free_port
from placet.core.merkle import batch_root
from placet.core.values import from_hex

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from _load import STEP, Client, documents, subject, submissions

from placet.sandbox.consortium import Consortium, wait
from placet.sandbox.founding import Stock, consortium

HERE = Path(__file__).resolve().parent

NOTES = {
    "per_s": "consents a second, from the first request until the last one is given on chain",
    "accepted_per_s": "the same until the last one is accepted (in vault and queue, on disk)",
    "bare_per_s": "requests a second of the bare endpoint",
    "ratio_to_bare": "per_s over bare_per_s",
    "accepted_ratio_to_bare": "accepted_per_s over bare_per_s",
    "consents": "sent in all; every one was accepted",
    "anchored": "of them in an anchored batch",
    "lost": "accepted but in no anchored batch, or not in the vault",
    "doubled": "in more than one anchored batch, or a root that was sent to the chain twice",
    "batches": "anchored roots, each recomputed from its leaves",
    "cut_off": "requests that the kill cut off; sent again under the same id",
    "down_s": "from the kill until the node took requests again",
}

DEFAULT = 10_000
SECONDS = 1_800


def main(*, json: bool, n: int = DEFAULT) -> dict[str, object]:
    """Measure and print; see `scripts/bench`."""
    with tempfile.TemporaryDirectory() as folder:
        figures = _measure(Path(folder), n)
    out = sys.stderr if json else sys.stdout
    for name, note in NOTES.items():
        print(f"{name:<22} {figures[name]:>12,}  {note}", file=out)
    if figures["lost"] or figures["doubled"]:
        raise RuntimeError(f"{figures['lost']} consents lost, {figures['doubled']} doubled")
    return figures


def _measure(folder: Path, n: int) -> dict[str, object]:
    names = {"bank": "First Bank", "consumer": "Credit House"}
    everybody = {subject(i): i for i in range(n)}
    with consortium(folder, names, Stock({"bank": everybody}, [subject(0)], [subject(0)])) as group:
        sent = submissions(group, "bank", n)
        bodies = [body for _, body in sent]
        with _bare(group) as url:
            figures, done = _rounds(group, url, bodies)
        figures |= _with_a_kill(group, bodies, done)
        group.stop()
        figures |= _settled(group, {identity for identity, _ in sent})
    return {"n": n, "processes": os.cpu_count(), **figures}


@contextlib.contextmanager
def _bare(group: Consortium) -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen([sys.executable, HERE / "_load.py", group.folder / "deployment.json", str(port)])
    url = f"http://127.0.0.1:{port}/v1/consents"
    try:
        wait(lambda: _answers(url), "bare endpoint")
        yield url
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        httpx.get(url, trust_env=False, timeout=2)
    except httpx.HTTPError:
        return False
    return True


def _rounds(group: Consortium, bare: str, bodies: list[bytes]) -> tuple[dict[str, float], int]:
    """Half of the requests to the node, and half of these each to the bare endpoint before and after; how many."""
    half = len(bodies) // 2
    quarter = half // 2
    Client(bare, SECONDS).send(bodies[:STEP])
    seconds = _timed(bare, bodies[:quarter])
    start = time.perf_counter()
    accepted = _timed(_api(group), bodies[:half])
    wait(lambda: _given(group) == half, "anchored batch", group.folder / "bank-node.log", SECONDS)
    anchored = time.perf_counter() - start
    seconds += _timed(bare, bodies[quarter:half])
    per_s, bare_per_s = half / anchored, half / seconds
    return {
        "per_s": round(per_s, 1),
        "accepted_per_s": round(half / accepted, 1),
        "bare_per_s": round(bare_per_s, 1),
        "ratio_to_bare": round(per_s / bare_per_s, 3),
        "accepted_ratio_to_bare": round(half / accepted / bare_per_s, 3),
    }, half


def _timed(url: str, bodies: list[bytes]) -> float:
    start = time.perf_counter()
    Client(url, SECONDS).send(bodies)
    return time.perf_counter() - start


def _api(group: Consortium) -> str:
    return f"{group.members['bank'].api}/v1/consents"


def _given(group: Consortium) -> int:
    """How many consents the node sees on chain."""
    member = group.members["bank"]
    told = httpx.get(f"{member.api}/metrics", headers=member.authorization, trust_env=False, timeout=60).text
    found = re.search(r'^placet_consents\{state="given"\} (\S+)$', told, re.MULTILINE)
    return int(float(found[1])) if found else 0


def _with_a_kill(group: Consortium, bodies: list[bytes], done: int) -> dict[str, float]:
    """Send the rest; the node is killed when half of it is accepted, and started again."""
    client, rest = Client(_api(group), SECONDS), bodies[done:]
    down: list[float] = []

    def kill() -> None:
        start = time.perf_counter()
        group.kill("bank-node")
        group.start_node("bank")
        group.wait_healthy("bank")
        down.append(time.perf_counter() - start)

    killer = threading.Thread(target=kill)
    client.send(rest, lambda taken: killer.start() if taken == len(rest) // 2 else None)
    killer.join()
    wait(lambda: _given(group) == len(bodies), "anchored batch", group.folder / "bank-node.log", SECONDS)
    return {"cut_off": client.cut, "down_s": round(down[0], 2)}


def _settled(group: Consortium, sent: set[bytes]) -> dict[str, float]:
    """The chain against what was accepted. Leaves come from the node's database, and count only under a root that they
    hash to and that the chain holds."""
    chain = Chain(group.chain.url, documents(group.folder)[0])
    told = chain.events((events.BatchAnchored,), chain.deployment.block, offer=from_hex(group.offers["bank"]))
    roots = Counter(event.root for event in told)
    with contextlib.closing(sqlite3.connect(group.folder / "bank" / "state.db")) as state:
        kept = [leaves for (leaves,) in state.execute("select leaves from node_batches")]
    batches = {batch_root(ids): ids for ids in ([b[i : i + 32] for i in range(0, len(b), 32)] for b in kept)}
    if not roots.keys() <= batches.keys():
        raise RuntimeError("the chain holds a root whose leaves nobody has")
    leaves = Counter(identity for root in roots for identity in batches[root])
    if not leaves.keys() <= sent:
        raise RuntimeError("a batch holds a consent that nobody sent")
    with contextlib.closing(sqlite3.connect(group.folder / "bank-vault" / "vault.db")) as vault:
        kept_there = {bytes(identity) for (identity,) in vault.execute("select consent from consents")}
    again = sum(count - 1 for count in (*leaves.values(), *roots.values()))
    return {
        "consents": len(sent),
        "anchored": len(leaves),
        "lost": len(sent - leaves.keys()) + len(sent - kept_there),
        "doubled": again,
        "batches": len(roots),
    }
