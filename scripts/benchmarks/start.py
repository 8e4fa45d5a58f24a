"""What a start costs: processor time and memory of the help, of a node's import and start, beside bare libraries.

A node is started as users start it, by `python -m placet.node`, over the keys and the chain of a fresh sandbox, until
it answers over HTTP. The sandbox's keys are cheap to open; what three keys of a real institution take is `keys_cpu_s`.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from placet.chain.keystore import load_secrets, save_secrets
from placet.chain.local import free_port

ROUNDS = 3
BARE = "import fastapi, uvicorn, sqlalchemy, web3"
"""What a node is made of, before a line of Placet's."""
_SECONDS = 600


def main(*, json: bool) -> dict[str, object]:
    """Measure and print; see `scripts/bench`."""
    out = sys.stderr if json else sys.stdout
    programs = {
        "help": (sys.executable, "-m", "placet.cli", "--help"),
        "bare": (sys.executable, "-c", BARE),
        "import": (sys.executable, "-c", "import placet.node.__main__"),
    }
    spent: dict[str, list[float]] = {name: [] for name in (*programs, "start")}
    memory: list[float] = []
    with tempfile.TemporaryDirectory(prefix="pl-", dir="/tmp") as name, _sandbox(Path(name)) as node:
        for _ in range(ROUNDS):  # in turn, so that all meet the same machine
            for program, words in programs.items():
                spent[program].append(_cpu(words))
            seconds, mb = _started(node)
            spent["start"].append(seconds)
            memory.append(mb)
    best = {name: min(times) for name, times in spent.items()}
    figures: dict[str, object] = {
        "help_cpu_s": round(best["help"], 3),
        "bare_cpu_s": round(best["bare"], 3),
        "import_cpu_s": round(best["import"], 3),
        "start_cpu_s": round(best["start"], 3),
        "keys_cpu_s": round(_keys(), 3),
        "ratio_to_bare": round(best["start"] / best["bare"], 2),
        "idle_mb": round(min(memory), 1),
    }
    for figure, number in figures.items():
        print(f"{figure:<14} {number}", file=out)
    return figures


def _cpu(words: Sequence[str]) -> float:
    """Processor seconds of a program, with what it waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, timeout=_SECONDS)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@contextlib.contextmanager
def _sandbox(folder: Path) -> Iterator[Path]:
    """Two institutions; the folder of a copy of one's node, which does not run."""
    placet = (sys.executable, "-m", "placet.cli")
    up = (*placet, "sandbox", "up", "--institutions", "2", "--detach")
    subprocess.run(up, cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=_SECONDS)
    try:
        shutil.copytree(folder / "placet-sandbox" / "bank", folder / "node")
        yield folder / "node"
    finally:
        subprocess.run((*placet, "sandbox", "down"), cwd=folder, stdout=subprocess.DEVNULL, timeout=_SECONDS)


def _started(node: Path) -> tuple[float, float]:
    """Processor seconds until a node answers, and its memory in MB five seconds later."""
    port, environment = free_port(), dict(os.environ)
    environment |= {"PLACET_NODE_API_PORT": str(port), "PLACET_NODE_PEER_PORT": str(free_port())}
    words = (sys.executable, "-m", "placet.node", "--config", str(node / "node.toml"))
    process = subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + _SECONDS
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the node did not start")
            time.sleep(0.02)
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        spent = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        time.sleep(5)
        status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        (kb,) = (int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    return spent, kb / 1024


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _keys() -> float:
    """Processor seconds of opening three keys under a passphrase, as they are made outside of sandboxes."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.json" for number in range(3)]
        save_secrets(dict.fromkeys(files, bytes(31) + b"\1"), "passphrase")
        start = time.process_time()
        load_secrets(files, "passphrase")
        return time.process_time() - start
