"""Every recipe alike: what it must bring, that its parameters are one JSON, and what bad ones are told."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declaring import VECTORS, vectors
from placet.catalogue.spec import RecipeSpec, Role, describe
from placet.catalogue.specs import NAMES, SPECS, spec_of
from placet.catalogue.words import words_of
from placet.core.errors import PlanError
from placet.core.hashing import canonical, sha256
from placet.core.privacy import cost_of
from placet.core.purposes import Operation
from placet.core.trail import Step

TESTS = Path(__file__).resolve().parents[1]
CASES = [(spec, case) for spec in SPECS for case in vectors(spec.name)]
IDS = [f"{spec.name}-{number}" for spec in SPECS for number in range(len(vectors(spec.name)))]
EVERY = pytest.mark.parametrize("spec", SPECS, ids=NAMES)
EVERY_CASE = pytest.mark.parametrize(("spec", "case"), CASES, ids=IDS)


def independent(parameters: dict[str, Any]) -> bytes:
    """Canonical JSON by the standard library, which writes text and small integers as RFC 8785 does."""
    return json.dumps(parameters, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def refusal(spec: RecipeSpec[Any], parameters: dict[str, Any]) -> PlanError:
    with pytest.raises(PlanError) as caught:
        spec.parse(parameters)
    assert caught.value.code == "plan.parameters"
    return caught.value


# What a recipe must bring.


def test_a_recipe_lacks_nothing() -> None:
    """Each has a run, vectors, and a folder of tests; and there is nothing of a recipe that is none."""
    from placet.recipes.runs import RUNS

    assert list(NAMES) == sorted(NAMES)
    assert RUNS.keys() == set(NAMES)
    assert all(run.spec is spec_of(name) for name, run in RUNS.items())
    assert all((run.combine is None) != (run.open is None) for run in RUNS.values())
    assert {file.stem for file in VECTORS.iterdir()} == set(NAMES)
    folders = {folder.name for folder in (TESTS / "recipes").iterdir() if any(folder.glob("test_*.py"))}
    assert folders - {"blocks"} == {name.replace("-", "_") for name in NAMES}


@EVERY
def test_it_says_in_words_what_it_does_who_learns_what_and_what_it_takes(spec: RecipeSpec[Any]) -> None:
    words = words_of(spec)
    assert all(field.description for field in spec.parameters.model_fields.values())
    assert words["parameters"].keys() == spec.parameters.model_fields.keys()
    assert words["learns"].keys() == {role.name for role in spec.roles}
    texts = [words["does"], words["operations"], *words["parameters"].values(), *words["learns"].values()]
    assert all(text and text == text.strip() for text in texts)
    assert len({role.name for role in spec.roles}) == len(spec.roles)
    assert spec.engines and spec.operations


@EVERY
def test_what_it_spends_of_a_privacy_budget_is_what_its_declared_noise_costs(spec: RecipeSpec[Any]) -> None:
    """An audit works both out from the plan alone, and holds the parties' records against them."""
    for case in vectors(spec.name):
        parameters = spec.parse(case["parameters"])
        for role in spec.roles:
            spends, noise = spec.spends(role.name, parameters), spec.noise(role.name, parameters)
            assert bool(spends) <= bool(noise) and (cost_of(noise) <= spends or not spends)
            assert all({one.what for one in choice} == {choice[0].what} for choice in noise)
            assert len({choice[0].what for choice in noise}) == len(noise)
            Step.model_validate(
                {"job": bytes(32), "attempt": 1, "party": 0, "index": 0, "name": "noise", "protocol": "", "at": 0}
                | {"outputs": [{"name": f"noise/{choice[0].what}", "commitment": bytes(32)} for choice in noise[:256]]}
            )


