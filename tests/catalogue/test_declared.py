"""A plan and its terms against the catalogue: each recipe's own plan is one, and one change makes it none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from declaring import NAMESPACE, declaring, parties, signer, vectors
from placet.catalogue.declared import declared
from placet.catalogue.spec import CONSUMER, MODEL_COLUMNS, RecipeSpec
from placet.catalogue.specs import NAMES, SPECS, spec_of
from placet.core.errors import PlanError
from placet.core.hashing import canonical
from placet.core.lawful import Aligns
from placet.core.model_table import MODEL_TABLE
from placet.core.offers import Subjects
from placet.core.plan import Party, Plan, Terms
from placet.core.purposes import Operation

CASES = [(spec, case) for spec in SPECS for case in vectors(spec.name)]
IDS = [f"{spec.name}-{number}" for spec in SPECS for number in range(len(vectors(spec.name)))]
EVERY_CASE = pytest.mark.parametrize(("spec", "case"), CASES, ids=IDS)
EVERY = pytest.mark.parametrize("spec", SPECS, ids=NAMES)


def planned(spec: RecipeSpec[Any], case: dict[str, Any], **changes: Any) -> tuple[Plan, Terms]:
    return declaring(spec.name, case["parameters"], case["engine"], case["parties"], **changes)


def refused(plan: Plan, terms: Terms) -> PlanError:
    with pytest.raises(PlanError) as caught:
        declared(plan, terms)
    return caught.value


@EVERY_CASE
def test_what_a_recipe_declares_is_a_job_of_it(spec: RecipeSpec[Any], case: dict[str, Any]) -> None:
    """And its use of each input is what the recipe says of the role that brings it."""
    plan, terms = planned(spec, case)
    job = declared(plan, terms)
    assert (job.plan, job.terms, job.spec) == (plan, terms, spec)
    assert isinstance(job.parameters, spec.parameters)
    seats = [(number, seat, one) for number, seat in enumerate(spec.seats(case["parties"])) for one in seat.inputs]
    assert len(seats) == len(plan.inputs)
    for number, (party, seat, one) in enumerate(seats):
        use = job.use(number)
        assert (use.recipe, use.provider, use.consumer) == (spec.name, signer(party), plan.consumer)
        assert use.parties == tuple(map(signer, range(case["parties"])))
        assert (use.purpose, use.operations) == (plan.purpose, int(spec.operations_on(case["engine"])))
        model = one.subjects is Subjects.MODEL
        no_jobs = model and spec.model(job.parameters) is None
        columns = list(MODEL_TABLE if no_jobs else MODEL_COLUMNS)
        assert list(use.columns) == (columns if model else case["reads"][seat.name])
        assert use.aligns == (Aligns() if model else spec.aligns(job.parameters))
        assert (use.tells, use.subjects) == (spec.tells(job.parameters), Subjects.OWN if no_jobs else one.subjects)
        assert use.named == (one.subjects is not Subjects.PERSONS)


CHANGED_TERMS: dict[str, tuple[str, Callable[[RecipeSpec[Any], dict[str, Any]], dict[str, Any]]]] = {
    "a recipe of tomorrow": ("plan.version", lambda spec, _: {"recipe_version": spec.version + 1}),
    "no recipe": ("plan.recipe", lambda spec, _: {"recipe": f"{spec.name}-2"}),
    "another engine": ("plan.engine", lambda *_: {"engine": "abacus"}),
    "another answer to a withdrawal": (
        "plan.withdrawal",
        lambda spec, _: {"on_withdrawal": "abort" if spec.on_withdrawal == "drop" else "drop"},
    ),
    "no parameters": ("plan.parameters", lambda *_: {"parameters": {}}),
    "one parameter too many": ("plan.parameters", lambda _, case: {"parameters": case["parameters"] | {"more": 1}}),
    "roles in another order": (
        "plan.roles",
        lambda spec, case: {"roles": tuple(seat.name for seat in reversed(spec.seats(case["parties"])))},
    ),
    "an unknown role": ("plan.roles", lambda _, case: {"roles": ("auditor",) * case["parties"]}),
    "other names of inputs": (
        "plan.inputs",
        lambda spec, case: {"inputs": tuple("other" for seat in spec.seats(case["parties"]) for _ in seat.inputs)},
    ),
}


@EVERY_CASE
def test_terms_that_are_not_the_recipes(spec: RecipeSpec[Any], case: dict[str, Any]) -> None:
    for what, (code, change) in CHANGED_TERMS.items():
        assert refused(*planned(spec, case, terms=change(spec, case))).code == code, what


C = {"identifier": "c", "namespace": NAMESPACE}
RULES: dict[str, Any] = {
    "type": "placet.alignment",
    "version": 1,
    "keys": [
        {
            "kind": "email",
            "column": "mail",
            "case": "fold",
            "providers": [{"domains": ["example.org"], "dots": True, "plus": False}],
        }
    ],
    "smallest": 2,
}
MAIL = RULES["keys"][0]


@pytest.mark.parametrize(
    "rules",
    [
        {name: value for name, value in RULES.items() if name != "type"},
        {name: value for name, value in RULES.items() if name != "version"},
        RULES | {"version": True},
        RULES | {"keys": [MAIL | {"providers": [{"domains": ["example.org"], "dots": True}]}]},
        RULES | {"keys": [MAIL | {"providers": [{"domains": ["example.org"], "dots": 1, "plus": 0}]}]},
    ],
    ids=["no type", "no version", "true for one", "one left out", "numbers for true and false"],
)
def test_rules_of_one_meaning_have_one_form_in_terms(rules: dict[str, Any]) -> None:
    """They are hashed; a request may write them in either way."""
    spec, case = spec_of("match"), {"engine": "embedded", "parties": 2}
    given = {"identifier": "customer", "psi": "ecdh", "receiver": "consumer", "alignment": RULES}
    declared(*planned(spec, case | {"parameters": given}))
    assert refused(*planned(spec, case | {"parameters": given | {"alignment": rules}})).code == "plan.parameters"
    assert canonical(spec.parse(given | {"alignment": rules}).to_json()) == canonical(given)


@EVERY_CASE
def test_operations_are_exactly_the_recipes(spec: RecipeSpec[Any], case: dict[str, Any]) -> None:
    """Not fewer, since owners are shown them; not more."""
    plan, terms = planned(spec, case)
    for operations in range(1, 1 << len(Operation)):
        if operations != spec.operations_on(case["engine"]):
            assert refused(plan.model_copy(update={"operations": operations}), terms).code == "plan.operations"


@EVERY_CASE
def test_terms_are_the_plans(spec: RecipeSpec[Any], case: dict[str, Any]) -> None:
    plan, _ = planned(spec, case)
    _, other = planned(spec, case, terms={"block": 91})
    assert refused(plan, other).code == "plan.terms"


def _input_of(party: Party, other: Party) -> Party:
    """The same party with one input more, or with one where it has none."""
    return party.model_copy(update={"inputs": (*party.inputs, other.inputs[0].model_copy(update={"offer": bytes(32)}))})


@EVERY_CASE
def test_each_party_has_the_part_of_its_role(spec: RecipeSpec[Any], case: dict[str, Any]) -> None:
    everybody = parties(spec.name, case["parties"])
    aliases = tuple(one.alias for seat in spec.seats(case["parties"]) for one in seat.inputs)

    def with_party(number: int, changed: Party, inputs: tuple[str, ...] = aliases) -> PlanError:
        others = (*everybody[:number], changed, *everybody[number + 1 :])
        return refused(*planned(spec, case, plan={"parties": others}, terms={"inputs": inputs}))

    for number, party in enumerate(everybody):
        assert with_party(number, party.model_copy(update={"output": not party.output})).code == "plan.inputs"
        more = (*aliases, aliases[0])
        assert with_party(number, _input_of(party, everybody[0]), more).code == "plan.inputs"
        if party.inputs:
            fewer = party.model_copy(update={"inputs": party.inputs[1:]})
            assert with_party(number, fewer, aliases[1:]).code == "plan.inputs"


@EVERY_CASE
def test_there_are_as_many_parties_as_the_recipe_takes(spec: RecipeSpec[Any], case: dict[str, Any]) -> None:
    most = sum(role.most for role in spec.roles)
    fewer = parties(spec.name, case["parties"])[: sum(role.least for role in spec.roles) - 1]
    brought = sum(len(party.inputs) for party in fewer)
    short = {"roles": ("provider",) * len(fewer), "inputs": ("accounts",) * brought}
    assert refused(*planned(spec, case, plan={"parties": fewer}, terms=short)).code == "plan.roles"
    if most < 16:
        everybody = parties(spec.name, case["parties"])
        extra = parties("asset-view", 16)[case["parties"] :][: most + 1 - case["parties"]]
        names = tuple(seat.name for seat in spec.seats(case["parties"])) + ("provider",) * len(extra)
        inputs = ("accounts",) * sum(len(party.inputs) for party in (*everybody, *extra))
        changes = {"roles": names, "inputs": inputs}
        assert refused(*planned(spec, case, plan={"parties": (*everybody, *extra)}, terms=changes)).code == "plan.roles"


@EVERY
def test_who_has_the_role_consumer_is_the_plans_consumer(spec: RecipeSpec[Any]) -> None:
    case = vectors(spec.name)[0]
    seats = [seat.name for seat in spec.seats(case["parties"])]
    for number, name in enumerate(seats):
        plan, terms = planned(spec, case, plan={"consumer": signer(number), "sponsor": signer(number)})
        if name == CONSUMER or (CONSUMER not in seats and number == 0):
            declared(plan, terms)
        elif CONSUMER in seats:
            assert refused(plan, terms).code == "plan.roles"


# What parameters, engine and parties don't make together.


@pytest.mark.parametrize(
    ("name", "engine", "number", "parameters", "code", "words"),
    [
        ("asset-view", "spu", 4, {**C, "value": "v"}, "plan.engine", "totals are added"),
        (
            "asset-view",
            "embedded",
            4,
            {**C, "value": "v", "edges": ["0"], "bound": "9", "protocol": "aby3"},
            "plan.engine",
            "levels are compared",
        ),
        *(
            (
                "asset-view",
                "spu",
                number,
                {**C, "value": "v", "edges": ["0"], "bound": "9", "protocol": protocol},
                "spu.protocol",
                "number of providers",
            )
            for number, protocol in ((4, "cheetah"), (3, "aby3"), (5, "aby3"), (5, "cheetah"))
        ),
        (
            "asset-view",
            "spu",
            4,
            {**C, "value": "v", "edges": ["007"], "bound": "9", "protocol": "aby3"},
            "plan.parameters",
            "another form",
        ),
        ("match", "embedded", 2, {**C, "psi": "kkrt", "receiver": "both"}, "plan.engine", "no such"),
        ("match", "embedded", 2, {**C, "psi": "rr22", "receiver": "both"}, "plan.engine", "no such"),
        ("match", "spu", 2, {**C, "psi": "fhe", "receiver": "consumer", "list_length": 9}, "plan.engine", "no such"),
        (
            "match",
            "embedded",
            2,
            {**C, "alignment": None, "psi": "ecdh", "receiver": "both"},
            "plan.parameters",
            "another form",
        ),
    ],
)
def test_what_does_not_go_together(
    name: str, engine: str, number: int, parameters: dict[str, Any], code: str, words: str
) -> None:
    error = refused(*declaring(name, parameters, engine, number))
    assert error.code == code
    assert words in error.message


@pytest.mark.parametrize(
    ("engine", "consumer", "recipients", "code"),
    [
        ("hardware", 0, [(0, 7), (1, 8)], "plan.engine"),
        ("simulated", 2, [(0, 7)], "plan.roles"),
        ("simulated", 1, [(0, 7)], "plan"),
        ("simulated", 0, [(0, 8)], "plan"),
        ("simulated", 0, [(0, 7), (2, 8)], "plan"),
        ("simulated", 0, [(1, 8)], "plan"),
    ],
)
def test_a_comparison_for_others(engine: str, consumer: int, recipients: list[tuple[int, int]], code: str) -> None:
    """The consumer is a company and a recipient; the enclave's class is the engine."""
    case = vectors("contract-compare")[0]
    keys = [{"party": party, "key": "0x" + bytes([key] * 32).hex()} for party, key in recipients]
    parameters = case["parameters"] | {"recipients": keys}
    who = {"consumer": signer(consumer), "sponsor": signer(consumer)}
    assert refused(*declaring("contract-compare", parameters, engine, 3, plan=who)).code == code


def test_the_other_company_may_be_the_consumer() -> None:
    case = vectors("contract-compare")[0]
    keys = [{"party": 1, "key": "0x" + (bytes([7]) * 32).hex()}]
    who = {"consumer": signer(1), "sponsor": signer(1)}
    declared(*declaring("contract-compare", case["parameters"] | {"recipients": keys}, "simulated", 3, plan=who))


def test_sixteen_parties_may_add_up_totals() -> None:
    assert len(spec_of("asset-view").seats(16)) == 16
    plan, terms = declaring("asset-view", {**C, "value": "v"}, "embedded", 16)
    assert len(declared(plan, terms).plan.inputs) == 16
