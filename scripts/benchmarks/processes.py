"""Consents a second that one api process accepts beside three, in front of one worker; and how long a bank is without a
leader that is killed or stopped. Needs PostgreSQL. Takes --n.

A bank's node in processes of its own on the database that --engine names (postgresql://…, emptied before). Each round
sends as many consents, over as many connections, to one api process or spread over three; rounds take turns. Then two
workers lead in turn: whoever leads is killed, or gets SIGSTOP, until the other one answers.
"""

from __future__ import annotations

import os
import signal
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _load import CONNECTIONS, Client, subject, submissions

from placet.chain.local import free_port
from placet.node.leadership import leader
from placet.node.state import open_engine
from placet.sandbox.consortium import Consortium, healthy, wait
from placet.sandbox.founding import Stock, consortium

NAMES = {"bank": "First Bank", "consumer": "Credit House"}
PROCESSES = 3
FIRST_WORKER = "bank-worker"
WAITING = "another process leads: waiting"
ROUNDS = 3
SECONDS = 1_800
DEFAULT = 1_000


def main(*, json: bool, n: int = DEFAULT, engine: str = "") -> dict[str, object]:
    """Measure and print; see `scripts/bench`."""
    out = sys.stderr if json else sys.stdout
    if not engine.startswith("postgresql://"):
        raise SystemExit("--engine postgresql://…: an empty database of this benchmark's own")
    with tempfile.TemporaryDirectory(prefix="placet-processes-") as folder:
        one, three, absent = _measured(Path(folder), n, engine)
    figures = {
        "one_per_s": round(statistics.median(one), 1),
        "three_per_s": round(statistics.median(three), 1),
        "ratio_of_processes": round(statistics.median(three) / statistics.median(one), 3),
        "killed_s": round(statistics.median(absent["killed"]), 1),
        "stopped_s": round(statistics.median(absent["stopped"]), 1),
    }
    print(f"one {figures['one_per_s']}, three {figures['three_per_s']} consents a second accepted", file=out)
    print(f"another leads {figures['killed_s']} s after a kill, {figures['stopped_s']} s after a stop", file=out)
    return {"n": n, "cores": os.cpu_count(), "one": one, "three": three, **absent, **figures}


def _measured(folder: Path, n: int, database: str) -> tuple[list[float], list[float], dict[str, list[float]]]:
    everybody = {subject(i): i for i in range(2 * ROUNDS * n)}
    with consortium(folder, NAMES, Stock({"bank": everybody}, [subject(0)], [subject(0)])) as group:
        bodies = [body for _, body in submissions(group, "bank", len(everybody))]
        urls = _several(group, database)
        one, three = list[float](), list[float]()
        for number in range(2 * ROUNDS):
            part = bodies[number * n : (number + 1) * n]
            rates, ways = (one, urls[:1]) if number % 2 == 0 else (three, urls)
            rates.append(round(n / _seconds(ways, part), 1))
        return one, three, _absences(group, database)


def _several(group: Consortium, database: str) -> list[str]:
    """The bank's node as several processes; the addresses of its api."""
    group.kill("bank-node")
    file = group.folder / "bank" / "node.toml"
    file.write_text(f'database_url = "{database}"\n' + file.read_text())
    _start(group, FIRST_WORKER)
    urls = []
    for number in range(PROCESSES):
        api, peer = free_port(), free_port()
        name = f"bank-api-{number}"
        (file.parent / f"{name}.toml").write_text(_with_ports(file.read_text(), api, peer))
        group.start(name, "node", "--role", "api", "--config", f"bank/{name}.toml")
        urls.append(f"http://127.0.0.1:{api}")
    for url in urls:
        wait(lambda url=url: healthy(url), "an api process", group.folder / "bank-worker.log", 300)
    return urls


def _start(group: Consortium, worker: str) -> None:
    group.start(worker, "node", "--role", "worker", "--config", "bank/node.toml")


def _absences(group: Consortium, database: str) -> dict[str, list[float]]:
    """Seconds from a leader's end until another one takes requests, by how it ended."""
    engine = open_engine(database)
    seconds: dict[str, list[float]] = {"killed": [], "stopped": []}
    leads = FIRST_WORKER
    for number, how in enumerate(["killed", "stopped"] * ROUNDS, 2):
        waits = f"{FIRST_WORKER}-{number}"
        _start(group, waits)
        wait(lambda name=waits: WAITING in group.log(name), "a second worker", group.folder / f"{waits}.log")
        before = leader(engine)
        assert before is not None
        began = time.perf_counter()
        os.kill(group.processes[leads].pid, signal.SIGKILL if how == "killed" else signal.SIGSTOP)
        while (now := leader(engine)) is None or now.term == before.term:
            assert time.perf_counter() - began < SECONDS
            time.sleep(0.05)
        seconds[how].append(round(time.perf_counter() - began, 2))
        group.kill(leads)
        leads = waits
    engine.dispose()
    return seconds


def _with_ports(settings: str, api: int, peer: int) -> str:
    lines = []
    for line in settings.splitlines():
        name = line.partition("=")[0].strip()
        lines.append({"api_port": f"api_port = {api}", "peer_port": f"peer_port = {peer}"}.get(name, line))
    return "\n".join(lines) + "\n"


def _seconds(urls: list[str], bodies: list[bytes]) -> float:
    start = time.perf_counter()
    with ThreadPoolExecutor(len(urls)) as pool:
        parts = [bodies[place :: len(urls)] for place in range(len(urls))]
        clients = [Client(f"{url}/v1/consents", SECONDS, connections=CONNECTIONS // len(urls)) for url in urls]
        list(pool.map(lambda client, part: client.send(part), clients, parts))
    return time.perf_counter() - start
