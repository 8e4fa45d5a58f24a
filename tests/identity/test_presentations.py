"""An enrolment that rests on what a wallet shows, over HTTP as wallets and owners speak to the enroller."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.identity.test_identity import DOMAIN, NAMESPACE, Service
from tests.identity.wallets import CLAIM, TYPE, Issuer, Wallet

from placet.core.ecdsa import recover
from placet.core.enrolment import Enrolment, enrolment_hash, subject_commitment
from placet.core.errors import ConfigError
from placet.core.hashing import canonical
from placet.core.signatures import Key
from placet.core.values import parse, to_hex
from placet.identity.issuers import Issuers, TrustedIssuers
from placet.identity.presentations import MAX_FORM, PRESENTATIONS, SHOWN, Presentations
from placet.identity.register import Register
from placet.identity.settings import IdentitySettings, load_settings
from placet.identity.status_fetch import StatusLists
from placet.identity.wallet import Wallets

URL = "https://enrol.example"
ANSWERS = f"{PRESENTATIONS}/answers"


class ByWallet:
    """The enrolling service that takes presentations, an issuer that it trusts, and both sides' requests."""

    def __init__(self, folder: Path, wallets: Wallets | None = None) -> None:
        self.service, self.issuer = Service(folder), Issuer()
        if wallets is None:
            wallets = Wallets(TrustedIssuers(parse(Issuers, self.issuer.keys())), (TYPE,), CLAIM, StatusLists())
        self.presentations = Presentations(wallets, URL, clock=self.service.clock)
        self.service.app.state.enrolling.presentations = self.presentations

    async def link(self, key: Key) -> dict[str, Any]:
        """The request that a wallet reads: by its names."""
        body = canonical({"owner": to_hex(key.address)})
        header = {"Authorization": self.service.header(key, body, path=PRESENTATIONS)}
        answer = await self.service.http.post(PRESENTATIONS, content=body, headers=header)
        assert answer.status_code == 200, answer.text
        parts = urlsplit(answer.json()["link"])
        assert parts.scheme == "openid4vp"
        return {name: values[0] for name, values in parse_qs(parts.query, strict_parsing=True).items()}

    async def answer(self, request: dict[str, Any], wallet: Wallet, **changes: str) -> httpx.Response:
        shown = wallet.shows(request["client_id"], request["nonce"])
        form = {"vp_token": json.dumps({"person": [shown]}), "state": request["state"]} | changes
        return await self.service.http.post(ANSWERS, data=form)

    async def code(self, key: Key, subject: str, **claims: Any) -> str:
        """What the wallet's browser shows in the end."""
        answer = await self.answer(await self.link(key), Wallet(self.issuer, subject, **claims))
        assert answer.status_code == 200, answer.text
        target = urlsplit(answer.json()["redirect_uri"])
        assert (f"{target.scheme}://{target.netloc}", target.path, target.query) == (URL, SHOWN, "")
        fragment = parse_qs(target.fragment)
        assert fragment["key"] == [to_hex(key.address)]
        return fragment["code"][0]


@pytest.fixture
async def by_wallet(tmp_path: Path) -> AsyncIterator[ByWallet]:
    made = ByWallet(tmp_path)
    yield made
    await made.service.http.aclose()


async def test_a_key_is_enrolled_for_whom_the_wallet_shows(by_wallet: ByWallet) -> None:
    key, service = Key(), by_wallet.service
    answer = await service.ask(key, "ada", await by_wallet.code(key, "ada"))
    enrolment = parse(Enrolment, answer.content)
    assert enrolment.subject == subject_commitment("ada", bytes(32))
    digest = DOMAIN.digest(enrolment_hash(key.address, NAMESPACE, enrolment.subject))
    assert recover(digest, enrolment.signature) == service.key.address


