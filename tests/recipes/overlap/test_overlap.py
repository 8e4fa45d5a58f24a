"""The recipe `overlap`: a noisy count between real processes, which spends the budget; by its parts, what it costs,
what comes out, and that the smallest group is compared with the noisy count."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from declaring import CUSTOMER, declaring
from exploring import audited_with_noise
from live import LiveConsortium
from placet.catalogue.declared import declared
from placet.catalogue.overlap import SPEC
from placet.chain.client import Chain
from placet.core.errors import InputError, PlanError
from placet.core.evidence import SignedEvidence
from placet.core.hashing import canonical
from placet.core.privacy import cost, variance_for
from placet.core.values import from_hex, parse
from placet.protocols.bins import rounded
from placet.protocols.spu import circuit, open_noisy_count, tabulating
from placet.protocols.spu.bins import layout
from placet.protocols.spu.programs import INTERSECTION, MatchedShares
from placet.recipes.overlap.run import combine

BUDGET = 90_000_000
PARAMETERS: dict[str, Any] = {**CUSTOMER, "smallest_group": 3, "budget": 40_000_000, "protocol": "cheetah"}


@pytest.mark.slow  # `match-statistics` runs the same circuits by default
def test_about_how_many_match_for_a_part_of_the_budget(consortium: LiveConsortium) -> None:
    """On either engine, until the budget is spent."""
    pytest.importorskip("spu", reason="placet[spu] is not installed here")
    live = consortium.offering("overlap", "noisy-statistics", "PSI,MPC,DP", ["north"], 3, budget=BUDGET)
    chain, offer = Chain(live.made.chain.url, live.deployment), from_hex(live.made.offers["north"])
    north = {"address": live.made.members["north"].address, "offer": live.made.offers["north"], "reward": "7"}
    matching = {g.subject for g in live.given if not g.ended} & set(live.customers)

    request: dict[str, Any] = {}
    for jobs, (engine, protocol) in enumerate((("spu", "cheetah"), ("embedded", "garbled")), 1):
        parameters = PARAMETERS | {"protocol": protocol}
        request = {"recipe": "overlap", "engine": engine, "parameters": parameters, "providers": [north]}
        job, result = live.result(**request)
        report = result["report"]
        assert (result["rows"], report["smallest_group"], result["disclosed_in_protocol"]) == ([], 3, [])
        assert float(report["deviation"]) == pytest.approx(math.sqrt(2 * variance_for(1, 40_000_000)), abs=0.01)
        count = 0 if report["too_few"] else report["count"]
        assert abs(max(count, 3) - len(matching)) < 12 * float(report["deviation"]) + 3
        assert chain.offer(offer).spent == jobs * 40_000_000
        assert audited_with_noise(live, job, "north", "consumer")["verdict"] == "intact"
        trail = parse(SignedEvidence, live.ask("north", f"/v1/jobs/{job}/trail").content, limit=1 << 24).evidence.steps
        assert [step.name for step in trail] == ["open-accounts", "statistics-start", "statistics", "mask-output"]

    refusal = live.ask("consumer", "/v1/jobs", method="POST", body=live.made.request(**request))
    assert refusal.json()["code"] == "consent.budget"


def test_the_provider_spends_and_the_consumer_does_not() -> None:
    plan, terms = declaring("overlap", PARAMETERS, "spu", 2)
    job = declared(plan, terms)
    assert (job.use(0).spends, job.use(1).spends) == (40_000_000, 0)
    assert (job.use(0).tells.output, job.use(0).tells.group) == ("noisy-statistics", 3)
    assert {job.use(party).columns for party in (0, 1)} == {("customer",)}


@pytest.mark.parametrize("budget", [1, 3, 40_000_000, 125_000_001, 10**9])
def test_one_row_hides_behind_either_partys_noise_alone(budget: int) -> None:
    """A row changes the count by one, and each adds as much noise as the budget demands of one party."""
    assert cost(1, variance_for(1, budget)) <= budget


@pytest.mark.parametrize(
    "changes", [{"budget": 0}, {"budget": "5"}, {"budget": None}, {"protocol": "aby3"}, {"more": 1}]
)
def test_plans_that_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        SPEC.parse(PARAMETERS | changes)


@pytest.mark.parametrize("at_once", [1 << 17, 4])
@pytest.mark.parametrize(("noise", "told"), [((0, 0), 3), ((-1, 0), 0), ((2, -3), 0), ((4, -2), 5), ((1, 0), 4)])
def test_the_noisy_count_is_what_the_smallest_group_is_held_against(
    noise: tuple[int, int], told: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The circuit in the clear. Three are common, however many are compared at a time."""
    monkeypatch.setattr(tabulating, "MAX_AT_ONCE", at_once)
    pytest.importorskip("jax", reason="placet[spu] is not installed here")
    arrays = {
        "cuckoo": np.array([11, 12, 13, 14], np.int64),
        "simple": np.array([[11, 1], [2, 12], [13, 3], [4, 5]], np.int64),
        "noise-0": np.array(noise[:1], np.int64),
        "noise-1": np.array(noise[1:], np.int64),
    }
    (numbers,) = INTERSECTION.body(MatchedShares(smallest=3), arrays)
    assert numbers.tolist() == [told]


