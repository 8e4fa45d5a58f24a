"""The recipe `match-count`: between real processes how many match and nothing else; by its parts, what it tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from declaring import CUSTOMER
from live import LiveConsortium
from placet.catalogue.match_count import SPEC
from placet.core.evidence import SignedEvidence
from placet.core.hashing import canonical
from placet.core.values import parse
from placet.recipes.match_count.run import combine

PARAMETERS: dict[str, Any] = {
    **CUSTOMER,
    "smallest_group": 3,
    "protocol": "cheetah",
}
PROTOCOLS = {"spu": "cheetah", "embedded": "garbled"}
ENGINES = pytest.mark.parametrize("engine", ["spu", "embedded"])


@pytest.fixture(scope="module")
def counted(consortium: LiveConsortium) -> LiveConsortium:
    """The consortium under an offer that lets north count who is matched, for three people together at least."""
    pytest.importorskip("spu", reason="placet[spu] is not installed here")
    return consortium.offering("match-count", "aggregate", "PSI,MPC", ["north"], 3)


def request(counted: LiveConsortium, smallest: int, engine: str = "spu") -> dict[str, Any]:
    north = {"address": counted.made.members["north"].address, "offer": counted.made.offers["north"], "reward": "7"}
    parameters = PARAMETERS | {"smallest_group": smallest, "protocol": PROTOCOLS[engine]}
    return {"recipe": "match-count", "engine": engine, "parameters": parameters, "providers": [north]}


@pytest.mark.slow  # `match-statistics` runs the same circuits by default
@ENGINES
def test_the_count_from_the_smallest_group_on(counted: LiveConsortium, engine: str) -> None:
    matching = {g.subject for g in counted.given if not g.ended} & set(counted.customers)
    assert 3 < len(matching) < len(counted.customers)

    job, result = counted.result(**request(counted, len(matching), engine))
    report = {"too_few": False, "smallest_group": len(matching), "count": len(matching)}
    assert (result["rows"], result["report"], result["disclosed_in_protocol"]) == ([], report, [])
    assert counted.audited(job)["verdict"] == "intact"
    trail = parse(SignedEvidence, counted.ask("north", f"/v1/jobs/{job}/trail").content, limit=1 << 24).evidence.steps
    assert [step.name for step in trail] == ["open-accounts", "statistics-start", "statistics", "mask-output"]


@pytest.mark.slow
@ENGINES
def test_of_one_match_too_few_nothing_is_told(counted: LiveConsortium, engine: str) -> None:
    matching = {g.subject for g in counted.given if not g.ended} & set(counted.customers)
    _, result = counted.result(**request(counted, len(matching) + 1, engine))
    assert result["report"] == {"too_few": True, "smallest_group": len(matching) + 1}


def test_no_smaller_group_than_the_offer_says(counted: LiveConsortium) -> None:
    wanted = counted.made.request(**request(counted, 2))
    assert counted.ask("consumer", "/v1/jobs", method="POST", body=wanted).json()["code"] == "consent.output"


def test_nobody_reads_more_than_identifiers() -> None:
    parameters = SPEC.parse(PARAMETERS)
    assert {SPEC.reads(role.name, parameters) for role in SPEC.roles} == {("customer",)}
    assert (SPEC.tells(parameters).output, SPEC.tells(parameters).group) == ("aggregate", 3)


def test_where_one_side_has_too_few_nothing_is_opened() -> None:
    kept = {"share": "", "rows": [2, 9], "smallest_group": 3, "protocol": "cheetah"}
    report = combine({0: b""}, canonical(kept), Path())["report"]
    assert report == {"too_few": True, "smallest_group": 3}
