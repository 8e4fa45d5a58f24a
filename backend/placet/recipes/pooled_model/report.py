"""What all parties come to, as they release it, and what the consumer is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from placet.catalogue.pooled_model import PooledModelParameters
from placet.catalogue.spec import CONSUMER
from placet.core.values import to_hex
from placet.jobs.step_recorder import name_of
from placet.models.choices import Scale
from placet.models.linear import LinearModel, logistic_of
from placet.models.scorecard import Scorecard
from placet.models.trees import TreeModel, TreePart
from placet.recipes.blocks.judged import importance_of
from placet.recipes.blocks.pooled_judging import judging_of, lines_in
from placet.recipes.blocks.pooled_sums import columns_of
from placet.recipes.blocks.tree_report import opened_trees
from placet.recipes.pooled_model.card_training import PooledCard, bins_of
from placet.recipes.pooled_model.leaving_out import LeftOut
from placet.recipes.pooled_model.training import Pooled
from placet.recipes.pooled_model.tree_training import TrainedTrees


def outcome_of(parameters: PooledModelParameters, pooled: Pooled | None) -> dict[str, Any]:
    """{too_few} and, unless they are, {fitted: {people, positives}, steps, columns: [{column, value, people}], linear,
    bands: {edges, positives, negatives}, left_out: {parties: [{party, people, pull, harm}], harms, directions}}: plain
    JSON, the same at every party."""
    if pooled is None:
        return {"too_few": True}
    return {
        "too_few": False,
        "fitted": {"people": pooled.people, "positives": pooled.positives},
        "steps": pooled.steps,
        "columns": list(columns_of(parameters.features, pooled.columns, pooled.counts, pooled.open)),
        "linear": model_of(parameters, pooled).to_json(),
        "bands": lines_in(pooled.bands),
        "left_out": _left_out(pooled.left_out),
    }


def _left_out(without: LeftOut | None) -> dict[str, Any] | None:
    if without is None:
        return None
    parties = [
        {"party": name_of(party), "people": one.people, "pull": f"{one.pull:.2f}", "harm": f"{one.harm:.5f}"}
        for party, one in enumerate(without.parties)
    ]
    harms = None if without.harms is None else name_of(without.harms)
    return {"parties": parties, "harms": harms, "directions": without.directions}


def card_outcome(parameters: PooledModelParameters, scale: Scale, card: PooledCard | None) -> dict[str, Any]:
    """The same of a scorecard, with `scorecard` instead of `columns` and `linear`."""
    if card is None:
        return {"too_few": True}
    columns = [
        {"party": CONSUMER, "column": one.column, "bins": bins_of(one), "points": points, "iv": f"{iv:.4f}"}
        for one, points, iv in zip(parameters.features, card.points, card.iv, strict=True)
    ]
    scorecard = Scorecard.model_validate(
        {"label": parameters.label, "scale": scale, "base": card.base, "columns": columns}
    )
    return {
        "too_few": False,
        "fitted": {"people": card.people, "positives": card.positives},
        "steps": card.steps,
        "scorecard": scorecard.to_json(),
        "bands": lines_in(card.bands),
        "left_out": _left_out(card.left_out),
    }


def tree_outcome(trained: TrainedTrees | None) -> dict[str, Any]:
    """The same of trees, with `model` and `part` instead; `steps` are trees."""
    if trained is None:
        return {"too_few": True}
    return {
        "too_few": False,
        "fitted": {"people": trained.people, "positives": trained.positives},
        "steps": len(trained.model.trees),
        "model": trained.model.to_json(),
        "part": trained.part.to_json(),
        "bands": lines_in(trained.bands),
    }


def model_of(parameters: PooledModelParameters, pooled: Pooled) -> LinearModel:
    """Its columns are the consumer's, as they are every party's."""
    names = (feature.column for feature in parameters.features)
    return logistic_of(parameters.label, CONSUMER, list(zip(names, pooled.columns, strict=True)), pooled.coefficients)


def told_of(
    parameters: PooledModelParameters, outcome: Mapping[str, Any], own: Mapping[str, Any] | None
) -> dict[str, Any]:
    """{too_few, smallest_group} and {fitted, steps, left_out, columns, linear (or scorecard; or model, parts and
    parties), commitment, importance, metrics, bands, gains: of {test}, alone, own, gain}. `left_out` is None unless
    asked for, and told. `metrics` are of all parties' rows that test, None where no two bands have enough; of the
    consumer's own ones `own` are the pooled model's and `alone` those of a model of its rows, `gain` {auc, low, high}
    the one less the other. Scores are log odds in ten-thousandths, or a scorecard's."""
    report: dict[str, Any] = {"too_few": outcome["too_few"], "smallest_group": parameters.smallest_group}
    if report["too_few"]:
        return report
    higher = 1 if parameters.scale is None else parameters.scale.higher
    return report | {
        **{name: outcome.get(name) for name in ("fitted", "steps", "left_out")},
        **_model(outcome),
        **judging_of(outcome["bands"], own, higher),
    }


def _model(outcome: Mapping[str, Any]) -> dict[str, Any]:
    if "part" in outcome:
        part = TreePart.model_validate(outcome["part"])
        return opened_trees([CONSUMER], TreeModel.model_validate(outcome["model"]), [part])
    if "scorecard" not in outcome:
        model = LinearModel.model_validate(outcome["linear"])
        parts = {name: outcome[name] for name in ("columns", "linear")}
        return parts | {"commitment": to_hex(model.commitment), "importance": importance_of(model)}
    card = Scorecard.model_validate(outcome["scorecard"])
    rows = [
        {"party": one.party, "column": one.column, "iv": one.iv, "points": max(one.points) - min(one.points)}
        for one in sorted(card.columns, key=lambda one: -float(one.iv or 0))
    ]
    return {"scorecard": outcome["scorecard"], "commitment": to_hex(card.commitment), "importance": rows}