@EVERY
def test_its_vectors_have_every_parameter_engine_and_role(spec: RecipeSpec[Any]) -> None:
    cases = vectors(spec.name)
    assert {name for case in cases for name in case["parameters"]} == spec.parameters.model_fields.keys()
    assert {case["engine"] for case in cases} == set(spec.engines)
    assert all(case["reads"].keys() == {role.name for role in spec.roles} for case in cases)


# Parameters.


@EVERY_CASE
def test_parameters_are_the_same_canonical_json_again(spec: RecipeSpec[Any], case: dict[str, Any]) -> None:
    """They are hashed in the terms that all parties sign."""
    written = spec.parse(case["parameters"]).to_json()
    assert written == case["parameters"]
    assert canonical(written) == independent(case["parameters"])
    assert "0x" + sha256(canonical(written)).hex() == case["sha256"]
    assert "0x" + hashlib.sha256(independent(case["parameters"])).hexdigest() == case["sha256"]
    assert spec.parse(written) == spec.parse(case["parameters"])


@EVERY_CASE
def test_what_each_role_reads_how_rows_are_aligned_and_what_the_job_tells(
    spec: RecipeSpec[Any], case: dict[str, Any]
) -> None:
    parameters = spec.parse(case["parameters"])
    aligns = spec.aligns(parameters)
    assert {
        "identifier": aligns.identifier,
        "namespace": aligns.namespace,
        "values": list(aligns.values),
    } == case["aligns"]
    compared = {column for column in (aligns.identifier, *aligns.values) if column is not None}
    assert bool(compared) == bool(spec.operations & Operation.PSI), "who matches says by what"
    assert all(compared <= set(spec.reads(role.name, parameters)) for role in spec.roles if role.alias is not None)
    assert {role.name: list(spec.reads(role.name, parameters)) for role in spec.roles} == case["reads"]
    tells = spec.tells(parameters)
    found = {"output": tells.output, "group": tells.group, "edges": list(map(str, tells.edges))}
    assert found | {"within": list(tells.within)} == case["tells"]
    assert set(tells.within) <= {role.name for role in spec.roles}


@EVERY
def test_a_parameter_that_lacks_is_named_with_what_it_may_be(spec: RecipeSpec[Any]) -> None:
    good, words = vectors(spec.name)[0]["parameters"], describe(spec.parameters)
    required = [name for name, field in spec.parameters.model_fields.items() if field.is_required()]
    assert required
    for name in required:
        error = refusal(spec, {key: value for key, value in good.items() if key != name})
        assert error.message == f"{spec.name} lacks the parameter {name}"
        assert (error.expected, error.found) == (words[name], "none")


@EVERY_CASE
def test_one_too_many_is_named_with_those_that_there_are(spec: RecipeSpec[Any], case: dict[str, Any]) -> None:
    for more in ("more", "identifiers", "", "__class__", "参数"):
        error = refusal(spec, case["parameters"] | {more: "x"})
        assert error.message == f"{spec.name} has no parameter {more}"
        assert (error.expected, error.found) == (", ".join(spec.parameters.model_fields), more)


NO_VALUES: list[Any] = [{"no": "such"}, [], "", 0, 1.5, True, [[1]], "x" * 70_000, {}]


@EVERY_CASE
def test_a_wrong_value_is_named_with_those_that_there_are(spec: RecipeSpec[Any], case: dict[str, Any]) -> None:
    """Whatever stands for a parameter, the answer is one error; none of these values is any parameter's."""
    words = describe(spec.parameters)
    for name, value in itertools.product(case["parameters"], NO_VALUES):
        error = refusal(spec, case["parameters"] | {name: value})
        assert error.message == f"{spec.name}: no such value of {name}"
        assert error.expected == words[name]
        assert str(error.found).startswith(name)
        assert len(str(error.found)) <= 300


@EVERY
def test_values_that_are_few_are_listed(spec: RecipeSpec[Any]) -> None:
    """What one may choose from stands in the words, so in the error too."""
    schema, words = spec.parameters.model_json_schema(), describe(spec.parameters)
    for name, shape in schema["properties"].items():
        for one in (shape, *shape.get("anyOf", ())):
            for value in one.get("enum", [one["const"]] if "const" in one else []):
                assert str(value) in words[name]


