"""A record of processing activities says what the offers say, and what they don't."""

from __future__ import annotations

import json

import pytest
from tests.core.receipt_vectors import KEY, NAMES, all_facts

from placet.catalogue.processing_record import ProcessingRecord, activity, lines
from placet.catalogue.specs import NAMES as RECIPES
from placet.core.purposes import ALL_OPERATIONS
from placet.core.values import parse, to_hex

FACTS = all_facts()[3]  # with an auditor
OFFER, SCOPE = FACTS.consent.offer, FACTS.scope


def record(*recipes: str, **changes: object) -> ProcessingRecord:
    scope = SCOPE.model_copy(update={"recipes": recipes or SCOPE.recipes, **changes})
    one = activity(OFFER.model_copy(update={"operations": ALL_OPERATIONS}), scope, 7, NAMES.__getitem__)
    return ProcessingRecord(
        controller="First Bank", address=KEY.address, jurisdiction=None, made=1_800_000_000, activities=(one,)
    )


def test_of_one_offer() -> None:
    made = record()
    assert parse(ProcessingRecord, json.dumps(made.to_json())) == made
    (one,) = made.activities
    assert [who.address for who in one.recipients] == [OFFER.consumer, *SCOPE.auditors]
    assert {who.address for who in one.parties} == set(SCOPE.parties) - {KEY.address, OFFER.consumer}
    assert set(one.data) == {*SCOPE.columns, SCOPE.identifier} and SCOPE.purpose in one.purpose
    text = "\n".join(lines(made))
    for words in ("First Bank", "Rechnungshof", to_hex(one.offer), "withdrawal", "to be added", "not said"):
        assert words in text, words
    assert all(unknown in text for unknown in made.unknown)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_says_what_its_protection_rests_on(recipe: str) -> None:
    [measure] = record(recipe).activities[0].measures
    assert (measure.recipe, bool(measure.engines), bool(measure.rests_on)) == (recipe, True, True)


def test_what_is_not_persons_and_what_this_version_does_not_know() -> None:
    (one,) = record("gone-recipe", personal=False).activities
    assert "nobody's consent" in one.basis and one.subjects.startswith("none")
    assert one.measures[0].engines == () and "does not have" in one.measures[0].rests_on[0]
