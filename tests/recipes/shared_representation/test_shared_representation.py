"""The recipe `shared-representation` by its parts: what a row changes, what is spent, who learns what, and when it
helps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from columned import columned
from declaring import declaring
from examples import examples
from placet.catalogue.declared import declared
from placet.catalogue.shared_representation import SPEC, STEPS, SharedRepresentationParameters
from placet.core.errors import DataError, InputError, PlanError, StateError
from placet.core.hashing import canonical
from placet.core.privacy import cost, cost_of
from placet.jobs.randomness import NoiseSource, stream
from placet.models import quality
from placet.models.bootstrap import percentiles, resampled_aucs
from placet.models.linear import LinearModel
from placet.models.pooled_private import Release
from placet.models.released import released_in
from placet.recipes.blocks.noise import DeclaredNoise
from placet.recipes.shared_representation.report import read, written
from placet.recipes.shared_representation.run import combine, represented
from placet.recipes.shared_representation.source import with_declared, with_noise
from placet.recipes.shared_representation.target import demand_numbers
from placet.vault.rows import Rows
from representing import drawn, exact, source, target

BUDGET = 17_465_000
PLAIN: dict[str, Any] = {
    "source_labels": ["label"],
    "label": "label",
    "shared": [
        {"kind": "number", "column": "a", "bounds": [-300, 300], "missing": "usual"},
        {"kind": "number", "column": "b", "bounds": [-300, 300]},
        {"kind": "category", "column": "town", "values": ["Ulm", "Bonn", "Kiel"], "missing": "usual"},
    ],
    "own": [
        {"column": "c", "kind": "number", "missing": "usual"},
        {"column": "d", "kind": "category", "levels": 2, "missing": "usual"},
    ],
    "train": 50,
    "smallest_group": 5,
    "budget": BUDGET,
}


def parameters(**changes: Any) -> SharedRepresentationParameters:
    return SPEC.parse(PLAIN | changes)


def people(count: int, seed: int) -> tuple[dict[str, list[Any]], np.ndarray[Any, np.dtype[np.int64]]]:
    """Of columns that both have and two that the target alone has."""
    chance = np.random.default_rng(seed)
    a, b, c = (np.rint(chance.normal(0, 100, count)).astype(np.int64) for _ in range(3))
    town, d = chance.integers(0, 4, count), chance.integers(0, 2, count)
    odds = 0.012 * a - 0.008 * b + 0.8 * (town == 1) + 0.006 * c + 0.5 * d - 0.5
    label = (chance.random(count) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    towns = [(*("Ulm", "Bonn", "Kiel"), None)[one] for one in town.tolist()]
    columns = {"a": a.tolist(), "b": [None if one % 19 == 0 else one for one in b.tolist()], "town": towns}
    return columns | {"c": c.tolist(), "d": ["xy"[one] for one in d.tolist()]}, label


SOURCE, LABELS = people(8_000, 1)
TARGET, WISHES = people(1_040, 8)
EVERYBODY = np.arange(8_000)
FEW, MANY = np.arange(40), np.arange(40, 1_040)


def test_with_few_labels_it_helps_beside_own_columns_and_noise_costs_little() -> None:
    rows = {}
    for name, noise in (("noisy", drawn(1)), ("plain", exact)):
        representation = source(parameters(), SOURCE, [LABELS], EVERYBODY, noise)
        assert representation is not None and abs(representation.people - 8_000) < 500
        rows[name] = target(parameters(), TARGET, WISHES, FEW, MANY, representation)
    areas = {name: [float(quality.auc(one.bands)) for one in each] for name, each in rows.items()}
    assert areas["noisy"][0] == areas["plain"][0], "alone nothing of the source is in it"
    assert areas["noisy"][2] > areas["noisy"][0] + 0.01 and areas["noisy"][2] > areas["noisy"][1]
    assert abs(areas["noisy"][2] - areas["plain"][2]) < 0.01
    assert rows["noisy"][0].accepted and rows["noisy"][2].accepted
    assert all(
        one.interval[0] < area < one.interval[1] for one, area in zip(rows["noisy"], areas["noisy"], strict=True)
    )


def test_one_that_does_not_help_is_not_taken() -> None:
    shuffled = np.random.default_rng(5).permutation(LABELS)
    representation = source(parameters(), SOURCE, [shuffled], EVERYBODY, drawn(2))
    assert representation is not None
    rows = target(parameters(), TARGET, WISHES, MANY, FEW, representation)
    assert [one.accepted for one in rows] == [True, False, False]
    assert all(one.over == "alone" and one.gain is not None and one.gain[1] <= 0 for one in rows[1:])


def test_made_up_coefficients_are_not_taken() -> None:
    """A source that says what it likes is no worse for the target than none."""
    honest = source(parameters(), SOURCE, [LABELS], EVERYBODY[:100], exact)
    assert honest is not None
    made_up = [
        one.model_copy(update={"coefficients": tuple("-64" if n % 2 else "64" for n in range(one.prepared.width))})
        for one in honest.heads[0].columns
    ]
    lie = replace(honest, heads=(honest.heads[0].model_copy(update={"columns": tuple(made_up)}),))
    rows = target(parameters(), TARGET, WISHES, MANY, FEW, lie)
    assert [one.accepted for one in rows] == [True, False, False]


def test_several_labels_are_several_scores_of_the_same_columns() -> None:
    other = (np.array([one or 0 for one in SOURCE["b"]]) > 0).astype(np.int64)
    several = parameters(source_labels=["label", "late"], budget=10**9)
    representation = source(several, SOURCE, [LABELS, other], EVERYBODY, drawn(3))
    assert representation is not None
    first, second = representation.heads
    assert (first.label, second.label) == ("label", "late")
    assert [one.prepared for one in first.columns] == [one.prepared for one in second.columns]
    key = {("provider", name): SOURCE[name] for name in ("a", "b", "town")}
    assert np.corrcoef(second.predictors(key), other)[0, 1] > 0.6
    assert len(target(several, TARGET, WISHES, FEW, MANY, representation)) == 3


@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("budget", [100_000, 17_465_001, 5 * 10**9])
def test_all_sums_of_a_row_cost_no_more_than_the_budget(heads: int, budget: int) -> None:
    costs: list[int] = []

    def noisy(release: Release, amount: int) -> list[int]:
        costs.append(cost(release.squared, release.variance(amount)))
        return release.numbers

    names = [f"label-{number}" for number in range(heads)]
    several = parameters(source_labels=names, budget=budget)
    assert source(several, SOURCE, [LABELS] * heads, EVERYBODY[:400], noisy) is not None
    assert len(costs) == 4 + heads * STEPS and sum(costs) <= budget


@given(st.integers(0, 39), st.integers(0, 9))
@settings(max_examples=examples(60))
def test_one_row_changes_each_sum_by_no_more_than_its_noise_is_for(place: int, seed: int) -> None:
    """The recipe over some rows, and over these without one where the same noisy numbers came out: all that it hands
    to noise, of every step."""
    releases: list[list[Release]] = [[], []]
    transcript: list[list[int]] = []
    noisy = drawn(seed)

    def first(release: Release, amount: int) -> list[int]:
        releases[0].append(release)
        transcript.append(noisy(release, amount))
        return transcript[-1]

    def second(release: Release, amount: int) -> list[int]:
        releases[1].append(release)
        return transcript[len(releases[1]) - 1]

    several = parameters(source_labels=["label", "late"], budget=10**9)
    labels, everybody = [LABELS, 1 - LABELS], np.arange(40)
    assert source(several, SOURCE, labels, everybody, first) is not None
    source(several, SOURCE, labels, np.delete(everybody, place), second)
    assert len(releases[0]) == 4 + 2 * STEPS
    for whole, without in zip(*releases, strict=True):
        changes = [a - b for a, b in zip(whole.numbers, without.numbers, strict=True)]
        assert sum(change**2 for change in changes) <= whole.squared == without.squared


def test_a_plan_spends_the_providers_budget_and_names_its_bounds() -> None:
    plan, terms = declaring("shared-representation", parameters().to_json(), "embedded", 2)
    job = declared(plan, terms)
    assert [one.budget for one in plan.inputs] == [BUDGET, 0]
    assert (job.use(0).spends, job.use(1).spends) == (BUDGET, 0)
    assert job.use(0).bounds == (("a", (-300, 300)), ("b", (-300, 300))) and job.use(1).bounds == ()
    assert SPEC.reads("provider", parameters()) == ("label", "a", "b", "town")
    assert SPEC.reads("consumer", parameters()) == ("label", "a", "b", "town", "c", "d")


@pytest.mark.parametrize(
    "changes",
    [
        {"budget": 99_999},
        {"source_labels": []},
        {"source_labels": ["label", "label"]},
        {"source_labels": ["a"]},
        {"source_labels": list("vwxyz")},
        {"label": "a"},
        {"label": "c"},
        {"own": [{"column": "a"}]},
        {"shared": []},
        {"shared": [{"kind": "bins", "column": "a", "edges": [1]}]},
        {"prior": 0},
        {"train": 96},
    ],
)
def test_parameters_that_are_none(changes: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        parameters(**changes)


# What goes from one to the other.


def table(columns: dict[str, list[Any]], labels: Any) -> Rows:
    return Rows(columned(columns | {"label": labels.tolist()}), "customer", b"")


def part(seed: bytes = b"1") -> bytes:
    return represented(parameters(), table(SOURCE, LABELS), with_noise(stream(bytes(32), seed)))


def opened(released: bytes, **changes: Any) -> dict[str, Any]:
    """The target's report of all its rows."""
    state = {
        "parameters": parameters(**changes).to_json(),
        "columns": TARGET | {"label": WISHES.tolist()},
        "order": list(range(len(WISHES))),
        "train": len(FEW),
    }
    result = combine({0: released}, json.dumps(state).encode(), Path())
    assert result["rows"] == []
    report: dict[str, Any] = json.loads(json.dumps(result["report"]))
    return report


