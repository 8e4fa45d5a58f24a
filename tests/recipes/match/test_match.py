"""The recipe `match` between real processes: exact matches, nothing before both sides have signed what they start from,
and the result marked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from httpx_sse import EventSource
from hypothesis import given
from hypothesis import strategies as st

from declaring import CUSTOMER, NAMESPACE, declaring
from live import LASTING, Given, LiveConsortium
from placet.alignment import parse_rules
from placet.alignment.keys import Round, keys, report
from placet.catalogue.declared import declared
from placet.catalogue.match import SPEC
from placet.catalogue.specs import spec_of
from placet.core.errors import PlanError, ProtocolError
from placet.core.evidence import Evidence, SignedEvidence
from placet.core.hashing import canonical, sha256
from placet.core.lawful import Aligns
from placet.core.text_columns import TextColumn
from placet.core.trail import HEAD_TAG, start_told, trail_head, trail_start
from placet.core.values import parse
from placet.protocols.fhe import extra
from placet.recipes.match.run import MATCH, combine
from placet.recipes.match.state import MatchState
from placet.sandbox.consortium import PURPOSE, wait

TEXT = {"kind": "text", "column": "customer", "width": "nfkc", "case": "fold"}


@pytest.fixture(scope="module")
def offering_consortium(consortium: LiveConsortium) -> LiveConsortium:
    """The consortium with another offer: north lets itself be matched, by both recipes."""
    return consortium.offering("match,match-salted-hash", "matches", "PSI", ["north"])


def request(offering_consortium: LiveConsortium, recipe: str = "match", **parameters: Any) -> dict[str, Any]:
    provider = {
        "address": offering_consortium.made.members["north"].address,
        "offer": offering_consortium.made.offers["north"],
        "reward": "7",
    }
    return {"recipe": recipe, "parameters": parameters, "providers": [provider]}


def expected(offering_consortium: LiveConsortium) -> list[str]:
    consenting = {g.subject for g in offering_consortium.given if not g.ended}
    return [customer for customer in offering_consortium.customers if customer in consenting]


@pytest.mark.parametrize(
    ("recipe", "receiver", "protocol"),
    [
        ("match", "provider", {"psi": "ecdh"}),
        *(pytest.param("match", one, {"psi": "ecdh"}, marks=pytest.mark.slow) for one in ("both", "consumer")),
        pytest.param("match", "consumer", {"psi": "fhe", "list_length": 64}, marks=pytest.mark.slow),
        # By default the provider alone: under a smallest change.
        *(
            pytest.param("match-salted-hash", one, {"psi": "salted-hash"}, marks=pytest.mark.slow)
            for one in ("both", "consumer")
        ),
    ],
)
def test_exactly_the_consenting_customers_match(
    offering_consortium: LiveConsortium, recipe: str, receiver: str, protocol: dict[str, Any]
) -> None:
    _exactly(offering_consortium, recipe, receiver, protocol)


def _exactly(
    offering_consortium: LiveConsortium, recipe: str, receiver: str, protocol: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """A job that tells exactly the matches, and its audit."""
    wanted = request(offering_consortium, recipe, **CUSTOMER, **protocol, receiver=receiver)
    job, found = offering_consortium.result(**wanted)
    assert [row["customer"] for row in found["rows"]] == expected(offering_consortium) != []
    spec = spec_of(recipe)
    assert found["disclosed_in_protocol"] == list(spec.tells(spec.parse(wanted["parameters"])).within)
    report = offering_consortium.audited(job)
    assert report["verdict"] == "intact"
    assert any(note.startswith("disclosed-in-protocol: ") for note in report["notes"])
    assert any("whole list" in note for note in report["notes"]) == (recipe == "match-salted-hash")
    _nothing_before_both_have_signed_their_starts(offering_consortium, job)
    return job, report


def _nothing_before_both_have_signed_their_starts(offering_consortium: LiveConsortium, job: str) -> None:
    """Each side holds the other's word on its rows and their alignment before the first step that tells something."""
    for who, other in (("north", "consumer"), ("consumer", "north")):
        evidence, theirs = _evidence(offering_consortium, who, job), _evidence(offering_consortium, other, job)
        names = [step.name for step in evidence.steps]
        assert names[:2] == [f"open-{'accounts' if who == 'north' else 'customers'}", "align"]
        start = names.index("start")
        assert names.index("psi-0") > start > names.index("align")
        head = trail_head(trail_start(evidence.job, 1, evidence.party), (step.hash for step in evidence.steps[:start]))
        (told,) = [m.message for m in theirs.received if m.message.tag == HEAD_TAG]
        assert (told.sender, told.digest) == (evidence.party, sha256(start_told(head, start)))


