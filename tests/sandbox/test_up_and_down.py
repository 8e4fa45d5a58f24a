"""`placet sandbox` between real processes: up, a job, a crash, down; and a start that is killed half-way."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import psutil
import pytest

from interrupting import hears_ctrl_c
from placet.sandbox.consortium import wait
from sandbox_home import PLACET, living, sandbox, until

SMALL = ("up", "--institutions", "2")


@pytest.mark.slow  # the tutorials' sandbox goes up, has jobs and goes down by default
def test_up_a_job_a_crash_down_and_up_again(home: Path) -> None:
    shown = sandbox(home, *SMALL, "--detach")
    folder = home / "placet-sandbox"
    assert list(shown["institutions"]) == ["bank", "tax"] and shown["consents"] > 0
    for file in ("deployment", "trust", "passphrase_file", "request"):
        assert Path(shown[file]).is_file()
    status = sandbox(home, "status")
    assert status["phase"] == "up" and len(status["processes"]) == 6
    pids = [process["pid"] for process in status["processes"].values()]
    assert all(psutil.pid_exists(pid) for pid in pids)

    assert sandbox(home, "up", "--detach") == shown  # nothing to do, and nothing done
    assert sandbox(home, "status")["processes"] == status["processes"]

    job(home, shown)
    os.kill(status["processes"]["tax-node"]["pid"], signal.SIGKILL)
    broken = sandbox(home, "status", code=1)
    assert (broken["phase"], broken["processes"]["tax-node"]["state"]) == ("broken", "ended")
    assert len(sandbox(home, "down")["ended"]) == 5
    assert living(home) == [] and not any(map(runs, pids))
    assert sandbox(home, "status", code=1)["phase"] == "down"

    again = subprocess.Popen(
        [*PLACET, "up", "--json"], cwd=home, stdout=subprocess.PIPE, text=True, preexec_fn=hears_ctrl_c
    )
    until((folder / "run" / "up.json").exists, again)
    assert json.loads((folder / "run" / "up.json").read_text())["pid"] == again.pid
    assert again.stdout is not None
    document = "".join(itertools.takewhile(lambda line: line != "}\n", again.stdout)) + "}"
    assert json.loads(document)["folder"] == shown["folder"]
    assert sandbox(home, "status")["phase"] == "up"
    job(home, shown)
    again.send_signal(signal.SIGINT)
    assert again.wait(60) == 0
    assert living(home) == []


def runs(pid: int) -> bool:
    """False also for one that has ended and that its parent, here the system's first process, has yet to collect."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def job(home: Path, shown: dict[str, object]) -> None:
    """The job that the sandbox proposes, by the command that it shows."""
    config = str(Path(str(shown["folder"])) / str(shown["consumer"]) / "node.toml")
    done = subprocess.run(
        [*PLACET[:-1], "job", "start", "--config", config, "--file", str(shown["request"]), "--watch"],
        cwd=home,
        env=os.environ | {"PLACET_PASSPHRASE_FILE": str(shown["passphrase_file"])},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow  # nothing stands for it by default: it takes a sandbox of its own
def test_a_start_that_is_killed_is_cleaned_by_down(home: Path) -> None:
    folder = home / "placet-sandbox"
    with (home / "log").open("w") as log:
        start = subprocess.Popen([*PLACET, *SMALL, "--detach"], cwd=home, stdout=log, stderr=log, text=True)
    until(lambda: len(list(folder.glob("run/*.json"))) >= 4, start)
    start.send_signal(signal.SIGSTOP)  # that it does not come to its end meanwhile
    assert sandbox(home, "status", code=1)["phase"] == "starting"
    start.kill()
    start.wait()
    apis = [one["api"] for one in json.loads((folder / "trust.json").read_text())["institutions"]]
    assert all(api.startswith("http://localhost:") for api in apis)  # browsers have no passkeys at an address
    assert tomllib.loads((folder / "registry" / "identity.toml").read_text())["page_origins"] == apis
    assert len(living(folder)) >= 3
    assert len(sandbox(home, "down")["ended"]) >= 3
    assert living(folder) == []
    assert sandbox(home, "status", code=1)["phase"] == "cut short"
    assert "delete the folder" in sandbox(home, "up", code=1)


@pytest.mark.slow
def test_a_start_that_is_told_to_end_leaves_nothing(home: Path) -> None:
    folder = home / "placet-sandbox"
    start = subprocess.Popen(
        [*PLACET, *SMALL],
        cwd=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    until(lambda: (folder / "run" / "chain.json").exists(), start)
    sandbox(home, "down")
    assert start.wait(60) == 143
    wait(lambda: not living(home), "end of the server that commands are forked from", None, 60)


def test_what_is_no_sandbox_is_left_alone(home: Path) -> None:
    (home / "mine").mkdir()
    (home / "mine" / "letter").write_text("dear")
    assert "not empty" in sandbox(home, "up", "mine", code=1)
    assert "no sandbox" in sandbox(home, "down", "mine", code=1)
    assert "no sandbox" in sandbox(home, "status", "nowhere", code=1)
    assert "path is too long" in sandbox(home, "up", "x" * 120, code=1)
    assert sorted(file.name for file in home.rglob("*")) == ["letter", "mine"]


def test_nothing_starts_in_a_closed_folder(tmp_path: Path) -> None:
    (tmp_path / "closed").touch()
    words = [sys.executable, "-m", "placet.sandbox.launch", str(tmp_path), "it", "/bin/sleep", "600"]
    assert subprocess.run(words, timeout=60, check=False).returncode == 3
    assert list(tmp_path.glob("*.json")) == []
