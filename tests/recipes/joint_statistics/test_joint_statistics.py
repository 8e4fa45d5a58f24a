"""The recipe `joint-statistics` by its parts: which plans it runs, what each side reads and brings, what it tells."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from placet.core.results import gives, tells

from parties import CONSUMER, NOW, World
from placet.core.errors import DataError, InputError, PlacetError, PlanError, ProtocolError
from placet.core.hashing import canonical
from placet.core.plan import Plan, Terms
from placet.core.trail import Artefact
from placet.jobs.messages import PrepareRequest
from placet.jobs.recipe import recipe
from placet.protocols.mpc.programs import Size
from placet.recipes.asset_view import run as _asset_view  # noqa: F401 - makes itself known
from placet.recipes.blocks import distributed
from placet.recipes.joint_statistics import run as joint_statistics
from placet.recipes.joint_statistics.run import (
    MAX_FACTOR,
    MAX_ROWS,
    MAX_VALUE,
    bring,
    check,
    combine,
    own_values,
    program_of,
    reads,
    told,
)
from placet.recipes.match import run as _match  # noqa: F401
from placet.recipes.match_statistics import run as _match_statistics  # noqa: F401
from placet.vault.rows import Rows

BOTH: dict[str, Any] = {"identifier": "customer", "smallest_group": 3, "protocol": "cheetah"}
PAIR = BOTH | {"values": ["balance", "income"], "statistics": ["larger", "sums"]}
PRODUCT = PAIR | {"statistics": ["larger", "product", "sums"]}
GROUPS = BOTH | {"group": "branch", "groups": ["city", "sea"], "value": "income"}
NORTH, SOUTH = 0, 1
ROLES = ("first-provider", "second-provider", "consumer")


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def asked(world: World, **changes: Any) -> tuple[Plan, Terms]:
    """A plan of North, South and the consumer; `changes` are of its terms."""
    values = {
        "recipe": "joint-statistics",
        "engine": "spu",
        "parameters": PAIR,
        "roles": ROLES,
        "inputs": ("accounts", "accounts", "customers"),
    }
    terms = world.terms(**(values | changes))
    return world.plan(terms, parties=(world.party(NORTH), world.party(SOUTH), world.party(CONSUMER))), terms


@pytest.mark.parametrize("parameters", [PAIR, GROUPS], ids=["pair", "groups"])
def test_a_plan_that_fits(world: World, parameters: dict[str, Any]) -> None:
    check(*asked(world, parameters=parameters))
    check(*asked(world, parameters=parameters | {"smallest_group": 2}))
    check(*asked(world, parameters=parameters | {"smallest_group": MAX_ROWS}))


def test_both_may_call_their_columns_alike_and_have_what_they_can_count(world: World) -> None:
    check(*asked(world, parameters=PAIR | {"values": ["balance", "balance"]}))
    check(*asked(world, parameters=GROUPS | {"groups": [str(number) for number in range(64)]}))
    check(*asked(world, parameters=PRODUCT))


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"engine": "embedded"}, "plan.engine", "embedded engine"),
        ({"roles": ("provider", "provider", "consumer")}, "plan", "not a plan for joint-statistics"),
        ({"roles": (ROLES[1], ROLES[0], "consumer")}, "plan", "not a plan for joint-statistics"),
        ({"inputs": ("accounts", "customers", "accounts")}, "plan", "not a plan for joint-statistics"),
        *(
            ({"parameters": parameters | changes}, code, words)
            for parameters in (PAIR, GROUPS)
            for changes, code, words in (
                ({"smallest_group": 1}, "plan", "smallest group"),
                ({"smallest_group": True}, "plan", "smallest group"),
                ({"smallest_group": "5"}, "plan", "smallest group"),
                ({"smallest_group": 5.0}, "plan", "smallest group"),
                ({"smallest_group": MAX_ROWS + 1}, "plan", "smallest group"),
                ({"identifier": 1}, "plan", "column of either"),
                ({"protocol": "semi2k"}, "spu.protocol", "semi2k"),
                ({"protocol": "aby3"}, "spu.protocol", "another protocol"),
                ({"more": "x"}, "plan", "other parameters"),
            )
        ),
        *(
            ({"parameters": PAIR | changes}, code, words)
            for changes, code, words in (
                ({"group": "branch"}, "plan", "other parameters"),
                ({"values": "ab"}, "plan", "column of either"),
                ({"values": ["balance"]}, "plan", "column of either"),
                ({"values": ["balance", "income", "age"]}, "plan", "column of either"),
                ({"values": ["balance", 7]}, "plan", "column of either"),
                ({"values": ["customer", "income"]}, "plan", "column of either"),
                ({"values": ["balance", "customer"]}, "plan", "column of either"),
                ({"bounds": ["1", "1"]}, "plan", "other parameters"),
                ({"statistics": []}, "plan", "no statistics"),
                ({"statistics": ["sums", "larger"]}, "plan", "no statistics"),
                ({"statistics": ["median"]}, "plan", "no statistics"),
                ({"statistics": None}, "plan", "no statistics"),
            )
        ),
        *(
            ({"parameters": GROUPS | changes}, code, words)
            for changes, code, words in (
                ({"group": None}, "plan", "column of either"),
                ({"group": "customer"}, "plan", "column of either"),
                ({"value": "customer"}, "plan", "column of either"),
                ({"value": ["income"]}, "plan", "column of either"),
                ({"groups": []}, "plan", "no statistics"),
                ({"groups": ["city", "city"]}, "plan", "no statistics"),
                ({"groups": ["city", 1]}, "plan", "no statistics"),
                ({"groups": "city"}, "plan", "no statistics"),
                ({"groups": [str(number) for number in range(65)]}, "plan", "no statistics"),
                ({"bound": "1"}, "plan", "other parameters"),
            )
        ),
        ({"parameters": {k: v for k, v in PAIR.items() if k != "smallest_group"}}, "plan", "other parameters"),
        ({"parameters": {k: v for k, v in GROUPS.items() if k != "groups"}}, "plan", "other parameters"),
    ],
)
def test_plans_that_are_refused(world: World, changes: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(PlanError, match=words) as caught:
        check(*asked(world, **changes))
    assert caught.value.code == code


@pytest.mark.parametrize(
    "parties",
    [
        lambda w: (w.party(NORTH, output=False), w.party(SOUTH), w.party(CONSUMER)),
        lambda w: (w.party(NORTH), w.party(SOUTH), w.party(CONSUMER, output=True)),
        lambda w: (w.party(NORTH), w.party(SOUTH), w.party(2)),
        lambda w: (w.party(NORTH), w.party(SOUTH, inputs=()), w.party(CONSUMER)),
    ],
)
def test_only_two_providers_and_the_consumer(world: World, parties: Callable[[World], Any]) -> None:
    _, terms = asked(world)
    with pytest.raises(PlanError, match="not a plan"):
        check(world.plan(terms, parties=parties(world)), terms)


@pytest.mark.parametrize("number", [1, 3])
def test_the_recipe_gives_two_providers_their_roles(number: int) -> None:
    known = recipe("joint-statistics")
    assert (*known.roles(2), "consumer") == ROLES
    with pytest.raises(PlanError, match="other providers"):
        known.roles(number)


def test_each_provider_reads_its_own_column_alone() -> None:
    assert [reads(role, PAIR) for role in ROLES] == [["customer", "balance"], ["customer", "income"], ["customer"]]
    assert [reads(role, GROUPS) for role in ROLES] == [["customer", "branch"], ["customer", "income"], ["customer"]]
    assert reads(ROLES[0], {"identifier": 1}) == reads(ROLES[1], {"values": "ab"}) == []
    with pytest.raises(PlanError, match="no such role"):
        reads("provider", PAIR)


@pytest.mark.parametrize("parameters", [PAIR, GROUPS], ids=["pair", "groups"])
def test_what_it_tells(parameters: dict[str, Any]) -> None:
    found = tells("joint-statistics", parameters)
    assert found is not None
    assert (found.output, found.group, found.within, found.disclosed) == ("aggregate", 3, (), None)
    for group, given in ((2, True), (3, True), (4, False)):
        assert gives("joint-statistics", parameters, "aggregate", group) is given
    assert not gives("joint-statistics", parameters, "total", 1)
    for bad in (1, 0, True, "5", 5.0, None):
        assert tells("joint-statistics", parameters | {"smallest_group": bad}) is None
    assert tells("joint-statistics", {}) is None


def test_products_are_told_to_owners_by_a_word_of_their_own() -> None:
    found = tells("joint-statistics", PRODUCT)
    assert found is not None and found.output == "association"
    assert gives("joint-statistics", PRODUCT, "association", 3)
    assert not gives("joint-statistics", PRODUCT, "aggregate", 3)
    assert not gives("joint-statistics", PAIR, "association", 3)


@pytest.mark.parametrize(
    ("columns", "group", "parameters", "code"),
    [
        (("customer", "income"), 3, PAIR, None),
        (("customer", "income"), 3, GROUPS, None),
        (("customer", "balance"), 3, PAIR, "consent.columns"),
        (("customer", "branch"), 3, GROUPS, "consent.columns"),
        (("income",), 3, PAIR, "consent.columns"),
        (("customer", "income"), 4, PAIR, "consent.output"),
    ],
)
async def test_the_second_providers_offer_holds_its_own_column(
    world: World, columns: tuple[str, ...], group: int, parameters: dict[str, Any], code: str | None
) -> None:
    """At the request as in the plan, before anything is read; what the first one brings is nothing to it."""
    update = {
        "output": "aggregate",
        "smallest_group": group,
        "recipes": ("joint-statistics",),
        "columns": columns,
        "provider": world.address(SOUTH),
    }
    scope = world.scope.model_copy(update=update)
    south = world.agreements[SOUTH]
    south.context = replace(world.contexts[SOUTH], scope=lambda _: scope, recipes=("joint-statistics",))
    wanted = PrepareRequest(
        offer=world.offers[SOUTH],
        recipe="joint-statistics",
        role="second-provider",
        parameters=parameters,
        block=90,
        deadline=NOW + 1000,
    )
    plan, terms = asked(world, parameters=parameters)
    if code is None:
        assert await south.prepare(world.consumer, wanted)
        await south.demand_plan(plan, terms)
        return
    for refused in (south.prepare(world.consumer, wanted), south.demand_plan(plan, terms)):
        with pytest.raises(PlacetError) as caught:
            await refused
        assert caught.value.code == code


def rows(**columns: list[Any]) -> Rows:
    names = [f"P{number}" for number in range(len(next(iter(columns.values()))))]
    return Rows(pa.table({"customer": names, **columns}), "customer", b"")


def own(party: int, parameters: dict[str, Any], **columns: list[Any]) -> list[int | None]:
    return own_values(party, program_of(parameters), parameters, rows(**columns))


@pytest.mark.parametrize(
    ("party", "parameters", "column", "most"),
    [
        (0, PAIR, "balance", MAX_VALUE),
        (1, PAIR, "income", MAX_VALUE),
        (1, GROUPS, "income", MAX_VALUE),
        (0, PRODUCT, "balance", MAX_FACTOR),
        (1, PRODUCT, "income", MAX_FACTOR),
    ],
)
def test_values_are_as_they_are_or_too_large(party: int, parameters: dict[str, Any], column: str, most: int) -> None:
    """How large is not the consumer's to choose, and nothing is cut: either would tell of single values."""
    assert own(party, parameters, **{column: [-most, 0, 501, most]}) == [-most, 0, 501, most]
    for beyond in (most + 1, -most - 1):
        with pytest.raises(DataError) as refusal:
            own(party, parameters, **{column: [1, beyond]})
        assert recipe("joint-statistics").final(refusal.value.code)
    with pytest.raises(DataError, match="integers"):
        own(party, parameters, **{column: [1.5]})


