"""The job `asset-view` over a folder of your own files, on a consortium of this machine.

Every institution in `mapping.toml` gets a node and a vault, every consenting person an enrolment and a key for each
consent; these reach vaults and chain as batch files. A bad file is refused before anything is started; the result is
written only if the audit says `intact`. With `--check` the files are read and judged, and nothing is started. The
mapping is a short form of a study (`placet study`), and the run is that study's.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from outcome import Teller, complain, finish

from placet.cli import study_run
from placet.cli.inputs import write_new
from placet.core.errors import ConfigError, PlacetError
from placet.sandbox.files import Data, read
from placet.study.judgement import judge
from placet.study.report import html
from placet.study.results import totals

RESULT, REPORT, STUDY_REPORT = "asset-view.csv", "asset-view.html", "asset-view-study.html"


def run(data: Data, out: Path, teller: Teller) -> dict[str, Any]:
    """From files to a verdict. Writes the audit report, and of an intact trail the study's report and the result."""
    assert data.tables is not None
    outcome = study_run.run(data.tables, say=teller.say, tell=teller.bar)
    write_new(out / REPORT, outcome.html)
    if outcome.verdict == "intact":
        write_new(out / STUDY_REPORT, html(data.tables, judge(data.tables), outcome).encode())
        write_new(out / RESULT, totals(outcome.rows, data.consenting, data.decimals))
    return {
        "job": outcome.job,
        "verdict": outcome.verdict,
        "customers": len(outcome.rows),
        "verified": outcome.report.get("verified", False),
        "consenting": sum(customer in data.consenting for customer in data.customers),
        "consents": outcome.consents,
        "meetings": [asdict(one) for one in data.meetings()],
        "warnings": data.warnings(),
        "seconds": outcome.seconds,
        "processor_seconds": outcome.processor_seconds,
    }


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
    for name in (RESULT, REPORT, STUDY_REPORT):
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
        result=lambda summary: _words(summary, options.out / RESULT),
        as_json=options.json,
    )


def _words(summary: dict[str, Any], file: Path) -> str:
    proven = ", each proven to be the sum of what the institutions had committed to" if summary["verified"] else ""
    return f"totals of {summary['customers']} customers{proven}, in {file}"


if __name__ == "__main__":
    sys.exit(main())
