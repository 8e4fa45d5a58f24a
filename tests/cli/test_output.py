"""Tables of the program: on terminals of several widths, and in a pipe."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from placet.cli.audit_replay import show_replay
from placet.cli.output import table
from placet.core.ids import JobId
from placet.jobs.replay_report import ReplayFinding, ReplayReport, StepReplay

from .conftest import environment

IDS = ["0x" + f"{number:02x}" * 32 for number in range(1, 5)]
SCRIPT = f"""
from placet.cli.output import table
ids = {IDS!r}
table("Your consents", ("consent", "status", "data", "for whom", "what for", "until (UTC)"), [
    (ids[0], "given", "Current accounts at a bank with a long name", "Credit House", "credit", "2026-11-29 13:00"),
    (ids[1], "withdrawn", "Savings \x1b[31mred", "Credit House", "credit checking", "2026-11-29 13:00"),
])
table("Who used your data", ("consent", "for whom", "job", "when (UTC)", "outcome"), [
    (ids[2], "Credit House", ids[3], "2026-11-29 13:00", "completed"),
])
"""


def on_terminal(columns: int, path: Path) -> list[str]:
    """The lines that the script prints on a terminal of so many columns, without its escape sequences."""
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        with path.open("wb") as sink:
            env = environment(TERM="xterm")
            for name in ("COLUMNS", "LINES"):  # of the terminal that the tests were started from
                env.pop(name, None)
            child = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=theirs, stderr=sink, env=env)
            os.close(theirs)
            theirs = -1
            output = b""
            while True:
                try:
                    piece = os.read(ours, 65536)
                except OSError:  # the other end is closed
                    break
                if not piece:
                    break
                output += piece
            assert child.wait(60) == 0, path.read_text()
    finally:
        os.close(ours)
        if theirs >= 0:
            os.close(theirs)
    return re.sub(r"\x1b\[[0-9;]*m", "", output.decode()).replace("\r\n", "\n").splitlines()


@pytest.mark.parametrize("columns", [80, 72, 100, 130, 200, 260])
def test_no_id_is_broken_on_a_terminal(columns: int, tmp_path: Path) -> None:
    lines = on_terminal(columns, tmp_path / "stderr")
    assert max(map(len, lines)) <= columns
    for identity in IDS:
        assert sum(identity in line for line in lines) == 1, "\n".join(lines)
    text = "\n".join(lines)
    assert "\\x1b[31mred" in text
    assert ("┃" in text) == (columns >= 200)


def test_a_pipe_gets_whole_rows() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment(), check=True)
    lines = done.stdout.splitlines()
    assert all(sum(identity in line for line in lines) == 1 for identity in IDS)
    [row] = [line for line in lines if IDS[0] in line]
    assert all(words in row for words in ("Current accounts at a bank with a long name", "2026-11-29 13:00"))


def test_a_question_leaves_nothing_on_stdout() -> None:
    """`consent=$(placet owner grant …)` is the id alone."""
    script = "from placet.cli.output import ask_line, write_line; write_line(ask_line('Do you consent? [y/N]'))"
    asked = subprocess.run([sys.executable, "-c", script], input=" y \n", capture_output=True, text=True, check=True)
    assert (asked.stdout, asked.stderr) == ("y\n", "Do you consent? [y/N] ")


def test_a_reader_that_leaves_is_no_fault() -> None:
    """As before `| head`: more is written than a pipe holds, after its reader closed it."""
    script = "placet recipes --json | true; exit ${PIPESTATUS[0]}"
    gone = ["bash", "-c", script.replace("placet", f"{sys.executable} -m placet.cli")]
    ended = subprocess.run(gone, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (1, "")


def test_a_column_that_says_nothing_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """A replay in which all is the same has no reasons; one reason, and the column is there."""
    same, why = StepReplay(outcome="same", index=0, name="open-rows", hash=bytes(32)), "the rows are gone"
    show_replay(_replay(same))
    all_same = capsys.readouterr().out
    show_replay(_replay(same, same.model_copy(update={"outcome": "not-covered", "why": why, "index": 1})))
    one_not = capsys.readouterr().out
    assert "outcome" in all_same and "why" not in all_same
    assert re.search(r"┃ outcome +┃ why +┃", one_not) and why in one_not
    table("Nobody", ("consent", "status"), [])
    assert re.search(r"consent.*status", capsys.readouterr().out)


def _replay(*steps: StepReplay) -> ReplayReport:
    same = ReplayFinding(outcome="same")
    return ReplayReport(
        job=JobId(bytes(32)),
        attempt=1,
        party=0,
        institution=bytes(20),
        name="North Bank",
        role="provider",
        recipe="match-statistics",
        recipe_version=1,
        engine="embedded",
        release="1",
        at=0,
        trail=same,
        seed=same,
        received=same,
        steps=steps,
    )
