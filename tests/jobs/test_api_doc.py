"""What docs/reference/api.md shows of jobs runs, and its words are the program's."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from httpx_sse import EventSource

from live import LiveConsortium
from placet.cli.jobs import ENDED
from placet.jobs import agreement, computing, coordinator, gathering, held, link, proposal, runner, settlement
from placet.jobs import party_run as work
from placet.recipes.contract_compare import run as contract_compare

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
OF_JOBS = TEXT[TEXT.index("\n## Jobs\n") : TEXT.index("\n## With a wallet library")]


def test_the_curl_example_runs(consortium: LiveConsortium, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    made, members = consortium.made, consortium.made.members
    expected = consortium.expected(("north", "south"))
    environment = {
        "PATH": os.environ["PATH"],
        "NODE": consortium.consumer.api,
        "CREDENTIAL_FILE": str(consortium.consumer.folder / "credential"),
        "NORTH": members["north"].address,
        "NORTH_OFFER": made.offers["north"],
        "SOUTH": members["south"].address,
        "SOUTH_OFFER": made.offers["south"],
        "OWN_OFFER": made.offers["consumer"],
        "OWN_CONSENT": made.own_consent,
        "TOKEN": made.token,
    }
    [block] = re.findall(r"^```sh\n(.*?)^```$", OF_JOBS, re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", block],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    started, ended = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("started", "ended"))
    assert (ended["id"], ended["ended"]) == (started["id"], "completed")
    rows = json.loads((tmp_path / "result.json").read_text())["rows"]
    assert [row["customer"] for row in rows] == consortium.customers
    assert {row["customer"]: int(row["total"]) for row in rows} == expected
    assert json.loads((tmp_path / "trail.json").read_text())["evidence"]["job"] == started["id"]
    stream = httpx.Response(
        200, headers={"Content-Type": "text/event-stream"}, content=(tmp_path / "events.txt").read_bytes()
    )
    seen = [event.event for event in EventSource(stream).iter_sse() if event.data]
    assert (seen[0], seen[-1]) == ("agreed", "completed")
    told = set(re.findall(r"`([a-z-]+)`", OF_JOBS))
    assert set(seen) <= told
    [fields] = re.findall(r"^\| `GET /v1/jobs/\{job\}` \| `\{([^}]+)\}`", TEXT, re.MULTILINE)
    assert fields == ", ".join(ended)


def test_every_status_of_the_program_is_in_the_document() -> None:
    said = set()
    by_jobs = (agreement, computing, coordinator, gathering, held, link, proposal, runner, settlement, work)
    for module in (contract_compare, *by_jobs):
        source = Path(str(module.__file__)).read_text()
        said |= set(re.findall(r"\b(?:say|note)\(\s*[a-z_.]+, \"([a-z-]+)\"", source))
    assert {"computing", "recorded", "sealed", "released", "waiting"} <= said
    ends = {how for how, _ in settlement.ENDS.values()} | {"expired", "refused"}
    assert ends == ENDED == set(re.findall(r"^\| `([a-z]+)` \| ", OF_JOBS, re.MULTILINE))
    assert said | ends <= set(re.findall(r"`([a-z-]+)`", OF_JOBS))
