"""A random audit from the options of `placet job plan`, and in the words of `placet job held`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from placet.cli.random_audit import AuditOptions, audit_request, audit_words
from placet.core.errors import InputError, NotFoundError
from placet.core.signatures import Key
from placet.core.trust import Auditor, TrustList
from placet.core.values import to_hex

CONSUMER, AUDITOR, TOKEN, SEALING = Key().address, Key().address, to_hex(Key().address), bytes([0x85]) * 32
LENDER: Any = SimpleNamespace(
    address=CONSUMER,
    trust=TrustList(
        institutions=(),
        auditors=(
            Auditor(address=AUDITOR, name="Court of Audit", key=SEALING),
            Auditor(address=Key().address, name="Keyless"),
        ),
    ),
)
WHOLE = AuditOptions("Court of Audit", 500, None, TOKEN)


@pytest.mark.parametrize("who", ["Court of Audit", to_hex(AUDITOR)], ids=["name", "address"])
def test_an_auditor_is_named_as_the_trust_list_has_him(who: str) -> None:
    request = audit_request(LENDER, WHOLE._replace(auditor=who))
    assert request is not None
    assert (request.auditor, request.key, request.stake, request.places) == (AUDITOR, SEALING, 500, 460)


def test_without_any_option_there_is_no_audit() -> None:
    assert audit_request(LENDER, AuditOptions(None, 0, None, TOKEN)) is None


@pytest.mark.parametrize(
    "lacks", [{"auditor": None}, {"stake": 0}, {"token": None}], ids=lambda lacks: next(iter(lacks))
)
def test_a_part_of_the_terms_is_none(lacks: dict[str, Any]) -> None:
    with pytest.raises(InputError) as refused:
        audit_request(LENDER, WHOLE._replace(**lacks))
    assert "--stake" in str(refused.value.expected)


def test_a_stranger_audits_nothing_and_says_whom_the_trust_list_has() -> None:
    with pytest.raises(NotFoundError) as refused:
        audit_request(LENDER, WHOLE._replace(auditor="Mallory"))
    assert refused.value.expected == "Court of Audit, Keyless"


def test_an_auditor_without_a_key_in_the_trust_list_is_opened_nothing() -> None:
    with pytest.raises(NotFoundError, match="no key of this auditor"):
        audit_request(LENDER, WHOLE._replace(auditor="Keyless"))


def test_what_no_plan_may_say_is_refused_before_anybody_is_asked() -> None:
    with pytest.raises(InputError):
        audit_request(LENDER, WHOLE._replace(places=20_000))


def test_who_decides_about_a_plan_reads_what_its_stake_is_lost_for() -> None:
    audit = {
        "auditor": {"address": to_hex(AUDITOR), "name": "Court of Audit"},
        "places": 460,
        "token": TOKEN,
        "stake": "500",
        "beneficiary": {"address": to_hex(CONSUMER), "name": "Lender"},
        "find_by": 1_800_000_000,
        "answer_seconds": 86_400,
    }
    words = audit_words(audit)
    for part in ("Court of Audit has up to 460 places drawn", f"a stake of 500 of {TOKEN}", "2027-01-15 08:00:00 UTC",
                 "Lender is owed the stake", "within 86400 s"):  # fmt: skip
        assert part in words
    assert "puts up no stake" in audit_words(audit | {"stake": "0"})


def test_a_stake_on_garblings_needs_no_key_and_no_places() -> None:
    request = audit_request(LENDER, WHOLE._replace(auditor="Keyless", garblings=True))
    assert request is not None and request.key is None
    assert request.of_garblings(CONSUMER).beneficiary == CONSUMER
    with pytest.raises(InputError, match="nothing is drawn"):
        audit_request(LENDER, WHOLE._replace(places=460, garblings=True))


def test_who_garbles_reads_what_its_stake_is_lost_for() -> None:
    audit = {
        "auditor": {"address": to_hex(AUDITOR), "name": "Court of Audit"},
        "places": None,
        "token": TOKEN,
        "stake": "500",
        "beneficiary": {"address": to_hex(CONSUMER), "name": "Lender"},
        "find_by": 1_800_000_000,
        "answer_seconds": 86_400,
    }
    words = audit_words(audit)
    for part in ("Court of Audit judges a certificate", f"a stake of 500 of {TOKEN}", "2027-01-15 08:00:00 UTC",
                 "Lender is owed it", "within 86400 s"):  # fmt: skip
        assert part in words
    assert "garbles nothing, and puts up no stake" in audit_words(audit | {"stake": "0"})
