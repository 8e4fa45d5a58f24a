"""How much and how often; and that no person's name stands in the node's database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from placet.chain.migrations import upgrade
from placet.core.errors import ConfigError, PeerError
from placet.core.signatures import Key
from placet.node.__main__ import server_options
from placet.node.config import NodeLimits
from placet.node.http.auth import client_of
from placet.node.http.limits import Budget, ClientRates, RequestLimits, TooOften, forget, spend
from placet.node.migrations import NODE
from placet.node.state import counters, open_engine, reading

from .conftest import NodeEnvironment, Owner, Running, node_at


async def _submit(node: Running, owner: Owner, offer: Any) -> httpx.Response:
    return await node.client.post("/v1/consents", json=owner.submission(await node.draft(owner, offer)))


async def test_fresh_keys_do_not_help_one_person(environment: NodeEnvironment, owner: Owner, tmp_path: Path) -> None:
    async with node_at(
        environment, environment.settings(tmp_path / "node", limits={"consents_per_subject_day": 2})
    ) as node:
        offer, _ = node.offer()
        answers = [await _submit(node, Owner(environment, owner.customer, Key()), offer) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [202, 202, 429]
        assert answers[2].json()["code"] == "limit.rate" and int(answers[2].headers["retry-after"]) > 0
        other_offer, _ = node.offer()
        assert (await _submit(node, owner, other_offer)).status_code == 202
        assert (await _submit(node, Owner(environment, next(environment.customers), Key()), offer)).status_code == 202


async def test_one_key_and_all_together(environment: NodeEnvironment, owner: Owner, tmp_path: Path) -> None:
    limits = {"consents_per_owner_day": 1, "consents_per_minute": 2}
    async with node_at(environment, environment.settings(tmp_path / "node", limits=limits)) as node:
        offer, _ = node.offer()
        first, second = await _submit(node, owner, offer), await _submit(node, owner, offer)
        assert (first.status_code, second.status_code) == (202, 429)
        assert "one key" in second.json()["detail"]


def test_requests_are_counted_by_address_and_by_ipv6_64(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has a /64 has 2^64 addresses: they are one client."""
    monkeypatch.setattr("placet.node.http.limits.time", SimpleNamespace(monotonic=lambda: 90.0))
    rates = ClientRates()

    def take(address: str) -> bool:
        try:
            rates.take("requests", client_of(Request({"type": "http", "client": (address, 1)})), 3)
        except TooOften:
            return False
        return True

    of_one_64 = [f"2001:db8:0:1:{number:x}:{number:x}::{number:x}" for number in range(1, 5)]
    assert [take(address) for address in of_one_64] == [True, True, True, False]
    assert take("2001:db8:0:2::1") and take("fe80::1%eth0")
    of_one_address = ["198.51.100.1", "::ffff:198.51.100.1", "::ffff:c633:6401", "198.51.100.1"]
    assert [take(address) for address in of_one_address] == [True, True, True, False]
    assert take("198.51.100.2")


