"""Two versions of a contract, compared in an enclave that shows neither to anybody but the two companies.

Founds a service with enclaves and two companies on this machine, lets each company's client encrypt its own version
and give its keys away only to an enclave that has proven itself, audits the trail, and writes the comparison only if
the audit says `intact`. The enclave is simulated: the owner of this machine could read everything.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from outcome import Teller, finish

from placet.cli.audit import EXIT
from placet.cli.inputs import write_new
from placet.company.own_document import OwnDocument
from placet.core.errors import StateError
from placet.sandbox.companies import Companies, companies
from placet.sandbox.consortium import Process

FILES = ("comparison.html", "comparison.json")
REPORT = "audit.html"
MOST_SECONDS = 1200
_LOOK = 0.25
"""Seconds between two looks at what the companies' clients say."""
_MOMENT = re.compile(r"\d\d:\d\d:\d\d UTC ")


def run(before: Path, after: Path, out: Path, teller: Teller) -> dict[str, Any]:
    """From two files to a verdict; the result goes to `out` if the trail is intact."""
    with tempfile.TemporaryDirectory(prefix="placet-") as name, companies(Path(name), say=teller.say) as made:
        teller.part("start")
        clients = {role: made.compare(role, file.resolve()) for role, file in (("after", after), ("before", before))}
        teller.say("both companies encrypt, verify the enclave, and give it their keys")
        job, parts = _ended(made, clients, teller)
        teller.part("job")
        audit = made.audit(job, "--html", REPORT, accept=EXIT.values())
        teller.part("audit")
        write_new(out / REPORT, (made.folder / REPORT).read_bytes())
        if audit["verdict"] == "intact":
            for file in FILES:
                write_new(out / file, (made.folder / "out-before" / file).read_bytes())
        comparison = json.loads((made.folder / "out-before/comparison.json").read_bytes())
    return {
        "job": job,
        "verdict": audit["verdict"],
        "class": "simulated",
        "summary": comparison["summary"],
        "seconds": teller.seconds | {f"job_{name}": took for name, took in parts.items()},
    }


def _ended(made: Companies, clients: dict[str, Process], teller: Teller) -> tuple[str, dict[str, float]]:
    """The job's id, and how long its parts took at the company that proposed it, whose word of the job is said as it
    comes."""
    end, lines = time.monotonic() + MOST_SECONDS, 0
    while going := [role for role, client in clients.items() if client.poll() is None]:
        lines = _say_news(made, teller, lines)
        if len(going) < len(clients) and any(client.poll() for client in clients.values()):
            break
        if time.monotonic() > end:
            raise StateError("the comparison takes too long", expected=f"at most {MOST_SECONDS} s", code="job.ended")
        time.sleep(_LOOK)
    _say_news(made, teller, lines)
    for role, client in clients.items():
        if client.poll():
            raise StateError("the comparison did not complete", found=made.log(role).strip()[-1500:], code="job.ended")
    log = made.log("before")
    answer = json.loads(log[log.index("{\n") : log.rindex("}") + 1])
    return str(answer["job"]), answer["seconds"]


def _say_news(made: Companies, teller: Teller, lines: int) -> int:
    """Say what the proposer's client has written of the job since line number `lines`; how many lines there are now."""
    written = made.log("before").split("\n")[:-1]
    for line in written[lines:]:
        if _MOMENT.match(line):
            teller.say(line)
    return len(written)


def main(words: Sequence[str] | None = None) -> int:
    """0 if the job completed and its trail is intact, 1 refused or failed, else as `placet audit`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path, metavar="A", help="the earlier version: PDF, DOCX, Markdown or text")
    parser.add_argument("after", type=Path, metavar="B", help="the later version")
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="where the result goes; here by default"
    )
    parser.add_argument("--json", action="store_true", help="one JSON line at the end of stdout")
    options = parser.parse_args(words)
    teller = Teller(sys.stderr if options.json else sys.stdout)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def work() -> dict[str, Any]:
        for file in (options.before, options.after):
            if not file.is_file():
                raise StateError("there is no such document", found=file, code="document.unknown")
            for note in OwnDocument.of(file).notes:
                teller.say(f"{file.name}: {note}")
        options.out.mkdir(parents=True, exist_ok=True)
        for taken in (options.out / name for name in (*FILES, REPORT)):
            if taken.exists():
                raise StateError("the result has no place", expected="a folder without one", found=taken, code="config")
        return run(options.before, options.after, options.out, teller)

    return finish(
        work,
        teller,
        report=options.out / REPORT,
        result=lambda summary: f"comparison in {options.out / FILES[0]}: {summary['summary']}",
        as_json=options.json,
    )


if __name__ == "__main__":
    sys.exit(main())
