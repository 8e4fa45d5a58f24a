"""Health and metrics, the chain lost and back, and what keeps a node from starting."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from placet.core.errors import ConfigError, DeploymentError
from placet.core.values import to_hex
from placet.core.withdrawal import FIRST_EPOCH
from placet.node.app import create_app
from placet.node.config import NodeSettings
from placet.node.loops import run_forever
from wire import Wire

from .conftest import NodeEnvironment, Owner, Running, node_at


@pytest.fixture
async def wire(environment: NodeEnvironment) -> AsyncIterator[Wire]:
    made = Wire(httpx.URL(environment.anvil.url).port or 0)
    await made.join()
    yield made
    await made.cut()


async def _until(client: httpx.AsyncClient, status: int) -> dict[str, Any]:
    end = time.monotonic() + 180
    while (answer := await client.get("/healthz")).status_code != status:
        assert time.monotonic() < end, answer.text
        await asyncio.sleep(0.05)
    return dict(answer.json())


async def test_the_chain_is_lost_and_comes_back(
    environment: NodeEnvironment, owner: Owner, wire: Wire, tmp_path: Path
) -> None:
    settings = environment.settings(tmp_path / "node", chain_url=f"http://127.0.0.1:{wire.port}")
    app = await asyncio.to_thread(create_app, settings)
    transport = httpx.ASGITransport(app=app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://n") as client:
        assert (await _until(client, 200))["lag"] == 0
        offer, _ = await asyncio.to_thread(environment.offer, settings.path(settings.scopes))
        for _ in range(2400):
            drafted = await client.post("/v1/consents/draft", json=owner.draft_request(offer))
            if drafted.status_code == 200:
                break
            await asyncio.sleep(0.05)
        submission = owner.submission(drafted.json())
        given = await client.post("/v1/consents", json=submission)
        assert given.status_code == 202
        late = owner.submission((await client.post("/v1/consents/draft", json=owner.draft_request(offer))).json())

        await wire.cut()
        assert (await _until(client, 503))["chain"] != "ok"
        refused = await client.post("/v1/consents", json=late)
        assert (refused.status_code, refused.json()["code"]) == (503, "chain")
        assert refused.headers["retry-after"]
        assert (await client.post("/v1/consents/draft", json=owner.draft_request(offer))).status_code == 503

        await wire.join()
        await _until(client, 200)
        assert (await client.post("/v1/consents", json=late)).status_code == 202
        path = f"/v1/consents/{given.json()['id']}"
        for _ in range(2400):
            shown = (await client.get(path, headers=owner.headers("GET", path))).json()
            if shown["status"] == "given":
                break
            await asyncio.sleep(0.05)
        assert shown["status"] == "given"


async def test_a_node_starts_without_a_chain(environment: NodeEnvironment, tmp_path: Path) -> None:
    settings = environment.settings(tmp_path / "node", chain_url="http://127.0.0.1:1")
    app = await asyncio.to_thread(create_app, settings)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://n") as client:
        await app.state.node.probe_vault()
        health = await client.get("/healthz")
        assert (health.status_code, health.json()["ok"], health.json()["vault"]) == (503, False, "ok")
        offers = await client.get("/v1/offers")
        assert (offers.status_code, offers.json()["code"]) == (503, "chain")
    app.state.node.engine.dispose()


def test_a_node_refuses_another_chain(environment: NodeEnvironment, tmp_path: Path) -> None:
    wrong = json.loads((environment.folder / "deployment.json").read_text())
    wrong["consent_registry"]["code_hash"] = to_hex(bytes(32))
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    with pytest.raises(DeploymentError, match="ConsentRegistry"):
        create_app(environment.settings(tmp_path / "node", deployment=tmp_path / "wrong.json"))


async def test_no_vault(environment: NodeEnvironment, owner: Owner, tmp_path: Path) -> None:
    settings = environment.settings(tmp_path / "node", vault_socket=tmp_path / "nothing.sock")
    async with node_at(environment, settings) as node:
        offer, _ = node.offer()
        answer = await node.client.post("/v1/consents", json=owner.submission(await node.draft(owner, offer)))
        assert (answer.status_code, answer.json()["code"]) == (503, "vault.unreachable")
        await node.node.probe_vault()
        assert (await node.client.get("/healthz")).json()["vault"] == "vault.unreachable"
        assert (await node.client.get("/v1/datasets")).status_code == 503


async def test_asking_for_health_asks_nobody_else(node: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    await node.node.probe_vault()
    asked = []

    async def datasets() -> list[Any]:
        asked.append("datasets")
        return []

    monkeypatch.setattr(node.node.vault, "datasets", datasets)
    answers = await asyncio.gather(*(node.client.get("/healthz") for _ in range(100)))
    assert {(answer.status_code, answer.json()["vault"]) for answer in answers} == {(200, "ok")}
    assert asked == []


async def test_health_tells_codes_and_never_what_stands_in_an_error(node: Running) -> None:
    async def told() -> None:
        raise ConfigError("secret words", found="/etc/secret")

    async def broken() -> None:
        raise KeyError("C00001")

    for name, step in (("told", told), ("broken", broken)):
        loop = asyncio.create_task(run_forever(node.node, name, 60, step))
        async with asyncio.timeout(60):
            while name not in node.node.health.loops:
                await asyncio.sleep(0.01)
        loop.cancel()
    answer = await node.client.get("/healthz")
    assert (answer.status_code, answer.json()["loops"]) == (
        503,
        {"told": "config", "broken": "internal", "sender": "ok"},
    )


async def test_metrics(node: Running, owner: Owner) -> None:
    offer, _ = node.offer()
    await node.give(owner, offer)
    await node.turn()
    await node.client.get("/no/such/path")
    text = (await node.client.get("/metrics", headers=node.credential)).text
    lines = text.splitlines()
    assert "placet_chain_up 1" in lines
    assert 'placet_consents{state="given"} 1' in lines
    assert "placet_batches_anchored_total 1" in lines
    assert 'placet_http_requests_total{method="POST",route="/v1/consents",status="202"} 1' in lines
    assert 'placet_http_requests_total{method="GET",route="",status="404"} 1' in lines
    assert to_hex(owner.signer) not in text


def test_settings_from_file_and_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "node.toml"
    file.write_text(
        "\n".join(
            (
                'chain_url = "http://127.0.0.1:8545"',
                "api_port = 9001",
                'deployment = "deployment.json"',
                'trust = "trust.json"',
                'vault_socket = "vault/vault.sock"',
                'passphrase_file = "passphrase"',
                "[institution]",
                f'address = "0x{"ab" * 20}"',
                'name = "First Bank"',
                "[limits]",
                "consents_per_minute = 7",
            )
        )
    )
    monkeypatch.setenv("PLACET_NODE_API_PORT", "9002")
    monkeypatch.setenv("PLACET_NODE_LIMITS__CONSENTS_PENDING", "8")
    settings = NodeSettings.load(file)
    assert (settings.api_port, settings.folder) == (9002, tmp_path)
    assert (settings.limits.consents_per_minute, settings.limits.consents_pending) == (7, 8)
    assert settings.path(settings.trust) == tmp_path / "trust.json"
    assert settings.database == f"sqlite:///{tmp_path / 'state.db'}"
    file.write_text(file.read_text() + "nonsense = 1\n")
    with pytest.raises(ConfigError):
        NodeSettings.load(file)
    with pytest.raises(ConfigError):
        NodeSettings.load(tmp_path / "absent.toml")


@pytest.mark.parametrize(("ports", "fine"), [((0, 0), True), ((7, 7), True), ((9, 7), False), ((0, 7), False)])
def test_a_range_of_engine_ports_is_one(ports: tuple[int, int], fine: bool, tmp_path: Path) -> None:
    here = dict.fromkeys(("folder", "deployment", "trust", "vault_socket", "passphrase_file"), tmp_path)
    institution = {"address": "0x" + "ab" * 20, "name": "First Bank"}
    told = {**here, "chain_url": "http://127.0.0.1:8545", "institution": institution, "engine_ports": ports}
    if fine:
        assert NodeSettings.build(**told).engine_ports == ports
    else:
        with pytest.raises(ConfigError, match="a range of ports"):
            NodeSettings.build(**told)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "credential").unlink(),
        lambda folder: (folder / "credential").chmod(0o644),
        lambda folder: (folder / "credential").write_text("short"),
        lambda folder: (folder / "keys" / "hpke.json").unlink(),
        lambda folder: shutil.copy(folder / "keys" / "recorder.json", folder / "keys" / "signer.json"),
    ],
)
def test_a_node_does_not_start_with_a_damaged_folder(environment: NodeEnvironment, tmp_path: Path, spoil: Any) -> None:
    settings = environment.settings(tmp_path / "node")
    spoil(settings.folder)
    with pytest.raises(ConfigError):
        create_app(settings)


@pytest.mark.parametrize("url", ["mysql://localhost/x", "nonsense", "sqlite"])
def test_databases_that_are_not_supported(environment: NodeEnvironment, tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError):
        create_app(environment.settings(tmp_path / "node", database_url=url))


@pytest.mark.slow
async def test_the_same_on_postgresql(
    environment: NodeEnvironment, owner: Owner, tmp_path: Path, postgres_url: str
) -> None:
    async with node_at(environment, environment.settings(tmp_path / "node", database_url=postgres_url)) as node:
        offer, _ = node.offer()
        submission = owner.submission(await node.draft(owner, offer))
        answers = await asyncio.gather(*(node.client.post("/v1/consents", json=submission) for _ in range(4)))
        assert {answer.status_code for answer in answers} == {202}
        consent = answers[0].json()["id"]
        await node.turn()
        headers = owner.headers("GET", f"/v1/consents/{consent}", nonce=secrets.token_bytes(32))
        assert (await node.client.get(f"/v1/consents/{consent}", headers=headers)).json()["status"] == "given"
        assert (await node.client.get(f"/v1/consents/{consent}", headers=headers)).status_code == 401
        withdrawn = await node.client.post(f"/v1/consents/{consent}/withdrawal", json=owner.withdrawal(consent))
        assert withdrawn.status_code == 202
        await node.turn()
        assert (await node.get(owner, f"/v1/consents/{consent}")).json()["status"] == "withdrawn"
        assert node.environment.chain.offer(offer.id).epoch != FIRST_EPOCH
