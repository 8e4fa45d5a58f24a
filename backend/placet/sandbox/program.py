"""How a sandbox runs things: commands of `placet` to their end, servers that write their process id down, a chain.

A command or server of `placet` is a process of its own, forked from one that has imported the package once
(`placet.sandbox.fork_server`); code, arguments, folder, environment and files are those of `python -m placet.cli`. It
ends when this process does, unless it is to last. Another program starts through `placet.sandbox.launch`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from placet.chain.processes import identity
from placet.sandbox.forking import Forked, ForkRequest, fork

RECORDS = "run"
"""The folder of process ids, below a sandbox's."""
MAX_NOTE = 2000
"""Characters that are told of what a command had said before it was ended."""


def run(
    words: Sequence[object],
    cwd: Path | None,
    env: Mapping[str, str],
    stdin: str = "",
    seconds: float = 300,
    module: str = "placet.cli",
) -> subprocess.CompletedProcess[str]:
    """Run `placet WORDS…`, or another module, to its end. TimeoutExpired after `seconds`."""
    with tempfile.TemporaryDirectory(prefix="placet-run-") as scratch:
        given, out, err = (Path(scratch) / name for name in ("in", "out", "err"))
        given.write_text(stdin)
        request = ForkRequest([str(word) for word in words], str(cwd or Path.cwd()), dict(env), module)
        process = start(request, given, out, err)
        _commands.append(process)
        try:
            code = process.wait(seconds)
        except BaseException as error:
            process.end()
            error.add_note(f"stderr: {err.read_text(errors='replace')[-MAX_NOTE:]}")
            raise
        finally:
            _commands.remove(process)
        return subprocess.CompletedProcess(process.args, code, out.read_text(), err.read_text())


_commands: list[Forked] = []


def end_commands() -> None:
    """Kill all commands that run now, in whatever thread of this process somebody waits for them."""
    for process in list(_commands):
        process.kill()


def start(request: ForkRequest, given: Path, out: Path, err: Path) -> Forked:
    """Start a program that reads `given` and adds what it says to `out` and `err`."""
    with given.open("rb") as stdin, out.open("ab") as stdout, err.open("ab") as stderr:
        return fork(request, stdin.fileno(), stdout.fileno(), stderr.fileno())


def serve(
    folder: Path, name: str, words: Sequence[str], env: Mapping[str, str], log: Path, *, lasting: bool = False
) -> Forked:
    """Start `placet WORDS…` as a server under a name, whose process id is in `RECORDS` before it does anything."""
    record = (str(_records(folder)), name)
    request = ForkRequest(words, str(folder), dict(env), record=record, lasting=lasting)
    return start(request, Path(os.devnull), log, log)


def launch(
    folder: Path, name: str, command: Sequence[object], env: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """Start another program than `placet` like so, by its path. It lasts."""
    words = [sys.executable, "-m", "placet.sandbox.launch", str(_records(folder)), name]
    with log.open("ab") as sink:
        return subprocess.Popen(
            [*words, *map(str, command)],
            cwd=folder,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )


def _records(folder: Path) -> Path:
    (folder / RECORDS).mkdir(exist_ok=True)
    return folder / RECORDS


@dataclass(frozen=True)
class RecordedProcess:
    """A process as its record names it; `identity` tells it from a later one with the same id."""

    name: str
    pid: int
    identity: str

    @property
    def alive(self) -> bool:
        return identity(self.pid) == self.identity

    def signal(self, number: int) -> None:
        """Send a signal if it is still this process."""
        if self.alive:
            os.kill(self.pid, number)


def recorded(folder: Path) -> dict[str, RecordedProcess]:
    """All processes that were started in a sandbox's folder, by name, alive or not."""
    processes = {}
    for file in sorted((folder / RECORDS).glob("*.json")):
        fields = json.loads(file.read_bytes())
        processes[file.stem] = RecordedProcess(file.stem, int(fields["pid"]), str(fields["identity"]))
    return processes