def _evidence(offering_consortium: LiveConsortium, who: str, job: str) -> Evidence:
    raw = offering_consortium.ask(who, f"/v1/jobs/{job}/trail").content
    return parse(SignedEvidence, raw, limit=1 << 24).evidence


def test_rounds_with_rules_match_what_is_written_otherwise(offering_consortium: LiveConsortium) -> None:
    rules = {"keys": [TEXT, {**TEXT, "width": "keep", "case": "keep"}], "smallest": 2}
    _, found = offering_consortium.result(
        **request(offering_consortium, **CUSTOMER, alignment=rules, psi="ecdh", receiver="both")
    )
    assert [row["customer"] for row in found["rows"]] == expected(offering_consortium)
    first, second = found["report"]["rounds"]
    assert first["matched"] in (None, len(expected(offering_consortium)))
    assert second["matched"] is None


def test_a_withdrawn_customer_matches_no_more(offering_consortium: LiveConsortium) -> None:
    """By the request that `placet job plan` makes of names alone."""
    gone: Given = next(
        g for g in offering_consortium.given if g.subject in offering_consortium.customers and not g.ended
    )
    offering_consortium.withdraw(gone)
    job = offering_consortium.made.begin(
        json.loads(planned(offering_consortium, "match", "Bank North", "psi=ecdh", "receiver=provider"))
    )
    assert offering_consortium.made.ended(job) == "completed"
    found = offering_consortium.consumer.get(f"/v1/jobs/{job}/result")
    assert [row["customer"] for row in found["rows"]] == expected(offering_consortium)
    assert gone.subject not in expected(offering_consortium)


def planned(offering_consortium: LiveConsortium, recipe: str, offer: str, *parameters: str, accept: int = 0) -> str:
    words = [word for one in ("identifier=customer", *parameters) for word in ("--parameter", one)]
    return offering_consortium.made.run(
        *("job", "plan", "--config", "consumer/node.toml", "--recipe", recipe, "--offers", offer, *words),
        accept=[accept],
    )


def test_a_request_is_made_from_the_offers(offering_consortium: LiveConsortium) -> None:
    made = offering_consortium.made
    by_id = json.loads(planned(offering_consortium, "match", made.offers["north"], "psi=ecdh", "receiver=both"))
    by_name = json.loads(planned(offering_consortium, "match", "bank north", "psi=ecdh", "receiver=both"))
    assert by_id == by_name
    address = made.members["north"].address
    assert by_id["providers"] == [{"address": address, "offer": made.offers["north"], "reward": "0"}]
    assert by_id["parameters"] == {**CUSTOMER, "psi": "ecdh", "receiver": "both"}
    with pytest.raises(RuntimeError, match="another identifier than the job's"):
        planned(
            offering_consortium, "match", "Bank North", "psi=ecdh", "receiver=both", "namespace=urn:example:company"
        )
    assert by_id["own"] == {"offer": made.offers["consumer"], "consent": made.own_consent}
    assert (by_id["recipe"], by_id["engine"], by_id["purpose"]) == ("match", "embedded", PURPOSE)