def test_what_another_attempt_meets_again_ends_the_job() -> None:
    known = ("asset-view", "match", "match-statistics", "joint-statistics")
    assert [recipe(name).final("data") for name in known] == [True] * 4
    assert [recipe(name).final("peer.unreachable") for name in known] == [False] * 4
    assert recipe("joint-statistics").final("joint.list")


def test_a_group_that_the_plan_does_not_name_is_none() -> None:
    assert own(0, GROUPS, branch=["sea", "city", "City", "", "sea"]) == [1, 0, None, None, 1]
    assert own(0, GROUPS | {"groups": ["7"]}, branch=[7, 8]) == [0, None]


def test_what_each_brings_makes_the_statistics() -> None:
    placed = [[5, None, 7, 9, 1, 4], [5, 6, 3, None, -2, 9]]
    program = program_of(PRODUCT | {"smallest_group": 2})
    brought = [bring(program, party, placed[party]) for party in (0, 1)]
    assert list(program.reference(brought)) == [4, 17, 15, 25 + 21 - 2 + 36, 2]
    program = program_of(GROUPS | {"smallest_group": 2})
    brought = [bring(program, 0, [0, 0, 1, 1, None, 0]), bring(program, 1, placed[1])]
    assert program.reference(brought).tolist() == [[3, 0], [20, 0]]
    assert [array.shape for array in brought] == list(program.shapes(2, Size(6)))


