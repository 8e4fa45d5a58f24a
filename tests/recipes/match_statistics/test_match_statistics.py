"""The recipe `match-statistics` by its parts: which plans it runs, what it reads and tells, what its shares make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from placet.core.results import gives, tells

from parties import CONSUMER, World
from placet.core.errors import DataError, InputError, PlacetError, PlanError
from placet.core.hashing import canonical
from placet.core.plan import Plan, Terms
from placet.jobs.messages import PrepareRequest
from placet.recipes.blocks.columns import subjects, whole
from placet.recipes.match_statistics import run as match_statistics
from placet.recipes.match_statistics.run import check, combine, reads
from placet.vault.rows import Rows

PARAMETERS: dict[str, Any] = {
    "identifier": "customer",
    "value": "balance",
    "smallest_group": 5,
    "protocol": "cheetah",
}
NORTH, SOUTH = 0, 1


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def asked(world: World, **changes: Any) -> tuple[Plan, Terms]:
    """A plan of North and the consumer; `changes` are of its terms."""
    values = {
        "recipe": "match-statistics",
        "engine": "spu",
        "parameters": PARAMETERS,
        "roles": ("provider", "consumer"),
        "inputs": ("accounts", "customers"),
    }
    terms = world.terms(**(values | changes))
    return world.plan(terms, parties=(world.party(NORTH), world.party(CONSUMER))), terms


def test_a_plan_that_fits(world: World) -> None:
    check(*asked(world))
    check(*asked(world, parameters=PARAMETERS | {"smallest_group": 2}))


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"engine": "embedded"}, "plan.engine", "embedded engine"),
        ({"roles": ("consumer", "provider")}, "plan", "not a plan for match-statistics"),
        ({"inputs": ("customers", "accounts")}, "plan", "not a plan for match-statistics"),
        *(
            ({"parameters": PARAMETERS | changes}, code, words)
            for changes, code, words in (
                ({"smallest_group": 1}, "plan", "smallest group"),
                ({"smallest_group": 0}, "plan", "smallest group"),
                ({"smallest_group": True}, "plan", "smallest group"),
                ({"smallest_group": "5"}, "plan", "smallest group"),
                ({"smallest_group": 5.0}, "plan", "smallest group"),
                ({"smallest_group": None}, "plan", "smallest group"),
                ({"smallest_group": 1_000_001}, "plan", "smallest group"),
                ({"value": "customer"}, "plan", "two columns"),
                ({"value": ["balance"]}, "plan", "two columns"),
                ({"identifier": 1}, "plan", "two columns"),
                ({"protocol": "semi2k"}, "spu.protocol", "semi2k"),
                ({"protocol": "aby3"}, "spu.protocol", "another protocol"),
                ({"more": "x"}, "plan", "other parameters"),
            )
        ),
        ({"parameters": {k: v for k, v in PARAMETERS.items() if k != "smallest_group"}}, "plan", "other parameters"),
    ],
)
def test_plans_that_are_refused(world: World, changes: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(PlanError, match=words) as caught:
        check(*asked(world, **changes))
    assert caught.value.code == code


@pytest.mark.parametrize(
    "parties",
    [
        lambda w: (w.party(NORTH, output=False), w.party(CONSUMER)),
        lambda w: (w.party(NORTH), w.party(CONSUMER, output=True)),
        lambda w: (w.party(NORTH), w.party(SOUTH)),
        lambda w: (w.party(NORTH), w.party(CONSUMER, inputs=(*w.party(CONSUMER).inputs, *w.party(SOUTH).inputs))),
    ],
)
def test_only_one_provider_and_the_consumer(world: World, parties: Callable[[World], Any]) -> None:
    _, terms = asked(world)
    with pytest.raises(PlanError, match="not a plan"):
        check(world.plan(terms, parties=parties(world)), terms)


def test_only_the_provider_has_values() -> None:
    assert reads("provider", PARAMETERS) == ["customer", "balance"]
    assert reads("consumer", PARAMETERS) == ["customer"]
    assert reads("provider", {"identifier": 1}) == []


def test_what_it_tells() -> None:
    told = tells("match-statistics", PARAMETERS)
    assert told is not None
    assert (told.output, told.group, told.within, told.disclosed) == ("aggregate", 5, (), None)
    for group, given in ((4, True), (5, True), (6, False)):
        assert gives("match-statistics", PARAMETERS, "aggregate", group) is given
    assert not gives("match-statistics", PARAMETERS, "matches", 1)
    assert not gives("match-statistics", PARAMETERS, "total", 1)
    for bad in (1, 0, -5, True, "5", 5.0, None, [5]):
        assert tells("match-statistics", PARAMETERS | {"smallest_group": bad}) is None
    assert tells("match-statistics", {}) is None


async def test_no_smaller_group_than_the_offer_says(world: World) -> None:
    """At the request as in the plan, before anything is read."""
    update = {"output": "aggregate", "smallest_group": 6, "recipes": ("match-statistics",)}
    scope = world.scope.model_copy(update=update)
    north = world.agreements[NORTH]
    north.context = replace(world.contexts[NORTH], scope=lambda _: scope, recipes=("match-statistics",))
    for group, fits in ((5, False), (6, True)):
        parameters = PARAMETERS | {"smallest_group": group}
        wanted = PrepareRequest(
            offer=world.offers[NORTH],
            recipe="match-statistics",
            parameters=parameters,
            block=90,
            deadline=2_000_000_000,
        )
        if fits:
            assert await north.prepare(world.consumer, wanted)
            continue
        plan, terms = asked(world, parameters=parameters)
        for refused in (north.prepare(world.consumer, wanted), north.demand_plan(plan, terms)):
            with pytest.raises(PlacetError) as caught:
                await refused
            assert (caught.value.code, caught.value.expected) == ("consent.output", "aggregate, groups of 6 or more")


def kept(rows: list[int], share: bytes = b"own") -> bytes:
    return canonical({"share": share.hex(), "rows": rows, "smallest_group": 5})


@pytest.mark.parametrize("rows", [[4, 20], [20, 4], [0, 0]])
def test_lists_that_are_too_short_make_no_run(rows: list[int]) -> None:
    made = combine({0: b""}, kept(rows, b""), Path())
    assert made == {"rows": [], "report": {"too_few": True, "smallest_group": 5}}


def test_what_the_shares_make(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's part is tested with the engine; here a mean of thirds, and nothing below the group."""
    found: list[tuple[int, int] | None] = [(6, -20), None]

    async def opened(shares: Any, *, rows: Any, smallest: int, scratch: Path, seconds: float) -> Any:
        assert (shares, rows, smallest, seconds > 0) == ((b"theirs", b"own"), (20, 30), 5, True)
        return found.pop(0)

    monkeypatch.setattr(match_statistics, "open_count_and_sum", opened)
    large, small = (combine({0: b"theirs"}, kept([20, 30]), Path()) for _ in range(2))
    assert large["report"] == {
        "too_few": False,
        "smallest_group": 5,
        "count": 6,
        "sum": "-20",
        "mean": "-3.333333",
    }
    assert small == {"rows": [], "report": {"too_few": True, "smallest_group": 5}}


def test_a_part_that_is_no_share_is_refused() -> None:
    with pytest.raises(InputError, match="not a share"):
        combine({0: b"nothing of the kind"}, kept([20, 30]), Path("/nowhere"))


def test_rows_are_read_as_they_are_named() -> None:
    columns = {"customer": ["a", "b"], "balance": [1, -2], "rate": [1.0, 2.5]}
    rows = Rows(pa.table(columns), "customer", b"")
    assert (subjects(rows, "customer"), whole(rows, "balance")) == ([b"a", b"b"], [1, -2])
    with pytest.raises(DataError, match="another column"):
        subjects(rows, "balance")
    for column in ("rate", "customer"):
        with pytest.raises(DataError, match="integers"):
            whole(rows, column)
