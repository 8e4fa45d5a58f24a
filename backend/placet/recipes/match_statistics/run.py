"""`match-statistics`: a consumer learns how many of its customers a provider has, and the sum and mean of a value over
them, where they are enough; nobody learns which they are. The protocol is `blocks.matched`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from placet.catalogue import match_statistics
from placet.catalogue.match_statistics import MatchStatisticsParameters
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import RecipeRun
from placet.protocols.mpc.linear import quotient
from placet.recipes.blocks.matched import FINAL, MatchedRows, count_and_total


async def run(job: PartyRun) -> None:
    """The same function at both parties."""
    parameters = job.parameters(MatchStatisticsParameters)
    await MatchedRows.of(parameters, value=parameters.value).run(job)


def combine(parts: Mapping[int, bytes], private: bytes, scratch: Path) -> dict[str, Any]:
    """No rows; `report`: {too_few, smallest_group} and, unless too few matched, {count, sum, mean}: sum and mean are
    decimal strings in the unit of the provider's column, the mean with six decimals."""
    smallest, matched = count_and_total(parts, private, scratch)
    report: dict[str, Any] = {"too_few": matched is None, "smallest_group": smallest}
    if matched is not None:
        count, total = matched
        report |= {"count": count, "sum": str(total), "mean": quotient(total, count, 0)}
    return {"rows": [], "report": report}


MATCH_STATISTICS = RecipeRun(spec=match_statistics.SPEC, run=run, combine=combine, final=FINAL.__contains__)
