"""`value-of-data`: a consumer learns what a provider's columns are worth against its label over the customers of both.

The protocol is `blocks.matched` with noise: the provider's rows as cells of its columns, the consumer's as classes of
label and own score. Each party adds a discrete Gaussian of its own to each count inside the circuit, which shows none
that looks smaller than the smallest group. All figures are read of those counts.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue

from placet.catalogue import value_of_data
from placet.catalogue.overlap import PROVIDER
from placet.catalogue.private_statistics import Axis
from placet.catalogue.value_of_data import LABELS, ValueOfDataParameters
from placet.core.hashing import canonical
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import RecipeRun
from placet.protocols.spu import count_table, open_table
from placet.protocols.spu.tabulating import MatchedTable
from placet.recipes.blocks.columns import subjects
from placet.recipes.blocks.features import labels_of
from placet.recipes.blocks.grouping import groups
from placet.recipes.blocks.matched import SECONDS, CountingRun, MatchedCircuit
from placet.recipes.value_of_data.report import report_of
from placet.vault.rows import Rows

Codes = npt.NDArray[np.int64]


async def run(job: PartyRun) -> None:
    """The same function at both parties."""
    parameters = job.parameters(ValueOfDataParameters)
    provides = job.role == PROVIDER
    rows, opened = await job.open("accounts" if provides else "customers")
    identifiers: Sequence[bytes] = (
        subjects(rows, parameters.identifier)
        if provides
        else [str(customer).encode() for customer in rows.columns[parameters.identifier]]
    )
    brought = await asyncio.to_thread(cells_of if provides else classes_of, parameters, rows)

    async def count(running: CountingRun) -> bytes:
        return await count_table(
            running.on_spu,
            identifiers,
            brought,
            rows=running.rows,
            cells=parameters.cells,
            program=program_of(parameters, running.rows),
            noise=running.noise,
            scratch=job.context.engine_ports.scratch,
            seconds=job.seconds_left,
        )

    circuit = MatchedCircuit(parameters.smallest_group, parameters.protocol, parameters.release)
    share, counts, artefact = await circuit.run(job, len(identifiers), opened, count)
    if provides:
        return await job.release(share, artefact)
    state: dict[str, JsonValue] = {"share": share.hex(), "rows": list(counts), "parameters": job.terms.parameters}
    await job.collect(canonical(state), artefact)


def program_of(parameters: ValueOfDataParameters, room: tuple[int, int]) -> MatchedTable:
    """A count has room for all of the provider's rows, however few the consumer says that it has: its bins hold more
    than that, and who fills them all would carry one class' count into the next, many times what a row may change."""
    return MatchedTable(
        smallest=parameters.smallest_group, classes=LABELS * parameters.bands, bits=room[0].bit_length()
    )


def cells_of(parameters: ValueOfDataParameters, rows: Rows) -> Codes:
    """(rows, cells): 1 where a row is in the cell. DataError for a column of other values than its groups have."""
    places = np.cumsum([0, *(axis.size + 1 for axis in parameters.columns)])
    cells = np.zeros((rows.count, parameters.cells), np.int64)
    for start, axis in zip(places, parameters.columns, strict=False):
        cells[np.arange(rows.count), start + places_of(axis, rows)] = 1
    return cells


def classes_of(parameters: ValueOfDataParameters, rows: Rows) -> Codes:
    """(rows,): the band of the own score, and in it the positives before the negatives. DataError for labels that are
    none."""
    band = np.zeros(rows.count, np.int64) if parameters.own is None else places_of(parameters.own, rows)
    classes: Codes = LABELS * band + 1 - labels_of(rows, parameters.label)
    return classes


def places_of(axis: Axis, rows: Rows) -> Codes:
    """Each row's place among an axis' groups, the last one for missing values."""
    return np.array([axis.size if place is None else place for place in groups(axis, rows)], np.int64)


def combine(parts: Mapping[int, bytes], private: bytes, scratch: Path) -> dict[str, Any]:
    """No rows; `report` as `report.report_of` has it. InputError for shares that no honest parties reach."""
    state = json.loads(private)
    parameters, room = value_of_data.SPEC.parse(state["parameters"]), (state["rows"][0], state["rows"][1])
    opening = open_table(
        (parts[0], bytes.fromhex(state["share"])),
        rows=room,
        cells=parameters.cells,
        program=program_of(parameters, room),
        variance=parameters.variance,
        scratch=scratch,
        seconds=SECONDS,
    )
    return {"rows": [], "report": report_of(parameters, asyncio.run(opening))}


VALUE_OF_DATA = RecipeRun(spec=value_of_data.SPEC, run=run, combine=combine)
