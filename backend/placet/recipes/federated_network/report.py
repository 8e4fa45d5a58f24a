"""The network that all parties come to, as they release it, and what the consumer is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from placet.catalogue.federated_network import FederatedNetworkParameters
from placet.catalogue.spec import CONSUMER
from placet.core.values import to_hex
from placet.models.bands import by_score
from placet.models.network import NetworkColumn, NetworkModel, model_of
from placet.models.pooled import both
from placet.recipes.blocks.pooled_judging import judging_of, lines_in, lines_of
from placet.recipes.blocks.pooled_sums import columns_of
from placet.recipes.blocks.pooled_table import MemberTable, prepared_of
from placet.recipes.federated_network.training import Federated, reading, scores_of


def outcome_of(parameters: FederatedNetworkParameters, trained: Federated | None) -> dict[str, Any]:
    """{too_few} and, unless they are, {fitted: {people, positives}, losses, columns, network, bands}: plain JSON, the
    same at every party."""
    if trained is None:
        return {"too_few": True}
    described = trained.described
    columns = [
        NetworkColumn(party=CONSUMER, column=feature.column, prepared=prepared)
        for feature, prepared in zip(parameters.features, described.columns, strict=True)
    ]
    return {
        "too_few": False,
        "fitted": {"people": described.people, "positives": described.positives},
        "losses": [f"{loss:.6f}" for loss in trained.losses.tolist()],
        "columns": list(columns_of(parameters.features, described.columns, described.counts, described.reads)),
        "network": model_of(parameters.label, columns, trained.weights, parameters.hidden).to_json(),
        "bands": lines_in(trained.bands),
    }


def alone_of(
    parameters: FederatedNetworkParameters, table: MemberTable, trained: Federated | None
) -> dict[str, Any] | None:
    """Of the own rows that test, bands by the own rows' network and by that of all; as of a pooled model."""
    if trained is None or trained.alone is None:
        return None
    smallest, test = parameters.smallest_group, table.labels[table.test]
    if not (both(table.labels[table.train], smallest) and both(test, smallest)):
        return None
    prepared = reading(trained.described, prepared_of(trained.described.columns, table, table.test))
    weights = {"alone": trained.alone, "pooled": trained.weights}
    return {
        name: lines_of(by_score(scores_of(parameters.hidden, one, prepared).tolist(), test.tolist()))
        for name, one in weights.items()
    }


def told_of(
    parameters: FederatedNetworkParameters, outcome: Mapping[str, Any], own: Mapping[str, Any] | None
) -> dict[str, Any]:
    """{too_few, smallest_group} and {fitted, losses, columns, network, commitment}, and the same of how good it is as a
    pooled model's report. Scores are log odds in ten-thousandths."""
    report: dict[str, Any] = {"too_few": outcome["too_few"], "smallest_group": parameters.smallest_group}
    if report["too_few"]:
        return report
    model = NetworkModel.model_validate(outcome["network"])
    return report | {
        **{name: outcome[name] for name in ("fitted", "losses", "columns", "network")},
        "commitment": to_hex(model.commitment),
        **judging_of(outcome["bands"], own, higher=1),
    }