@pytest.mark.slow  # `attacks/test_no_difference_tells_a_person` has the rule by default
def test_a_job_with_one_person_less_than_an_earlier_one_ends_before_it_tells_anything(
    offering_consortium: LiveConsortium,
) -> None:
    """Where the offer demands a smallest change; with the same people it runs again. Both sides are told why, and not
    by how many. How often the consumer has asked is told at the node and in the audit."""
    made = offering_consortium.made
    parties = ",".join(made.members[who].address for who in ("north", "consumer"))
    made.run(
        *("vault", "import", "--config", "north-vault/vault.toml", "--name", "watched", "--file", "north.parquet"),
        *("--identifier", "customer", "--namespace", NAMESPACE, "--column", "balance=value:integer"),
    )
    answer = made.run(
        *("offer", "make", "--config", "north/node.toml", "--dataset", "watched", "--purpose", "CreditChecking"),
        *("--consumer", made.members["consumer"].address, "--operations", "PSI", "--output", "matches", "--recipes"),
        *("match-salted-hash", "--parties", parties, "--columns", "customer", "--smallest-change", 2, "--json"),
    )
    offers = made.offers | {"north": json.loads(answer)["offer"]}
    watched = replace(offering_consortium, made=replace(made, offers=offers), given=[])
    both = [
        who
        for who in offering_consortium.customers
        if who in offering_consortium.balances["north"] and who not in offering_consortium.silent
    ]
    people = watched.give_many([("north", who, 1000, LASTING) for who in both[:3]])
    asked = request(watched, "match-salted-hash", **CUSTOMER, psi="salted-hash", receiver="provider")
    first, _ = watched.result(**asked)
    second, report = _exactly(watched, "match-salted-hash", "provider", {"psi": "salted-hash"})
    assert [one["nth"] for one in report["repetitions"]] == [2]
    assert any("held a smallest change of 2 people" in note for note in report["notes"])

    watched.withdraw(people[2])
    third = made.begin(watched.made.request(**asked))
    assert made.ended(third) == "aborted"
    for who in ("north", "consumer"):
        wait(lambda who=who: offering_consortium.ask(who, f"/v1/jobs/{third}").json()["ended"], f"end at {who}")
        assert "warrant.change" in [moment.get("code") for moment in events(offering_consortium, who, third)]
    jobs = (first, second, third)
    assert [offering_consortium.ask("north", f"/v1/jobs/{job}").json()["nth"] for job in jobs] == [1, 2, 3]
    told = [[sent.message.tag for sent in _evidence(offering_consortium, "north", job).sent] for job in jobs]
    assert [tags.count("output.masked") for tags in told] == [1, 1, 0]


def events(offering_consortium: LiveConsortium, who: str, job: str) -> list[dict[str, Any]]:
    """All that a member's node says of a job that has ended."""
    with offering_consortium.http.stream(
        "GET",
        f"{offering_consortium.made.members[who].api}/v1/jobs/{job}/events",
        headers=offering_consortium.made.members[who].authorization,
    ) as answer:
        return [json.loads(event.data) for event in EventSource(answer).iter_sse() if event.data]


@pytest.mark.parametrize(
    ("recipe", "offer", "parameter", "said"),
    [
        ("match", "Bank West", "psi=ecdh", "no institution of the trust list"),
        ("match", "Bank South", "psi=ecdh", "none of the offers is for match"),
        ("match", "Bank North", "psi=salted-hash", "no such value of psi"),
        ("match", "Bank North", "psi", "NAME=VALUE"),
        ("match-nothing", "Bank North", "psi=ecdh", "match-nothing"),
    ],
)
def test_a_request_that_cannot_be_made(
    offering_consortium: LiveConsortium, recipe: str, offer: str, parameter: str, said: str
) -> None:
    with pytest.raises(RuntimeError, match=said):
        planned(offering_consortium, recipe, offer, parameter, "receiver=both")