def kept(parameters: dict[str, Any], count: int) -> bytes:
    return canonical({"rows": count, "parameters": parameters})


@pytest.mark.parametrize("parameters", [PAIR, GROUPS], ids=["pair", "groups"])
def test_a_list_that_is_too_short_makes_no_run(parameters: dict[str, Any]) -> None:
    made = combine({0: b"", 1: b""}, kept(parameters, 2), Path())
    assert made == {"rows": [], "report": {"too_few": True, "smallest_group": 3}}


def result(*numbers: Any) -> Any:
    return np.array(numbers, dtype=object)


def test_what_the_shares_make(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's part is tested with the engine; here means of thirds, and nothing below the group."""

    async def combined(program: Any, size: Any, engine: Any, shares: Any, **_: Any) -> Any:
        assert (size.rows, engine.protocol, shares) == (20, "cheetah", [b"first", b"second"])
        return found

    monkeypatch.setattr(joint_statistics.evaluate, "combine", combined)
    parts = {1: b"second", 0: b"first"}
    few = {"rows": [], "report": {"too_few": True, "smallest_group": 3}}
    found = result(6, -20, 4, 7, 3)
    report = {"count": 6, "sums": ["-20", "4"], "means": ["-3.333333", "0.666667"], "product": "7", "larger": 3}
    told_of_pairs = {"too_few": False, "smallest_group": 3, **report}
    assert combine(parts, kept(PRODUCT, 20), Path()) == {"rows": [], "report": told_of_pairs}
    found = result(0, 0, 0, 0, 0)
    assert combine(parts, kept(PAIR, 20), Path()) == few
    found = result([0, 3], [0, -20])
    groups = [{"group": "city", "too_few": True}]
    groups += [{"group": "sea", "too_few": False, "count": 3, "sum": "-20", "mean": "-6.666667"}]
    told_of_groups = {"too_few": False, "smallest_group": 3, "groups": groups}
    assert combine(parts, kept(GROUPS, 20), Path()) == {"rows": [], "report": told_of_groups}
    found = result([0, 0], [0, 0])
    assert combine(parts, kept(GROUPS, 20), Path()) == few


def test_only_what_is_asked_is_told() -> None:
    for statistics, names in (
        (["sums"], {"too_few", "count", "sums", "means"}),
        (["larger"], {"too_few", "count", "larger"}),
        (["product"], {"too_few", "count", "product"}),
    ):
        parameters = PAIR | {"statistics": statistics}
        assert told(program_of(parameters), parameters, result(6, 0, 0, 0, 0), 20).keys() == names


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        (PAIR, result(2, 0, 0, 0, 0)),
        (PAIR, result(-4, 0, 0, 0, 0)),
        (PAIR, result(21, 0, 0, 0, 0)),
        (PAIR, result(6, 6 * MAX_VALUE + 1, 0, 0, 0)),
        (PAIR, result(6, 0, -6 * MAX_VALUE - 1, 0, 0)),
        (PAIR, result(6, 0, 0, 1, 0)),
        (PAIR, result(6, 0, 0, 0, 1)),
        (PAIR, result(6, 0, 0, 0, -3)),
        (PAIR, result(6, 0, 0, 0, 4)),
        (PAIR, result(0, 1, 0, 0, 0)),
        (PAIR | {"statistics": ["larger"]}, result(6, 1, 0, 0, 3)),
        (PAIR | {"statistics": ["sums"]}, result(6, 1, 0, 0, 3)),
        (PRODUCT, result(6, 0, 0, 6 * MAX_FACTOR**2 + 1, 0)),
        (GROUPS, result([2, 3], [0, 0])),
        (GROUPS, result([11, 10], [0, 0])),
        (GROUPS, result([3, 0], [-3 * MAX_VALUE - 1, 0])),
        (GROUPS, result([3, 0], [0, 1])),
    ],
)
def test_what_no_honest_parties_reach_is_refused(parameters: dict[str, Any], found: Any) -> None:
    with pytest.raises(InputError, match="no statistics"):
        told(program_of(parameters), parameters, found, 20)


