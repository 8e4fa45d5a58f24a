"""A pot is divided by what each party added, to the last unit, and by nothing else."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.core.errors import ProtocolError
from placet.core.trail import Step
from placet.models.contribution import (
    MAX_SHAPLEY,
    PROTOCOL,
    Contribution,
    Division,
    Table,
    coalitions_of,
    divide,
    leave_one_out,
    payouts,
    sealed_payouts,
    shapley,
)

POTS = st.integers(0, 2**96 - 1)
METRICS = st.integers(-(10**7), 10**7)


@st.composite
def tables(draw: st.DrawFn, least: int = 1, most: int = MAX_SHAPLEY) -> dict[frozenset[int], int]:
    players = draw(st.sets(st.integers(0, 15), min_size=least, max_size=most))
    return {one: draw(METRICS) for one in coalitions_of("shapley", players)}


def everybody(table: Table) -> frozenset[int]:
    return max(table, key=len)


def by_orders(table: Table) -> dict[int, Fraction]:
    """The definition itself: the mean addition over all orders of coming together."""
    players = everybody(table)
    orders = list(permutations(sorted(players)))
    added = dict.fromkeys(sorted(players), 0)
    for order in orders:
        for place, player in enumerate(order):
            before = frozenset(order[:place])
            added[player] += table[before | {player}] - table[before]
    return {player: Fraction(sum_, len(orders)) for player, sum_ in added.items()}


@given(tables())
def test_shapley_is_the_mean_over_all_orders(table: Table) -> None:
    assert shapley(table) == by_orders(table)


@given(tables())
def test_efficiency_what_all_add_is_divided_without_a_rest(table: Table) -> None:
    assert sum(shapley(table).values()) == table[everybody(table)] - table[frozenset()]


@given(tables(least=2))
def test_symmetry_two_who_add_the_same_get_the_same(table: Table) -> None:
    one, other, *_ = sorted(everybody(table))
    swap = {one: other, other: one}
    mean = {c: table[c] + table[frozenset(swap.get(i, i) for i in c)] for c in table}
    values = shapley(mean)
    assert values[one] == values[other]


@given(tables(), POTS)
def test_a_null_player_gets_nothing(table: Table, pot: int) -> None:
    nobody = min(set(range(16)) - everybody(table))
    if len(everybody(table)) == MAX_SHAPLEY:
        nobody = min(everybody(table))
    without = {c: v for c, v in table.items() if nobody not in c}
    whole = without | {c | {nobody}: v for c, v in without.items()}
    for values in (shapley(whole), leave_one_out(whole)):
        assert values[nobody] == 0
        assert payouts(pot, values)[nobody] == 0


@given(tables(), POTS)
def test_the_whole_pot_or_nothing_is_divided(table: Table, pot: int) -> None:
    values = shapley(table)
    shares = payouts(pot, values)
    positive = sum(max(v, Fraction(0)) for v in values.values())
    assert sum(shares.values()) == (pot if positive else 0)
    for party, value in values.items():
        exact = pot * max(value, Fraction(0)) / positive if positive else 0
        assert abs(shares[party] - exact) < 1, "no more than a unit beside the exact share"
        assert value > 0 or shares[party] == 0, "who makes the model worse pays nothing and gets nothing"


@given(st.dictionaries(st.integers(0, 15), st.integers(0, 5).map(Fraction), min_size=1), st.integers(0, 1000))
def test_who_added_more_never_gets_less(values: dict[int, Fraction], pot: int) -> None:
    shares = payouts(pot, values)
    for one in values:
        for other in values:
            assert not values[one] > values[other] or shares[one] >= shares[other]


@given(tables(), POTS, st.integers(0, 10**6), st.integers(0, 15), st.sampled_from(["shapley", "leave-one-out"]))
def test_the_label_holders_share_is_fixed(table: Table, pot: int, share: int, holder: int, rule: str) -> None:
    division = Division(rule, holder, share)  # type: ignore[arg-type]
    contribution = Contribution.of("auc", table)
    shares = divide(pot, division, contribution, 16)
    assert contribution.table == table
    assert shares[holder] >= pot * share // 10**6
    assert sum(shares) in (pot, pot * share // 10**6)
    assert Contribution.model_validate(contribution.to_json()) == contribution


def test_the_measured_case() -> None:
    """Three owners of the bank's data: leave-one-out undervalues the two whose columns overlap eight-fold."""
    table = {
        frozenset(): 500_000, frozenset({0}): 640_000, frozenset({1}): 655_000, frozenset({2}): 740_000,
        frozenset({0, 1}): 690_000, frozenset({0, 2}): 762_000, frozenset({1, 2}): 768_000,
        frozenset({0, 1, 2}): 775_000,
    }  # fmt: skip
    contribution = Contribution.of("auc", table)
    assert divide(1_000, Division("shapley", 2), contribution, 3) == (213, 251, 536)
    assert divide(1_000, Division("leave-one-out", 2), contribution, 3) == (67, 124, 809)
    assert divide(1_000, Division("shapley", 2, 250_000), contribution, 3)[2] == 250 + 402
    assert math.isclose(sum(shapley(table).values()), 275_000)


