"""`shared-representation`: a source with many labels hands a target with few what it learned of their common columns.

One message goes from the provider to the consumer, masked until the seal: noisy coefficients. The noise is drawn from
the provider's committed seed and the hash of the block that opened the job, apart for each attempt. Nothing of the
consumer's rows leaves it: it keeps them to itself until the representation opens, and trains on them alone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from placet.catalogue import shared_representation
from placet.catalogue.modelling import MAX_ROWS
from placet.catalogue.shared_representation import SharedRepresentationParameters
from placet.catalogue.spec import CONSUMER
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import UNFIT, RecipeRun
from placet.recipes.blocks import split
from placet.recipes.blocks.columns import demand_at_most
from placet.recipes.blocks.features import known_labels, labels_of
from placet.recipes.blocks.noise import DeclaredNoise
from placet.recipes.shared_representation.report import read, told_of, written
from placet.recipes.shared_representation.source import MOST_ROWS, Noisy, learned, with_declared
from placet.recipes.shared_representation.target import TargetTable, compared, demand_numbers
from placet.vault.rows import Rows

PROTOCOL = "noise.representation/1"
_FINAL = UNFIT | {"joint.label", "joint.list"}


async def run(job: PartyRun) -> None:
    """The same function at both parties."""
    parameters = job.parameters(SharedRepresentationParameters)
    await (_target(job, parameters) if job.role == CONSUMER else _source(job, parameters))


async def _source(job: PartyRun, parameters: SharedRepresentationParameters) -> None:
    rows, opened = await job.open("source")
    demand_at_most(rows, MOST_ROWS)
    noise = await DeclaredNoise.of(job)
    async with job.step("represent", PROTOCOL, opened) as step:
        part = await asyncio.to_thread(represented, parameters, rows, with_declared(noise))
        step.drew(*noise.drawn)
        artefact = step.output("representation", part)
    await job.release(part, artefact)


async def _target(job: PartyRun, parameters: SharedRepresentationParameters) -> None:
    """Who tests follows from a key that nobody chose, before anything of the source is there."""
    rows, opened = await job.open("target")
    demand_at_most(rows, MAX_ROWS)
    async with split.own_rows(job, rows, opened, parameters.train) as (step, order, train):
        labels_of(rows, parameters.label)
        demand_numbers(parameters, rows.columns)
        names = shared_representation.reads(CONSUMER, parameters)
        state = {
            "parameters": job.terms.parameters,
            "columns": {name: rows.columns[name] for name in names},
            "order": order,
            "train": train,
        }
        private = await asyncio.to_thread(lambda: json.dumps(state).encode())
        artefact = step.output("target", private)
    await job.collect(private, artefact)


def represented(parameters: SharedRepresentationParameters, rows: Rows, noisy: Noisy) -> bytes:
    """What leaves the provider, of its rows that have all labels. DataError for what is no number."""
    labels, known = zip(*(known_labels(rows, name) for name in parameters.source_labels), strict=True)
    trains = np.flatnonzero(np.logical_and.reduce(known))
    values = [[rows.columns[one.column][row] for row in trains.tolist()] for one in parameters.shared]
    return written(parameters, learned(parameters, values, [one[trains] for one in labels], noisy))


def combine(parts: Mapping[int, bytes], private: bytes, _: Path) -> dict[str, Any]:
    """No rows; `report` as `report.told_of` says. InputError for a representation that no honest provider releases."""
    state = json.loads(private)
    parameters = shared_representation.SPEC.parse(state["parameters"])
    (part,) = parts.values()
    released = read(part, parameters)
    columns, order, train = state["columns"], np.array(state["order"], np.int64), state["train"]
    labels = np.array(columns.pop(parameters.label), np.int64)
    table = TargetTable(columns, labels, np.sort(order[:train]), np.sort(order[train:]))
    enough = bool(released.heads) and table.enough(parameters.smallest_group)
    rows = compared(parameters, table, released.heads) if enough else None
    return {"rows": [], "report": told_of(parameters, released, table, rows)}


SHARED_REPRESENTATION = RecipeRun(
    spec=shared_representation.SPEC, run=run, combine=combine, final=_FINAL.__contains__
)  # fmt: skip
