"""Two institutions with as many consenting customers as wanted, and the same intersection bare and gated."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _people import subject

from placet.chain.local import free_port
from placet.core.trust import TrustList
from placet.core.values import from_hex
from placet.jobs.progress import PROGRESS
from placet.sandbox.consents import give
from placet.sandbox.consortium import NAMESPACE, Consortium
from placet.sandbox.founding import MATCH, Stock, consortium

NAMES = {"north": "Bank North", "consumer": "Family Office"}
SHARED = 0.5
"""Of the consumer's list, at the provider."""
MOST_SECONDS = 6 * 3600
DEADLINE_SECONDS = 86_400
"""From a job's request to its deadline; consents last longer."""


@dataclass(frozen=True)
class Used:
    """What one run took: seconds by the clock, processor seconds of all processes that took part, bytes on loopback."""

    wall: float
    cpu: float
    bytes: int


class Meter:
    """Measures what these processes, with their children that have ended, and the loopback device did."""

    def __init__(self, pids: list[int]) -> None:
        self._processes = [psutil.Process(pid) for pid in pids]

    def cpu(self) -> float:
        return sum(sum(process.cpu_times()[:4]) for process in self._processes)

    @staticmethod
    def bytes() -> int:
        return int(psutil.net_io_counters(pernic=True)["lo"].bytes_sent)


