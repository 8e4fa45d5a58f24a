"""What owners sign of random audits: a scope names to whom drawn rows may be opened, and the notice says so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from placet.core.consent import ConsentFields, derive
from placet.core.errors import ConsentError, InputError, NotFoundError
from placet.core.hashing import document_bytes
from placet.core.languages import ENGLISH, LANGUAGES, Language, words_of
from placet.core.notice import notice
from placet.core.offers import Offer, Scope, offer_words
from placet.core.trust import Auditor, Institution, TrustList
from placet.core.values import parse, to_hex
from placet.core.wording import Wording
from placet.owner.drafts import demand_derived

from .batch_vectors import FILE

HEADER = json.loads(json.loads(FILE.read_text(encoding="utf-8"))["header"])
AUDITORS = [f"0x{byte * 20}" for byte in ("d4", "e5")]
NAMES = {"0x" + "a1" * 20: "First Bank", "0x" + "b2" * 20: "Credit House", AUDITORS[0]: "Court of Audit",
         AUDITORS[1]: "Second Court"}  # fmt: skip
SENTENCE = {
    "en": "After a computation your row may be drawn by lot. First Bank then shows the auditor of that computation "
    "that you were part of it, and those of the data above that it used, so that he can check them. Possible auditors: "
    "{}.",
    "de": "Nach einer Berechnung kann das Los auf Ihre Zeile fallen. First Bank zeigt dann dem Prüfer dieser "
    "Berechnung, dass Sie darin vorkamen, und von den oben genannten Daten die, die sie benutzt hat, damit er sie "
    "prüfen kann. Mögliche Prüfer: {}.",
    "zh": "一次计算之后，您的记录可能被随机抽中。届时 First Bank 会向该次计算的审计方表明其中有您的记录，并出示上述"
    "数据中该次计算用到的部分，供其核对。可能的审计方：{}。",
}


def scope(**changes: Any) -> Scope:
    return parse(Scope, {**HEADER["scope"], **changes})


def offer(of: Scope) -> Offer:
    return parse(Offer, {**HEADER["offer"], "scope": to_hex(of.hash)})


def name(address: bytes) -> str:
    try:
        return NAMES[to_hex(address)]
    except KeyError:
        raise NotFoundError("nobody knows him") from None


def words(of: Scope, language: Language = ENGLISH) -> tuple[str, str]:
    """The notice, and who takes part, as a wallet shows it."""
    return notice(offer(of), of, name, 0, 1, 3, language), offer_words(offer(of), of, name, language).parties


def test_they_are_in_the_scope_and_in_its_hash() -> None:
    made = scope(auditors=AUDITORS[:1])
    assert made.to_json() == {**HEADER["scope"], "auditors": AUDITORS[:1]}
    assert parse(Scope, document_bytes(made)) == made
    both, turned = scope(auditors=AUDITORS), scope(auditors=AUDITORS[::-1])
    assert len({one.hash for one in (made, scope(), both, turned)}) == 4
    assert scope(auditors=[]) == scope() and "auditors" not in scope(auditors=[]).to_json()
    assert scope(auditors=AUDITORS, personal=False, enrollers=[]).auditors == both.auditors


@pytest.mark.parametrize(
    "auditors", [[*AUDITORS, AUDITORS[0]], ["Court of Audit"], [AUDITORS[0][:-2]], [f"0x{n:040x}" for n in range(17)]]
)
def test_they_are_at_most_sixteen_addresses_each_once(auditors: list[str]) -> None:
    with pytest.raises(InputError):
        scope(auditors=auditors)


@pytest.mark.parametrize("language", LANGUAGES)
def test_owners_read_who_may_see_a_drawn_row_and_nothing_of_it_where_nobody_may(language: Language) -> None:
    silent, parties = words(scope(), language)
    said, audited = words(scope(auditors=AUDITORS), language)
    both = words_of(language).list(["Court of Audit", "Second Court"])
    assert SENTENCE[language].format(both) in said.splitlines()
    assert [line for line in said.splitlines() if "Court" not in line] == silent.splitlines()
    assert "Court" not in silent + parties
    assert audited.startswith(parties) and both in audited


def test_a_notice_without_the_sentence_is_another_consents() -> None:
    """Who shows owners the shorter words has the signature of another consent, which is to no offer that is there."""
    told, silent = scope(auditors=AUDITORS[:1]), scope()
    fields = ConsentFields(bytes([1]) * 20, 0, 1, 0, 1, bytes(32), b"\5" * 32, ENGLISH)
    consent = derive(fields, offer(told), told, name)
    assert Wording(offer(told), told, name).consent_id(fields) == consent.id
    other = derive(fields, offer(silent), silent, name)
    assert len({consent.id, other.id, consent.details.notice, other.details.notice}) == 4
    demand_derived(consent, told, name)
    lied = consent.model_copy(update={"details": consent.details.model_copy(update={"notice": other.details.notice})})
    assert lied.id != consent.id
    for shown, by in ((lied, told), (consent, silent), (other, told)):
        with pytest.raises(ConsentError):
            demand_derived(shown, by, name)


def test_an_auditor_without_a_name_is_in_no_notice() -> None:
    stranger = scope(auditors=["0x" + "f6" * 20])
    with pytest.raises(NotFoundError):
        words(stranger)
    with pytest.raises(NotFoundError):
        Wording(offer(stranger), stranger, name)


def test_a_trust_list_has_one_name_for_an_address_and_one_address_for_a_name() -> None:
    """Among institutions and auditors: an owner reads names of both in one text."""
    bank = Institution(
        address=b"\xa1" * 20, name="First Bank", api="http://a.example", peer="https://a.example",
        certificate="-----BEGIN CERTIFICATE-----",
    )  # fmt: skip
    both = TrustList(institutions=(bank,), auditors=(Auditor(address=b"\xd4" * 20, name="Court of Audit"),))
    assert (both.name(b"\xa1" * 20), both.name(b"\xd4" * 20)) == ("First Bank", "Court of Audit")
    assert both.name_or_address(b"\xd4" * 20) == "Court of Audit"
    with pytest.raises(NotFoundError):
        both.name(b"\xf6" * 20)
    with pytest.raises(NotFoundError):
        both.institution(b"\xd4" * 20)
    itself = Auditor(address=bank.address, name=bank.name)
    assert TrustList(institutions=(bank,), auditors=(itself,)).name(bank.address) == "First Bank"
    for changes in ({"name": "Court of Audit"}, {"address": b"\xd4" * 20}):
        with pytest.raises(ValueError, match="an address has one name"):
            TrustList(institutions=(bank,), auditors=(itself.model_copy(update=changes),))
