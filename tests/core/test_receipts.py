"""Receipts for consents: made and read again, for every consent that can be; the same in another program."""

from __future__ import annotations

import json
from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from examples import examples
from placet.core.consent import ConsentFields, derive
from placet.core.erasure import SignedErasure
from placet.core.hashing import canonical, keccak, sha256
from placet.core.languages import LANGUAGES
from placet.core.receipt_terms import CONTEXT, FACTS
from placet.core.receipts import MAX_RECEIPT, ReceiptBlock, ReceiptFacts, SignedReceipt, issue
from placet.core.values import from_hex, parse, to_hex

from .receipt_vectors import DOMAIN, FILE, KEY, NAMES, all_facts, document, ended, moment, receiver

VECTORS = json.loads(FILE.read_text(encoding="utf-8"))
BASE = all_facts()[0]
DEPLOYMENT, TRUST = receiver()


def test_the_vectors_are_what_is_made() -> None:
    assert document() == VECTORS


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["status"])
def test_a_receipt_of_the_vectors_is_taken_and_says_its_status(case: dict[str, Any]) -> None:
    text = json.dumps({"type": "placet.receipt", "version": 1} | {key: case[key] for key in ("receipt", "signature")})
    facts = parse(SignedReceipt, text, limit=MAX_RECEIPT).demand(DEPLOYMENT, TRUST)
    assert facts.status == case["status"]
    record = case["receipt"]["dpv:hasRecordOfActivity"]
    last = record["dpv:hasConsentStatus"][-1]["@type"]
    word = {"withdrawn": "Withdrawn", "revoked": "Revoked", "expired": "Expired", "exhausted": "Expired"}
    assert f"dpv:Consent{word.get(facts.status, 'Given')}" in ([last] if isinstance(last, str) else last)
    assert record["dpv:hasNotice"]["placet:sha256"] == to_hex(sha256(record["dpv:hasNotice"]["schema:text"].encode()))


def test_the_erasure_of_the_vectors_is_its_holders() -> None:
    signed = parse(SignedErasure, VECTORS["erasure"]["signed"])
    receipt = signed.demand(KEY.address, signed.receipt.consent, DOMAIN)
    assert to_hex(receipt.hash) == VECTORS["erasure"]["sha256"]


def test_the_signature_is_one_that_any_wallet_library_checks() -> None:
    case = VECTORS["cases"][0]
    facts = case["receipt"][FACTS]
    typed = DOMAIN.typed_data(
        "Receipt",
        {"owner": facts["consent"]["owner"], "consent": to_hex(BASE.consent.id), "document": case["sha256"]},
    )
    signable = encode_typed_data(full_message=typed)
    digest = keccak(b"\x19" + signable.version + signable.header + signable.body)
    assert KEY.sign(digest) == from_hex(case["signature"])


def test_every_term_has_a_prefix_that_the_document_itself_explains() -> None:
    """So that nobody fetches a context. Facts are JSON as such."""

    def terms(value: Any) -> set[str]:
        if isinstance(value, dict):
            return set(value) | set().union(*(terms(inner) for key, inner in value.items() if key != FACTS))
        return set().union(*map(terms, value)) if isinstance(value, list) else set()

    for facts in all_facts():
        made = issue(facts, NAMES.__getitem__, DOMAIN, KEY.sign).receipt
        assert made.pop("@context") == CONTEXT
        found = {term for term in terms(made) if not term.startswith("@")}
        assert {term.split(":")[0] for term in found} <= set(CONTEXT)
        assert all(isinstance(value, str | dict | float) for value in CONTEXT.values())


times = st.integers(0, 253_402_300_799)


@settings(max_examples=examples(60), deadline=None)
@given(
    owner=st.binary(min_size=20, max_size=20) | st.binary(min_size=84, max_size=84),
    window=st.tuples(times, times).map(sorted),
    uses=st.integers(1, 2**31),
    first=st.integers(0, 2**31 - 1),
    language=st.sampled_from(LANGUAGES),
    openings=st.integers(0, 2**32 - 1),
    created=times,
    end=st.sampled_from([None, ended("withdrawn"), ended("revoked", 5)]),
    jurisdiction=st.sampled_from([None, "EU", "IN"]),
)
def test_what_is_issued_is_taken_with_the_same_facts(
    owner: bytes,
    window: list[int],
    uses: int,
    first: int,
    language: Any,
    openings: int,
    created: int,
    end: Any,
    jurisdiction: str | None,
) -> None:
    fields = ConsentFields(owner, *window, first, uses, bytes(32), b"s" * 32, language)
    consent = derive(fields, BASE.consent.offer, BASE.scope, NAMES.__getitem__)
    changes = {"consent": consent, "openings": openings, "created": created, "ended": end, "jurisdiction": jurisdiction}
    by_itself = {"given": BASE.given.model_copy(update={"batch": None, "proof": None})} if BASE.given else {}
    facts = BASE.model_copy(update=changes | by_itself)
    signed = issue(facts, NAMES.__getitem__, DOMAIN, KEY.sign)
    raw = canonical(signed.to_json())
    assert len(raw) <= MAX_RECEIPT
    assert parse(SignedReceipt, raw, limit=MAX_RECEIPT).demand(DEPLOYMENT, TRUST) == facts


@pytest.mark.parametrize(
    "changes",
    [
        {"given": None},  # and no end either
        {"as_of": ReceiptBlock(**moment(9, 1_800_000_250))},
        {"ended": ended("withdrawn", 31)},
        {"scope": BASE.scope.model_copy(update={"personal": False})},
        {"given": BASE.given and BASE.given.model_copy(update={"batch": b"x" * 32})},
        {"given": BASE.given and BASE.given.model_copy(update={"batch": None})},
        {"jurisdiction": "Europe"},
    ],
)
def test_facts_that_no_receipt_has(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ReceiptFacts.model_validate(BASE.model_copy(update=changes).to_json())