@dataclass
class MatchingConsortium:
    """The consortium, its two lists, and what a job needs."""

    made: Consortium
    held: list[str]
    listed: list[str]
    protocol: str

    @property
    def matches(self) -> int:
        return len(set(self.held) & set(self.listed))

    def pids(self) -> list[int]:
        return [process.pid for process in self.made.processes.values()]

    def gated(self) -> tuple[Used, dict[str, float], str]:
        """One job from the request to its end: what it took, its parts in seconds, its id."""
        made = self.made
        provider = {"address": made.members["north"].address, "offer": made.offers["north"], "reward": "7"}
        parameters = {"identifier": "customer", "namespace": NAMESPACE, "psi": self.protocol, "receiver": "provider"}
        embedded = self.protocol == "embedded"
        wanted = made.request(
            recipe="match",
            engine="embedded" if embedded else "spu",
            parameters=parameters | ({"psi": "ecdh"} if embedded else {}),
            providers=[provider],
            deadline_seconds=DEADLINE_SECONDS,
            settle_seconds=DEADLINE_SECONDS + 3600,
        )
        meter = Meter(self.pids())
        cpu, sent, start = meter.cpu(), meter.bytes(), time.perf_counter()
        job = made.begin(wanted)
        self._moments(job, "consumer", MOST_SECONDS)
        ended = made.ended(job, MOST_SECONDS)
        wall = time.perf_counter() - start
        used = Used(wall, meter.cpu() - cpu, meter.bytes() - sent)
        if ended != "completed":
            raise RuntimeError(f"the job {ended}: {made.log('consumer-node')[-2000:]}")
        found = len(made.members["consumer"].get(f"/v1/jobs/{job}/result")["rows"])
        if found != self.matches:
            raise RuntimeError(f"{found} matches, not {self.matches}")
        return used, self._parts(job), job

    def _parts(self, job: str) -> dict[str, float]:
        """Seconds between the moments that the consumer's node tells of. `waited` is until both have said what they
        start from: the provider's vault checks each leaf meanwhile, which `provider` has by itself."""
        parts = self._between(
            job,
            "consumer",
            *(("opening", "agreed"), ("opened", "computing"), ("rows", "open-customers"), ("aligned", "align")),
            *(("started", "psi-start"), ("waited", "start"), ("intersected", "psi-0"), ("computed", "computed")),
            *(("sealed", "sealed"), ("settled", "completed")),
        )
        there = self._between(job, "north", ("", "computing"), ("rows", "open-accounts"), ("aligned", "align"))
        return parts | {f"provider_{name}": seconds for name, seconds in there.items() if name}

    def _between(self, job: str, who: str, *order: tuple[str, str]) -> dict[str, float]:
        """What one node tells: by name, the seconds from the moment before to this one."""
        moments = self._moments(job, who, 60)
        seen = dict(reversed(moments))
        parts, last = {}, min(at for _, at in moments)
        for name, moment in order:
            if moment in seen:
                parts[name], last = round(seen[moment] - last, 3), seen[moment]
        return parts

    def _moments(self, job: str, who: str, seconds: float) -> list[tuple[str, float]]:
        """All that one node tells of a job until its end there: what, and when. Who waits so asks the node nothing
        meanwhile, which would be counted as the job's."""
        member = self.made.members[who]
        moments: list[tuple[str, float]] = []
        with httpx.stream(
            "GET", f"{member.api}/v1/jobs/{job}/events", headers=member.authorization, timeout=seconds, trust_env=False
        ) as answer:
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    told = json.loads(line[6:])
                    if told["status"] != PROGRESS:
                        moments.append((str(told.get("name", told["status"])), float(told["at"])))
        return moments

    def bare(self) -> Used:
        """The engine alone: one process a party, with the same lists, certificates and protocol."""
        folder = self.made.folder / "bare"
        folder.mkdir(exist_ok=True)
        ports = [free_port(), free_port()]
        trust = TrustList.model_validate_json((self.made.folder / "trust.json").read_bytes())
        members = [self.made.members[key] for key in ("north", "consumer")]
        certificates = [trust.institution(from_hex(member.address)).certificate for member in members]
        for rank, rows in enumerate((self.held, self.listed)):
            (folder / f"{rank}.txt").write_text("\n".join(rows))
        task = {
            "ports": ports,
            "certificates": certificates,
            "protocol": self.protocol,
            "context": os.urandom(16).hex(),
            "passphrase": (self.made.folder / "passphrase").read_text().strip(),
        }
        (folder / "task.json").touch(0o600)
        (folder / "task.json").write_text(json.dumps(task))
        sent = Meter.bytes()
        words = [sys.executable, str(Path(__file__).with_name("_bare_party.py")), str(folder)]
        parties = [
            subprocess.Popen([*words, str(rank), str(member.folder)], stdout=subprocess.PIPE, text=True)
            for rank, member in enumerate(members)
        ]
        told = [json.loads(party.communicate(timeout=MOST_SECONDS)[0]) for party in parties]
        moved = Meter.bytes() - sent
        if told[0]["found"] != self.matches:
            raise RuntimeError(f"bare: {told[0]['found']} matches, not {self.matches}")
        return Used(max(t["wall"] for t in told), sum(t["cpu"] for t in told), moved)

    def gas(self, since: int) -> int:
        """Of all transactions after a block."""
        chain = self.made.chain
        total = 0
        for number in range(since + 1, chain.block_number() + 1):
            block = chain.rpc("eth_getBlockByNumber", hex(number), False)
            total += int(str(block["gasUsed"]), 16)  # type: ignore[index]
        return total

    def evidence_bytes(self, job: str) -> int:
        """What both parties show an auditor."""
        return sum(
            len(
                httpx.get(
                    f"{member.api}/v1/jobs/{job}/trail",
                    headers=member.authorization,
                    timeout=600,
                    trust_env=False,
                ).content
            )
            for member in self.made.members.values()
        )

    def peak_mb(self) -> dict[str, int]:
        """The most memory that each institution's process has held."""
        return {
            name: int(Path(f"/proc/{process.pid}/status").read_text().partition("VmHWM:")[2].split()[0]) // 1024
            for name, process in self.made.processes.items()
            if name.startswith(("north", "consumer"))
        }


@contextlib.contextmanager
def matching_consortium(folder: Path, n: int, protocol: str, say: Any) -> Iterator[MatchingConsortium]:
    """Both sides have `n` rows, half of them in common; all of the provider's customers consent, by batch file."""
    held = [subject(i) for i in range(n)]
    listed = [subject(i) for i in range(n - int(n * SHARED), 2 * n - int(n * SHARED))]
    random.Random(7).shuffle(listed)
    with consortium(
        folder,
        NAMES,
        Stock({"north": dict.fromkeys(held, 1)}, listed, registered=()),
        MATCH,
        say=say,
    ) as made:
        say(f"{n} consents")
        give(made, {"north": held}, seconds=2 * DEADLINE_SECONDS, uses=9)
        yield MatchingConsortium(made, held, listed, protocol)
