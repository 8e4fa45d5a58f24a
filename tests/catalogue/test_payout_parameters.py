"""How recipes that train a model say how a pot is divided."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from placet.catalogue.modelling import PROVIDERS, ModellingParameters, pays
from placet.models.contribution import Division


def parameters(providers: int = 2, **changes: Any) -> ModellingParameters:
    roles = (*PROVIDERS[:providers], "consumer")
    values: dict[str, Any] = {
        "identifier": "customer", "namespace": "urn:example:person", "label": "default",
        "features": {role: [{"column": f"column-{n}"}] for n, role in enumerate(roles)},
        "split": {"train": 60, "validation": 20}, "smallest_group": 5, "protocol": "aby3",
    }  # fmt: skip
    return ModellingParameters.model_validate(values | changes)


def test_the_consumer_holds_the_label_and_its_share_is_fixed() -> None:
    roles = (*PROVIDERS[:2], "consumer")
    assert pays(parameters(), roles) is None
    assert pays(parameters(payout_rule="shapley"), roles) == Division("shapley", 2, 0)
    rule = parameters(payout_rule="leave-one-out", label_share=250_000)
    assert pays(rule, roles) == Division("leave-one-out", 2, 250_000)
    assert ModellingParameters.model_validate(rule.to_json()) == rule
    assert "payout_rule" not in parameters().to_json()


@pytest.mark.parametrize(
    "changes",
    [
        {"label_share": 1},
        {"payout_rule": "shapley", "label_share": 1_000_001},
        {"payout_rule": "shapley", "label_share": -1},
        {"payout_rule": "equal"},
        {"payout_rule": "shapley", "providers": 5},
    ],
)
def test_what_no_pot_can_be_divided_by(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        parameters(**changes)
    assert parameters(5, payout_rule="leave-one-out").payout_rule == "leave-one-out"