@pytest.mark.parametrize(
    ("recipe", "changes", "expected"),
    [
        ("match", {"psi": "salted-hash"}, "ecdh, kkrt, rr22 or fhe"),
        ("match", {"receiver": "auditor"}, "provider, consumer or both"),
        ("match", {"identifier": None}, "the column that names a customer"),
        ("match", {"more": "x"}, "identifier, namespace, alignment, receiver, psi"),
        ("match-salted-hash", {"psi": "ecdh"}, "salted-hash"),
    ],
)
def test_parameters_that_are_refused(
    offering_consortium: LiveConsortium, recipe: str, changes: dict[str, Any], expected: str
) -> None:
    """Who asks is told which parameter, and what it may be."""
    parameters = {
        **CUSTOMER,
        "psi": "ecdh" if recipe == "match" else "salted-hash",
        "receiver": "both",
    }
    answer = offering_consortium.ask(
        "consumer",
        "/v1/jobs",
        method="POST",
        body=offering_consortium.made.request(**request(offering_consortium, recipe, **parameters | changes)),
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "plan.parameters"), answer.text
    assert next(iter(changes)) in answer.json()["detail"]
    assert expected in answer.json()["expected"]


def test_the_scope_decides_which_recipe(consortium: LiveConsortium, offering_consortium: LiveConsortium) -> None:
    """An offer for totals lets nobody be matched, whatever the recipe is called."""
    wanted = offering_consortium.made.request(**request(offering_consortium, **CUSTOMER, psi="ecdh", receiver="both"))
    wanted["providers"][0]["offer"] = consortium.made.offers["north"]
    answer = offering_consortium.ask("consumer", "/v1/jobs", method="POST", body=wanted)
    assert answer.json()["code"] == "consent.recipe"


GOOD: dict[str, Any] = {**CUSTOMER, "psi": "ecdh", "receiver": "both"}


@pytest.mark.parametrize(
    ("receiver", "within"),
    [("provider", ("provider",)), ("consumer", ("consumer",)), ("both", ("provider", "consumer"))],
)
def test_what_a_match_tells(receiver: str, within: tuple[str, ...]) -> None:
    for spec, psi in ((SPEC, "ecdh"), (spec_of("match-salted-hash"), "salted-hash")):
        tells = spec.tells(spec.parse(GOOD | {"receiver": receiver, "psi": psi}))
        assert (tells.output, tells.group, tells.within) == ("matches", 1, within)
        assert ("whole list" in str(tells.disclosed)) == (psi == "salted-hash")
    for bad in ({}, GOOD | {"receiver": ["both"]}, {**GOOD, "receiver": "nobody"}):
        with pytest.raises(PlanError) as caught:
            SPEC.parse(bad)
        assert caught.value.code == "plan.parameters"


FHE = GOOD | {"psi": "fhe", "receiver": "consumer", "list_length": 9}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"list_length": None}, "a list_length with fhe"),
        ({"psi": "ecdh"}, "and nowhere else"),
        ({"receiver": "provider"}, "the consumer alone"),
        ({"receiver": "both"}, "the consumer alone"),
        ({"list_length": 1025}, "no such value of list_length"),
        ({"list_length": 0}, "no such value of list_length"),
    ],
)
def test_fhe_is_for_one_receiver_and_a_list_of_a_length_that_is_agreed(changes: dict[str, Any], said: str) -> None:
    assert SPEC.parse(FHE).receivers == ("consumer",)
    with pytest.raises(PlanError, match=said) as caught:
        SPEC.parse(FHE | changes)
    assert caught.value.code == "plan.parameters"


def test_without_seal_nobody_signs_and_others_still_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    MATCH.demand(declared(*declaring("match", GOOD, "embedded", 2)))
    with pytest.raises(PlanError) as caught:
        MATCH.demand(declared(*declaring("match", FHE, "embedded", 2)))
    assert (caught.value.code, "placet[fhe]" in str(caught.value.remedy)) == ("plan.engine", True)


@pytest.mark.parametrize(
    "rules",
    ["text", 1, [], {"keys": []}, {"keys": [{"kind": "guess"}], "smallest": 2}, {"keys": [TEXT], "smallest": 1}],
)
def test_rules_that_are_none_are_no_plan(rules: Any) -> None:
    with pytest.raises(PlanError, match="alignment") as caught:
        SPEC.parse(GOOD | {"alignment": rules})
    assert caught.value.code == "plan.parameters"
    assert "alignment" in str(caught.value.found)


