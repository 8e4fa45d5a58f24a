"""A small job's fixed time: its blocks and seconds, phase by phase at each party, from the request on. Takes --n, rows.

Blocks come once a second and at no other time (no block for each transaction), one of them on top confirms. The job is
a `match` on the embedded engine. `blocks` is how many came from the request to the open result.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from bisect import bisect_right
from json import loads
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _matching import DEADLINE_SECONDS, MatchingConsortium, matching_consortium

from placet.sandbox.consortium import SandboxInstitution

DEFAULT = 1_000
ROUNDS = 3
Moments = list[tuple[str, float]]


def main(*, json: bool, n: int = DEFAULT) -> dict[str, object]:
    """Measure and print; see `scripts/bench`."""
    out = sys.stderr if json else sys.stdout
    with (
        tempfile.TemporaryDirectory(prefix="placet-blocks-") as folder,
        matching_consortium(Path(folder), n, "embedded", lambda text: print(text, file=sys.stderr)) as consortium,
    ):
        chain = consortium.made.chain
        chain.rpc("evm_setAutomine", False)
        chain.rpc("evm_setIntervalMining", 1)
        jobs = [_measured(consortium) for _ in range(ROUNDS)]
    best = min(jobs, key=lambda one: (one["blocks"], one["seconds"]))
    for party, phases in best["phases"].items():  # type: ignore[attr-defined]
        for phase, (block, seconds) in phases.items():
            print(f"{party:<10} {phase:<24} block {block:>3}  {seconds:>7.2f} s", file=out)
    print(f"{n:,} rows: {best['blocks']} blocks, {best['seconds']} s to the open result", file=out)
    return {"n": n, "all_blocks": sorted(one["blocks"] for one in jobs), **best}  # type: ignore[type-var]


def _measured(consortium: MatchingConsortium) -> dict[str, object]:
    """One job: blocks and seconds from the request to the open result, and of each moment that a party tells of."""
    made, seen, over = consortium.made, Moments(), threading.Event()

    def watch() -> None:
        last = -1
        while not over.wait(0.01):
            if (number := made.chain.block_number()) != last:
                last = number
                seen.append((str(number), time.time()))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        time.sleep(2)
        provider = {"address": made.members["north"].address, "offer": made.offers["north"], "reward": "7"}
        times = {"deadline_seconds": DEADLINE_SECONDS, "settle_seconds": DEADLINE_SECONDS + 3600}
        start, wanted = time.time(), made.request(providers=[provider], **times)
        job = made.begin(wanted)
        agreed, opened = time.time(), _opened(made.members["consumer"], job)
        if (ended := made.ended(job)) != "completed":
            raise RuntimeError(f"the job {ended}")
    finally:
        over.set()
        watching.join()
    times_of_blocks = [at for _, at in seen]

    def passed(at: float) -> int:
        return bisect_right(times_of_blocks, at) - bisect_right(times_of_blocks, start)

    phases: dict[str, dict[str, tuple[int, float]]] = {}
    for party, member in made.members.items():
        told = [("request answered", agreed), ("result open", opened)] if party == "consumer" else []
        told += _moments(member, job)
        phases[party] = {phase: (passed(at), round(at - start, 2)) for phase, at in sorted(told, key=lambda m: m[1])}
    return {"blocks": passed(opened), "seconds": round(opened - start, 2), "phases": phases}


def _opened(consumer: SandboxInstitution, job: str) -> float:
    """When the result was there."""
    url = f"{consumer.api}/v1/jobs/{job}/result"
    with httpx.Client(headers=consumer.authorization, timeout=60, trust_env=False) as http:
        while not http.get(url).is_success:
            time.sleep(0.02)
    return time.time()


def _moments(member: SandboxInstitution, job: str) -> Moments:
    """What a node noted of an ended job, each the first time."""
    url = f"{member.api}/v1/jobs/{job}/events"
    answer = httpx.get(url, headers=member.authorization, timeout=600, trust_env=False).raise_for_status()
    told = [loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    return list({str(one.get("name", one["status"])): float(one["at"]) for one in reversed(told)}.items())
