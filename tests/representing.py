"""A source and a target in one process: who has which columns, and what the one hands the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from placet.catalogue.shared_representation import SharedRepresentationParameters
from placet.jobs.randomness import stream
from placet.models.pooled_private import Release
from placet.recipes.shared_representation.report import read, written
from placet.recipes.shared_representation.source import Noisy, Representation, learned, with_noise
from placet.recipes.shared_representation.target import Compared, TargetTable, compared

Whole = npt.NDArray[np.int64]
Columns = Mapping[str, Sequence[Any]]


def drawn(seed: int) -> Noisy:
    """Noise as a source draws it."""
    return with_noise(stream(seed.to_bytes(32, "big"), b"noise"))


def exact(release: Release, amount: int) -> list[int]:
    """Without noise."""
    return list(release.numbers)


def source(
    parameters: SharedRepresentationParameters, columns: Columns, labels: Sequence[Whole], rows: Whole, noisy: Noisy
) -> Representation | None:
    """What is learned of some of the rows."""
    values = [[columns[one.column][row] for row in rows.tolist()] for one in parameters.shared]
    return learned(parameters, values, [own[rows] for own in labels], noisy)


def target(
    parameters: SharedRepresentationParameters,
    columns: Columns,
    labels: Whole,
    train: Whole,
    test: Whole,
    representation: Representation,
) -> list[Compared]:
    """What the target comes to by what was released."""
    names = [one.column for one in (*parameters.shared, *parameters.own)]
    table = TargetTable({name: columns[name] for name in names}, labels, train, test)
    return compared(parameters, table, read(written(parameters, representation), parameters).heads)
