"""One score over a link that is kept: milliseconds from both parties' cells to both parties' shares, and the sum.

Of 24 columns with 10 bins each, split over the parties; points are shares that were kept. The first turn compiles and
is not counted.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from _spu import SECONDS, networks

from placet.models.probes import probe_cells
from placet.protocols import spu
from placet.protocols.mpc.scoring import ScorecardScore, kept_of
from placet.protocols.spu import EngineSession, KeptShare, Secret
from placet.protocols.spu.programs import SUM_OF_VECTORS, NoParameters
from placet.protocols.spu.scoring import MODEL

TURNS, COLUMNS, BINS = 40, 24, 10
MILLISECONDS = {"aby3": 15.0, "cheetah": 50.0}
Figures = dict[str, object]


def measure(protocol: str, rows: int = 1) -> Figures:
    """{p50_ms, p95_ms, processor_ms, first_ms, started_s, met}; processor time is of all parties' nodes and engines, a
    turn. The scores are held against the reference before anything is told."""
    return asyncio.run(_measured(protocol, rows))


async def _measured(protocol: str, rows: int) -> Figures:
    parties = {"cheetah": 2, "aby3": 3}[protocol]
    engine, program = spu.choose(parties), ScorecardScore(bins=(BINS,) * COLUMNS, output="score")
    chance = np.random.default_rng(7)
    points = chance.integers(-100, 100, 1 + program.wide)
    probes = probe_cells(program.widths)
    model = kept_of(int(points[0]), points[1:], program.widths)
    with tempfile.TemporaryDirectory(prefix="placet-bench-") as folder:
        scratch = Path(folder)
        began = time.perf_counter()
        sessions = await asyncio.gather(
            *(
                EngineSession.open(one, engine, turns=TURNS + 2, seconds=SECONDS, within=SECONDS, scratch=scratch)
                for one in networks(parties)
            )
        )
        started = time.perf_counter() - began
        try:
            dealt = await asyncio.gather(
                *(
                    session.compute(
                        b"deal",
                        SUM_OF_VECTORS.name,
                        NoParameters(),
                        [Secret("points", 0, "int64", model.shape)],
                        {} if rank else {"points": model},
                        seconds=SECONDS,
                    )
                    for rank, session in enumerate(sessions)
                )
            )
            kept = [
                KeptShare(engine=engine, rank=rank, dtype="int64", shape=model.shape, share=share)
                for rank, (share,) in enumerate(dealt)
            ]
            widths = [program.wide // parties] * parties
            secrets = [Secret(f"cells-{n}", n, "int64", (rows + program.probes, wide)) for n, wide in enumerate(widths)]
            secrets.append(Secret(MODEL, None, "int64", model.shape))
            ends = np.cumsum(widths)[:-1]
            times, used = [], 0.0
            for turn in range(TURNS + 1):
                applicants = chance.integers(0, 2, (rows, program.wide))
                cells = np.split(np.concatenate([applicants, probes]), ends, axis=1)
                began = time.perf_counter()
                shares = await asyncio.gather(
                    *(
                        session.compute(
                            b"score" + turn.to_bytes(2, "big"),
                            program.program,
                            program,
                            secrets,
                            {f"cells-{rank}": cells[rank]},
                            {MODEL: kept[rank]},
                            seconds=SECONDS,
                        )
                        for rank, session in enumerate(sessions)
                    )
                )
                of_all = [share for (share,) in shares]
                scores = await spu.reconstruct(of_all, engine, scratch=scratch, seconds=SECONDS)
                times.append(1000 * (time.perf_counter() - began))
                used = used or _processor()
                if scores.tolist() != program.reference(applicants, points).tolist():
                    raise SystemExit(f"{protocol}: another score than the reference's")
            used = _processor() - used
        finally:
            await asyncio.gather(*(session.close() for session in sessions))
    first, *rest = times
    p50 = statistics.median(rest)
    return {
        "p50_ms": round(p50, 1),
        "p95_ms": round(sorted(rest)[int(0.95 * len(rest))], 1),
        "processor_ms": round(1000 * used / TURNS, 1),
        "first_ms": round(first, 1),
        "started_s": round(started, 2),
        "met": p50 <= MILLISECONDS[protocol],
    }


def _processor() -> float:
    """Processor seconds of this process, and of those that it has started and that run."""
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return sum(sum(process.cpu_times()[:2]) for process in processes)
