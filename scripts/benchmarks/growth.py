"""What a job costs as its rows grow, from 1 k to 1 M: time, memory, gas, evidence. Takes --n (one size), --engine.

Gas is of every transaction from the opening to the payment, of both institutions together.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _matching import matching_consortium

SIZES = (1_000, 10_000, 100_000, 1_000_000)


def main(*, json: bool, n: int = 0, engine: str = "rr22") -> dict[str, object]:
    """Measure and print; see `scripts/bench`."""
    out = sys.stderr if json else sys.stdout
    figures: dict[str, object] = {"engine": engine}
    for size in (n,) if n else SIZES:
        with (
            tempfile.TemporaryDirectory(prefix="placet-growth-") as folder,
            matching_consortium(Path(folder), size, engine, lambda text: print(text, file=sys.stderr)) as consortium,
        ):
            before = consortium.made.chain.block_number()
            used, parts, job = consortium.gated()
            gas, shown = consortium.gas(before), consortium.evidence_bytes(job)
            figures[str(size)] = {
                "wall_s": round(used.wall, 2),
                "cpu_s": round(used.cpu, 2),
                "gas": gas,
                "evidence_bytes": shown,
                "peak_mb": consortium.peak_mb(),
                "parts": parts,
            }
        print(f"{size:>9,} rows: {used.wall:8.1f} s, {gas:>9,} gas, {shown:>13,} bytes of evidence", file=out)
    return figures
