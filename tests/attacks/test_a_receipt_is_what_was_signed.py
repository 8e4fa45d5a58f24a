"""A receipt says what its consent says, signed by the institution that the reader's own trust list names, or it is
refused: whoever wrote it, and wherever it was changed."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.core.notice_vectors import CONSUMER, THIRD
from tests.core.receipt_vectors import DOMAIN, KEY, NAMES, all_facts, ended, receiver

from placet.core import eip712
from placet.core.errors import ConsentError, InputError, NotFoundError, PlacetError, SignatureError
from placet.core.hashing import canonical, sha256
from placet.core.receipt_terms import FACTS
from placet.core.receipts import MAX_RECEIPT, ReceiptFacts, SignedReceipt, issue
from placet.core.signatures import Key
from placet.core.values import parse, to_hex

DEPLOYMENT, TRUST = receiver()
FACTS_OF_ONE, OTHER = all_facts()[0], all_facts()[1]
EVERY = 12
"""One in so many places is changed."""


def signed(facts: ReceiptFacts = FACTS_OF_ONE, key: Key = KEY) -> SignedReceipt:
    return issue(facts, NAMES.__getitem__, DOMAIN, key.sign)


def refused(receipt: SignedReceipt | bytes) -> PlacetError:
    raw = receipt if isinstance(receipt, bytes) else canonical(receipt.to_json())
    with pytest.raises(PlacetError) as caught:
        parse(SignedReceipt, raw, limit=MAX_RECEIPT).demand(DEPLOYMENT, TRUST)
    return caught.value


def written_by(document: dict[str, Any], facts: ReceiptFacts = FACTS_OF_ONE) -> SignedReceipt:
    """As the institution itself would sign any document for this consent's owner."""
    owner, consent = facts.consent.owner, facts.consent.id
    digest = DOMAIN.digest(eip712.RECEIPT.of(owner, consent, sha256(canonical(document))))
    return SignedReceipt(receipt=document, signature=KEY.sign(digest))


def test_another_signer_is_none() -> None:
    assert isinstance(refused(signed(key=Key())), SignatureError)


def test_an_institution_that_the_trust_list_does_not_name_is_none() -> None:
    others = tuple(one for one in TRUST.institutions if one.address != KEY.address)
    with pytest.raises(NotFoundError):
        signed().demand(DEPLOYMENT, TRUST.model_copy(update={"institutions": others}))


def test_another_chain_or_registry_is_none() -> None:
    for changes in ({"chain_id": 1}, {"registry": b"\xc1" * 20}):
        error = refused(signed(FACTS_OF_ONE.model_copy(update=changes)))
        assert (type(error), error.code) == (ConsentError, "consent.receipt")


def test_a_signature_for_another_consent_or_owner_is_none() -> None:
    """The same institution's, and about the same offer's words."""
    one, other = signed(), signed(OTHER)
    assert isinstance(refused(one.model_copy(update={"signature": other.signature})), SignatureError)
    assert isinstance(refused(written_by(one.receipt, OTHER)), SignatureError)
    mixed = one.receipt | {FACTS: other.receipt[FACTS]}
    assert isinstance(refused(SignedReceipt(receipt=mixed, signature=other.signature)), SignatureError)


def test_a_signature_over_a_consent_is_no_receipt() -> None:
    """Nor the other way round: the domain is another one."""
    consent = FACTS_OF_ONE.consent
    signature = KEY.sign(DEPLOYMENT.consents.digest(consent.id))
    assert isinstance(refused(signed().model_copy(update={"signature": signature})), SignatureError)
    assert DEPLOYMENT.receipts.separator not in {DEPLOYMENT.consents.separator, DEPLOYMENT.jobs.separator}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield (*path, key)
        yield from places(part, (*path, key))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def changed(document: dict[str, Any], path: tuple[Any, ...], how: str) -> dict[str, Any]:
    made = copy.deepcopy(document)
    holder, key = at(made, path[:-1]), path[-1]
    if how == "removed":
        del holder[key]
    elif how == "added":
        if not isinstance(holder, dict):
            holder.append(holder[0])
        else:
            holder["dpv:hasNecessity"] = "dpv:Optional"
    else:
        old = holder[key]
        holder[key] = old + 1 if isinstance(old, int | float) and not isinstance(old, bool) else [old]
    return made