async def test_the_request_is_what_openid4vp_says(by_wallet: ByWallet) -> None:
    request = await by_wallet.link(Key())
    assert request["client_id"] == f"redirect_uri:{URL}{ANSWERS}"
    assert request["response_uri"] == URL + ANSWERS
    assert (request["response_type"], request["response_mode"]) == ("vp_token", "direct_post")
    formats = {"dc+sd-jwt": {"sd-jwt_alg_values": ["ES256"], "kb-jwt_alg_values": ["ES256"]}}
    assert json.loads(request["client_metadata"]) == {"vp_formats_supported": formats}
    assert json.loads(request["dcql_query"]) == {
        "credentials": [
            {
                "id": "person",
                "format": "dc+sd-jwt",
                "meta": {"vct_values": [TYPE]},
                "claims": [{"path": list(CLAIM)}],
            }
        ]
    }


async def test_a_person_who_says_no_ends_it(by_wallet: ByWallet) -> None:
    request = await by_wallet.link(Key())
    denied = await by_wallet.service.http.post(ANSWERS, data={"error": "access_denied", "state": request["state"]})
    assert (denied.status_code, denied.json()) == (200, {})
    assert (await by_wallet.answer(request, Wallet(by_wallet.issuer, "ada"))).status_code == 404


async def test_an_enroller_that_takes_none_says_so(tmp_path: Path) -> None:
    service, key = Service(tmp_path), Key()
    body = canonical({"owner": to_hex(key.address)})
    header = {"Authorization": service.header(key, body, path=PRESENTATIONS)}
    for answer in (
        await service.http.post(PRESENTATIONS, content=body, headers=header),
        await service.http.post(ANSWERS, data={"state": "x"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "access.presentation")
    await service.http.aclose()


@pytest.mark.parametrize("form", ["state", "state=a&state=b", "state=é", "&".join("a=b" for _ in range(20))])
async def test_forms_that_are_none(by_wallet: ByWallet, form: str) -> None:
    answer = await by_wallet.service.http.post(ANSWERS, content=form.encode())
    assert (answer.status_code, answer.json()["code"]) == (400, "input")


@pytest.mark.parametrize("token", ["", "{}", '{"person": []}', '{"person": ["a", "b"]}', '{"person": "a"}', "[]"])
async def test_answers_that_are_none(by_wallet: ByWallet, token: str) -> None:
    request = await by_wallet.link(Key())
    answer = await by_wallet.service.http.post(ANSWERS, data={"state": request["state"], "vp_token": token})
    assert answer.status_code == 400


async def test_an_answer_has_a_largest_size(by_wallet: ByWallet) -> None:
    answer = await by_wallet.service.http.post(ANSWERS, content=b"a" * (MAX_FORM + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "limit.size")


async def test_the_page_shows_a_code_and_loads_nothing(by_wallet: ByWallet) -> None:
    page = await by_wallet.service.http.get(SHOWN)
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "unsafe" not in policy
    assert "http" not in page.text.replace("</html>", "")


def test_settings_of_wallets_are_whole(tmp_path: Path) -> None:
    folder = {"name": "Registry", "port": 1, "key": "k", "passphrase_file": "p", "register_file": "r"}
    rest = {"deployment": "d", "namespace": NAMESPACE}
    wallet = {"wallet_issuers": "issuers.json", "wallet_url": URL, "wallet_types": [TYPE], "wallet_claim": list(CLAIM)}

    def read(said: dict[str, Any]) -> IdentitySettings:
        file = tmp_path / "identity.toml"
        file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in (folder | rest | said).items()))
        return load_settings(file)

    assert read({}).wallet_issuers is None
    assert read(wallet).wallet_issuers == tmp_path / "issuers.json"
    for missing in ("wallet_url", "wallet_types", "wallet_claim"):
        with pytest.raises(ConfigError):
            read({name: value for name, value in wallet.items() if name != missing})
    with pytest.raises(ConfigError):
        read(wallet | {"wallet_url": "http://enrol.example"})


async def test_the_register_is_looked_at_once_for_a_code(by_wallet: ByWallet, monkeypatch: pytest.MonkeyPatch) -> None:
    looked, refresh = [], Register.refresh
    monkeypatch.setattr(Register, "refresh", lambda register: looked.append(refresh(register)))
    assert (await by_wallet.service.ask(Key(), "ada")).status_code == 200
    assert len(looked) == 1
    key = Key()
    assert (await by_wallet.service.ask(key, "ada", await by_wallet.code(key, "ada"))).status_code == 200
    assert len(looked) == 2
