"""What follows from a study and the catalogue, and which studies no node would agree to."""

from __future__ import annotations

from typing import Any

import pytest

from placet.core.errors import ConfigError
from placet.study.document import study_of
from placet.study.terms import terms_of


def test_parameters_follow_from_the_study(document: dict[str, Any]) -> None:
    terms = terms_of(study_of(document))
    assert terms.parameters.to_json() == {
        "identifier": "customer",
        "namespace": "urn:example:person",
        "value": "balance",
        "decimals": 2,
    }
    assert (terms.engine, terms.decimals, terms.tells.output) == ("embedded", 2, "total")
    assert [part.role.name for part in terms.parts.values()] == ["provider", "provider", "consumer"]
    assert [part.personal for part in terms.parts.values()] == [True, True, False]
    assert terms.scaled(terms.parts["provider1"]) == {"balance": 2}


@pytest.mark.parametrize(("engine", "protocol"), [(None, "cheetah"), ("spu", "cheetah"), ("embedded", "garbled")])
def test_a_protocol_follows_from_the_engine(document: dict[str, Any], engine: str | None, protocol: str) -> None:
    document.update(recipe="match-count", parameters={}, engine=engine)
    document["institutions"] = [document["institutions"][0], document["institutions"][-1]]
    terms = terms_of(study_of(document))
    assert (terms.engine, terms.parameters.to_json()["protocol"]) == (engine or "spu", protocol)


def test_levels_run_on_the_engine_that_can_compare(document: dict[str, Any]) -> None:
    document["parameters"] |= {"edges": ["0", "100"], "bound": "1000", "protocol": "cheetah"}
    assert terms_of(study_of(document)).engine == "spu"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda d: d.update(recipe="world-peace"), "plan.recipe"),
        (lambda d: d.update(recipe="contract-compare"), "config"),
        (lambda d: d.update(engine="spu"), "plan.engine"),
        (lambda d: d.update(parameters={}), "plan.parameters"),
        (lambda d: d["parameters"].update(colour="blue"), "plan.parameters"),
        (lambda d: d["parameters"].update(value="assets"), "config.study"),
        (lambda d: d["parameters"].update(identifier="other"), "config"),
        (lambda d: d["institutions"].pop(0), "plan.roles"),
        (lambda d: d.update(pot=100), "config"),
        (lambda d: d["parameters"].update(edges=["5"], bound="9", protocol="aby3"), "spu.protocol"),
    ],
)
def test_a_study_that_no_node_would_agree_to(document: dict[str, Any], change: Any, code: str) -> None:
    change(document)
    with pytest.raises(ConfigError) as caught:
        terms_of(study_of(document))
    assert caught.value.code == code and caught.value.remedy
