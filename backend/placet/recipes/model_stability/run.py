"""`model-stability`: a provider counts its own columns by band over the consumer's customers, in bands of which none is
too small; the consumer holds the counts against those of training.

Who is in the consumer's list a provider learns by PSI, as in `asset-view`. The counts are of its own rows alone, so
nothing needs to be computed on shares: no row leaves it, nor a count of a small band, which is merged with its
neighbours before the release.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from placet.catalogue import model_stability
from placet.catalogue.model_stability import MAX_ROWS, PROVIDER, SHIFT, ModelStabilityParameters, Monitored
from placet.core.errors import InputError
from placet.core.hashing import canonical
from placet.core.json_text import read_json
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import RecipeRun
from placet.models.bands import band_of, kept_places, merged, stability
from placet.recipes.blocks import psi_join
from placet.recipes.blocks.columns import subjects, whole

PROTOCOL = "bands.own/1"
MAX_PART = 1 << 20
"""Of what a provider tells: counts by band of all columns are a tenth of it."""


async def run(job: PartyRun) -> None:
    """The same function at both parties."""
    parameters = job.parameters(ModelStabilityParameters)
    if job.role != PROVIDER:
        rows, opened = await job.open("customers")
        customers = [str(value) for value in rows.columns[parameters.identifier]]
        _, numbers, arranged = await psi_join.consumer(job, job.others(PROVIDER), customers, opened, most=MAX_ROWS)
        state = {"rows": len(customers), "provider_rows": numbers, "parameters": job.terms.parameters}
        return await job.collect(canonical(state), arranged)
    (consumer,) = job.others("consumer")
    rows, opened = await job.open("accounts")
    people = subjects(rows, parameters.identifier)
    columns = [whole(rows, one.column) for one in parameters.columns]
    placement, placement_artefact = await psi_join.provider(job, consumer, people, opened, most=MAX_ROWS)
    matches = [row for row, place in enumerate(placement.positions) if place is not None]
    await job.matched("accounts", rows, matches)
    values = [[column[row] for row in matches] for column in columns]
    async with job.step("count", PROTOCOL, opened, placement_artefact) as step:
        part = canonical(
            [count(one, own, parameters.smallest_group) for one, own in zip(parameters.columns, values, strict=True)]
        )
        artefact = step.output("counts", part)
    await job.release(part, artefact)


def count(asked: Monitored, values: Sequence[int], smallest: int) -> dict[str, list[int]] | None:
    """{places, counts}: between which bands an edge is told, both ends included, and how many are between two; None
    where all are too few."""
    if len(values) < smallest:
        return None
    line = [0] * (len(asked.edges) + 1)
    for value in values:
        line[band_of(asked.edges, value)] += 1
    places = kept_places([line], smallest, (0, len(line)))
    return {"places": list(places), "counts": list(merged(line, places))}


def combine(parts: Mapping[int, bytes], private: bytes, _: Path) -> dict[str, Any]:
    """No rows; `report`: {too_few, smallest_group, provider_rows}, and unless they are too few {people, limit, moved,
    columns: {column, stability, moved, bands: {from, to, people, reference}}}; `alarm`: {moved} where a column has.
    InputError for counts that no honest provider tells."""
    state = json.loads(private)
    parameters = model_stability.SPEC.parse(state["parameters"])
    (part,) = parts.values()
    report: dict[str, Any] = {
        "too_few": True,
        "smallest_group": parameters.smallest_group,
        "provider_rows": state["provider_rows"],
    }
    most = min(state["rows"], *state["provider_rows"])
    tables = read(part, parameters, most)
    if tables is None:
        return {"rows": [], "report": report}
    limit = Decimal(parameters.limit or SHIFT)
    columns = [column_of(one, *table, limit) for one, table in zip(parameters.columns, tables, strict=True)]
    names = [one["column"] for one in columns if one["moved"]]
    report |= {
        "too_few": False,
        "people": sum(tables[0][1]),
        "limit": str(limit),
        "moved": names,
        "columns": columns,
    }
    return {"rows": [], "report": report} | ({"alarm": {"moved": names}} if names else {})


Counts = tuple[tuple[int, ...], tuple[int, ...]]


def read(part: bytes, parameters: ModelStabilityParameters, most: int) -> list[Counts] | None:
    """Places and counts of each column; None where too few are in them."""
    refusal = InputError(
        "the provider's counts are of no bands",
        expected=f"{parameters.smallest_group} to {most} people in all, none in too small bands",
    )
    if len(part) > MAX_PART:
        raise refusal
    try:
        raw = read_json(part, "counts")
        tables = [None if one is None else (tuple(one["places"]), tuple(one["counts"])) for one in raw]
    except (InputError, KeyError, TypeError):
        raise refusal from None
    if len(tables) != len(parameters.columns):
        raise refusal
    known = [table for table in tables if table is not None]
    if not known:
        return None
    fit = [_fits(one, *table, parameters.smallest_group) for one, table in zip(parameters.columns, known, strict=False)]
    if len(known) < len(tables) or not all(fit) or len({sum(counts) for _, counts in known}) > 1:
        raise refusal
    if sum(known[0][1]) > most:
        raise refusal
    return known


def _fits(asked: Monitored, places: tuple[Any, ...], counts: tuple[Any, ...], smallest: int) -> bool:
    bands = len(asked.edges) + 1
    return (
        all(type(number) is int for number in (*places, *counts))
        and len(counts) + 1 == len(places)
        and list(places) == sorted({*places})
        and (places[0], places[-1]) == (0, bands)
        and min(counts) >= smallest
    )


def column_of(asked: Monitored, places: Sequence[int], counts: Sequence[int], limit: Decimal) -> dict[str, Any]:
    """A column's index, over the bands that are told, and these."""
    before = merged(asked.reference, places)
    index = Decimal(f"{stability(before, counts):.6f}")
    ends = (None, *(str(asked.edges[place - 1]) for place in places[1:-1]), None)
    return {
        "column": asked.column,
        "stability": str(index),
        "moved": index >= limit,
        "bands": [
            {"from": low, "to": high, "people": now, "reference": then}
            for low, high, now, then in zip(ends, ends[1:], counts, before, strict=False)
        ],
    }


MODEL_STABILITY = RecipeRun(spec=model_stability.SPEC, run=run, combine=combine)
