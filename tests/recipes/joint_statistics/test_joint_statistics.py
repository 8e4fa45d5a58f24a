"""The recipe `joint-statistics` by its parts: which plans it runs, what each side reads and brings, what it tells."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from columned import columned
from declaring import CUSTOMER, declaring, parties
from parties import NOW, JobEnvironment
from placet.catalogue.declared import declared
from placet.catalogue.joint_statistics import MAX_ROWS, SPEC
from placet.core.errors import DataError, InputError, PlacetError, PlanError, ProtocolError
from placet.core.hashing import canonical
from placet.core.plan import Party, Plan, Terms
from placet.core.purposes import purpose_id
from placet.core.trail import Artefact
from placet.jobs.messages import PrepareRequest
from placet.protocols.mpc.programs import GroupBy, PairStatistics, Size
from placet.recipes.blocks import distributed
from placet.recipes.joint_statistics import run as joint_statistics
from placet.recipes.joint_statistics.run import (
    JOINT_STATISTICS,
    MAX_FACTOR,
    MAX_VALUE,
    bring,
    combine,
    own_values,
    program_of,
    told,
)
from placet.recipes.runs import RUNS
from placet.vault.rows import Rows

BOTH: dict[str, Any] = {
    **CUSTOMER,
    "smallest_group": 3,
    "protocol": "cheetah",
}
PAIR = BOTH | {"values": ["balance", "income"], "statistics": ["larger", "sums"]}
PRODUCT = PAIR | {"statistics": ["larger", "product", "sums"]}
GROUPS = BOTH | {"group": "branch", "groups": ["city", "sea"], "value": "income"}
NORTH, SOUTH, CONSUMER = 0, 1, 3
ROLES = ("first-provider", "second-provider", "consumer")


@pytest.fixture
def environment() -> JobEnvironment:
    return JobEnvironment()


def asked(**changes: Any) -> tuple[Plan, Terms]:
    """A plan of two providers and the consumer; `changes` are of its terms."""
    return declaring("joint-statistics", PAIR, "spu", 3, terms=changes)


def check(plan: Plan, terms: Terms) -> None:
    """What every party demands before it signs."""
    JOINT_STATISTICS.demand(declared(plan, terms))


def program(parameters: dict[str, Any]) -> PairStatistics | GroupBy:
    return program_of(SPEC.parse(parameters))


@pytest.mark.parametrize("parameters", [PAIR, GROUPS], ids=["pair", "groups"])
def test_a_plan_that_fits(parameters: dict[str, Any]) -> None:
    check(*asked(parameters=parameters))
    check(*asked(parameters=parameters | {"smallest_group": 2}))
    check(*asked(parameters=parameters | {"smallest_group": MAX_ROWS}))


def test_both_may_call_their_columns_alike_and_have_what_they_can_count() -> None:
    check(*asked(parameters=PAIR | {"values": ["balance", "balance"]}))
    check(*asked(parameters=GROUPS | {"groups": [str(number) for number in range(64)]}))
    check(*asked(parameters=PRODUCT))


TOGETHER = "do not go together"
PAIRS_REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"group": "branch"}, TOGETHER),
    ({"values": "ab"}, "no such value of values"),
    ({"values": ["balance"]}, "no such value of values"),
    ({"values": ["balance", "income", "age"]}, "no such value of values"),
    ({"values": ["balance", 7]}, "no such value of values"),
    ({"values": ["customer", "income"]}, TOGETHER),
    ({"values": ["balance", "customer"]}, TOGETHER),
    ({"bounds": ["1", "1"]}, "no parameter bounds"),
    ({"statistics": []}, "no such value of statistics"),
    ({"statistics": ["sums", "larger"]}, TOGETHER),
    ({"statistics": ["sums", "sums"]}, TOGETHER),
    ({"statistics": ["median"]}, "no such value of statistics"),
    ({"statistics": None}, TOGETHER),
]
GROUPS_REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"group": None}, TOGETHER),
    ({"group": "customer"}, TOGETHER),
    ({"value": "customer"}, TOGETHER),
    ({"value": ["income"]}, "no such value of value"),
    ({"groups": []}, "no such value of groups"),
    ({"groups": ["city", "city"]}, TOGETHER),
    ({"groups": ["city", 1]}, "no such value of groups"),
    ({"groups": "city"}, "no such value of groups"),
    ({"groups": [str(number) for number in range(65)]}, "no such value of groups"),
    ({"bound": "1"}, "no parameter bound"),
]
EITHER_REFUSED: list[tuple[dict[str, Any], str]] = [
    *(({"smallest_group": bad}, "no such value of smallest_group") for bad in (1, 0, True, "5", 5.0, None)),
    ({"smallest_group": MAX_ROWS + 1}, "no such value of smallest_group"),
    ({"identifier": 1}, "no such value of identifier"),
    ({"protocol": "semi2k"}, "no such value of protocol"),
    ({"protocol": "aby3"}, "no such value of protocol"),
    ({"more": "x"}, "no parameter more"),
]


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"engine": "embedded"}, "plan.engine", "does not run on this engine"),
        ({"roles": ("provider", "provider", "consumer")}, "plan.roles", "has other roles"),
        ({"roles": (ROLES[1], ROLES[0], "consumer")}, "plan.roles", "has other roles"),
        ({"inputs": ("accounts", "customers", "accounts")}, "plan.inputs", "takes other inputs"),
        *(
            ({"parameters": parameters | changes}, "plan.parameters", words)
            for parameters, more in ((PAIR, PAIRS_REFUSED), (GROUPS, GROUPS_REFUSED))
            for changes, words in (*EITHER_REFUSED, *more)
        ),
        (
            {"parameters": {k: v for k, v in PAIR.items() if k != "smallest_group"}},
            "plan.parameters",
            "lacks the parameter smallest_group",
        ),
        ({"parameters": {k: v for k, v in GROUPS.items() if k != "groups"}}, "plan.parameters", TOGETHER),
    ],
)
def test_plans_that_are_refused(changes: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(PlanError, match=words) as caught:
        check(*asked(**changes))
    assert caught.value.code == code


def changed(number: int, **changes: Any) -> tuple[Party, ...]:
    """The plan's parties with another part for one of them."""
    everybody = list(parties("joint-statistics", 3))
    everybody[number] = everybody[number].model_copy(update=changes)
    return tuple(everybody)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (lambda: changed(0, output=False), "plan.inputs"),
        (lambda: changed(1, output=False), "plan.inputs"),
        (lambda: changed(2, output=True), "plan.inputs"),
        (lambda: changed(1, inputs=()), "plan.terms"),
        (lambda: (*parties("joint-statistics", 3)[::2], parties("joint-statistics", 3)[1]), "plan.roles"),
    ],
)
def test_only_two_providers_and_the_consumer(given: Callable[[], tuple[Party, ...]], code: str) -> None:
    with pytest.raises(PlanError) as caught:
        check(*declaring("joint-statistics", PAIR, "spu", 3, plan={"parties": given()}))
    assert caught.value.code == code


