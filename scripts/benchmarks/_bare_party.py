"""One party of a bare intersection, as the benchmark `trust` starts it: FOLDER RANK MEMBER. Prints what it took."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from pathlib import Path

from placet.node.jobs.peers import private_key
from placet.protocols import spu
from placet.protocols.spu import Member, Network


def main(folder: Path, rank: int, member: Path) -> None:
    task = json.loads((folder / "task.json").read_text())
    rows = (folder / f"{rank}.txt").read_text().split("\n")
    network = Network(
        members=tuple(
            Member(name=f"party-{place}", host="127.0.0.1", port=port, certificate=certificate)
            for place, (port, certificate) in enumerate(zip(task["ports"], task["certificates"], strict=True))
        ),
        me=rank,
        context=bytes.fromhex(task["context"]),
        key=private_key(member / "keys", task["passphrase"]),
    )
    start, before = time.perf_counter(), _cpu()
    found = asyncio.run(spu.intersect(network, rows, task["protocol"], receiver=0, scratch=folder, seconds=3600))
    print(json.dumps({"wall": time.perf_counter() - start, "cpu": _cpu() - before, "found": found.size}))


def _cpu() -> float:
    """Of this process and of its children that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