def test_a_report_shows_target_alone_representation_and_joined_and_hands_out_what_was_accepted() -> None:
    report = opened(part())
    assert (report["epsilon"], report["delta"], report["too_few"]) == ("1.00", "1e-06", False)
    assert [one["model"] for one in report["compared"]] == ["alone", "representation", "joined"]
    assert report["fitted"] == {"people": 40, "positives": int(WISHES[:40].sum())}
    last = [one for one in report["compared"] if one["accepted"]][-1]
    assert report["accepted"] == last["model"] == "joined" and report["metrics"]["test"] == last["metrics"]
    assert last["over"] in ("alone", "representation") and float(last["gain"]["low"]) > 0
    model = released_in(report)
    assert isinstance(model, LinearModel) and {one.party for one in model.columns} == {"consumer"}
    assert {one.column for one in model.columns} == {"a", "b", "town", "c", "d"}
    scores = model.predictors({("consumer", name): [own[row] for row in MANY] for name, own in TARGET.items()})
    table_of_scores = quality.auc_by_ranks(
        int(2 * (np.argsort(np.argsort(np.rint(1e4 * scores), kind="stable")) + 1)[WISHES[MANY] == 1].sum()),
        int(WISHES[MANY].sum()),
        int((1 - WISHES[MANY]).sum()),
    )
    assert abs(float(table_of_scores) - float(last["metrics"]["auc"])) < 1e-3
    assert len(report["representation"]) == 1 and report["source"]["people"] > 7_000


