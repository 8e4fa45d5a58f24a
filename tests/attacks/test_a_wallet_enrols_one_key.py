"""An enrolment by a wallet is for the person whom it shows and the key that asked: what strangers try in between."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.identity.test_presentations import ANSWERS, ByWallet
from tests.identity.wallets import Issuer, Wallet

from placet.core.signatures import Key
from placet.identity.presentations import _TRIES, SECONDS, Presentations
from placet.identity.wallet import Wallets


@pytest.fixture
async def by_wallet(tmp_path: Path) -> AsyncIterator[ByWallet]:
    made = ByWallet(tmp_path)
    yield made
    await made.service.http.aclose()


async def test_a_code_is_for_one_key_one_person_and_once(by_wallet: ByWallet) -> None:
    key, service = Key(), by_wallet.service
    code = await by_wallet.code(key, "ada")
    for who, subject in ((Key(), "ada"), (key, next(one for one in service.codes if one != "ada")), (key, "nobody")):
        assert (await service.ask(who, subject, code)).status_code == 403
    assert (await service.ask(key, "ada", code)).status_code == 200
    again = await service.ask(key, "ada", code)
    assert (again.status_code, again.json()["code"]) == (403, "access.code")


async def test_a_victim_who_answers_a_thiefs_request_gives_him_nothing(by_wallet: ByWallet) -> None:
    """The thief begins with his own key, and has the victim's wallet answer. The code goes to the victim's browser,
    which names the thief's key; the thief sees neither, and a second answer, which he could read, is not taken."""
    thief, victim = Key(), Wallet(by_wallet.issuer, "ada")
    request = await by_wallet.link(thief)
    assert (await by_wallet.answer(request, victim)).status_code == 200
    assert (await by_wallet.answer(request, victim)).status_code == 404
    for guess in ("", "a", request["state"], request["nonce"]):
        assert (await by_wallet.service.ask(thief, "ada", guess or "x")).status_code == 403


async def test_of_two_answers_at_once_one_counts_with_its_own_person(
    by_wallet: ByWallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thief answers his own request with his own wallet while the victim's answer is checked: neither is told a
    code that would enrol his key for the other."""
    thief = Key()
    request = await by_wallet.link(thief)
    both, check = threading.Barrier(2), Wallets.subject

    def together(wallets: Wallets, *words: str, **more: str) -> str:
        subject = check(wallets, *words, **more)
        both.wait(30)
        return subject

    monkeypatch.setattr(Wallets, "subject", together)
    people = list(by_wallet.service.codes)[:2]
    answers = await asyncio.gather(*(by_wallet.answer(request, Wallet(by_wallet.issuer, one)) for one in people))
    assert sorted(answer.status_code for answer in answers) == [200, 404]
    (place,) = (n for n, answer in enumerate(answers) if answer.status_code == 200)
    code = parse_qs(urlsplit(answers[place].json()["redirect_uri"]).fragment)["code"][0]
    assert (await by_wallet.service.ask(thief, people[1 - place], code)).status_code == 403
    assert (await by_wallet.service.ask(thief, people[place], code)).status_code == 200


async def test_the_last_try_counts(by_wallet: ByWallet) -> None:
    key, wallet, forger = Key(), Wallet(by_wallet.issuer, "ada"), Wallet(Issuer(), "ada")
    request = await by_wallet.link(key)
    for _ in range(_TRIES - 1):
        assert (await by_wallet.answer(request, forger)).status_code == 403
    answer = await by_wallet.answer(request, wallet)
    code = parse_qs(urlsplit(answer.json()["redirect_uri"]).fragment)["code"][0]
    assert (await by_wallet.service.ask(key, "ada", code)).status_code == 200


async def test_codes_of_wallets_are_looked_up_for_strangers_to_the_register_too(
    by_wallet: ByWallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the time that it takes would tell whom the register has."""
    asked: list[str] = []
    monkeypatch.setattr(Presentations, "spends", lambda _, owner, subject, code: bool(asked.append(subject)))
    for subject in ("ada", "nobody"):
        assert (await by_wallet.service.ask(Key(), subject, "wrong")).status_code == 403
    assert asked == ["ada", "nobody"]


async def test_somebody_unknown_to_the_register_is_not_enrolled(by_wallet: ByWallet) -> None:
    key = Key()
    refused = await by_wallet.service.ask(key, "eve", await by_wallet.code(key, "eve"))
    assert (refused.status_code, refused.json()["code"]) == (403, "access.code")


async def test_a_presentation_for_another_request_or_enroller_or_by_a_forger(by_wallet: ByWallet) -> None:
    key, wallet = Key(), Wallet(by_wallet.issuer, "ada")
    request, other = await by_wallet.link(key), await by_wallet.link(key)
    elsewhere = request | {"client_id": f"redirect_uri:https://thief.example{ANSWERS}"}
    for wrong, who in (
        (request | {"nonce": other["nonce"]}, wallet),
        (elsewhere, wallet),
        (request, Wallet(Issuer(), "ada")),
    ):
        refused = await by_wallet.answer(wrong, who)
        assert (refused.status_code, refused.json()["code"]) == (403, "access.presentation")
    assert (await by_wallet.answer(request, wallet)).status_code == 200


async def test_a_request_is_tried_so_often_and_so_long(by_wallet: ByWallet) -> None:
    wallet, forger = Wallet(by_wallet.issuer, "ada"), Wallet(Issuer(), "ada")
    request = await by_wallet.link(Key())
    for _ in range(_TRIES):
        assert (await by_wallet.answer(request, forger)).status_code == 403
    assert (await by_wallet.answer(request, wallet)).status_code == 404
    late = await by_wallet.link(Key())
    by_wallet.service.clock.now += SECONDS + 1
    assert (await by_wallet.answer(late, wallet)).status_code == 404


async def test_a_code_ends_with_its_time(by_wallet: ByWallet) -> None:
    key = Key()
    code = await by_wallet.code(key, "ada")
    by_wallet.service.clock.now += SECONDS + 1
    assert (await by_wallet.service.ask(key, "ada", code)).status_code == 403


async def test_nothing_of_the_person_reaches_a_log(by_wallet: ByWallet, caplog: pytest.LogCaptureFixture) -> None:
    for logger in (None, "placet.identity", "sd_jwt", "jwcrypto"):
        caplog.set_level(logging.DEBUG, logger)
    key = Key()
    code = await by_wallet.code(key, "ada")
    await by_wallet.answer(await by_wallet.link(key), Wallet(Issuer(), "ada"))
    await by_wallet.service.ask(key, "ada", code)
    logging.getLogger("placet.identity").debug("heard")
    # The wallet of these tests is in this process too; what it logs is its owner's.
    said = "\n".join(record.getMessage() for record in caplog.records if record.module != "holder")
    assert "heard" in said
    assert code not in said and "Lovelace" not in said and "ada" not in said.replace("nada", "")