@pytest.mark.parametrize("how", ["removed", "added", "changed"])
def test_no_place_of_a_receipt_can_be_changed_even_by_who_signs_it(how: str) -> None:
    """Whatever the institution signs beside the facts must follow from them; what anybody else changes is unsigned."""
    receipt = signed()
    everywhere = [path for path in places(receipt.receipt) if path[0] != FACTS]
    assert len(everywhere) > 100
    for path in random.Random(7).sample(everywhere, len(everywhere) // EVERY):
        document = changed(receipt.receipt, path, how)
        assert isinstance(refused(receipt.model_copy(update={"receipt": document})), SignatureError), path
        error = refused(written_by(document))
        assert (type(error), error.code) == (ConsentError, "consent.receipt"), path


def test_no_fact_can_be_changed_by_who_does_not_sign_and_no_words_of_the_consent_by_who_does() -> None:
    receipt = signed()
    for path in [
        path for path in places(receipt.receipt[FACTS]) if not isinstance(at(receipt.receipt[FACTS], path), dict)
    ]:
        facts = changed({FACTS: receipt.receipt[FACTS]}, (FACTS, *path), "changed")
        refused(receipt.model_copy(update={"receipt": receipt.receipt | facts}))
    details = FACTS_OF_ONE.consent.details
    for changes in ({"notice": b"x" * 32}, {"columns": "nothing"}, {"language": "de"}, {"consumer": NAMES[THIRD]}):
        consent = FACTS_OF_ONE.consent.model_copy(update={"details": details.model_copy(update=changes)})
        given = FACTS_OF_ONE.given and FACTS_OF_ONE.given.model_copy(update={"batch": None, "proof": None})
        error = refused(signed(FACTS_OF_ONE.model_copy(update={"consent": consent, "given": given})))
        assert (type(error), error.code) == (ConsentError, "consent.altered"), changes


def test_another_scope_than_the_offers_is_none() -> None:
    scope = FACTS_OF_ONE.scope.model_copy(update={"parties": (KEY.address, CONSUMER)})
    with pytest.raises(ConsentError, match="not this offer's"):
        signed(FACTS_OF_ONE.model_copy(update={"scope": scope})).demand(DEPLOYMENT, TRUST)


def test_the_word_withdrawn_is_not_taken_away() -> None:
    """A receipt of before says nothing of after: its block and time are in it, and signed."""
    before, after = signed(), signed(FACTS_OF_ONE.model_copy(update={"ended": ended("withdrawn")}))
    statuses = "dpv:hasRecordOfActivity", "dpv:hasConsentStatus"
    document = copy.deepcopy(after.receipt)
    document[statuses[0]][statuses[1]] = at(before.receipt, statuses)  # type: ignore[index, call-overload]
    assert isinstance(refused(SignedReceipt(receipt=document, signature=after.signature)), SignatureError)
    assert isinstance(refused(written_by(document)), ConsentError)


def test_keys_that_stand_twice_and_fields_that_nobody_knows_are_refused() -> None:
    raw = canonical(signed().to_json())
    for where, what in (
        (b'"receipt":{', b'"receipt":{"@type":"dpv:ConsentRecord",'),
        (b'"signature":', b'"signature":"0x","signature":'),
        (b'"openings":', b'"openings":5,"openings":'),
        (b'{"receipt"', b'{"note":"","receipt"'),
    ):
        assert where in raw
        assert isinstance(refused(raw.replace(where, what, 1)), InputError), what
    unknown = signed().receipt | {FACTS: {**signed().receipt[FACTS], "note": "x"}}  # type: ignore[dict-item]
    assert isinstance(refused(written_by(unknown)), InputError)
    for nothing in ({}, {FACTS: []}, {FACTS: {}}):
        assert isinstance(refused(written_by(nothing)), InputError)
    assert isinstance(refused(b'{"receipt":' + b"[" * 300), InputError)
    assert refused(raw + b" " * MAX_RECEIPT).code == "limit"


def test_a_receipt_holds_no_more_of_a_person_than_the_consent() -> None:
    """Every 20 or 32 bytes in it stand in consent, offer, scope and chain; there is no subject and no opening."""
    text = json.dumps(signed().receipt)
    facts = FACTS_OF_ONE
    assert facts.given is not None
    told = [facts.to_json(), to_hex(facts.consent.id), to_hex(facts.consent.offer.id)]
    known = json.dumps(told)
    found = {word.lower() for word in re.findall(r"0x[0-9a-fA-F]{40,168}", text)}
    assert found and all(word in known for word in found)
