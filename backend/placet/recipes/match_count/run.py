"""`match-count`: a consumer learns how many of its customers a provider has, where they are enough, and nobody learns
which they are. The protocol is `blocks.matched`, without values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from placet.catalogue import match_count
from placet.catalogue.match_count import MatchCountParameters
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import RecipeRun
from placet.recipes.blocks.matched import FINAL, MatchedRows, count_and_total


async def run(job: PartyRun) -> None:
    """The same function at both parties."""
    parameters = job.parameters(MatchCountParameters)
    await MatchedRows.of(parameters).run(job)


def combine(parts: Mapping[int, bytes], private: bytes, scratch: Path) -> dict[str, Any]:
    """No rows; `report`: {too_few, smallest_group} and, unless too few matched, {count}."""
    smallest, matched = count_and_total(parts, private, scratch)
    report: dict[str, Any] = {"too_few": matched is None, "smallest_group": smallest}
    return {"rows": [], "report": report if matched is None else report | {"count": matched[0]}}


MATCH_COUNT = RecipeRun(spec=match_count.SPEC, run=run, combine=combine, final=FINAL.__contains__)
