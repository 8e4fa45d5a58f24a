"""The one rule: what a job may do with an input, each way to break it by itself, and what must not matter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from placet.core.lawful import Aligns, Breach, Tells, Use, breaches
from placet.core.namespace import own_namespace
from placet.core.offers import Offer, Scope, Subjects, offer_words
from placet.core.purposes import PURPOSES, Operation, purpose_id
from placet.core.values import to_hex

PURPOSE, OTHER_PURPOSE = sorted(PURPOSES)[:2]
PROVIDER, CONSUMER, SOUTH, STRANGER = (bytes([n]) * 20 for n in range(1, 5))
PERSON, OWN = "urn:example:person", own_namespace(PROVIDER, "customer")
BOTH = int(Operation.PSI | Operation.MPC)


def scope(**changes: Any) -> Scope:
    values: dict[str, Any] = {
        "title": "Accounts",
        "provider": PROVIDER,
        "purpose": PURPOSE,
        "columns": ("customer", "balance"),
        "identifier": "customer",
        "namespace": PERSON,
        "output": "level",
        "smallest_group": 1,
        "smallest_gap": 100,
        "recipes": ("asset-view", "match"),
        "parties": (SOUTH,),
        "enrollers": (SOUTH,),
        "salt": bytes(32),
    }
    return Scope(**(values | changes))


def offer(of: Scope, **changes: Any) -> Offer:
    values: dict[str, Any] = {
        "dataset": bytes(32),
        "consumer": CONSUMER,
        "purpose": purpose_id(of.purpose),
        "operations": BOTH,
        "scope": of.hash,
    }
    return Offer(**(values | changes))


def use(**changes: Any) -> Use:
    values: dict[str, Any] = {
        "recipe": "asset-view",
        "provider": PROVIDER,
        "consumer": CONSUMER,
        "parties": (PROVIDER, SOUTH, CONSUMER),
        "purpose": purpose_id(PURPOSE),
        "operations": BOTH,
        "columns": ("customer", "balance"),
        "aligns": Aligns("customer", PERSON),
        "amounts": (("balance", 0),),
        "tells": Tells("level", edges=(0, 100, -300, 1000)),
        "subjects": Subjects.PERSONS,
        "named": False,
    }
    return Use(**(values | changes))


def broken(
    asked: Use, of: Scope, under: Offer | None = None, *, provider: bytes = PROVIDER, subjects: Any = Subjects.PERSONS
) -> list[Breach]:
    return list(breaches(asked, provider, under or offer(of), of, subjects))


def rules(*args: Any, **named: Any) -> list[str]:
    return [breach.rule for breach in broken(*args, **named)]


def test_what_the_owners_were_shown_breaks_nothing() -> None:
    assert broken(use(), scope()) == []
    assert broken(use(operations=int(Operation.MPC)), scope()) == []
    assert broken(use(columns=("balance",)), scope()) == []


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"provider": STRANGER}, "provider"),
        ({"consumer": SOUTH}, "consumer"),
        ({"purpose": purpose_id(OTHER_PURPOSE)}, "purpose"),
        ({"purpose": bytes(32)}, "purpose"),
        ({"operations": BOTH | int(Operation.TEE)}, "operations"),
        ({"operations": int(Operation.TEE)}, "operations"),
        ({"operations": 0}, "operations"),
        ({"operations": 1 << 31}, "operations"),
        ({"parties": (PROVIDER, STRANGER, CONSUMER)}, "stranger"),
        ({"recipe": "match-statistics"}, "recipe"),
        ({"recipe": "asset"}, "recipe"),
        ({"columns": ("customer", "salary")}, "columns"),
        ({"aligns": Aligns("customer", OWN)}, "namespace"),
        ({"aligns": Aligns("customer", own_namespace(SOUTH, "customer"))}, "namespace"),
        ({"aligns": Aligns("customer")}, "namespace"),
        ({"aligns": Aligns("balance", PERSON)}, "namespace"),
        ({"aligns": Aligns("customer", PERSON, ("balance",))}, "values"),
        ({"aligns": Aligns(values=("customer",))}, "values"),
        ({"amounts": (("balance", 2),)}, "decimals"),
        ({"tells": Tells("total")}, "output"),
        ({"tells": Tells("level", edges=(0, 150))}, "gap"),
        ({"tells": Tells("level", edges=(100, 1001))}, "gap"),
        ({"tells": Tells("level", edges=(-50,))}, "gap"),
        ({"subjects": Subjects.OWN}, "subjects"),
        ({"named": True}, "subjects"),
        ({"auditor": STRANGER}, "auditor"),
        ({"auditor": SOUTH}, "auditor"),
    ],
)
def test_one_thing_more_is_one_breach(changes: dict[str, Any], rule: str) -> None:
    found = broken(use(**changes), scope())
    assert {breach.rule for breach in found} == {rule}
    assert all(breach.message and breach.expected != breach.found for breach in found)


def test_drawn_rows_are_opened_to_those_whom_the_scope_names() -> None:
    """A party is none of them by itself, and who is named may also be left out."""
    told = scope(auditors=(STRANGER, CONSUMER))
    assert broken(use(auditor=STRANGER), told) == broken(use(auditor=CONSUMER), told) == broken(use(), told) == []
    assert rules(use(auditor=SOUTH), told) == ["auditor"]
    own = scope(auditors=(STRANGER,), personal=False, enrollers=())
    asked = use(subjects=Subjects.OWN, named=True, auditor=CONSUMER)
    assert rules(asked, own, subjects=Subjects.OWN) == ["auditor"], "an institution's own rows too"


def test_amounts_count_the_unit_that_the_terms_say() -> None:
    cents, mills = (scope(decimals={"balance": number}) for number in (2, 3))
    assert broken(use(amounts=(("balance", 2),)), cents) == []
    assert rules(use(), cents) == rules(use(amounts=(("balance", 2),)), mills) == ["decimals"]
    assert broken(use(amounts=()), cents) == [], "a job that reads it and computes nothing with it"
    assert len({one.hash for one in (scope(), cents, mills)}) == 3
    assert "decimals" not in scope().to_json() and scope().hash == scope(decimals={}).hash
    with pytest.raises(ValidationError):
        scope(decimals={"salary": 2})


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"consumer": SOUTH}, "consumer"),
        ({"purpose": purpose_id(OTHER_PURPOSE)}, "purpose"),
        ({"operations": int(Operation.PSI)}, "operations"),
        ({"scope": bytes(32)}, "scope"),
    ],
)
def test_the_offer_on_chain_says_it_too(changes: dict[str, Any], rule: str) -> None:
    assert rule in rules(use(), scope(), offer(scope(), **changes))


def test_the_chain_says_who_made_the_offer() -> None:
    assert rules(use(), scope(), provider=SOUTH) == ["provider", "provider"], "the offer and its scope"
    assert "provider" in rules(use(), scope(provider=SOUTH))


def test_a_scope_of_another_purpose_than_its_offer() -> None:
    of = scope(purpose=OTHER_PURPOSE)
    assert rules(use(), of, offer(of, purpose=purpose_id(PURPOSE))) == ["purpose"]


def test_provider_and_consumer_stand_in_every_offer_by_themselves() -> None:
    """A provider that its own scope does not list is no stranger to its own customers; any third one must be named."""
    for parties in ((SOUTH,), (SOUTH, PROVIDER), (SOUTH, PROVIDER, CONSUMER)):
        assert broken(use(), scope(parties=parties)) == []
    (breach,) = broken(use(), scope(parties=(PROVIDER, CONSUMER)))
    assert (breach.rule, breach.found) == ("stranger", to_hex(SOUTH))
    assert broken(use(parties=(PROVIDER, CONSUMER)), scope(parties=(STRANGER,))) == []


@pytest.mark.parametrize(
    ("shown", "told", "fits"),
    [(1, 1, True), (1, 5, True), (5, 5, True), (5, 6, True), (6, 5, False), (2, 1, False)],
)
def test_groups_are_no_smaller_than_shown(shown: int, told: int, fits: bool) -> None:
    of = scope(output="aggregate", smallest_group=shown, smallest_gap=None)
    found = broken(use(tells=Tells("aggregate", told)), of)
    assert [breach.rule for breach in found] == ([] if fits else ["output"])
    if not fits:
        assert (found[0].expected, found[0].found) == (
            f"aggregate, groups of {shown} or more",
            f"aggregate, groups of {told} or more",
        )


OUTPUTS = (
    "total",
    "level",
    "aggregate",
    "association",
    "score",
    "explained-score",
    "model",
    "evaluation",
    "rows",
    "matches",
    "comparison",
)


@pytest.mark.parametrize("shown", OUTPUTS)
@pytest.mark.parametrize("told", OUTPUTS)
def test_no_kind_of_result_stands_for_another(shown: str, told: str) -> None:
    of = scope(output=shown, smallest_gap=None)
    assert rules(use(tells=Tells(told)), of) == ([] if shown == told else ["output"])


@pytest.mark.parametrize(
    ("edges", "between"),
    [
        ((0, 100, -300, 1000), ""),
        ((0, 150, 1000), "150"),
        ((50, 150, 1000), "50, 150"),
        ((100, 1001), "1001"),
        ((-101, 2**100), "-101, 1267650600228229401496703205376"),
        ((), ""),
    ],
)
def test_edges_and_bound_stand_on_the_grid(edges: tuple[int, ...], between: str) -> None:
    """Not only apart from each other: two jobs with an edge each would else be as fine as one likes."""
    asked = use(tells=Tells("level", edges=edges))
    assert [breach.found for breach in broken(asked, scope())] == ([between] if between else [])
    assert broken(asked, scope(smallest_gap=None)) == []


@pytest.mark.parametrize("smallest", [None, 1, 7])
@pytest.mark.parametrize("shown", [True, False])
def test_a_smallest_change_is_held_by_who_sees_the_matches(smallest: int | None, shown: bool) -> None:
    found = rules(use(shown=shown), scope(smallest_change=smallest))
    assert found == ([] if shown or smallest is None else ["change"])


def test_customer_1001_of_one_institution_is_not_1001_of_another() -> None:
    """All sign one plan, which names one kind: whichever it is, one of the two finds its rows by another."""
    kinds = [own_namespace(bank, "customer") for bank in (PROVIDER, SOUTH)]
    for named in (*kinds, PERSON):
        asked = use(aligns=Aligns("customer", named))
        fits = [rules(asked, scope(namespace=kind)) == [] for kind in kinds]
        assert not all(fits)
        assert fits == [kind == named for kind in kinds]
    (breach,) = broken(use(), scope(namespace=OWN))
    assert OWN in str(breach.expected) and PERSON in str(breach.found) and breach.remedy


@pytest.mark.parametrize("aligns", [Aligns(), Aligns(values=("balance",)), Aligns("customer", PERSON)])
def test_persons_are_found_by_a_kind_of_identifier_whatever_a_job_compares(aligns: Aligns) -> None:
    nameless = scope(identifier=None, namespace=None, matched_by=("balance",))
    assert rules(use(aligns=aligns), nameless) == ["namespace"]


def test_a_column_is_compared_only_where_owners_were_told_that_this_shows_its_values() -> None:
    asked = use(aligns=Aligns("customer", PERSON, ("balance", "branch")), columns=("customer", "balance", "branch"))
    columns = ("customer", "balance", "branch")
    (breach,) = broken(asked, scope(columns=columns, matched_by=("branch",)))
    assert (breach.rule, breach.expected, breach.found) == ("values", "branch", "balance")
    assert broken(asked, scope(columns=columns, matched_by=("branch", "balance"))) == []
    told = offer_words(offer(shown := scope(columns=columns, matched_by=("branch",))), shown, lambda who: "Bank")
    assert told.output.endswith("of values that it knows already, which there are in branch")


@pytest.mark.parametrize(
    "changes",
    [
        {"identifier": None},
        {"namespace": None},
        {"namespace": "customer"},
        {"namespace": "URN:example:person"},
        {"namespace": OWN.upper()},
        {"namespace": OWN + "/more"},
        {"matched_by": ("customer",)},
        {"matched_by": ("salary",)},
    ],
)
def test_a_scope_says_what_its_identifier_is_in_one_form(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        scope(**changes)


@pytest.mark.parametrize("subjects", Subjects)
@pytest.mark.parametrize("personal", [True, False])
@pytest.mark.parametrize("brought", [Subjects.PERSONS, Subjects.OWN, Subjects.MODEL])
@pytest.mark.parametrize("named", [True, False])
def test_persons_rows_come_under_their_own_consents_and_own_data_under_a_named_one(
    subjects: Subjects, personal: bool, brought: Subjects, named: bool
) -> None:
    """Whatever a provider calls its table: recipe, plan, scope and the chain's entry must all say the same."""
    of = scope(personal=personal, enrollers=(SOUTH,) if personal else ())
    persons = brought is Subjects.PERSONS
    fits = subjects is brought and personal is persons and named is not persons
    found = rules(use(subjects=brought, named=named), of, subjects=subjects)
    assert set(found) == (set() if fits else {"subjects"})


