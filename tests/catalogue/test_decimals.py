"""Amounts that come together count the same unit: tables, offers and terms say which, and `job plan` fills it in."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from placet.catalogue.specs import SPECS, spec_of
from placet.cli.job_plan import _scaled
from placet.core.errors import InputError, PlanError
from placet.core.hashing import document_hash
from placet.vault import files
from placet.vault.schema import Column, Field_

PERSON: dict[str, Any] = {"identifier": "customer", "namespace": "urn:example:customer"}
TOTALS = PERSON | {"value": "balance"}
GROUP = PERSON | {"smallest_group": 5, "protocol": "cheetah"}
PAIR = GROUP | {"values": ["a", "b"], "statistics": ["sums"]}
GROUPS = GROUP | {"group": "branch", "groups": ["x"], "value": "balance"}


def scopes(*decimals: dict[str, int]) -> Any:
    return [SimpleNamespace(decimals=one, title=f"Book {n}") for n, one in enumerate(decimals)]


@pytest.mark.parametrize(
    ("recipe", "parameters", "amounts"),
    [
        ("asset-view", TOTALS, [("provider", (("balance", 0),)), ("consumer", ())]),
        ("asset-view", TOTALS | {"decimals": 2}, [("provider", (("balance", 2),)), ("consumer", ())]),
        ("match-statistics", TOTALS | GROUP | {"decimals": 3}, [("provider", (("balance", 3),)), ("consumer", ())]),
        (
            "joint-statistics",
            PAIR | {"decimals": 2},
            [("first-provider", (("a", 2),)), ("second-provider", (("b", 2),)), ("consumer", ())],
        ),
        (
            "joint-statistics",
            GROUPS,
            [("first-provider", ()), ("second-provider", (("balance", 0),)), ("consumer", ())],
        ),
        (
            "model-evaluation",
            GROUP | {"score": "balance", "label": "a", "edges": ["5"], "decimals": 6},
            [("provider", (("balance", 6),)), ("consumer", ())],
        ),
    ],
)
def test_what_a_job_computes_with_and_at_which_scale(recipe: str, parameters: Any, amounts: Any) -> None:
    spec = spec_of(recipe)
    parsed = spec.parse(parameters)
    assert [(role, spec.amounts(role, parsed)) for role, _ in amounts] == amounts
    assert ("decimals" in parsed.to_json()) is ("decimals" in parameters)


def test_every_recipe_that_takes_a_column_of_integers_says_its_scale() -> None:
    """A recipe whose parameters name values has `decimals` too; one without does not."""
    named = {spec.name for spec in SPECS if {"value", "values", "score"} & spec.parameters.model_fields.keys()}
    assert named == {spec.name for spec in SPECS if "decimals" in spec.parameters.model_fields}


@pytest.mark.parametrize("decimals", [0, -1, 19, "2", True])
def test_a_scale_has_one_form(decimals: Any) -> None:
    with pytest.raises(PlanError, match="decimals"):
        spec_of("asset-view").parse(TOTALS | {"decimals": decimals})


def test_the_request_takes_what_all_offers_declare() -> None:
    spec = spec_of("asset-view")
    cents = {"balance": 2}
    totals = spec.parse(TOTALS)
    assert _scaled(spec, totals, scopes(cents, cents)).to_json() == TOTALS | {"decimals": 2}
    assert _scaled(spec, totals, scopes({}, {"other": 3})) == totals
    with pytest.raises(InputError, match="different units") as refused:
        _scaled(spec, totals, scopes(cents, {}))
    assert refused.value.found == "balance of Book 0: 2 decimals; balance of Book 1: 0 decimals"


def test_a_tables_scale_is_part_of_the_schema_on_chain(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("customer,balance\na,1\n")
    plain, cents = (
        files.read(
            file,
            "customer",
            {"customer": Column.of("customer", "text"), "balance": Column.of("balance", "integer", number)},
        )[0]
        for number in (0, 2)
    )
    assert plain.columns[1] == Field_(name="balance", type="integer")
    assert "decimals" not in plain.to_json()["columns"][1]
    assert cents.to_json()["columns"][1] == {"name": "balance", "type": "integer", "decimals": 2}
    assert document_hash(plain) != document_hash(cents)
