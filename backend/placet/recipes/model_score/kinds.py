"""What of scoring depends on the kind of model: its program, and what a party keeps of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from placet.catalogue.model_score import Kind, ModelScoreParameters
from placet.catalogue.modelling import Feature, LinearFeature
from placet.protocols.mpc.scoring import LinearScore, ScorecardScore, ScoreProgram, TreesScore
from placet.recipes.blocks.kept_cells import SCORECARD, TREES, KeptCells
from placet.recipes.blocks.kept_line import LINEAR, KeptLine, examples_of

Part = KeptCells | KeptLine


@dataclass(frozen=True)
class ModelKind:
    """`name` as parts say it; `program` of the plan's parameters and all columns in the model's order."""

    name: str
    part: type[Part]
    program: Callable[[ModelScoreParameters, Sequence[Any]], ScoreProgram]


def _scorecard(parameters: ModelScoreParameters, columns: Sequence[Feature]) -> ScoreProgram:
    return ScorecardScore(bins=tuple(one.bins for one in columns), **_told(parameters))


def _linear(parameters: ModelScoreParameters, columns: Sequence[LinearFeature]) -> ScoreProgram:
    best = parameters.reasons is not None and parameters.reasons.against == "best"
    return LinearScore(
        prepared=tuple(one.width for one in columns), behind=examples_of(columns) if best else 0, **_told(parameters)
    )


def _trees(parameters: ModelScoreParameters, columns: Sequence[Feature]) -> ScoreProgram:
    shape = cast(int, parameters.trees), cast(int, parameters.depth)
    return TreesScore(bins=tuple(one.bins for one in columns), trees=shape[0], depth=shape[1], **_told(parameters))


def _told(parameters: ModelScoreParameters) -> dict[str, Any]:
    return {
        "output": parameters.output,
        "edges": parameters.edges or (),
        "reasons": parameters.reasons,
        "higher": parameters.label,
    }


KINDS: dict[Kind, ModelKind] = {
    "scorecard": ModelKind(SCORECARD, KeptCells, _scorecard),
    "linear": ModelKind(LINEAR, KeptLine, _linear),
    "trees": ModelKind(TREES, KeptCells, _trees),
}
