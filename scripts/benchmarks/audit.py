"""The audit of a lawful set of many people, each leaf checked, by the program over a saved bundle. Takes --n.

An honest job of four institutions, made as the tests make theirs; one provider has n people with keys, consents and
enrolments of their own, anchored in one batch. `placet audit --bundle` reads it in a process of its own.
"""

from __future__ import annotations

import json as _json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from placet.audit.bundle import bundle_pieces
from placet.audit.sections import Sections
from placet.core.hashing import document_bytes

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _million import Million

TARGETS = {"peak_mb": 2_000.0}
NOTES = {
    "audit_s": "from the command to the verdict",
    "leaves_per_s": "over all of that",
    "peak_mb": "the most that all of its processes had at once",
    "bundle_mb": "the file",
    "looked_at": "what the checks of consents and withdrawals compared",
}
DEFAULT = 20_000


def main(*, json: bool, n: int = DEFAULT) -> dict[str, object]:
    """Measure and print; see `scripts/bench`."""
    with tempfile.TemporaryDirectory() as folder:
        figures = _measure(Path(folder) / "bundle", n)
    out = sys.stderr if json else sys.stdout
    for name, note in NOTES.items():
        target = f"of {TARGETS[name]:>7,}" if name in TARGETS else ""
        print(f"{name:<14} {figures[name]:>13,} {target:<10}  {note}", file=out)
    return dict(figures)


def _measure(file: Path, n: int) -> dict[str, float]:
    copies = _write(file, n)
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "placet.cli", "audit", "--bundle", str(file), *copies, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    peak = [0.0]
    watcher = threading.Thread(target=_watch, args=(process, peak))
    watcher.start()
    out, _ = process.communicate()
    seconds = time.perf_counter() - start
    watcher.join()
    report = _json.loads(out)
    if report["verdict"] != "intact":
        raise RuntimeError(report["headline"])
    groups = ("consent", "withdrawal")
    return {
        "n": n,
        "audit_s": round(seconds, 1),
        "leaves_per_s": round(n / seconds),
        "peak_mb": round(peak[0], 1),
        "bundle_mb": round(file.stat().st_size / 1e6, 1),
        "looked_at": sum(result["looked_at"] for result in report["results"] if result["group"] in groups),
        "children_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, 1),
    }


def _write(file: Path, n: int) -> list[str]:
    """Writes the bundle, and the auditor's own deployment file and trust list: the options that name these."""
    sections = Sections()
    world = Million(n, sections)
    with file.open("wb") as sink:
        sink.writelines(bundle_pieces(world.bundle(), sections))
    options: list[str] = []
    for name, document in (("deployment", world.deployment), ("trust", world.trust)):
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
