"""The job `asset-view` over a folder of your own files, on a consortium of this machine.

Every institution in `mapping.toml` gets a node and a vault, every consenting person an enrolment and a key for each
consent; these reach vaults and chain as batch files. A bad file is refused before anything is started; the result is
written only if the audit says `intact`. With `--check` the files are read and judged, and nothing is started.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from httpx_sse import EventSource
from outcome import Teller, complain, finish

from placet.cli.audit import EXIT
from placet.cli.inputs import write_new
from placet.cli.jobs import moment_of, words_of
from placet.core.csv_file import written
from placet.core.errors import ConfigError, PlacetError, StateError
from placet.sandbox.consents import give
from placet.sandbox.consortium import Consortium
from placet.sandbox.files import DPV, Data, read
from placet.sandbox.founding import ASSET_VIEW, Stock, consortium

RESULT, REPORT = "asset-view.csv", "asset-view.html"
DEADLINE = 6 * 3600
"""Seconds that a job may take at the most."""
BLOCK_TIME = 0.25


def run(data: Data, out: Path, teller: Teller) -> dict[str, Any]:
    """From files to a verdict. Writes the audit report, and the result if the trail is intact."""
    willing = data.consents()
    number = sum(map(len, willing.values()))
    with tempfile.TemporaryDirectory(prefix="placet-") as name:
        purpose, folder = DPV + data.purpose, Path(name)
        with consortium(
            *(folder, data.names, Stock(data.balances, data.customers, registered=(), decimals=data.decimals)),
            replace(ASSET_VIEW, purpose=purpose),
            block_time=BLOCK_TIME,
            say=teller.say,
        ) as made:
            teller.part("start")
            teller.say(f"{number} consents, each under a key of its own")
            give(made, willing, seconds=2 * DEADLINE + 86_400, uses=1, tell=teller.bar("consents"))
            teller.part("consents")
            request = made.request(purpose=purpose, deadline_seconds=DEADLINE)
            if data.decimals:
                request["parameters"]["decimals"] = data.decimals
            job = made.begin(request)
            teller.say(f"job {job}: plan signed by {len(made.members)} institutions")
            if (ended := watched(made, job, teller.say)) != "completed":
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
        "meetings": [asdict(one) for one in data.meetings()],
        "warnings": data.warnings(),
        "seconds": teller.seconds,
        "processor_seconds": teller.processor,
    }


def watched(made: Consortium, job: str, say: Callable[[str], None]) -> str:
    """Tell what happens to a job at its consumer, and how it ended."""
    consumer, last, end = made.members["consumer"], "0", time.monotonic() + DEADLINE
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
                    say(words_of(moment_of(event)))
    return made.ended(job, DEADLINE)


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
    lines = [("customer", "consents", "total")]
    for row in rows:
        consents = "yes" if row["customer"] in data.consenting else "no"
        lines.append((row["customer"], consents, f"{Decimal(row['total']).scaleb(-data.decimals):f}"))
    return written(lines)


def judged(folder: Path, teller: Teller) -> Data:
    """The files of a folder, and said of them what comes together and what looks wrong."""
    data = read(folder)
    for line in data.counts():
        teller.say(line)
    for line in data.warnings():
        teller.say(f"warning: {line}")
    return data


def check(folder: Path, teller: Teller, *, as_json: bool) -> int:
    """0 if a run could begin with these files, 1 if not."""
    try:
        data = judged(folder, teller)
    except PlacetError as error:
        complain(error)
        return 1
    teller.say("the files are right")
    if as_json:
        print(json.dumps({"meetings": [asdict(one) for one in data.meetings()], "warnings": data.warnings()}))
    return 0


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
    """0 if the job completed and its trail is intact, or with `--check` if the files are right; 1 refused or failed,
    else as `placet audit`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of tables and mapping.toml")
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help=f"where {RESULT} and {REPORT} go; here by default"
    )
    parser.add_argument("--json", action="store_true", help="one JSON line at the end of stdout")
    parser.add_argument("--check", action="store_true", help="read and judge the files, and end; nothing is started")
    options = parser.parse_args(words)
    teller = Teller(sys.stderr if options.json else sys.stdout)
    if options.check:
        return check(options.data, teller, as_json=options.json)

    def work() -> dict[str, Any]:
        demand_free(options.out)
        data = judged(options.data, teller)
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
