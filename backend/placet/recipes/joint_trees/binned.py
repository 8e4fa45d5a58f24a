"""What `joint-trees` does before trees grow, and after, whatever computes them: columns as bins, checks of what is
there, how good margins are whose labels the consumer knows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from placet.catalogue.joint_trees import JointTreesParameters
from placet.catalogue.modelling import Feature
from placet.core.errors import DataError, InputError
from placet.core.hashing import canonical
from placet.core.trail import Artefact
from placet.jobs.party_run import PartyRun
from placet.models.boosting import Boosting
from placet.models.cuts import CodedColumn
from placet.models.monotone import demand_monotone
from placet.models.trees import TreeColumn, TreeModel, TreePart, Whole
from placet.recipes.blocks.features import cells_of, features_of
from placet.recipes.blocks.split import RowParts
from placet.recipes.blocks.tree_report import opened_trees
from placet.recipes.joint_trees.judging import metrics
from placet.vault.rows import Rows

BINNING = "models.binning/1"
MAX_PART = 8 << 20


def boosting_of(parameters: JointTreesParameters) -> Boosting:
    """What the plan says of the trees; a leaf has no fewer rows than the smallest group."""
    return Boosting(parameters.trees, parameters.depth, parameters.smallest_group, parameters.rate)


def worth(parameters: JointTreesParameters, parts: RowParts) -> bool:
    """Are there enough rows for a cut, and some to judge by?"""
    return parts.train >= 2 * parameters.smallest_group and parts.test >= 1


@dataclass(frozen=True)
class BinnedColumns:
    """A party's columns as bins, and the cells of its rows (rows, columns)."""

    features: tuple[Feature, ...]
    columns: tuple[TreeColumn, ...]
    codes: Whole
    made: Artefact

    def placed(self, order: Sequence[int | None]) -> tuple[CodedColumn, ...]:
        """The columns in another order of rows, in which None stands for one that is not there: all is missing."""
        rows = np.array([-1 if row is None else row for row in order], dtype=np.int64)
        coded = []
        for place, (feature, column) in enumerate(zip(self.features, self.columns, strict=True)):
            codes = np.append(self.codes[:, place], column.bins.missing)[rows]
            coded.append(CodedColumn(codes, column.bins.cells, feature.kind == "number", feature.monotone))
        return tuple(coded)


async def binned(job: PartyRun, rows: Rows, opened: Artefact) -> BinnedColumns:
    parameters = job.parameters(JointTreesParameters)
    features = features_of(parameters, job.role)
    async with job.step("bin", BINNING, opened) as step:
        bins, codes = await asyncio.to_thread(cells_of, rows, features, parameters.smallest_group)
        columns = tuple(TreeColumn(column=f.column, bins=b) for f, b in zip(features, bins, strict=True))
        made = step.output("bins", canonical([column.to_json() for column in columns]))
    return BinnedColumns(features, columns, codes, made)


def demand_both(labels: Whole, least: int) -> None:
    """DataError `joint.label` unless as many rows of training have either label."""
    positives = int(labels.sum())
    if min(positives, len(labels) - positives) < least:
        raise DataError(
            "too few rows of training have one of the labels",
            expected=f"{least} or more with either",
            found="fewer",
            remedy="a longer list, or a larger share of it to train on",
            code="joint.label",
        )


def judged(labels: Whole, margins: Whole, parts: RowParts) -> dict[str, Any]:
    """Metrics of the rows that validate, and of those that test."""
    ends = {"validation": parts.train + parts.validation, "test": parts.total}
    starts = {"validation": parts.train, "test": parts.train + parts.validation}
    return {name: metrics(labels[starts[name] : end], margins[starts[name] : end]) for name, end in ends.items()}


def demand_planned(role: str, features: Sequence[Feature], part: TreePart) -> None:
    """InputError for other columns than planned, or columns that are cut otherwise."""
    planned = [(one.column, one.kind, one.bins) for one in features]
    if planned != [(one.column, one.bins.kind, one.bins.bins) for one in part.columns]:
        raise InputError(
            "columns of trees are not those planned", expected=f"{len(planned)} of {role}", found=len(part.columns)
        )


def opened_model(
    parameters: JointTreesParameters, roles: Sequence[str], model: TreeModel, parts: Sequence[TreePart]
) -> dict[str, Any]:
    """{importance, parties, model, parts, commitment} of `run.combine`; `roles` are of the model's parties. InputError
    for parts of another model, columns that are not planned, or trees that do not rise or fall with them as planned."""
    for role, part in zip(roles, parts, strict=True):
        demand_planned(role, features_of(parameters, role), part)
    demand_monotone(model, parts, [[one.monotone for one in features_of(parameters, role)] for role in roles])
    return opened_trees(roles, model, parts)
