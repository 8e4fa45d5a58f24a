"""Workers of a run that have imported all tests when they start: forked from one process that did so once.

`python -m pytest` with seven workers imports the package, its libraries and all tests seven times, half of what it
takes to collect them. `warm.py serve SOCKET WORDS…` collects once (`pytest WORDS… --collect-only`), which also compiles
what a fresh checkout has not, and then forks a worker for whoever connects. `warm.py SOCKET …` is what xdist takes for
a Python (`--tx "popen//python=python warm.py SOCKET"`): it hands its standard files over, and ends as the worker does.
The worker goes on as Python does with xdist's own arguments, `-u -c PROGRAM`; what it collects then it finds imported.

With `--programs` before the words, workers need not import the package once more for the programs that they start: the
process that these are forked from (`placet.sandbox.fork_server`) is itself forked from a child of the server, which had
imported the package, and nothing of pytest, by then.

The server has one thread, those of libraries counted, and ends with the process that started it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
import types
from pathlib import Path

FILES = 3
PROGRAMS = ".programs"
"""How the name of the socket ends that servers of programs are had from."""
PATIENCE = 1.0
"""Seconds between two looks whether the starter still lives."""


def serve(path: str, words: list[str]) -> None:
    starter = os.getppid()
    if words[:1] == ["--programs"]:
        words = words[1:]
        _serve_programs(path + PROGRAMS)
    import pytest

    if pytest.main([*words, "--collect-only", "-qq"]) != pytest.ExitCode.OK:
        sys.exit(1)  # the run itself says what is wrong
    _demand_one_thread()
    gc.collect()
    gc.freeze()
    running: dict[int, socket.socket] = {}
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        door.listen(64)
        while os.getppid() == starter:
            ready, _, _ = select.select([door, *running.values()], [], [], PATIENCE)
            if door in ready:
                asking, _ = door.accept()
                running[_fork(path, asking, [door, *running.values()])] = asking
            for pid, asking in list(running.items()):
                if asking in ready:  # it says nothing more: whoever asked has ended, or was killed
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    with contextlib.suppress(OSError):
                        asking.sendall(b"%d\n" % (os.waitstatus_to_exitcode(status) & 0xFF))
                    running.pop(pid).close()


def _serve_programs(path: str) -> None:
    """Fork a child that gives whoever connects a fork server over the socket that is sent."""
    from placet.sandbox import fork_server

    fork_server.load()
    _demand_one_thread()
    door = socket.socket(socket.AF_UNIX)
    door.bind(path)
    door.listen(64)
    server = os.getpid()
    if os.fork() > 0:
        door.close()
        return
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    while os.getppid() == server:
        if select.select([door], [], [], PATIENCE)[0]:
            asking, _ = door.accept()
            with asking:
                _, (given, *_), _, _ = socket.recv_fds(asking, 1, 1)
                if os.fork() == 0:
                    try:
                        door.close()
                        asking.close()
                        _detach()
                        fork_server.main(given)
                    finally:
                        os._exit(1)
                os.close(given)
    os._exit(0)


def _detach() -> None:
    """As `placet.sandbox.forking` starts a server."""
    os.setsid()
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


def _take_programs(path: str) -> None:
    """Let this process have its fork server from there."""
    from placet.sandbox import forking

    class Given(forking._Server):
        alive = True  # who asks one that has ended is told by the socket

        def __init__(self) -> None:
            self._door, theirs = socket.socketpair()
            with theirs, socket.socket(socket.AF_UNIX) as server:
                server.connect(path)
                socket.send_fds(server, [b"-"], [theirs.fileno()])
                server.recv(1)  # it has been forked

    forking._Server = Given  # type: ignore[misc]


def _demand_one_thread() -> None:
    if Path("/proc/self/task").is_dir() and len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208
        sys.exit("a fork beside another thread may begin with a lock that nobody opens")


def _fork(path: str, asking: socket.socket, ours: list[socket.socket]) -> int:
    """The id of a new worker. It gets nothing of the server's but what is imported."""
    head, files, _, _ = socket.recv_fds(asking, 8, FILES)
    request = json.loads(asking.recv(int.from_bytes(head), socket.MSG_WAITALL))
    if (pid := os.fork()) > 0:
        for number in files:
            os.close(number)
        return pid
    try:
        for one in (asking, *ours):
            one.close()
        for place, number in enumerate(files):
            os.dup2(number, place)
            os.close(number)
        if Path(path + PROGRAMS).exists():
            _take_programs(path + PROGRAMS)
        _become(request)
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 1)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0)


def _become(request: dict[str, object]) -> None:
    environ, words, folder = request["env"], request["words"], request["folder"]
    assert isinstance(environ, dict) and isinstance(words, list) and isinstance(folder, str)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what runs beside it deaf to both
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    gc.disable()  # until all is collected, see conftest
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
    sys.argv = ["-c"]
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    exec(words[words.index("-c") + 1], main.__dict__)  # noqa: S102


def ask(path: str, words: list[str]) -> int:
    """A worker's exit code. Ctrl-C reaches the worker itself, which has to end what it started."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    request = json.dumps({"words": words, "folder": str(Path.cwd()), "env": dict(os.environ)}).encode()
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        socket.send_fds(server, [len(request).to_bytes(8)], range(FILES))
        server.sendall(request)
        for number in range(2):  # whoever reads or writes there waits for the worker alone
            os.close(number)
        answer = server.makefile("rb").readline()
    return int(answer or b"1")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], sys.argv[3:])
    else:
        os._exit(ask(sys.argv[1], sys.argv[2:]))
