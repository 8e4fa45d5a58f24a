"""A child ends with the process that started it: not later, and not with the thread that asked for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil

from placet.core import child

PARENT = """
import sys, threading
from placet.core.child import start_child
starter = threading.Thread(target=start_child, args=(["sh", "-c", "echo $$; exec sleep 600"],))
starter.start()
starter.join()
print("joined", flush=True)
sys.stdin.read()
"""


def test_a_child_outlives_the_thread_that_asked_for_it_and_ends_with_the_process() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        lines = {parent.stdout.readline(), parent.stdout.readline()} - {b"joined\n"}
        sleeping = psutil.Process(int(lines.pop()))
        assert psutil.wait_procs([sleeping], timeout=0.2)[1] == [sleeping]
        sleeping.send_signal(signal.SIGSTOP)  # what is stopped ends too
        parent.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs([sleeping], timeout=120)
    assert alive == []


def test_nothing_is_started_for_a_parent_that_has_ended_meanwhile() -> None:
    """The launcher's parent is not the process that asked: as if that one had ended before the launcher looked."""
    words = child._tied(["echo", "started"])
    place = words.index(str(os.getpid()))
    others = subprocess.run(
        [*words[:place], str(os.getppid()), *words[place + 1 :]], capture_output=True, text=True, check=False
    )
    own = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (others.returncode, others.stdout) == (1, "") and "its parent has ended" in others.stderr
    assert (own.returncode, own.stdout) == (0, "started\n")


def test_options_and_ids_are_those_of_the_command() -> None:
    command = ["sh", "-c", "cat; echo $$; exit 3"]
    process = child.start_child(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    said, _ = process.communicate("word\n", timeout=60)
    assert (said.split(), process.returncode) == (["word", str(process.pid)], 3)