def step(**changes: object) -> Step:
    contribution = Contribution.of("auc", {frozenset(): 500_000, frozenset({0}): 700_000})
    plain: dict[str, object] = {
        "job": bytes(32), "attempt": 1, "party": 0, "index": 0, "name": "contribution", "protocol": PROTOCOL,
        "parameters": contribution.to_json(), "at": 1,
    }  # fmt: skip
    return Step.model_validate(plain | changes)


def test_what_a_seal_says_follows_from_a_trail() -> None:
    division = Division("shapley", 1, 100_000)
    assert sealed_payouts(100, division, [step(protocol="vault/1"), step()], 2) == (90, 10)
    assert sealed_payouts(0, None, [], 3) == (0, 0, 0)
    assert sealed_payouts(0, division, [step()], 2) == (0, 0)


@pytest.mark.parametrize(
    ("division", "steps", "code"),
    [
        (None, [step()], "contribution.record"),
        (Division("shapley", 1), [], "contribution.record"),
        (Division("shapley", 1), [step(), step(index=1)], "contribution.record"),
        (Division("shapley", 1), [step(parameters={})], "contribution.record"),
        (Division("shapley", 1), [step(parameters={"metric": "auc", "coalitions": []})], "contribution.record"),
        (Division("shapley", 1), [step(parameters={**step().parameters, "more": 1})], "contribution.record"),
    ],
)
def test_a_pot_that_cannot_be_divided(division: Division | None, steps: list[Step], code: str) -> None:
    with pytest.raises(ProtocolError) as refusal:
        sealed_payouts(100, division, steps, 2)
    assert refusal.value.code == code


def test_tables_that_do_not_fit() -> None:
    six = dict.fromkeys(coalitions_of("shapley", range(MAX_SHAPLEY + 1)), 1)
    full = {frozenset(): 0, frozenset({0}): 1, frozenset({1}): 1, frozenset({0, 1}): 2}
    for rule, table in (
        (shapley, six),
        (shapley, {c: v for c, v in full.items() if c != {1}}),
        (leave_one_out, {c: v for c, v in full.items() if c != {1}}),
    ):
        with pytest.raises(ProtocolError) as refusal:
            rule(table)
        assert refusal.value.code == "contribution.table"
    assert leave_one_out({c: v for c, v in full.items() if c}) == {0: 1, 1: 1}
    with pytest.raises(ProtocolError):
        divide(1, Division("shapley", 0), Contribution.of("auc", full), 1)
    many = {one: len(one) for one in coalitions_of("leave-one-out", range(8))}
    assert divide(8, Division("leave-one-out", 7), Contribution.of("auc", many), 8) == (1,) * 8
