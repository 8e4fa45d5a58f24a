"""The recipe `match` between real processes: exact matches, nothing before both sides' inputs are on chain, marked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from live import Given, Town
from placet.chain.events import StepsRecorded
from placet.core.errors import PlanError, ProtocolError
from placet.core.evidence import SignedEvidence
from placet.core.hashing import canonical
from placet.catalogue.specs import spec_of
from placet.core.values import from_hex, parse
from placet.recipes.match.run import combine, reads, rules_of

TEXT = {"kind": "text", "column": "customer", "width": "nfkc", "case": "fold"}


@pytest.fixture(scope="module")
def market(town: Town) -> Town:
    """The town with another offer: north lets itself be matched, by both recipes."""
    return town.offering("match,match-salted-hash", "matches", "PSI", ["north"])


def request(market: Town, recipe: str = "match", **parameters: Any) -> dict[str, Any]:
    provider = {"address": market.made.members["north"].address, "offer": market.made.offers["north"], "reward": "7"}
    return {"recipe": recipe, "parameters": parameters, "providers": [provider]}


def expected(market: Town) -> list[str]:
    consenting = {g.subject for g in market.given if not g.ended}
    return [customer for customer in market.customers if customer in consenting]


@pytest.mark.parametrize("receiver", ["provider", "consumer", "both"])
@pytest.mark.parametrize(("recipe", "protocol"), [("match", "ecdh"), ("match-salted-hash", "salted-hash")])
def test_exactly_the_consenting_customers_match(market: Town, recipe: str, protocol: str, receiver: str) -> None:
    wanted = request(market, recipe, identifier="customer", psi=protocol, receiver=receiver)
    job, found = market.result(**wanted)
    assert [row["customer"] for row in found["rows"]] == expected(market) != []
    assert found["disclosed_in_protocol"] == list(tells(recipe, {"receiver": receiver}).within)  # type: ignore[union-attr]
    report = market.audited(job)
    assert report["verdict"] == "intact"
    assert any(note.startswith("disclosed-in-protocol: ") for note in report["notes"])
    assert any("whole list" in note for note in report["notes"]) == (recipe == "match-salted-hash")
    _nothing_before_both_are_on_chain(market, job)


def _nothing_before_both_are_on_chain(market: Town, job: str) -> None:
    """The steps up to the alignment of both sides are in earlier transactions than the first that tells something."""
    starts = {}
    for who in ("north", "consumer"):
        raw = market.ask(who, f"/v1/jobs/{job}/trail").content
        evidence = parse(SignedEvidence, raw, limit=1 << 24).evidence
        names = [step.name for step in evidence.steps]
        assert names[:2] == [f"open-{'accounts' if who == 'north' else 'customers'}", "align"]
        starts[evidence.party] = names.index("psi-0")
    recorded = market.chain.events([StepsRecorded], 0, job=from_hex(job))
    first = {party: next(e for e in recorded if e.party == party) for party in starts}
    assert {party: len(event.hashes) for party, event in first.items()} == starts


def test_rounds_with_rules_match_what_is_written_otherwise(market: Town) -> None:
    rules = {"keys": [TEXT, {**TEXT, "width": "keep", "case": "keep"}], "smallest": 2}
    _, found = market.result(**request(market, alignment=rules, psi="ecdh", receiver="both"))
    assert [row["customer"] for row in found["rows"]] == expected(market)
    first, second = found["report"]["rounds"]
    assert first["matched"] in (None, len(expected(market)))
    assert second["matched"] is None


def test_a_withdrawn_customer_matches_no_more(market: Town) -> None:
    gone: Given = next(g for g in market.given if g.subject in market.customers and not g.ended)
    market.withdraw(gone)
    _, found = market.result(**request(market, identifier="customer", psi="ecdh", receiver="provider"))
    assert [row["customer"] for row in found["rows"]] == expected(market)
    assert gone.subject not in expected(market)


@pytest.mark.parametrize(
    ("recipe", "changes", "code"),
    [
        ("match", {"psi": "salted-hash"}, "plan"),
        ("match", {"receiver": "auditor"}, "consent.output"),
        ("match", {"identifier": None}, "plan"),
        ("match", {"more": "x"}, "plan"),
        ("match-salted-hash", {"psi": "ecdh"}, "plan"),
    ],
)
def test_plans_that_are_refused(market: Town, recipe: str, changes: dict[str, Any], code: str) -> None:
    parameters = {"identifier": "customer", "psi": "ecdh" if recipe == "match" else "salted-hash", "receiver": "both"}
    answer = market.ask(
        "consumer",
        "/v1/jobs",
        method="POST",
        body=market.made.request(**request(market, recipe, **parameters | changes)),
    )
    assert answer.status_code in (400, 409, 422, 424), answer.text
    assert answer.json()["code"].startswith(code)


def test_the_scope_decides_which_recipe(town: Town, market: Town) -> None:
    """An offer for totals lets nobody be matched, whatever the recipe is called."""
    wanted = market.made.request(**request(market, identifier="customer", psi="ecdh", receiver="both"))
    wanted["providers"][0]["offer"] = town.made.offers["north"]
    answer = market.ask("consumer", "/v1/jobs", method="POST", body=wanted)
    assert answer.json()["code"] == "consent"


def test_what_a_match_tells() -> None:
    assert gives("match", {"receiver": "both"}, "matches", 1)
    assert not gives("match", {"receiver": "both"}, "total", 1)
    assert not gives("match", {"receiver": "both"}, "matches", 2)
    assert not gives("match", {}, "matches", 1)
    assert not gives("match", {"receiver": ["both"]}, "matches", 1)
    assert not gives("unheard-of", {"receiver": "both"}, "matches", 1)


def test_rules_that_are_none_are_no_plan() -> None:
    for asked in ("text", 1, [], {"keys": []}, {"keys": [{"kind": "guess"}], "smallest": 2}):
        with pytest.raises(PlanError):
            rules_of({"alignment": asked})


def test_both_sides_have_the_columns_of_the_rules() -> None:
    keys = [{**TEXT, "column": name} for name in ("name", "town")]
    for role in ("provider", "consumer"):
        assert list(reads(role, {"identifier": "customer", "psi": "ecdh", "receiver": "both"})) == ["customer"]
        assert list(reads(role, {"alignment": {"keys": keys, "smallest": 2}})) == ["name", "town"]


@pytest.mark.parametrize(
    "part", [b"", b"{}", b"[1]", b'[["a"],["b"]]', b"[[null]]", b"\xff", b'"a"', b"[" * 200_000, b'[["\\ud800"]]']
)
def test_a_part_that_holds_no_lists_is_refused(part: bytes) -> None:
    one = {"identifiers": ["a"], "empty": 0, "invalid": 0, "ambiguous": 0}
    kept = {"customers": ["a"], "rounds": [one], "matched": None}
    rules = {"type": "placet.alignment", "version": 1, "keys": [TEXT], "smallest": 2}
    with pytest.raises(ProtocolError):
        combine({0: part}, canonical({**kept, "alignment": rules}), Path())