def test_a_part_that_is_no_share_is_refused() -> None:
    with pytest.raises(InputError, match="not a share"):
        combine({0: b"nothing", 1: b"of the kind"}, kept(PAIR, 20), Path("/nowhere"))


async def test_lists_of_two_lengths_make_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer could tell each provider of another list; the engines would never meet on one shape."""

    @contextlib.asynccontextmanager
    async def given(*_: Any, **__: Any) -> AsyncIterator[Any]:
        yield None

    async def theirs(step: Any, party: int, ours: int) -> int:
        return ours + 1

    monkeypatch.setattr(distributed, "numbers_of_rows", theirs)
    monkeypatch.setattr(distributed, "engine_of", lambda engine: engine)
    ports, terms = SimpleNamespace(port=given), SimpleNamespace(engine="spu")
    work: Any = SimpleNamespace(party=0, terms=terms, context=SimpleNamespace(engine_ports=ports), step=given)
    program = program_of(PAIR)
    with pytest.raises(ProtocolError) as refusal:
        await distributed.evaluated(
            work,
            "joint",
            (0, 1),
            program,
            bring(program, 0, [1, 2]),
            size=Size(2),
            made=Artefact(name="rows", commitment=bytes(32)),
        )
    assert refusal.value.code == "peer.rows"
