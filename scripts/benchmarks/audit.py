"""The audit of a lawful set of many people, each leaf checked, by the program over a saved bundle. Takes --n.

An honest job of four institutions, made as the tests make theirs; one provider has n people with keys, consents and
enrolments of their own, anchored in one batch. `placet audit --bundle` reads it in a process of its own.
"""

from __future__ import annotations

import json as _json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import psutil

from placet.audit.bundle import bundle_pieces
from placet.audit.sections import Sections
from placet.core.hashing import document_bytes

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _million import Million
from _people import recover_bare, recover_timed
from growing import grown

TARGETS = {"ratio_to_coincurve": 0.7, "peak_mb": 2_000.0, "growth": 2.4, "memory_ratio": 10.0}
ATTEMPTS = 4_000
NOTES = {
    "audit_s": "from the command to the verdict",
    "leaves_per_s": "over all of that",
    "ratio_to_coincurve": "against one bare recovery a leaf on as many processes, in the same run",
    "cpu_ratio": "the same in processor time of all processes",
    "peak_mb": "the most that all of its processes had at once",
    "bundle_mb": "the file",
    "looked_at": "what the checks of consents and withdrawals compared",
    "growth": "processor time of twice as long a document over that of one, attempts and steps alone",
    "memory_ratio": "memory that the longer one takes beyond the shorter, over the bytes that it is longer",
}
DEFAULT = 20_000
_BARE = 256
"""Recoveries that a process is given at a time."""


def main(*, json: bool, n: int = DEFAULT) -> dict[str, object]:
    """Measure and print; see `scripts/bench`."""
    processes = os.cpu_count() or 1
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool,
    ):
        figures = _measure(Path(folder) / "bundle", n, pool, processes)
    out = sys.stderr if json else sys.stdout
    for name, note in NOTES.items():
        target = f"of {TARGETS[name]:>7,}" if name in TARGETS else ""
        print(f"{name:<18} {figures[name]:>13,} {target:<10}  {note}", file=out)
    return dict(figures)


def _measure(file: Path, n: int, pool: ProcessPoolExecutor, processes: int) -> dict[str, float]:
    copies = _write(file, n)
    for _ in pool.map(recover_bare, [_BARE] * processes):  # its processes are up
        pass
    start, start_cpu = time.perf_counter(), _children_cpu()
    process = subprocess.Popen(
        [sys.executable, "-m", "placet.cli", "audit", "--bundle", str(file), *copies, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    peak = [0.0]
    watcher = threading.Thread(target=_watch, args=(process, peak))
    watcher.start()
    out, _ = process.communicate()
    seconds, processor = time.perf_counter() - start, _children_cpu() - start_cpu
    watcher.join()
    bare, bare_cpu = _bare(n, pool)
    report = _json.loads(out)
    if report["verdict"] != "intact":
        raise RuntimeError(report["headline"])
    groups = ("consent", "withdrawal")
    return {
        "n": n,
        "audit_s": round(seconds, 1),
        "leaves_per_s": round(n / seconds),
        "ratio_to_coincurve": round(bare / seconds, 3),
        "cpu_ratio": round(bare_cpu / processor, 3),
        "peak_mb": round(peak[0], 1),
        "bundle_mb": round(file.stat().st_size / 1e6, 1),
        "looked_at": sum(result["looked_at"] for result in report["results"] if result["group"] in groups),
        **_grown(file.with_name("grown")),
        "children_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, 1),
    }


def _children_cpu() -> float:
    """Processor seconds of all processes that have ended, and of those that these waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _bare(n: int, pool: ProcessPoolExecutor) -> tuple[float, float]:
    """Seconds by the clock, and of processors, of as many bare recoveries as there are leaves."""
    full, rest = divmod(n, _BARE)
    start = time.perf_counter()
    seconds = sum(pool.map(recover_timed, [_BARE] * full + [rest]))
    return time.perf_counter() - start, seconds


def _grown(file: Path) -> dict[str, float]:
    """Ratios alone: time and memory of a document with twice the attempts over those of one."""
    seconds, peaks, sizes = [], [], []
    for attempts in (ATTEMPTS, 2 * ATTEMPTS):
        file.write_text(grown(attempts).model_dump_json())
        program = (
            "import resource, sys\n"
            "from placet.audit.bundle import parse_bundle\n"
            "from placet.audit.verify import verify\n"
            "verify(parse_bundle(open(sys.argv[1], 'rb').read()))\n"
            "used = resource.getrusage(resource.RUSAGE_SELF)\n"
            "print(used.ru_utime + used.ru_stime, used.ru_maxrss << 10)\n"
        )
        words = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=True)
        second, peak = words.stdout.split()
        seconds.append(float(second))
        peaks.append(int(peak))
        sizes.append(file.stat().st_size)
    return {
        "growth": round(seconds[1] / seconds[0], 2),
        "memory_ratio": round((peaks[1] - peaks[0]) / (sizes[1] - sizes[0]), 1),
    }


def _write(file: Path, n: int) -> list[str]:
    """Writes the bundle, and the auditor's own deployment file and trust list: the options that name these."""
    sections = Sections()
    simulation = Million(n, sections)
    with file.open("wb") as sink:
        sink.writelines(bundle_pieces(simulation.bundle(), sections))
    options: list[str] = []
    for name, document in (("deployment", simulation.deployment), ("trust", simulation.trust)):
        copy = file.with_name(f"{name}.json")
        copy.write_bytes(document_bytes(document))
        options += [f"--{name}", str(copy)]
    return options


def _watch(process: subprocess.Popen[bytes], peak: list[float]) -> None:
    """The largest sum of resident memory over the process and its children, in MB."""
    while process.poll() is None:
        total = 0
        try:
            root = psutil.Process(process.pid)
            for one in (root, *root.children(recursive=True)):
                total += one.memory_info().rss
        except psutil.NoSuchProcess:
            continue
        peak[0] = max(peak[0], total / 1e6)
        time.sleep(0.1)
