"""The recipe `match-statistics` by its parts: which plans it runs, what it reads and tells, what its shares make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from columned import columned
from declaring import CUSTOMER, declaring, parties
from parties import NOW, JobEnvironment
from placet.catalogue.declared import declared
from placet.catalogue.match_statistics import SPEC
from placet.core.errors import DataError, InputError, PlacetError, PlanError
from placet.core.hashing import canonical
from placet.core.plan import Plan, Terms
from placet.core.purposes import purpose_id
from placet.jobs.messages import PrepareRequest
from placet.recipes.blocks import matched
from placet.recipes.blocks.columns import subjects, whole
from placet.recipes.match_statistics.run import combine
from placet.vault.rows import Rows

PARAMETERS: dict[str, Any] = {
    **CUSTOMER,
    "value": "balance",
    "smallest_group": 5,
    "protocol": "cheetah",
}
GARBLED = PARAMETERS | {"protocol": "garbled"}
NORTH, CONSUMER = 0, 3
ROLES = ("provider", "consumer")


@pytest.fixture(scope="module")
def environment() -> JobEnvironment:
    return JobEnvironment()


def asked(**changes: Any) -> tuple[Plan, Terms]:
    """A plan of a provider and the consumer; `changes` are of its terms."""
    return declaring("match-statistics", PARAMETERS, "spu", 2, terms=changes)


def test_a_plan_that_fits() -> None:
    declared(*asked())
    declared(*asked(parameters=PARAMETERS | {"smallest_group": 2}))
    declared(*asked(parameters=PARAMETERS | {"smallest_group": 1_000_000}))
    declared(*asked(engine="embedded", parameters=GARBLED))


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"engine": "tee"}, "plan.engine", "does not run on this engine"),
        ({"engine": "embedded"}, "plan.engine", "no such protocol"),
        ({"parameters": GARBLED}, "plan.engine", "no such protocol"),
        ({"roles": ("consumer", "provider")}, "plan.roles", "has other roles"),
        ({"inputs": ("customers", "accounts")}, "plan.inputs", "takes other inputs"),
        *(
            ({"parameters": PARAMETERS | changes}, "plan.parameters", words)
            for changes, words in (
                *(
                    ({"smallest_group": bad}, "no such value of smallest_group")
                    for bad in (1, 0, -5, True, "5", 5.0, None, [5], 1_000_001)
                ),
                ({"value": "customer"}, "do not go together"),
                ({"value": ["balance"]}, "no such value of value"),
                ({"identifier": 1}, "no such value of identifier"),
                ({"protocol": "semi2k"}, "no such value of protocol"),
                ({"protocol": "aby3"}, "no such value of protocol"),
                ({"more": "x"}, "no parameter more"),
            )
        ),
        (
            {"parameters": {k: v for k, v in PARAMETERS.items() if k != "smallest_group"}},
            "plan.parameters",
            "lacks the parameter smallest_group",
        ),
    ],
)
def test_plans_that_are_refused(changes: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(PlanError, match=words) as caught:
        declared(*asked(**changes))
    assert caught.value.code == code


def test_only_one_provider_and_the_consumer() -> None:
    north, consumer = parties("match-statistics", 2)
    for changed in (
        (north.model_copy(update={"output": False}), consumer),
        (north, consumer.model_copy(update={"output": True})),
        (consumer, north),
    ):
        with pytest.raises(PlanError) as caught:
            declared(*declaring("match-statistics", PARAMETERS, "spu", 2, plan={"parties": changed}))
        assert caught.value.code in ("plan.inputs", "plan.roles")
    for number in (1, 3):
        with pytest.raises(PlanError, match="takes other parties"):
            SPEC.seats(number)


def test_only_the_provider_has_values() -> None:
    assert SPEC.reads("provider", SPEC.parse(PARAMETERS)) == ("customer", "balance")
    assert SPEC.reads("consumer", SPEC.parse(PARAMETERS)) == ("customer",)


def test_what_it_tells() -> None:
    told = SPEC.tells(SPEC.parse(PARAMETERS))
    assert (told.output, told.group, told.within, told.disclosed) == ("aggregate", 5, (), None)


async def test_no_smaller_group_than_the_offer_says(environment: JobEnvironment) -> None:
    """At the request as in the plan, before anything is read."""
    environment.rescope(NORTH, output="aggregate", smallest_group=6, recipes=("match-statistics",))
    north = environment.agreements[NORTH]
    for group, fits in ((5, False), (6, True)):
        parameters = PARAMETERS | {"smallest_group": group}
        terms = environment.terms(
            recipe="match-statistics",
            engine="spu",
            parameters=parameters,
            roles=ROLES,
            inputs=("accounts", "customers"),
        )
        wanted = PrepareRequest(
            offer=environment.offers[NORTH],
            terms=terms,
            purpose=purpose_id(environment.scopes[NORTH].purpose),
            parties=(environment.address(NORTH), environment.consumer),
            deadline=NOW + 1000,
        )
        plan = environment.plan(terms, parties=(environment.party(NORTH), environment.party(CONSUMER)))
        if fits:
            assert await north.prepare(environment.consumer, wanted)
            await north.policy.demand_plan(plan, terms)
            continue
        for refused in (north.prepare(environment.consumer, wanted), north.policy.demand_plan(plan, terms)):
            with pytest.raises(PlacetError) as caught:
                await refused
            assert (caught.value.code, caught.value.expected) == ("consent.output", "aggregate, groups of 6 or more")


def kept(rows: list[int], share: bytes = b"own", protocol: str = "cheetah") -> bytes:
    state = {"share": share.hex(), "rows": rows, "smallest_group": 5, "summed": True}
    return canonical(state | {"protocol": protocol})


@pytest.mark.parametrize("rows", [[4, 20], [20, 4], [0, 0]])
def test_lists_that_are_too_short_make_no_run(rows: list[int]) -> None:
    made = combine({0: b""}, kept(rows, b""), Path())
    assert made == {"rows": [], "report": {"too_few": True, "smallest_group": 5}}


def test_what_the_shares_make(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's part is tested with the engine; here a mean of thirds, and nothing below the group."""
    found: list[tuple[int, int] | None] = [(6, -20), None]

    async def opened(shares: Any, *, rows: Any, summed: bool, smallest: int, scratch: Path, seconds: float) -> Any:
        assert (shares, rows, summed, smallest, seconds > 0) == ((b"theirs", b"own"), (20, 30), True, 5, True)
        return found.pop(0)

    monkeypatch.setattr(matched, "open_count_and_sum", opened)
    large, small = (combine({0: b"theirs"}, kept([20, 30]), Path()) for _ in range(2))
    assert large["report"] == {
        "too_few": False,
        "smallest_group": 5,
        "count": 6,
        "sum": "-20",
        "mean": "-3.333333",
    }
    assert small == {"rows": [], "report": {"too_few": True, "smallest_group": 5}}