def test_too_few_on_either_side_are_told_nothing() -> None:
    few = opened(part(), smallest_group=100)
    assert few["too_few"] and few["representation"] and "linear" not in few
    assert written(parameters(), None) == part_of_nobody()
    nobody = opened(part_of_nobody())
    assert nobody["too_few"] and nobody["source"] is None and nobody["representation"] == []


def part_of_nobody() -> bytes:
    rows = Rows(table(SOURCE, LABELS).table.cut(0, 1), "customer", b"")
    return represented(parameters(smallest_group=1_000), rows, with_noise(stream(bytes(32), b"1")))


def test_noise_is_there_and_follows_from_the_seed_alone() -> None:
    assert part(b"1") == part(b"1") != part(b"2")


def test_rows_of_another_kind_are_refused_at_the_provider() -> None:
    with pytest.raises(DataError):
        represented(parameters(), table(SOURCE | {"a": SOURCE["town"]}, LABELS), with_noise(stream(bytes(32))))
    with pytest.raises(DataError):
        represented(parameters(source_labels=["town"], shared=PLAIN["shared"][:1]), table(SOURCE, LABELS), drawn(1))
    nobody = json.loads(represented(parameters(smallest_group=2_000), table(SOURCE, LABELS + 2), drawn(1)))
    assert nobody["heads"] == [], "no row has a label"