async def test_what_the_vault_refuses_uses_up_nothing(
    environment: NodeEnvironment, owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {"consents_per_subject_day": 1, "consents_per_owner_day": 1, "consents_per_minute": 1}
    async with node_at(environment, environment.settings(tmp_path / "node", limits=limits)) as node:
        offer, _ = node.offer()
        without_row = Owner(environment, "a customer of another bank", owner.key)
        for _ in range(2):
            refused = await _submit(node, without_row, offer)
            assert (refused.status_code, refused.json()["code"]) == (422, "consent.subject")

        async def unreachable(*_: Any) -> Any:
            raise PeerError("the vault is not there", code="vault.unreachable")

        with monkeypatch.context() as patched:
            patched.setattr(node.node.vault, "admit_many", unreachable)
            assert (await _submit(node, owner, offer)).status_code >= 400
        assert _counted(node) == {}
        assert (await _submit(node, owner, offer)).status_code == 202
        assert (await _submit(node, owner, offer)).status_code == 429
        assert set(_counted(node).values()) == {1}


async def test_who_is_being_judged_has_his_share_reserved_and_not_counted(
    environment: NodeEnvironment, owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with node_at(
        environment, environment.settings(tmp_path / "node", limits={"consents_per_owner_day": 1})
    ) as node:
        (first, _), (second, _) = node.offer(), node.offer()
        bodies = [owner.submission(await node.draft(owner, offer)) for offer in (first, second)]
        judging, judged = asyncio.Event(), asyncio.Event()
        honest = node.node.vault.admit_many

        async def slow(*arguments: Any) -> Any:
            judging.set()
            await judged.wait()
            return await honest(*arguments)

        monkeypatch.setattr(node.node.vault, "admit_many", slow)
        early = asyncio.create_task(node.client.post("/v1/consents", json=bodies[0]))
        await asyncio.wait_for(judging.wait(), 120)
        assert _counted(node) == {}, "a node that is killed here has counted nothing"
        assert (await node.client.post("/v1/consents", json=bodies[1])).status_code == 429
        judged.set()
        assert (await early).status_code == 202


async def test_what_is_stored_already_is_counted_once(
    environment: NodeEnvironment, owner: Owner, tmp_path: Path
) -> None:
    async with node_at(
        environment, environment.settings(tmp_path / "node", limits={"consents_per_owner_day": 2})
    ) as node:
        offer, _ = node.offer()
        body = owner.submission(await node.draft(owner, offer))
        answers = await asyncio.gather(*(node.client.post("/v1/consents", json=body) for _ in range(6)))
        assert {answer.status_code for answer in answers} == {202}
        assert set(_counted(node).values()) == {1}


def _counted(node: Running) -> dict[str, int]:
    with reading(node.node.engine) as connection:
        return {row["key"]: row["count"] for row in connection.execute(sa.select(counters)).mappings()}


async def test_what_waits_is_bounded_and_withdrawals_still_go(
    environment: NodeEnvironment, owner: Owner, tmp_path: Path
) -> None:
    async with node_at(environment, environment.settings(tmp_path / "node", limits={"consents_pending": 1})) as node:
        offer, _ = node.offer()
        consent = await node.give(owner, offer)
        full = await _submit(node, Owner(environment, next(environment.customers), Key()), offer)
        assert (full.status_code, full.json()["code"]) == (429, "limit.rate")
        path = f"/v1/consents/{consent}/withdrawal"
        assert (await node.client.post(path, json=owner.withdrawal(consent))).status_code == 202


async def test_drafts_are_limited_by_address(environment: NodeEnvironment, owner: Owner, tmp_path: Path) -> None:
    async with node_at(
        environment, environment.settings(tmp_path / "node", limits={"drafts_per_client_minute": 3})
    ) as node:
        offer, _ = node.offer()
        asked = owner.draft_request(offer)
        codes = [(await node.client.post("/v1/consents/draft", json=asked)).status_code for _ in range(8)]
        assert 429 in codes and codes[0] == 200


async def test_no_junk_from_the_same_address_stops_a_withdrawal(
    environment: NodeEnvironment, owner: Owner, tmp_path: Path
) -> None:
    limits = {
        "requests_per_client_minute": 3,
        "drafts_per_client_minute": 2,
        "withdrawals_per_client_minute": 1,
        "withdrawals_unproven_per_day": 5,
    }
    async with node_at(environment, environment.settings(tmp_path / "node", limits=limits)) as node:
        offer, _ = node.offer()
        consent = await node.give(owner, offer)
        path = f"/v1/consents/{consent}/withdrawal"
        stranger = Owner(environment, owner.customer, Key())
        draft = await node.draft(stranger, offer)
        junk = [await node.client.post(path, json=stranger.withdrawal(consent)) for _ in range(5)]
        assert [answer.status_code for answer in junk] == [403, 403, 429, 429, 429]
        assert (await node.get(owner, f"/v1/consents/{consent}")).status_code == 429
        assert (await node.client.get("/v1/offers")).status_code == 429
        invented = stranger.withdrawal(draft["id"]) | {"consent": draft["consent"]}
        answers = [await node.client.post(f"/v1/consents/{draft['id']}/withdrawal", json=invented) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [202, 429]
        assert (await node.client.post(path + "/draft")).status_code == 200
        assert (await node.client.post(path, json=owner.withdrawal(consent))).status_code == 202
        again = await node.client.post(path, json=owner.withdrawal(consent))
        assert (again.status_code, again.json()["code"]) == (429, "limit.rate")


async def test_an_address_is_taken_from_a_named_proxy_alone(environment: NodeEnvironment, tmp_path: Path) -> None:
    limits = {"drafts_per_client_minute": 1}
    proxies = ["127.0.0.1", "10.20.0.0/16"]
    settings = environment.settings(tmp_path / "node", limits=limits, trusted_proxies=proxies)
    async with node_at(environment, settings) as node:
        config = uvicorn.Config(node.app, **server_options(settings))
        config.load()

        async def ask(connecting: str, forwarded: str) -> int:
            transport = httpx.ASGITransport(app=config.loaded_app, client=(connecting, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
                return (await client.get("/v1/offers", headers={"X-Forwarded-For": forwarded})).status_code

        assert [await ask("127.0.0.1", f"198.51.100.{n}") for n in (1, 2, 1)] == [200, 200, 429]
        assert await ask("127.0.0.1", "192.0.2.1, 198.51.100.2, 10.20.3.4") == 429
        assert [await ask("203.0.113.9", f"192.0.2.{n}") for n in (2, 3)] == [200, 429]


def test_by_default_no_forwarded_address_is_believed(environment: NodeEnvironment, tmp_path: Path) -> None:
    options = server_options(environment.settings(tmp_path / "node"))
    assert (options["proxy_headers"], options["forwarded_allow_ips"]) == (False, [])
    with pytest.raises(ConfigError):
        environment.settings(tmp_path / "other", trusted_proxies=["*"])


async def test_nothing_personal_is_stored_or_logged(
    node: Running, owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    offer, _ = node.offer()
    consent = await node.give(owner, offer)
    await node.turn()
    await node.client.post(f"/v1/consents/{consent}/withdrawal", json=owner.withdrawal(consent))
    node.node.engine.dispose()
    held = b"".join(file.read_bytes() for file in node.settings.folder.glob("state.db*"))
    assert owner.signer in held
    for secret in (owner.customer.encode(), owner.salt, b"127.0.0.1"):
        assert secret not in held
    assert owner.customer not in caplog.text and owner.salt.hex() not in caplog.text


def test_budgets_are_counted_together_or_not_at_all(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'limits.db'}")
    upgrade(engine, NODE)
    wide, narrow = Budget("wide", "things", 3, 60), Budget("narrow", "things", 1, 60)
    with engine.begin() as connection:
        spend(connection, 100, wide, narrow)
    for _ in range(3):
        with pytest.raises(TooOften) as refused, engine.begin() as connection:
            spend(connection, 110, wide, narrow)
        assert refused.value.retry_after == 10
    with engine.begin() as connection:
        spend(connection, 119, wide)
        spend(connection, 120, wide, narrow)
        forget(connection, 10_000)
        spend(connection, 120, narrow)
    engine.dispose()


def test_client_rates_forget_the_longest_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placet.node.http.limits._CLIENTS", 2)
    monkeypatch.setattr("time.monotonic", lambda: 1.0)
    rates = ClientRates()
    for client in ("a", "b", "c", "a"):
        rates.take("x", client, 1)
    with pytest.raises(TooOften):
        rates.take("x", "a", 1)


@pytest.fixture
async def small() -> AsyncIterator[httpx.AsyncClient]:
    """An app that answers its body's length, behind small limits."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        assert message["more_body"] is False
        await PlainTextResponse(str(len(message["body"])))(scope, receive, send)

    limited = RequestLimits(app, NodeLimits(body_bytes=1000, header_bytes=2000, body_seconds=600))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=limited), base_url="http://node") as client:
        yield client


async def _chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * 100


async def _never_ending() -> AsyncIterator[bytes]:
    yield b"x"
    await asyncio.Event().wait()


async def test_a_body_that_does_not_come() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("asked without its body")

    limited = RequestLimits(app, NodeLimits(body_seconds=1))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=limited), base_url="http://node") as client:
        answer = await client.post("/", content=_never_ending())
    assert (answer.status_code, answer.json()["code"]) == (408, "limit.slow")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_sizes(small: httpx.AsyncClient) -> None:
    assert (await small.post("/", content=b"x" * 1000)).text == "1000"
    assert (await small.post("/", content=_chunks(10))).text == "1000"
    for answer, status, code in (
        (await small.post("/", content=b"x" * 1001), 413, "limit.body"),
        (await small.post("/", content=_chunks(11)), 413, "limit.body"),
        (await small.post("/", headers={"content-length": "-1"}), 413, "limit.body"),
        (await small.post("/", headers={"content-length": "9" * 50}), 413, "limit.body"),
        (await small.get("/", headers={"x": "y" * 2000}), 431, "limit.header"),
        (await small.get("/?" + "y" * 2000), 431, "limit.header"),
        (await small.get("/", headers=[("x", "y")] * 101), 431, "limit.header"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"
