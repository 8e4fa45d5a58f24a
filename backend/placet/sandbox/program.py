"""How a sandbox runs things: commands of `placet` to their end, and servers that write their process id down.

A command is a process of its own, forked from one that has imported the package once, which spares it some two seconds
of processor time; code, arguments, folder, environment and files are those of `python -m placet.cli`. It ends when
this process does. A server starts anew, through `placet.sandbox.launch`.

The passphrase of a sandbox lies beside its keys, so that a costly derivation protects nothing: key files and wallets
that a command makes here open in hundredths of a second.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from placet.chain import keystore
from placet.chain.processes import identity
from placet.core.processes import end_with_parent
from placet.owner import wallet

_PRELOADED = [
    f"placet.{name}"
    for name in (
        *("cli.main", "cli.doctor", "chain.deploy", "node.app", "vault.server", "vault.setup", "vault.batch_making"),
        *("identity.serve", "owner.client", "audit.collect", "audit.verify", "sandbox.consents"),
    )
]
SCRYPT_N = 2**14
RECORDS = "run"
"""The folder of process ids, below a sandbox's."""


def forking() -> ForkServerContext:
    """The server that commands are forked from, as a context of `multiprocessing`."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


@dataclass
class Forked:
    """A running `placet`, with the methods of `subprocess.Popen` that its users need."""

    process: BaseProcess
    args: list[str]

    @property
    def pid(self) -> int:
        if self.process.pid is None:
            raise RuntimeError("a process that was not started")
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


def fork(words: Sequence[object], cwd: Path | None, env: Mapping[str, str], log: Path) -> Forked:
    """Start `placet WORDS…`; what it says is added to `log`."""
    return start(words, cwd, env, os.devnull, log, log)


def run(
    words: Sequence[object], cwd: Path | None, env: Mapping[str, str], stdin: str = "", seconds: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run `placet WORDS…` to its end. TimeoutExpired after `seconds`."""
    args = list(map(str, words))
    with tempfile.TemporaryDirectory(prefix="placet-run-") as scratch:
        given, out, err = (Path(scratch) / name for name in ("in", "out", "err"))
        given.write_text(stdin)
        process = start(args, cwd, env, str(given), out, err)
        _commands.append(process)
        try:
            code = process.wait(seconds)
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            _commands.remove(process)
        return subprocess.CompletedProcess(args, code, out.read_text(), err.read_text())


_commands: list[Forked] = []


def end_commands() -> None:
    """Kill all commands that run now, in whatever thread of this process somebody waits for them."""
    for process in list(_commands):
        process.kill()


def start(
    words: Sequence[object], cwd: Path | None, env: Mapping[str, str], given: str, out: Path, err: Path
) -> Forked:
    """Start `placet WORDS…` that reads `given` and adds what it says to `out` and `err`."""
    args = list(map(str, words))
    call = (args, str(cwd or Path.cwd()), dict(env), given, str(out.absolute()), str(err.absolute()))
    process = forking().Process(target=_placet, args=call)
    process.start()
    return Forked(process, args)


def _placet(args: list[str], cwd: str, env: dict[str, str], given: str, out: str, err: str) -> None:
    end_with_parent()
    keystore.SCRYPT_N = wallet.SCRYPT_N = SCRYPT_N
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


def launch(
    folder: Path, name: str, command: Sequence[object], env: Mapping[str, str], log: Path, *, lifeline: int | None
) -> subprocess.Popen[bytes]:
    """Start a server under a name, in a session of its own; its process id is in `RECORDS` before it does anything.

    `command` begins with `placet` or a binary's path. `lifeline`: the reading end of a pipe at whose end it ends too;
    for `placet` alone.
    """
    (folder / RECORDS).mkdir(exist_ok=True)
    words = [sys.executable, "-m", "placet.sandbox.launch", str(folder / RECORDS), name, str(lifeline or 0)]
    with log.open("ab") as sink:
        return subprocess.Popen(
            [*words, *map(str, command)],
            cwd=folder,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            pass_fds=() if lifeline is None else (lifeline,),
        )


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