@pytest.mark.parametrize("number", [1, 3])
def test_the_recipe_gives_two_providers_their_roles(number: int) -> None:
    assert tuple(seat.name for seat in SPEC.seats(3)) == ROLES
    with pytest.raises(PlanError, match="takes other parties"):
        SPEC.seats(number + 1)


def test_each_provider_reads_its_own_column_alone() -> None:
    pair, groups = SPEC.parse(PAIR), SPEC.parse(GROUPS)
    assert [SPEC.reads(role, pair) for role in ROLES] == [
        ("customer", "balance"),
        ("customer", "income"),
        ("customer",),
    ]
    assert [SPEC.reads(role, groups) for role in ROLES] == [
        ("customer", "branch"),
        ("customer", "income"),
        ("customer",),
    ]
    with pytest.raises(PlanError, match="no such role"):
        SPEC.role("provider")


@pytest.mark.parametrize("parameters", [PAIR, GROUPS], ids=["pair", "groups"])
def test_what_it_tells(parameters: dict[str, Any]) -> None:
    found = SPEC.tells(SPEC.parse(parameters))
    assert (found.output, found.group, found.within, found.disclosed) == ("aggregate", 3, (), None)


def test_products_are_told_to_owners_by_a_word_of_their_own() -> None:
    found = SPEC.tells(SPEC.parse(PRODUCT))
    assert (found.output, found.group, found.within) == ("association", 3, ())