def test_the_gravest_comes_first() -> None:
    asked = use(consumer=SOUTH, recipe="another", columns=("salary",), tells=Tells("rows"), named=True)
    assert rules(asked, scope()) == ["consumer", "recipe", "output", "columns", "subjects"]


def test_what_a_result_tells_inside_the_protocol_stands_in_reports() -> None:
    assert Tells("total").disclosed is None
    told = Tells("matches", within=("provider", "consumer"), more="; and more")
    assert told.disclosed == "disclosed-in-protocol: the result is known to provider and consumer; and more"


NAMES = st.sampled_from(["customer", "balance", "branch", "salary"])
PARTIES = st.sampled_from([PROVIDER, CONSUMER, SOUTH, STRANGER])


@given(
    shown=st.sets(NAMES, min_size=1),
    named=st.sets(PARTIES, min_size=1),
    recipes=st.sets(st.sampled_from(["asset-view", "match", "other"]), min_size=1),
    gap=st.none() | st.integers(1, 6),
    allowed=st.integers(1, 31),
    read=st.sets(NAMES),
    parties=st.sets(PARTIES),
    recipe=st.sampled_from(["asset-view", "match"]),
    edges=st.lists(st.integers(-12, 12), max_size=3),
    operations=st.integers(0, 31),
)
def test_a_use_is_allowed_if_and_only_if_all_of_it_was_shown(
    shown: set[str],
    named: set[bytes],
    recipes: set[str],
    gap: int | None,
    allowed: int,
    read: set[str],
    parties: set[bytes],
    recipe: str,
    edges: list[int],
    operations: int,
) -> None:
    """And what was not shown is in the one breach of its rule."""
    of = scope(columns=sorted(shown), parties=sorted(named), recipes=sorted(recipes), smallest_gap=gap)
    asked = use(
        columns=tuple(sorted(read)),
        parties=tuple(sorted(parties)),
        recipe=recipe,
        tells=Tells("level", edges=tuple(edges)),
        operations=operations,
    )
    expected = {
        "columns": read <= shown,
        "stranger": parties - {PROVIDER, CONSUMER} <= named,
        "recipe": recipe in recipes,
        "gap": gap is None or all(abs(edge) % gap == 0 for edge in edges),
        "operations": operations != 0 and operations | allowed == allowed,
    }
    found = broken(asked, of, offer(of, operations=allowed))
    assert {breach.rule for breach in found} == {rule for rule, fits in expected.items() if not fits}
    by_rule = {breach.rule: breach.found for breach in found}
    if "columns" in by_rule:
        assert by_rule["columns"] == ", ".join(sorted(read - shown))
    assert rules(replace(asked, provider=STRANGER), of, offer(of, operations=allowed))[0] == "provider"


@pytest.mark.parametrize(
    ("days", "life", "allowed"),
    [(None, None, True), (9, None, True), (30, 30, True), (29, 30, True), (31, 30, False), (None, 30, False)],
)
def test_no_result_is_kept_for_longer_than_owners_were_shown(days: int | None, life: int | None, allowed: bool) -> None:
    assert rules(use(data_life=days), scope(data_life=life)) == ([] if allowed else ["data-life"])


def test_a_data_life_is_of_a_result_and_no_model() -> None:
    with pytest.raises(ValidationError, match="stays in a vault"):
        scope(data_life=30, output="model", smallest_gap=None)
    for days in (0, 36_526, True):
        with pytest.raises(ValidationError):
            scope(data_life=days)
