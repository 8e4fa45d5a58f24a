"""The recipe `match-salted-hash`: a recipe of its own, so that nobody's rows are matched by it who was not shown it.
Whole jobs by it are among the tests of `match`, which it is but for its protocol."""

from __future__ import annotations

from dataclasses import replace

import pytest

from declaring import declaring, vectors
from placet.catalogue.declared import declared
from placet.catalogue.match_salted_hash import SPEC
from placet.catalogue.specs import spec_of
from placet.core.errors import PlanError
from placet.core.lawful import breaches
from placet.core.offers import Offer, Scope, Subjects
from placet.recipes.match.run import MATCH, MATCH_SALTED_HASH

GOOD = vectors("match-salted-hash")[0]["parameters"]


def test_reports_say_what_a_receiver_can_guess() -> None:
    for receiver in ("provider", "consumer", "both"):
        disclosed = SPEC.tells(SPEC.parse(GOOD | {"receiver": receiver})).disclosed
        assert "whole list" in str(disclosed)
    match = spec_of("match")
    assert "whole list" not in str(match.tells(match.parse(GOOD | {"psi": "ecdh"})).disclosed)


def test_neither_recipe_takes_the_others_protocol() -> None:
    for name, psi in (("match", "salted-hash"), *(("match-salted-hash", one) for one in ("ecdh", "kkrt", "rr22"))):
        with pytest.raises(PlanError, match="psi") as caught:
            spec_of(name).parse(GOOD | {"psi": psi})
        assert caught.value.code == "plan.parameters"


def test_it_runs_only_where_the_scope_names_it() -> None:
    use = declared(*declaring("match-salted-hash", GOOD, "embedded", 2)).use(0)
    for recipes, found in ((("match",), ["recipe"]), (("match", "match-salted-hash"), [])):
        scope = Scope(
            title="Accounts",
            provider=use.provider,
            purpose="https://w3id.org/dpv#CreditChecking",
            columns=use.columns,
            identifier=use.aligns.identifier,
            namespace=use.aligns.namespace,
            output="matches",
            recipes=recipes,
            parties=(use.consumer,),
            enrollers=(bytes(20),),
            salt=bytes(32),
        )
        offer = Offer(
            dataset=bytes(32),
            consumer=use.consumer,
            purpose=use.purpose,
            operations=use.operations,
            scope=scope.hash,
        )
        assert [breach.rule for breach in breaches(use, use.provider, offer, scope, Subjects.PERSONS)] == found


def test_it_is_done_as_a_match_is() -> None:
    """But for what PSI by FHE demands of a plan."""
    assert replace(MATCH, spec=SPEC, demand=MATCH_SALTED_HASH.demand, intersects=False) == MATCH_SALTED_HASH
