"""`placet` in a process of its own without importing everything anew: forked from a server that has imported it once.

The same code, arguments, folder, environment and files as `python -m placet.cli`, and as real a process; it only starts
some two seconds of processor time earlier. What users type is run as they type it by `test_documents` and `test_demo`.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from consortium import Consortium

PRELOADED = [
    f"placet.{name}"
    for name in (
        *("cli.main", "cli.doctor", "chain.deploy", "node.app", "vault.server", "vault.setup", "vault.batch_making"),
        *("identity.serve", "owner.client", "audit.collect", "audit.verify"),
    )
]
_fork = multiprocessing.get_context("forkserver")
_fork.set_forkserver_preload(PRELOADED)


@dataclass
class Warm:
    """A running `placet`, with the methods of `subprocess.Popen` that tests use."""

    process: BaseProcess
    args: list[str]

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self.process.join(timeout)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        if self.process.exitcode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def spawn(words: Sequence[object], cwd: Path | None, env: Mapping[str, str], log: Path) -> Warm:
    """Start `placet WORDS…`; what it says is added to `log`."""
    return _start(list(map(str, words)), cwd, env, os.devnull, log, log)


def run(
    words: Sequence[object], cwd: Path | None, env: Mapping[str, str], stdin: str = "", seconds: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run `placet WORDS…` to its end. TimeoutExpired after `seconds`."""
    args = list(map(str, words))
    with tempfile.TemporaryDirectory(prefix="placet-run-") as scratch:
        given, out, err = (Path(scratch) / name for name in ("in", "out", "err"))
        given.write_text(stdin)
        process = _start(args, cwd, env, str(given), out, err)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        return subprocess.CompletedProcess(args, code, out.read_text(), err.read_text())


def _start(args: list[str], cwd: Path | None, env: Mapping[str, str], given: str, out: Path, err: Path) -> Warm:
    words = (args, str(cwd or Path.cwd()), dict(env), given, str(out.absolute()), str(err.absolute()))
    process = _fork.Process(target=_placet, args=words)
    process.start()
    return Warm(process, args)


def _placet(args: list[str], cwd: str, env: dict[str, str], given: str, out: str, err: str) -> None:
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    adding = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for number, (name, flags) in enumerate(((given, os.O_RDONLY), (out, adding), (err, adding))):
        descriptor = os.open(name, flags, 0o644)
        os.dup2(descriptor, number)
        os.close(descriptor)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, mode, closefd=False) for n, mode in enumerate("rww"))
    sys.argv = ["placet", *args]
    runpy.run_module("placet.cli", run_name="__main__", alter_sys=True)


class WarmConsortium(Consortium):
    """A consortium whose processes are started so."""

    def _run(self, words: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
        return run(words, self.folder, self._env(), seconds=seconds)

    def _spawn(self, words: Sequence[str], log: Path) -> Warm:  # type: ignore[override]
        return spawn(words, self.folder, self._env(), log)
