"""All recipes that this version can run: what a runner is handed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from placet.jobs.recipe import RecipeRun, Runs

_FOLDERS = {
    "asset-view": "asset_view",
    "contract-compare": "contract_compare",
    "federated-network": "federated_network",
    "joint-linear": "joint_linear",
    "joint-scorecard": "joint_scorecard",
    "joint-statistics": "joint_statistics",
    "joint-trees": "joint_trees",
    "match": "match",
    "match-count": "match_count",
    "match-salted-hash": "match",
    "match-statistics": "match_statistics",
    "model-evaluation": "model_evaluation",
    "model-score": "model_score",
    "model-stability": "model_stability",
    "model-transfer": "model_transfer",
    "overlap": "overlap",
    "pooled-model": "pooled_model",
    "private-statistics": "private_statistics",
    "shared-representation": "shared_representation",
    "value-of-data": "value_of_data",
}
"""By a recipe's name the folder whose `run` has it, as a constant of that name in capitals."""


class _LateRuns(Mapping[str, RecipeRun]):
    """Each imported when it is asked for: a node that starts, and one that never runs it, does without."""

    def __getitem__(self, name: str) -> RecipeRun:
        module = import_module(f"placet.recipes.{_FOLDERS[name]}.run")
        run: RecipeRun = getattr(module, name.upper().replace("-", "_"))
        return run

    def __contains__(self, name: object) -> bool:
        return name in _FOLDERS

    def __iter__(self) -> Iterator[str]:
        return iter(_FOLDERS)

    def __len__(self) -> int:
        return len(_FOLDERS)


RUNS: Runs = _LateRuns()
