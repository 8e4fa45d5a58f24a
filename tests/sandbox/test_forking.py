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
