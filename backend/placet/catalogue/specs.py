"""All recipes that this version knows."""

from __future__ import annotations

from typing import Any

from placet.catalogue import (
    asset_view,
    contract_compare,
    federated_network,
    joint_linear,
    joint_scorecard,
    joint_statistics,
    joint_trees,
    match,
    match_count,
    match_salted_hash,
    match_statistics,
    model_evaluation,
    model_score,
    model_stability,
    model_transfer,
    overlap,
    pooled_model,
    private_statistics,
    shared_representation,
    value_of_data,
)
from placet.catalogue.spec import RecipeSpec
from placet.core.errors import PlanError

SPECS: tuple[RecipeSpec[Any], ...] = (
    asset_view.SPEC,
    contract_compare.SPEC,
    federated_network.SPEC,
    joint_linear.SPEC,
    joint_scorecard.SPEC,
    joint_statistics.SPEC,
    joint_trees.SPEC,
    match.SPEC,
    match_count.SPEC,
    match_salted_hash.SPEC,
    match_statistics.SPEC,
    model_evaluation.SPEC,
    model_score.SPEC,
    model_stability.SPEC,
    model_transfer.SPEC,
    overlap.SPEC,
    pooled_model.SPEC,
    private_statistics.SPEC,
    shared_representation.SPEC,
    value_of_data.SPEC,
)
_BY_NAME = {spec.name: spec for spec in SPECS}
NAMES = tuple(_BY_NAME)


def spec_of(name: str) -> RecipeSpec[Any]:
    """PlanError for a recipe that this version does not have."""
    if name not in _BY_NAME:
        raise PlanError("unknown recipe", expected=", ".join(NAMES), found=name[:100], code="plan.recipe")
    return _BY_NAME[name]
