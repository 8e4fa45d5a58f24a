"""The job `asset-view` over a folder of your own files, on a consortium of this machine.

Every institution in `mapping.toml` gets a node and a vault, every consenting person a code of the enrolling
service and a key for each consent. A bad file is refused before anything is started; the result is written only if the
audit says `intact`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import csv
import io
import json
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from asset_view_files import DPV, Data, read
from consortium import Consortium, Member, consortium, wait
from demo import Teller
from outcome import finish

from placet.cli.audit import EXIT
from placet.cli.inputs import write_new
from placet.core.errors import ConfigError, StateError
from placet.core.trust import Deployment, TrustList
from placet.core.values import from_hex
from placet.owner.client import Offered, OwnerClient

RESULT, REPORT = "asset-view.csv", "asset-view.html"
AT_ONCE = 12
"""Persons who consent at the same time."""
DEADLINE = 6 * 3600
"""Seconds that a job may take at the most."""
BLOCK_TIME = 0.25
DEPTH = 2
"""Blocks above a batch until every institution counts it."""


def run(data: Data, out: Path, teller: Teller) -> dict[str, Any]:
    """From files to a verdict. Writes the audit report, and the result if the trail is intact."""
    asked = data.consents()
    number = sum(len(known) for _, known in asked)
    with tempfile.TemporaryDirectory(prefix="placet-") as name:
        purpose, folder = DPV + data.purpose, Path(name)
        with consortium(
            *(folder, data.names, data.balances, data.customers),
            purpose=purpose,
            registered=[person for person, _ in asked],
            block_time=BLOCK_TIME,
            say=teller.say,
        ) as made:
            teller.part("start")
            teller.say(f"{len(asked)} persons give {number} consents")
            asyncio.run(give(made, asked, teller))
            anchored(made, number)
            teller.part("consents")
            job = made.begin(made.request(purpose=purpose, deadline_seconds=DEADLINE))
            teller.say(f"job {job}: plan signed by {len(made.members)} institutions")
            if (ended := made.ended(job, DEADLINE)) != "completed":
                raise StateError("the job did not complete", expected="completed", found=ended, code="job.ended")
            rows = made.members["consumer"].get(f"/v1/jobs/{job}/result")["rows"]
            teller.say(f"job {ended}: totals of {len(rows)} customers")
            teller.part("job")
            verdict = audit(made, job, folder / REPORT)
            teller.part("audit")
        write_new(out / REPORT, (folder / REPORT).read_bytes())
        if verdict == "intact":
            write_new(out / RESULT, table(rows, data))
    return {
        "job": job,
        "verdict": verdict,
        "customers": len(rows),
        "consenting": sum(customer in data.consenting for customer in data.customers),
        "consents": number,
        "seconds": teller.parts,
    }


async def give(made: Consortium, asked: Sequence[tuple[str, list[str]]], teller: Teller) -> None:
    """Each person consents at each provider that knows him; at most AT_ONCE persons at a time."""
    deployment = Deployment.model_validate_json((made.folder / "deployment.json").read_bytes())
    trust = TrustList.model_validate_json((made.folder / "trust.json").read_bytes())
    until = int(time.time()) + 2 * DEADLINE + 86_400
    waiting, tell = iter(enumerate(asked, start=1)), max(1_000, len(asked) // 10)
    async with contextlib.AsyncExitStack() as stack:
        # A client each, since what a request costs grows with the connections of its client.
        desks: dict[str, tuple[OwnerClient, Offered]] = {}
        for key, member in providers(made).items():
            client = await stack.enter_async_context(OwnerClient(deployment, trust, connections=2 * AT_ONCE))
            desks[key] = client, await client.offer(member.api, from_hex(made.offers[key]))

        async def work(persons: Iterator[tuple[int, tuple[str, list[str]]]]) -> None:
            for number, (person, known) in persons:
                for client, offered in (desks[key] for key in known):
                    code = made.codes[person]
                    await client.give(offered, person, code, made.enroller, not_after=until, uses=1)
                if number % tell == 0:
                    teller.say(f"{number} of {len(asked)} persons have consented")

        await asyncio.gather(*(work(waiting) for _ in range(AT_ONCE)))


def providers(made: Consortium) -> dict[str, Member]:
    """All members but the consumer."""
    return {key: member for key, member in made.members.items() if key != "consumer"}


def anchored(made: Consortium, number: int) -> None:
    """Wait until the chain holds all these consents at confirmation depth."""

    def given() -> bool:
        states: dict[str, int] = {}
        for member in providers(made).values():
            for state, count in re.findall(r'^placet_consents\{state="(\w+)"\} (\S+)$', metrics(member), re.MULTILINE):
                states[state] = states.get(state, 0) + int(float(count))
        if states.get("refused"):
            raise StateError("the chain refused consents", found=states["refused"], code="consent.refused")
        return states.get("given", 0) >= number

    wait(given, "consents on chain", None, 600)
    reached = made.chain.block_number()
    wait(lambda: made.chain.block_number() >= reached + DEPTH, "blocks")


def metrics(member: Member) -> str:
    """What a node tells about itself."""
    url = f"{member.api}/metrics"
    return httpx.get(url, headers=member.authorization, timeout=60, trust_env=False).raise_for_status().text


def audit(made: Consortium, job: str, report: Path) -> str:
    """The verdict of an auditor with nothing but the chain, the two files and his key."""
    answer = made.run(
        *("audit", job, "--url", made.chain.url, "--deployment", "deployment.json", "--trust", "trust.json"),
        *("--key", "auditor.json", "--html", report, "--json"),
        accept=EXIT.values(),
        seconds=3600,
    )
    return str(json.loads(answer)["verdict"])


def table(rows: Sequence[dict[str, str]], data: Data) -> bytes:
    """The result as CSV: who consents is the mapping's word, the total the job's, in the files' own unit."""
    sink = io.StringIO(newline="")
    sheet = csv.writer(sink)
    sheet.writerow(("customer", "consents", "total"))
    for row in rows:
        consents = "yes" if row["customer"] in data.consenting else "no"
        sheet.writerow((row["customer"], consents, f"{Decimal(row['total']).scaleb(-data.decimals):f}"))
    return sink.getvalue().encode()


def demand_free(out: Path) -> None:
    """ConfigError unless result and report can be written there."""
    if not out.is_dir():
        raise ConfigError("no such folder", expected="a folder for the result", found=out, remedy="make it first")
    for name in (RESULT, REPORT):
        if (out / name).exists():
            raise ConfigError(
                "there is a result already", expected="no file yet", found=out / name, remedy="move it away"
            )
    try:
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise ConfigError("nothing can be written there", found=f"{out}: {error.strerror}") from None


def main(words: Sequence[str] | None = None) -> int:
    """0 if the job completed and its trail is intact, 1 refused or failed, else as `placet audit`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of tables and mapping.toml")
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help=f"where {RESULT} and {REPORT} go; here by default"
    )
    parser.add_argument("--json", action="store_true", help="one JSON line at the end of stdout")
    options = parser.parse_args(words)
    teller = Teller(sys.stderr if options.json else sys.stdout)

    def work() -> dict[str, Any]:
        demand_free(options.out)
        data = read(options.data)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return run(data, options.out, teller)

    return finish(
        work,
        teller,
        report=options.out / REPORT,
        result=lambda summary: f"totals of {summary['customers']} customers in {options.out / RESULT}",
        as_json=options.json,
    )


if __name__ == "__main__":
    sys.exit(main())
