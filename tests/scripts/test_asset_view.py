"""`scripts/asset-view` on real data between real processes, by the mapping and the command that the document shows."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import pytest

from placet.core.csv_file import written

ROOT = Path(__file__).resolve().parents[2]
CREDIT = ROOT.parent / "shared" / "data" / "credit" / "uci_credit_card.csv"
PAGE = (ROOT / "docs" / "how-to" / "own-files.md").read_text()

pytestmark = pytest.mark.skipif(not CREDIT.is_file(), reason=f"{CREDIT} is not on this machine")


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def words(home: Path) -> list[str]:
    """The document's command, with its folders below `home`."""
    [line] = [line for line in block("sh").splitlines() if line.startswith("scripts/asset-view ")]
    _, *options = shlex.split(line)
    for name, folder in (("--data", "town"), ("--out", "result")):
        options[options.index(name) + 1] = str(home / folder)
    return [sys.executable, str(ROOT / "scripts" / "examples" / "asset_view.py"), *options]


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder with a short path, since vaults listen on sockets below it; nothing runs or stays in it afterwards."""
    path = Path(tempfile.mkdtemp(prefix="av-", dir="/tmp"))
    (path / "tmp").mkdir()
    yield path
    left = [process.pid for process in psutil.process_iter() if inside(process, path)]
    kept = list((path / "tmp").iterdir())
    shutil.rmtree(path)
    assert (left, kept) == ([], [])


def inside(process: psutil.Process, path: Path) -> bool:
    try:
        return Path(process.cwd()).is_relative_to(path)
    except (psutil.Error, OSError):
        return False


def split(home: Path, people: int) -> dict[str, str]:
    """The credit file's first customers between the document's three institutions, in parts that overlap; the totals
    of those customers of the consumer who consent, added up from the plain file."""
    (home / "town").mkdir()
    (home / "result").mkdir()
    (home / "town" / "mapping.toml").write_text(block("toml"))
    with CREDIT.open() as source:
        rows = [row for row, _ in zip(csv.DictReader(source), range(people), strict=False)]
    assert len(rows) == people
    held: dict[str, dict[str, Decimal]] = {"north.csv": {}, "south.csv": {}, "fund.csv": {}}
    for number, row in enumerate(rows):
        limit, bill, paid = (int(float(row[name])) for name in ("LIMIT_BAL", "BILL_AMT1", "PAY_AMT1"))
        if number % 2:
            held["north.csv"][row["ID"]] = Decimal(limit - bill)
        if number % 3:
            held["south.csv"][row["ID"]] = (Decimal(-bill) / 100).quantize(Decimal("0.01"))
        if number % 5 < 2:
            held["fund.csv"][row["ID"]] = Decimal(paid)
    for file, amounts in held.items():
        (home / "town" / file).write_bytes(written([("client", "balance"), *amounts.items()]))
    ids = [row["ID"] for row in rows]
    customers, consenting = [one for one in ids if int(one) % 50], {one for one in ids if int(one) % 9 < 4}
    (home / "town" / "customers.csv").write_bytes(written([("ID",), *((one,) for one in reversed(customers))]))
    (home / "town" / "consents.csv").write_bytes(written([("person",), *((one,) for one in sorted(consenting))]))
    return {
        one: f"{sum((part.get(one, Decimal(0)) for part in held.values()), Decimal('0.00')):.2f}"
        if one in consenting
        else "0.00"
        for one in reversed(customers)
    }


def run(home: Path, seconds: float) -> dict[str, Any]:
    done = subprocess.run(
        [*words(home), "--json"],
        cwd=home,
        env=os.environ | {"TMPDIR": str(home / "tmp")},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def demand_plaintext(home: Path, people: int, seconds: float) -> None:
    expected = split(home, people)
    consenting = {one for one in expected if int(one) % 9 < 4}
    summary = run(home, seconds)
    with (home / "result" / "asset-view.csv").open(newline="") as source:
        rows = list(csv.DictReader(source))
    assert [row["customer"] for row in rows] == list(expected)
    assert {row["customer"]: row["total"] for row in rows} == expected
    assert {row["customer"] for row in rows if row["consents"] == "yes"} == consenting
    assert (summary["verdict"], summary["customers"], summary["consenting"]) == (
        "intact",
        len(expected),
        len(consenting),
    )
    assert sum(Decimal(row["total"]) != 0 for row in rows) > people // 4
    assert "Intact: " in (home / "result" / "asset-view.html").read_text()
    report = (home / "result" / "asset-view-study.html").read_text()
    assert "Intact: " in report and "3,000" in report and f"{summary['consents']:,} consents" in report
    print(summary)


@pytest.mark.slow  # by default the demo, and jobs/test_whole_job
def test_the_answer_is_the_plaintext_of_those_who_consent(home: Path) -> None:
    demand_plaintext(home, 400, 600)


@pytest.mark.slow
def test_the_answer_of_the_whole_file(home: Path) -> None:
    demand_plaintext(home, 30_000, 5 * 3600)


@pytest.mark.slow
def test_a_run_that_is_ended_leaves_nothing(home: Path) -> None:
    split(home, 400)
    with subprocess.Popen(
        words(home), cwd=home, env=os.environ | {"TMPDIR": str(home / "tmp")}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("starting"):
                break
        time.sleep(3)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
    assert list((home / "result").iterdir()) == []
