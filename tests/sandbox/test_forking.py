"""What is forked for a sandbox: a process like one that was started, that shares imported code and ends in time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from placet.chain.processes import identity
from placet.sandbox import program
from placet.sandbox.consortium import wait
from placet.sandbox.forking import ForkRequest
from placet.sandbox.program import recorded

SHOWN = """\
import json, os, random, sys, threading, time
facts = dict(
    pid=os.getpid(), session=os.getsid(0), folder=os.getcwd(), env=dict(os.environ), words=sys.argv[1:],
    descriptors=sorted(int(name) for name in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + name)),
    threads=len(os.listdir("/proc/self/task")), imported="placet.node.app" in sys.modules, random=random.random(),
)
with open(facts["words"][0], "w") as file:
    file.write(json.dumps(facts) + "\\n")
time.sleep(3600)
"""
STARTER = """\
import sys, time
from pathlib import Path
from placet.sandbox.forking import ForkRequest
from placet.sandbox.program import start
folder = Path(sys.argv[1])
for name, lasting in (("short", False), ("long", True)):
    request = ForkRequest([name], str(folder), {"ONE": name}, "shown", (str(folder / "run"), name), lasting)
    start(request, Path("/dev/null"), folder / "log", folder / "log")
time.sleep(3600)
"""


def facts(file: Path) -> dict[str, Any]:
    wait(lambda: file.is_file() and file.read_text().endswith("\n"), str(file))
    return dict(json.loads(file.read_text()))


def test_a_forked_process_is_its_own_and_ends_with_its_starter_unless_it_is_to_last(tmp_path: Path) -> None:
    (tmp_path / "shown.py").write_text(SHOWN)
    (tmp_path / "run").mkdir()
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path)], env=os.environ | {"PYTHONPATH": str(tmp_path)}
    )
    try:
        short, long = facts(tmp_path / "short"), facts(tmp_path / "long")
        for name, one in (("short", short), ("long", long)):
            assert one["words"] == [name] and one["env"] == {"ONE": name} and one["folder"] == str(tmp_path)
            assert one["session"] == one["pid"] == recorded(tmp_path)[name].pid
            assert one["descriptors"] == [0, 1, 2]
            assert one["threads"] == 1 and one["imported"]
        assert short["random"] != long["random"]
        [server] = {psutil.Process(one["pid"]).ppid() for one in (short, long)}
        assert psutil.Process(server).num_threads() == 1
        born = {pid: identity(pid) for pid in (server, short["pid"])}
        os.kill(short["pid"], signal.SIGSTOP)
        starter.kill()
        starter.wait(60)
        wait(lambda: not any(identity(pid) == was for pid, was in born.items()), "end of what is not to last")
        assert recorded(tmp_path)["long"].alive
    finally:
        starter.kill()
        for process in recorded(tmp_path).values():
            process.signal(signal.SIGKILL)


CROWDED = """\
import errno, os, psutil, resource, subprocess, sys, time
from pathlib import Path
from placet.chain.processes import identity
from placet.sandbox import forking, program
from placet.sandbox.forking import ForkRequest
folder = Path(sys.argv[1])
(folder / "run").mkdir()

def started(name="sleeper", lasting=False):
    request = ForkRequest([], str(folder), {}, "sleeper", (str(folder / "run"), name), lasting)
    return program.start(request, Path(os.devnull), folder / "log", folder / "log")

def ran():
    return program.run([], folder, {}, module="quick").returncode

assert ran() == 0
[server] = forking._servers.values()
pid = server._process.pid
soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)

def leave(free):
    # So many files more can be open in the server, once it waits again.
    while psutil.Process(pid).status() != "sleeping":
        time.sleep(0.01)
    used = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    limit = 0 if not free else [number for number in range(200) if number not in used][free - 1] + 1
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, hard))

leave(0)
try:
    ran()
    raise SystemExit("no file was enough")
except RuntimeError as error:
    assert "no more files" in str(error), error
leave(4)  # its files, and no pipes for a process
try:
    ran()
    raise SystemExit("four files were enough")
except OSError as error:
    assert error.errno == errno.EMFILE, error
resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
assert ran() == 0 and forking._servers[os.getpid()] is server

short, long = started("short"), started("long", lasting=True)
assert short.poll() is long.poll() is None
server._process.kill()
assert short.wait(60) == -9
assert long.poll() is None and identity(long.pid)  # the server tells no more of it, and yet it lives
try:
    long.wait(0.2)
    raise SystemExit("what lives has ended")
except subprocess.TimeoutExpired:
    pass
long.end()
assert long.returncode == -9
assert ran() == 0 and forking._servers[os.getpid()] is not server
try:
    program.run([], folder, {}, seconds=0.2, module="sleeper")
    raise SystemExit("what sleeps has ended")
except subprocess.TimeoutExpired as error:
    assert error.__notes__[0].startswith("stderr: ")
assert not program._commands
"""


def test_a_server_that_has_no_room_or_was_killed_neither_ends_nor_stays_the_one_that_is_asked(tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text("import time\ntime.sleep(3600)\n")
    (tmp_path / "quick.py").write_text("")
    ended = subprocess.run(
        [sys.executable, "-c", CROWDED, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def test_how_a_forked_process_ended_is_told(tmp_path: Path) -> None:
    assert program.run(["no-such-command"], tmp_path, {}).returncode == 2
    (tmp_path / "wrong.json").write_text("{")
    answer = program.run(["key", "show", "wrong.json"], tmp_path, {})
    assert answer.returncode == 1 and answer.stderr
    log = tmp_path / "log"
    request = ForkRequest(["chain", "--help"], str(tmp_path), {})
    ended = program.start(request, Path(os.devnull), log, log)
    assert (ended.wait(60), ended.poll(), ended.returncode) == (0, 0, 0) and "Usage" in log.read_text()
    request = ForkRequest(["0", "--bind", "127.0.0.1"], str(tmp_path), {}, "http.server")
    serving = program.start(request, Path(os.devnull), log, log)
    assert serving.poll() is None
    serving.kill()
    assert serving.wait(60) == -signal.SIGKILL