@pytest.mark.parametrize("protocol", ["cheetah", "garbled"])
def test_a_part_that_is_no_share_is_refused(protocol: str) -> None:
    with pytest.raises(InputError, match="not a share"):
        combine({0: b"nothing of the kind"}, kept([20, 30], protocol=protocol), Path("/nowhere"))


def halves(*numbers: int) -> tuple[bytes, bytes]:
    """Two shares of a garbled circuit's numbers."""
    own = bytes(range(8 * len(numbers)))
    plain = b"".join(number.to_bytes(8, "little", signed=True) for number in numbers)
    return bytes(a ^ b for a, b in zip(own, plain, strict=True)), own


def test_what_a_garbled_circuits_shares_make() -> None:
    for numbers, report in (
        ((6, -20), {"too_few": False, "count": 6, "sum": "-20", "mean": "-3.333333"}),
        ((20, 2**62), {"too_few": False, "count": 20, "sum": str(2**62), "mean": "230584300921369395.200000"}),
        ((0, 0), {"too_few": True}),
    ):
        theirs, own = halves(*numbers)
        result = combine({0: theirs}, kept([20, 30], own, "garbled"), Path())
        assert result == {"rows": [], "report": report | {"smallest_group": 5}}


@pytest.mark.parametrize("numbers", [(4, 1), (21, 1), (-1, 0), (0, 1), (6, 2**62 + 1), (6, -(2**63))])
def test_numbers_that_no_honest_parties_reach_are_refused(numbers: tuple[int, int]) -> None:
    theirs, own = halves(*numbers)
    with pytest.raises(InputError, match="no count and sum"):
        combine({0: theirs}, kept([20, 30], own, "garbled"), Path())


def test_rows_are_read_as_they_are_named() -> None:
    columns = {"customer": ["a", "b"], "balance": [1, -2], "rate": [1.0, 2.5]}
    rows = Rows(columned(columns), "customer", b"")
    assert (subjects(rows, "customer"), whole(rows, "balance")) == ([b"a", b"b"], [1, -2])
    with pytest.raises(DataError, match="another column"):
        subjects(rows, "balance")
    for column in ("rate", "customer"):
        with pytest.raises(DataError, match="integers"):
            whole(rows, column)
