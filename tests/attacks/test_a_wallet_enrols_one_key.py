"""An enrolment by a wallet is for the person whom it shows and the key that asked: what strangers try in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.identity.test_presentations import ANSWERS, ByWallet
from tests.identity.wallets import Issuer, Wallet

from placet.core.signatures import Key
from placet.identity.presentations import _TRIES, SECONDS


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
    caplog.set_level(0)
    key = Key()
    code = await by_wallet.code(key, "ada")
    await by_wallet.answer(await by_wallet.link(key), Wallet(Issuer(), "ada"))
    await by_wallet.service.ask(key, "ada", code)
    # The wallet of these tests is in this process too; what it logs is its owner's.
    said = "\n".join(record.getMessage() for record in caplog.records if record.module != "holder")
    assert "/v1/enrolments" in said
    assert code not in said and "Lovelace" not in said and "ada" not in said.replace("nada", "")
