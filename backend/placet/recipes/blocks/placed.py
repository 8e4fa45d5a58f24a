"""What a provider of columns does before a model is trained on them, whatever trains: its rows come to the places that
the consumer's list has in its secret order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from placet.catalogue.modelling import MAX_ROWS, TrainingParameters
from placet.catalogue.spec import CONSUMER
from placet.core.trail import Artefact
from placet.jobs.party_run import PartyRun
from placet.protocols.mpc.numbers import Integers
from placet.recipes.blocks import psi_join, split
from placet.recipes.blocks.columns import subjects
from placet.recipes.blocks.split import RowParts
from placet.vault.rows import Rows


@dataclass(frozen=True)
class PlacedRows:
    """The parts of the list, and the own row at each of its places, None where there is none."""

    parts: RowParts
    order: tuple[int | None, ...]
    artefact: Artefact

    def laid_out(self, table: Integers) -> tuple[Integers, npt.NDArray[np.bool_]]:
        """(places, columns) of a table of the own rows, 0 where there is none; and which places have a row."""
        present = np.array([row is not None for row in self.order], np.bool_)
        placed = np.zeros((len(self.order), table.shape[1]), np.int64)
        placed[present] = table[[row for row in self.order if row is not None]]
        return placed, present


async def placed_rows(job: PartyRun, parameters: TrainingParameters, rows: Rows, prepared: Artefact) -> PlacedRows:
    """By the consumer's split and by PSI; the vault hears which rows matched. ProtocolError `peer.split` where the list
    is of another length than its parts."""
    (consumer,) = job.others(CONSUMER)
    people = subjects(rows, parameters.identifier)
    parts, artefact = await split.provider(job, parameters.split, consumer, prepared, most=MAX_ROWS)
    placement, artefact = await psi_join.provider(job, consumer, people, artefact, most=MAX_ROWS)
    await job.matched("features", rows, placement.matched)
    if placement.total != parts.total:
        raise split.otherwise(placement.total)
    return PlacedRows(parts, placement.order, artefact)