def test_a_customer_counts_once_however_often_the_consumer_lists_him() -> None:
    """In all places of his bin: else one person would reach a smallest group, and stand above any noise."""
    pytest.importorskip("jax", reason="placet[spu] is not installed here")
    arrays = {
        "cuckoo": np.array([11, 12], np.int64),
        "simple": np.array([[11] * 5, [1] * 5], np.int64),
        "amounts": np.array([900, 70], np.int64),
    }
    (numbers,) = INTERSECTION.body(MatchedShares(smallest=1), arrays)
    assert numbers.tolist() == [1, 900]
    (numbers,) = INTERSECTION.body(MatchedShares(smallest=2), arrays)
    assert numbers.tolist() == [0, 0]


def kept(rows: list[int], share: bytes = b"own", protocol: str = "cheetah") -> bytes:
    state = {"share": share.hex(), "rows": rows, "smallest_group": 3, "summed": False, "variance": 50}
    return canonical(state | {"protocol": protocol})


def test_what_looks_too_small_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def reconstruct(*_: object, **__: object) -> np.ndarray[Any, Any]:
        return np.array([0])

    monkeypatch.setattr(circuit, "reconstruct", reconstruct)
    report = combine({0: b"theirs"}, kept([64, 64]), Path())["report"]
    assert report == {"too_few": True, "smallest_group": 3, "deviation": "10.00"}


@pytest.mark.parametrize(("number", "count"), [(0, None), (3, 3), (120, 120)])
def test_a_noisy_count_by_a_garbled_circuit(number: int, count: int | None) -> None:
    masked = bytes(a ^ 7 for a in number.to_bytes(8, "little"))
    report = combine({0: masked}, kept([64, 64], bytes([7]) * 8, "garbled"), Path())["report"]
    assert report.get("count") == count and report["too_few"] == (count is None)


@pytest.mark.parametrize("number", [1, 2, 2**40, 2**63])
def test_no_noisy_count_by_a_garbled_circuit(number: int) -> None:
    with pytest.raises(InputError, match="no noisy count"):
        combine({0: number.to_bytes(8, "little")}, kept([64, 64], bytes(8), "garbled"), Path())


@pytest.mark.parametrize(
    ("rows", "told"), [(0, 64), (1, 64), (64, 64), (65, 72), (72, 72), (73, 80), (129, 144), (9_000, 9_216)]
)
def test_how_many_rows_there_are_is_told_to_within_an_eighth(rows: int, told: int) -> None:
    assert rounded(rows) == told
    assert layout(rounded(rows), rounded(rows)).bins >= 1.27 * rows


@given(st.integers(0, 1_000_000))
def test_a_number_of_rows_is_rounded_up_and_not_far(rows: int) -> None:
    assert rows <= rounded(rows) <= max(64, rows + rows // 8 + 1) and rounded(rounded(rows)) == rounded(rows)


@pytest.mark.parametrize("count", [0, 3, 9, 30, 120])
async def test_a_noisy_count_may_be_above_the_shorter_list(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await opened(np.array([count]), monkeypatch) == (count or None)


@pytest.mark.parametrize("result", [[1], [2], [-3], [2**40], [3, 4], [[5]], [5.0]])
async def test_shares_of_no_noisy_count_are_refused(result: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError):
        await opened(np.array(result), monkeypatch)


async def opened(result: np.ndarray[Any, Any], monkeypatch: pytest.MonkeyPatch) -> int | None:
    async def reconstruct(*_: object, **__: object) -> np.ndarray[Any, Any]:
        return result

    monkeypatch.setattr(circuit, "reconstruct", reconstruct)
    return await open_noisy_count([b"", b""], rows=(9, 40), variance=50, smallest=3, scratch=Path(), seconds=1)
