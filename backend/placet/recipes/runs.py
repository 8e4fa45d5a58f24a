"""All recipes that this version can run: what a runner is handed."""

from __future__ import annotations

from placet.jobs.recipe import RecipeRun, Runs
from placet.recipes.asset_view.run import ASSET_VIEW
from placet.recipes.contract_compare.run import CONTRACT_COMPARE
from placet.recipes.federated_network.run import FEDERATED_NETWORK
from placet.recipes.joint_linear.run import JOINT_LINEAR
from placet.recipes.joint_scorecard.run import JOINT_SCORECARD
from placet.recipes.joint_statistics.run import JOINT_STATISTICS
from placet.recipes.joint_trees.run import JOINT_TREES
from placet.recipes.match.run import MATCH, MATCH_SALTED_HASH
from placet.recipes.match_count.run import MATCH_COUNT
from placet.recipes.match_statistics.run import MATCH_STATISTICS
from placet.recipes.model_evaluation.run import MODEL_EVALUATION
from placet.recipes.model_score.run import MODEL_SCORE
from placet.recipes.model_stability.run import MODEL_STABILITY
from placet.recipes.model_transfer.run import MODEL_TRANSFER
from placet.recipes.overlap.run import OVERLAP
from placet.recipes.pooled_model.run import POOLED_MODEL
from placet.recipes.private_statistics.run import PRIVATE_STATISTICS
from placet.recipes.shared_representation.run import SHARED_REPRESENTATION
from placet.recipes.value_of_data.run import VALUE_OF_DATA

_ALL: tuple[RecipeRun, ...] = (
    ASSET_VIEW,
    CONTRACT_COMPARE,
    FEDERATED_NETWORK,
    JOINT_LINEAR,
    JOINT_SCORECARD,
    JOINT_STATISTICS,
    JOINT_TREES,
    MATCH,
    MATCH_COUNT,
    MATCH_SALTED_HASH,
    MATCH_STATISTICS,
    MODEL_EVALUATION,
    MODEL_SCORE,
    MODEL_STABILITY,
    MODEL_TRANSFER,
    OVERLAP,
    POOLED_MODEL,
    PRIVATE_STATISTICS,
    SHARED_REPRESENTATION,
    VALUE_OF_DATA,
)
RUNS: Runs = {one.spec.name: one for one in _ALL}