def test_both_sides_have_the_columns_of_the_rules_and_the_consumer_its_customers_names() -> None:
    keys = [{**TEXT, "column": name} for name in ("name", "town")]
    by_values = {name: value for name, value in GOOD.items() if name != "namespace"}
    aligned = SPEC.parse(by_values | {"alignment": {"keys": keys, "smallest": 2}})
    assert SPEC.reads("provider", aligned) == ("name", "town")
    assert SPEC.reads("consumer", aligned) == ("customer", "name", "town")
    for role in ("provider", "consumer"):
        assert SPEC.reads(role, SPEC.parse(GOOD)) == ("customer",)
    named = SPEC.parse(GOOD | {"identifier": "town", "alignment": {"keys": keys, "smallest": 2}})
    assert SPEC.reads("consumer", named) == ("town", "name")
    assert SPEC.aligns(named) == Aligns("town", NAMESPACE, ("name",))
    assert SPEC.aligns(aligned) == Aligns(values=("name", "town"))


def test_what_kind_of_identifier_it_is_is_said_where_rows_are_matched_by_it_and_nowhere_else() -> None:
    rules = {"alignment": {"keys": [{**TEXT, "column": "name"}], "smallest": 2}}
    by_values = {name: value for name, value in GOOD.items() if name != "namespace"}
    for bad in (by_values, GOOD | rules, GOOD | {"namespace": "customer"}, GOOD | {"namespace": "URN:example:person"}):
        with pytest.raises(PlanError, match=r"namespace|go together") as caught:
            SPEC.parse(bad)
        assert caught.value.code == "plan.parameters"


def test_without_rules_the_identifier_is_matched_as_it_stands() -> None:
    (key,) = SPEC.parse(GOOD).rules.keys
    assert (key.kind, key.column, key.width, key.case) == ("text", "customer", "keep", "keep")


@pytest.mark.parametrize(
    "part", [b"", b"{}", b"[1]", b'[["a"],["b"]]', b"[[null]]", b"\xff", b'"a"', b"[" * 200_000, b'[["\\ud800"]]']
)
def test_a_part_that_holds_no_lists_is_refused(part: bytes) -> None:
    rules = parse_rules({"type": "placet.alignment", "version": 1, "keys": [TEXT], "smallest": 2})
    kept = MatchState(TextColumn.of(["a"]), [Round(rules.keys[0], TextColumn.of(["a"]), 0, 0, 0)], None, rules)
    with pytest.raises(ProtocolError):
        combine({0: part}, kept.encode(), Path())


NAMES = st.lists(st.text("abAB", max_size=2), min_size=1, max_size=8)


@given(NAMES, NAMES, st.sets(st.text("abAB", max_size=2)), st.booleans())
def test_a_result_names_whom_the_provider_matched(
    names: list[str], others: list[str], theirs: set[str], told: bool
) -> None:
    """In the list's own order, each row in one round, as one goes through the list by hand; whether the provider names
    them or the protocol has told them to the consumer."""
    rules = parse_rules({"keys": [{**TEXT, "column": "one"}, {**TEXT, "column": "two"}], "smallest": 2})
    columns: dict[str, Any] = {"one": names, "two": (others * 8)[: len(names)]}
    rounds = keys(columns, rules)
    lists = [list(one.identifiers) for one in rounds]
    found: list[list[int]] = []
    for listed in lists:
        before = {row for rows in found for row in rows}
        found.append([row for row, one in enumerate(listed) if row not in before and one in theirs])
    matched = [np.array(rows, np.int64) for rows in found] if told else None
    state = MatchState(TextColumn.of(names), rounds, matched, rules)
    part = b"" if told else canonical([sorted(theirs)] * 2)
    result = combine({0: part}, state.encode(), Path())
    hits = sorted(row for rows in found for row in rows)
    assert list(result["rows"]) == [{"customer": names[row]} for row in hits]
    assert result["report"] == report(rounds, [np.array(rows, np.int64) for rows in found], rules)
