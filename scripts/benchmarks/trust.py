"""The price of trust: an intersection bare, and under consents, trail, chain and seal. Takes --n, --engine.

Both in turn, with the same lists and certificates. The bare run begins where the lists are in memory; the gated one
with the request, and ends with the release and the payment. Consents were given before, as they are for many jobs.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _matching import matching_consortium

DEFAULT = 10_000
ROUNDS = 3
ENGINES = ("rr22", "kkrt", "ecdh")


def main(*, json: bool, n: int = DEFAULT, engine: str = "rr22") -> dict[str, object]:
    """Measure and print; see `scripts/bench`. `engine` is one of SPU's protocols of intersection."""
    if engine not in ENGINES:
        raise SystemExit(f"--engine: one of {', '.join(ENGINES)}")
    out = sys.stderr if json else sys.stdout
    with (
        tempfile.TemporaryDirectory(prefix="placet-trust-") as folder,
        matching_consortium(Path(folder), n, engine, lambda text: print(text, file=sys.stderr)) as consortium,
    ):
        bare, gated, parts = [], [], []
        for _ in range(ROUNDS):
            bare.append(consortium.bare())
            used, spent, _ = consortium.gated()
            gated.append(used)
            parts.append(spent)
        peak = consortium.peak_mb()
    figures: dict[str, object] = {"n": n, "engine": engine, "rounds": ROUNDS}
    for what, ratio in (("wall", "wall_ratio"), ("cpu", "cpu_ratio"), ("bytes", "bytes_ratio")):
        ratios = [getattr(g, what) / max(getattr(b, what), 1e-9) for g, b in zip(gated, bare, strict=True)]
        figures[ratio] = round(statistics.median(ratios), 2)
        figures[f"{what}_bare"] = round(statistics.median(getattr(b, what) for b in bare), 3)
        figures[f"{what}_gated"] = round(statistics.median(getattr(g, what) for g in gated), 3)
        print(f"{what:<6} {figures[ratio]:>8} times bare", file=out)
    figures["parts"] = {
        name: round(statistics.median(one[name] for one in parts if name in one), 3) for name in parts[0]
    }
    figures["peak_mb"] = peak
    for name, seconds in figures["parts"].items():  # type: ignore[attr-defined]
        print(f"  {name:<12} {seconds:>8} s", file=out)
    return figures