@EVERY_CASE
def test_a_parameter_that_is_null_is_one_that_was_not_given(spec: RecipeSpec[Any], case: dict[str, Any]) -> None:
    """One meaning has one form, so one hash."""
    given = case["parameters"]
    absent = [name for name in spec.parameters.model_fields if name not in given]
    assert spec.parse(given | dict.fromkeys(absent)).to_json() == given
    for name, field in spec.parameters.model_fields.items():
        if field.is_required():
            refusal(spec, given | {name: None})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@EVERY
@given(st.data())
def test_nothing_but_a_plan_error_comes_of_any_json(spec: RecipeSpec[Any], data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(vectors(spec.name)))
    names = st.sampled_from([*spec.parameters.model_fields, "more"])
    parameters = case["parameters"] | data.draw(st.dictionaries(names, JSON, max_size=3))
    try:
        written = spec.parse(parameters).to_json()
    except PlanError as error:
        assert error.code == "plan.parameters"
        return
    assert spec.parse(written).to_json() == written
    assert canonical(written) == canonical(spec.parse(written).to_json())


# Seats.


@EVERY
def test_seats_are_the_roles_in_their_order(spec: RecipeSpec[Any]) -> None:
    least, most = (sum(getattr(role, end) for role in spec.roles) for end in ("least", "most"))
    for number in range(most + 3):
        if not least <= number <= most:
            with pytest.raises(PlanError) as caught:
                spec.seats(number)
            expected = str(least) if least == most else f"{least} to {most}"
            assert (caught.value.code, caught.value.expected, caught.value.found) == (
                "plan.roles",
                expected,
                str(number),
            )
            continue
        seats = spec.seats(number)
        assert len(seats) == number
        assert list(dict.fromkeys(seats)) == [role for role in spec.roles if role.least or role in seats]
        assert number < most or set(seats) == set(spec.roles)
        assert list(seats) == sorted(seats, key=spec.roles.index)
        assert all(role.least <= seats.count(role) <= role.most for role in spec.roles)


def test_the_seats_of_some() -> None:
    assert [seat.name for seat in spec_of("asset-view").seats(4)] == ["provider"] * 3 + ["consumer"]
    assert [seat.name for seat in spec_of("joint-statistics").seats(3)] == [
        "first-provider",
        "second-provider",
        "consumer",
    ]
    assert len(spec_of("asset-view").seats(16)) == 16


@EVERY
def test_a_role_by_its_name(spec: RecipeSpec[Any]) -> None:
    assert all(spec.role(role.name) is role for role in spec.roles)
    for name in ("auditor", "", "Consumer"):
        with pytest.raises(PlanError) as caught:
            spec.role(name)
        assert (caught.value.code, caught.value.found) == ("plan.roles", name)
        assert caught.value.expected == ", ".join(role.name for role in spec.roles)


@EVERY
def test_persons_rows_have_an_alias_and_an_output(spec: RecipeSpec[Any]) -> None:
    """Who brings persons' rows is released from nothing but by a release key, and every role that reads brings rows."""
    roles: tuple[Role, ...] = spec.roles
    assert all(role.alias is not None for role in roles if role.persons)
    for case in vectors(spec.name):
        parameters = spec.parse(case["parameters"])
        assert all(bool(spec.reads(role.name, parameters)) == (role.alias is not None) for role in roles)


def test_an_unknown_recipe() -> None:
    for name in ("credit-score", "", "match ", "MATCH", "x" * 1000):
        with pytest.raises(PlanError) as caught:
            spec_of(name)
        assert (caught.value.code, caught.value.found) == ("plan.recipe", name[:100])
        assert caught.value.expected == ", ".join(NAMES)
