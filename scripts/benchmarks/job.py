"""One job over three providers: its wall time on chain and trail against computing. Takes --n, rows a provider.

A consortium of real processes (`placet.sandbox`), blocks every second, one confirmation. Every customer of the
consumer has a row and a consent at every provider, brought as batch files. The parts follow each other and are told
apart by what each node notes while the job runs; what a party does beside its computing (steps into its database,
signed and acknowledged messages) counts as computing.
"""

from __future__ import annotations

import functools
import sys
import tempfile
import time
from collections.abc import Mapping
from json import loads
from pathlib import Path
from typing import Any

import httpx
from benchmarks._people import subject

from placet.sandbox.consents import give
from placet.sandbox.consortium import Consortium, SandboxInstitution, wait
from placet.sandbox.founding import Stock, consortium

NAMES = {"north": "Bank North", "south": "Bank South", "fund": "Fund House", "consumer": "Family Office"}
PROVIDERS = tuple(key for key in NAMES if key != "consumer")
DEFAULT = 10_000
SECONDS = 6 * 3600
"""Time that a job may take at the most."""

NOTES = {
    "wall_seconds": "from the request to the result",
    "agree_seconds": "lawful sets chosen, the plan checked and signed by all",
    "compute_seconds": "from the first node that computes to the last that is done, vaults opened among it",
    "trail_seconds": "until the seal, which records the trails, is confirmed",
    "chain_seconds": "opening; keys and payment; each to its confirmation",
    "share_chain_and_trail": "of the wall time",
    "rows": "of all providers, every one with a consent",
    "evidence_bytes": "what four institutions show an auditor",
    "gas": "of all the job's transactions",
}


def main(*, json: bool, n: int = DEFAULT) -> dict[str, object]:
    """Measure and print; see `scripts/bench`."""
    out = sys.stderr if json else sys.stdout
    figures = measure(n, functools.partial(print, file=out, flush=True))
    for name, note in NOTES.items():
        print(f"{name:<22} {figures[name]:>14,}  {note}", file=out)
    return dict(figures)


def measure(n: int, say: Any) -> dict[str, float]:
    """The figures of one job over `n` rows a provider. RuntimeError if it does not end as it must."""
    people = [subject(i) for i in range(n)]
    balances = {
        key: {who: (i + 1) * (n + place) for i, who in enumerate(people)} for place, key in enumerate(PROVIDERS)
    }
    with (
        tempfile.TemporaryDirectory(prefix="placet-") as folder,
        consortium(Path(folder), NAMES, Stock(balances, people, registered=()), say=say) as made,
    ):
        say(f"{n} consents at each of {len(PROVIDERS)} providers")
        give(made, dict.fromkeys(PROVIDERS, people), seconds=4 * SECONDS, uses=9)
        say("the job")
        figures = run(made)
        job = str(figures.pop("job"))
        expected = {who: sum(held[who] for held in balances.values()) for who in people}
        found = made.members["consumer"].get(f"/v1/jobs/{job}/result")["rows"]
        if {row["customer"]: int(row["total"]) for row in found} != expected:
            raise RuntimeError("the totals are not the plaintext answer")
    return {**figures, "rows": n * len(PROVIDERS)}


def run(made: Consortium) -> dict[str, Any]:
    """One job, its id, and where its time went."""
    before, start = made.chain.block_number(), time.time()
    job = made.begin(made.request(deadline_seconds=SECONDS, settle_seconds=2 * SECONDS))
    agreed = time.time()
    for key, member in made.members.items():
        wait(lambda member=member: member.get(f"/v1/jobs/{job}")["ended"], f"end of the job at {key}", None, SECONDS)
    notes = {key: moments(member, job) for key, member in made.members.items()}
    blocks = range(before + 1, made.chain.block_number() + 1)
    return {
        "job": job,
        **split(start, agreed, notes),
        "evidence_bytes": sum(len(fetch(member, job, "trail").content) for member in made.members.values()),
        "gas": sum(int(made.chain.rpc("eth_getBlockByNumber", hex(b), False)["gasUsed"], 16) for b in blocks),
    }


def split(start: float, agreed: float, notes: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Seconds of the parts, from Unix times: the request, its answer, and the first of each of every node's notes.

    RuntimeError unless the job completed everywhere in one attempt.
    """
    for key, noted in notes.items():
        if "completed" not in noted or "failed-attempt" in noted:
            raise RuntimeError(f"not one attempt to completion at {key}: {', '.join(noted)}")
    computing = min(noted["computing"] for noted in notes.values())
    computed = max(noted["computed"] for noted in notes.values())
    sealed, done = (notes["consumer"][moment] for moment in ("sealed", "completed"))
    trail, chain = sealed - computed, computing - agreed + done - sealed
    seconds = {
        "wall_seconds": done - start,
        "agree_seconds": agreed - start,
        "compute_seconds": computed - computing,
        "trail_seconds": trail,
        "chain_seconds": chain,
    }
    share = round((trail + chain) / (done - start), 3)
    return {**{name: round(value, 2) for name, value in seconds.items()}, "share_chain_and_trail": share}


def moments(member: SandboxInstitution, job: str) -> dict[str, float]:
    """When a node noted what of an ended job, in Unix seconds; the first time each."""
    told = [loads(line[6:]) for line in fetch(member, job, "events").text.splitlines() if line.startswith("data: ")]
    return {event["status"]: event["at"] for event in reversed(told)}


def fetch(member: SandboxInstitution, job: str, what: str) -> httpx.Response:
    url = f"{member.api}/v1/jobs/{job}/{what}"
    return httpx.get(url, headers=member.authorization, timeout=600, trust_env=False).raise_for_status()