@pytest.mark.parametrize("column", ["a", "b", "c"])
def test_a_target_whose_numbers_are_none_ends_before_anything_comes(column: str) -> None:
    demand_numbers(parameters(), TARGET)
    with pytest.raises(DataError) as caught:
        demand_numbers(parameters(), TARGET | {column: TARGET["d"]})
    assert f"column {column} " in str(caught.value)


def test_a_representation_of_no_honest_provider_is_refused() -> None:
    honest = json.loads(part())
    head = honest["heads"][0]
    column, others = head["columns"][0], head["columns"][1:]
    for raw in (
        b"",
        b"[]",
        b"[" * 10_000,
        b" " * (1 << 21),
        canonical(honest | {"more": 1}),
        canonical(honest | {"heads": [head, head]}),
        canonical(honest | {"people": "1"}),
        canonical(honest | {"heads": [head | {"family": "linear"}]}),
        canonical(honest | {"heads": [head | {"label": "other"}]}),
        canonical(honest | {"heads": [head | {"columns": others}]}),
        canonical(honest | {"heads": [head | {"columns": [column | {"column": "c"}, *others]}]}),
        canonical(honest | {"heads": [head | {"columns": [column | {"party": "consumer"}, *others]}]}),
        canonical(honest | {"heads": [head | {"columns": [*others[:1], column, *others[1:]]}]}),
        canonical(honest | {"heads": [head | {"intercept": "nan"}]}),
    ):
        with pytest.raises(InputError):
            read(raw, parameters())
    assert read(part(), parameters()).heads[0].to_json() == head


# The bootstrap.


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3)), min_size=8, max_size=30))
@settings(max_examples=examples(60))
def test_resampled_areas_are_those_of_the_people_drawn(rows: list[tuple[int, int]]) -> None:
    labels = np.array([0, 1, *(label for label, _ in rows)])
    scores = np.array([0.0, 0.0, *(float(score) for _, score in rows)])
    same, again, turned = resampled_aucs(labels, [scores, scores, -scores], resamples=20)
    assert (same == again).all() and np.allclose(same + turned, 1)
    constant, perfect = resampled_aucs(labels, [np.zeros(len(labels)), labels.astype(float)], resamples=20)
    assert (constant == 0.5).all() and (perfect == 1).all()


def test_an_interval_of_a_score_that_says_nothing_holds_a_half() -> None:
    chance = np.random.default_rng(3)
    (areas,) = resampled_aucs(np.arange(400) % 2, [chance.random(400)])
    low, high = percentiles(areas)
    assert low < 0.5 < high and 0.05 < high - low < 0.2


def test_the_noise_that_is_declared_is_the_one_that_is_drawn() -> None:
    """Of each release as many numbers, with the variance that costs its part of the budget."""
    for asked in (parameters(), parameters(shared=PLAIN["shared"][2:], source_labels=["label"])):
        noise = DeclaredNoise(NoiseSource(bytes(32), bytes(32), 1, bytes(32)), SPEC.noise("provider", asked))
        read(represented(asked, table(SOURCE, LABELS), with_declared(noise)), asked)
        assert noise.place == len(noise.releases) == len(noise.drawn)
        assert 0 < cost_of(noise.releases) <= asked.budget
        with pytest.raises(StateError) as error:
            noise.on(1, 4)
        assert error.value.code == "noise.undeclared"
    assert SPEC.noise("consumer", asked) == ()
