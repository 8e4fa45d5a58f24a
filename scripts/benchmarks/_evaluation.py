"""A score judged on shares, 9,000 rows in 64 bands: seconds by protocol, and how far its AUC is off.

Scores lie like log-odds, a fifth of the people is positive, a band begins at each 64th of the scores of other people,
as of those to train on; the smallest group is 10. Cheetah: one party has the whole score, so it brings bands; ABY3: two
have a part of it each. `program_s` is of the program alone: compiled, its inputs shared, computed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from _spu import bare

from placet.models import quality
from placet.models.bands import BandTable, tally
from placet.protocols.mpc.numbers import Integers, Numbers
from placet.protocols.mpc.programs import Bands, Size

DEFAULT, BANDS, SMALLEST, SEED = 9_000, 64, 10, 20_261_129
UNIT = 1_024
"""How many units of a score one of log-odds has: so scores of several people are equal."""
AUC_OFF = 5e-4
Figures = dict[str, object]


def measure(protocol: str, n: int = DEFAULT) -> Figures:
    """One run: {program_s, wall_s, processor_s of all parties, traffic_mb, bands_told, auc, exact_auc, auc_off, met: is
    the AUC near enough?}. The result is held against the reference before anything is told."""
    scores, labels = people(n)
    program = Bands(values=Numbers(bound=2**20), edges=edges(), smallest=SMALLEST)
    arrays = brings(program, protocol, scores, labels)
    run = bare(program, arrays, Size(n))
    if run.result.tolist() != program.reference(arrays).tolist():
        raise SystemExit(f"{protocol}: another table than the reference's")
    table = program.table(run.result)
    if table is None:
        raise SystemExit("too few people")
    area, exact = float(quality.auc(table)), float(quality.auc(each_score(scores, labels)))
    return {
        "program_s": round(run.alone, 2),
        "wall_s": round(run.wall, 2),
        "processor_s": round(run.processor, 1),
        "traffic_mb": round(run.traffic_mb, 1),
        "bands_told": len(table.counts),
        "auc": round(area, 6),
        "exact_auc": round(exact, 6),
        "auc_off": round(abs(area - exact), 6),
        "met": abs(area - exact) <= AUC_OFF,
    }


def edges() -> tuple[int, ...]:
    """At equal shares of 20,000 people's scores."""
    scores, _ = people(20_000, SEED - 1)
    return tuple(sorted({int(edge) for edge in np.quantile(scores, np.linspace(0, 1, BANDS + 1)[1:-1])}))


def people(n: int, seed: int = SEED) -> tuple[list[int], list[int]]:
    """Scores and labels."""
    chance = np.random.default_rng(seed)
    labels = (chance.random(n) < 0.22).astype(np.int64)
    scores = np.round((chance.normal(size=n) + 0.9 * labels) * UNIT).astype(np.int64)
    return scores.tolist(), labels.tolist()


def brings(program: Bands, protocol: str, scores: Sequence[int], labels: Sequence[int]) -> list[Integers]:
    """What each party brings, in the program's order."""
    known = program.bring_labels(labels)
    if protocol == "cheetah":
        return [program.bring_scores(scores), known]
    parts = np.random.default_rng(SEED + 1).integers(-(2**18), 2**18, len(scores))
    return [program.bring_part(parts.tolist()), program.bring_part((np.array(scores) - parts).tolist()), known]


def each_score(scores: Sequence[int], labels: Sequence[int]) -> BandTable:
    """With a band for each score, so that its AUC is exact."""
    places = {score: place for place, score in enumerate(sorted(set(scores)))}
    return tally(range(1, len(places)), [places[score] for score in scores], labels)