@pytest.mark.parametrize(
    ("columns", "group", "parameters", "code"),
    [
        (("customer", "income"), 3, PAIR, None),
        (("customer", "income"), 3, GROUPS, None),
        (("customer", "balance"), 3, PAIR, "consent.columns"),
        (("customer", "branch"), 3, GROUPS, "consent.columns"),
        (("income",), 3, PAIR, "consent.columns"),
        (("customer", "income"), 4, PAIR, "consent.output"),
        (("customer", "income"), 3, PRODUCT, "consent.output"),
    ],
)
async def test_the_second_providers_offer_holds_its_own_column(
    environment: JobEnvironment, columns: tuple[str, ...], group: int, parameters: dict[str, Any], code: str | None
) -> None:
    """At the request as in the plan, before anything is read; what the first one brings is nothing to it."""
    environment.rescope(SOUTH, output="aggregate", smallest_group=group, recipes=("joint-statistics",), columns=columns)
    south = environment.agreements[SOUTH]
    terms = environment.terms(
        recipe="joint-statistics",
        engine="spu",
        parameters=parameters,
        roles=ROLES,
        inputs=("accounts", "accounts", "customers"),
    )
    wanted = PrepareRequest(
        offer=environment.offers[SOUTH],
        terms=terms,
        purpose=purpose_id(environment.scopes[SOUTH].purpose),
        parties=tuple(map(environment.address, (NORTH, SOUTH, CONSUMER))),
        deadline=NOW + 1000,
    )
    plan = environment.plan(terms, parties=tuple(map(environment.party, (NORTH, SOUTH, CONSUMER))))
    if code is None:
        assert await south.prepare(environment.consumer, wanted)
        await south.policy.demand_plan(plan, terms)
        return
    for refused in (south.prepare(environment.consumer, wanted), south.policy.demand_plan(plan, terms)):
        with pytest.raises(PlacetError) as caught:
            await refused
        assert caught.value.code == code


def rows(**columns: list[Any]) -> Rows:
    names = [f"P{number}" for number in range(len(next(iter(columns.values()))))]
    return Rows(columned({"customer": names, **columns}), "customer", b"")


def own(party: int, parameters: dict[str, Any], **columns: list[Any]) -> list[int | None]:
    return own_values(party, program(parameters), SPEC.parse(parameters), rows(**columns))


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
        assert JOINT_STATISTICS.final(refusal.value.code)
    with pytest.raises(DataError, match="integers"):
        own(party, parameters, **{column: [1.5]})


def test_what_another_attempt_meets_again_ends_the_job() -> None:
    runs = [run for name, run in RUNS.items() if name != "contract-compare"]
    assert len(runs) >= 5
    assert all(run.final("data") for run in runs)
    assert not any(run.final("peer.unreachable") for run in runs)
    assert JOINT_STATISTICS.final("joint.list")


def test_a_group_that_the_plan_does_not_name_is_none() -> None:
    assert own(0, GROUPS, branch=["sea", "city", "City", "", "sea"]) == [1, 0, None, None, 1]
    assert own(0, GROUPS | {"groups": ["7"]}, branch=[7, 8]) == [0, None]


def test_what_each_brings_makes_the_statistics() -> None:
    placed = [[5, None, 7, 9, 1, 4], [5, 6, 3, None, -2, 9]]
    made = program(PRODUCT | {"smallest_group": 2})
    brought = [bring(made, party, placed[party]) for party in (0, 1)]
    assert list(made.reference(brought)) == [4, 17, 15, 25 + 21 - 2 + 36, 2]
    made = program(GROUPS | {"smallest_group": 2})
    brought = [bring(made, 0, [0, 0, 1, 1, None, 0]), bring(made, 1, placed[1])]
    assert made.reference(brought).tolist() == [[3, 0], [20, 0]]
    assert [array.shape for array in brought] == list(made.shapes(2, Size(6)))


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
        assert told(program(parameters), SPEC.parse(parameters), result(6, 0, 0, 0, 0), 20).keys() == names


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
        told(program(parameters), SPEC.parse(parameters), found, 20)


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
    work: Any = SimpleNamespace(party=0, terms=SimpleNamespace(engine="spu"), engine_port=given, step=given)
    made = program(PAIR)
    with pytest.raises(ProtocolError) as refusal:
        await distributed.evaluated(
            work,
            "joint",
            (0, 1),
            made,
            bring(made, 0, [1, 2]),
            size=Size(2),
            made=Artefact(name="rows", commitment=bytes(32)),
        )
    assert refusal.value.code == "peer.rows"
