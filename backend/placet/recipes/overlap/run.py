"""`overlap`: a consumer learns about how many of its customers a provider has. The protocol is `blocks.matched` with
noise and without values.

Each party adds a discrete Gaussian of its own to the count inside the circuit, from its committed seed and the hash of
the block that opened the job, apart for each attempt. Either's alone costs what the plan spends: the provider's hides
its rows from the consumer, who knows the other; the consumer's hides its list from whoever knows the provider's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from placet.catalogue import overlap
from placet.catalogue.overlap import OverlapParameters
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import RecipeRun
from placet.recipes.blocks.matched import FINAL, MatchedRows, noisy_count


async def run(job: PartyRun) -> None:
    """The same function at both parties."""
    asked = job.parameters(OverlapParameters)
    await MatchedRows.of(asked, release=overlap.counted(asked)).run(job)


def combine(parts: Mapping[int, bytes], private: bytes, scratch: Path) -> dict[str, Any]:
    """No rows; `report`: {too_few, smallest_group, deviation}, the noise's standard deviation, and {count} unless it
    looks too small."""
    noisy = noisy_count(parts, private, scratch)
    deviation = f"{math.sqrt(2 * noisy.variance):.2f}"
    report: dict[str, Any] = {"too_few": noisy.count is None, "smallest_group": noisy.smallest, "deviation": deviation}
    return {"rows": [], "report": report if noisy.count is None else report | {"count": noisy.count}}


OVERLAP = RecipeRun(spec=overlap.SPEC, run=run, combine=combine, final=FINAL.__contains__)
