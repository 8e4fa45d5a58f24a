"""A study on a consortium of this machine, from files to an audit: real chain, nodes, vaults and enroller, all of which
end with it. Who consents are keys that are made here, one a consent: it protects nobody, and shows what would happen.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from httpx_sse import EventSource

from placet.audit.bundle import parse_bundle
from placet.catalogue.spec import CONSUMER
from placet.cli.audit import EXIT
from placet.cli.jobs import moment_of, words_of
from placet.core.errors import StateError
from placet.core.values import parse
from placet.models.contribution import PROTOCOL, Contribution
from placet.sandbox.consents import give
from placet.sandbox.consortium import Consortium
from placet.sandbox.founding import Say
from placet.sandbox.studies import founded, request
from placet.sandbox.usage import Usage
from placet.study.outcome import StudyOutcome
from placet.study.tables import StudyData

BLOCK_TIME = 0.25
HOUR = 3600
Tell = Callable[[str], Callable[[int, int], object]]
"""What is counted, to what is told of it: (done, all)."""


def run(
    data: StudyData, *, say: Say, tell: Tell = lambda what: lambda done, all_: None, block_time: float = BLOCK_TIME
) -> StudyOutcome:
    """StateError if the job does not complete; RuntimeError if a command fails."""
    terms, usage, gas = data.terms, Usage(), dict[str, int]()
    willing = data.willing()
    number = sum(map(len, willing.values()))
    with tempfile.TemporaryDirectory(prefix="placet-") as name:
        folder = Path(name)
        with founded(data, folder, block_time=block_time, say=say) as group:
            usage.part("start")
            gas["founding and offers"] = _gas(group, 0)
            say(f"{number:,} consents, each under a key of its own")
            days, uses = terms.study.consents.days, terms.study.consents.uses
            give(group, willing, seconds=days * 86_400, uses=uses, tell=tell("consents"))
            usage.part("consents")
            gas["the consents' batches"] = _gas(group, sum(gas.values()))
            job, result = _job(group, data, say)
            usage.part("job")
            gas["the job"] = _gas(group, sum(gas.values()))
            audit = _audit(group, job, "--html", "audit.html", "--save", "job.bundle")
            say(f"audit: {audit['verdict']}")
            usage.part("audit")
            return StudyOutcome(
                job=job,
                addresses={key: member.address for key, member in group.members.items()},
                result=result,
                audit=audit,
                html=(folder / "audit.html").read_bytes(),
                bundle=(folder / "job.bundle").read_bytes(),
                trust=(folder / "trust.json").read_bytes(),
                deployment=(folder / "deployment.json").read_bytes(),
                engine=terms.engine,
                gas=gas,
                consents=number,
                rewards={part.key: part.institution.reward for part in terms.providers},
                pot=terms.study.pot,
                contribution=_contribution((folder / "job.bundle").read_bytes()),
                seconds=usage.seconds,
                processor_seconds=usage.processor,
            )


def _job(group: Consortium, data: StudyData, say: Say) -> tuple[str, dict[str, Any]]:
    """Its id, and its result once it completed."""
    job = group.begin(request(group, data.terms))
    say(f"job {job}: plan signed by {len(group.members)} institutions")
    ended, why = watched(group, job, data.terms.study.seconds, say)
    if ended != "completed":
        found = f"{ended}: {why}" if why else ended
        raise StateError("the job did not complete", expected="completed", found=found, code="job.ended")
    result: dict[str, Any] = group.members[CONSUMER].get(f"/v1/jobs/{job}/result")
    return job, result


def watched(group: Consortium, job: str, seconds: float, say: Say) -> tuple[str, str]:
    """Tell what happens to a job at its consumer; how it ended, and the last code of what went wrong."""
    consumer, last, end = group.members[group.consumer], "0", time.monotonic() + seconds
    why = ""
    while consumer.get(f"/v1/jobs/{job}")["ended"] is None and time.monotonic() < end:
        with (
            contextlib.suppress(httpx.HTTPError),
            httpx.stream(
                *("GET", f"{consumer.api}/v1/jobs/{job}/events"),
                headers=consumer.authorization | {"Last-Event-ID": last},
                timeout=30,
                trust_env=False,
            ) as answer,
        ):
            for event in EventSource(answer).iter_sse():
                last = event.id or last
                if event.data:
                    moment = moment_of(event)
                    say(words_of(moment))
                    why = str(moment.get("code") or why)
    return group.ended(job, seconds), why


def _audit(group: Consortium, job: str, *more: str) -> dict[str, Any]:
    """The answer of an auditor with nothing but the chain, the two files and his key."""
    answer = group.run(
        *("audit", job, "--url", group.chain.url, "--deployment", "deployment.json", "--trust", "trust.json"),
        *("--key", "auditor.json", "--json", *more),
        accept=EXIT.values(),
        seconds=HOUR,
    )
    report: dict[str, Any] = json.loads(answer)
    return report


def _contribution(bundle: bytes) -> Contribution | None:
    """What the parties' trails say of what each added."""
    for entry in parse_bundle(bundle.partition(b"\n")[0]).evidence:
        for step in () if entry.evidence is None else entry.evidence.evidence.steps:
            if step.protocol == PROTOCOL:
                return parse(Contribution, dict(step.parameters))
    return None


def _gas(group: Consortium, before: int) -> int:
    """What the chain's transactions used from its first block on, less what they had used before."""
    used = [
        int(group.chain.rpc("eth_getBlockByNumber", hex(number), False)["gasUsed"], 16)
        for number in range(1, group.chain.block_number() + 1)
    ]
    return sum(used) - before
