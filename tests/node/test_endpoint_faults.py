"""A node at an endpoint that is faulty, and on a disk that is full or read-only."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import httpx
import pytest
import sqlalchemy as sa

from faulty_endpoint import FaultyEndpoint, faulty_endpoint
from placet.chain import endpoint_checks, findings, sender, sending_trouble
from placet.chain import storage as storage_module
from placet.chain.client import Chain
from placet.chain.findings import Finding, examined
from placet.chain.outbox import transactions
from placet.chain.rpc import Rpc
from placet.chain.storage import space_error, storage_error
from placet.cli import doctor
from placet.core.errors import StorageError
from placet.core.signatures import Key
from placet.core.values import to_hex
from placet.node import contract_signers
from placet.node.consents import admission, api, relay
from placet.node.contract_signers import ContractSigners
from placet.node.service import Node

from .conftest import NodeEnvironment, Owner, Running, node_at

SECRETS = ("alice", "s3cret", "K3Y-in-the-path", "K3Y-in-the-query")


@pytest.fixture
def faulty(environment: NodeEnvironment) -> Iterator[FaultyEndpoint]:
    with faulty_endpoint(environment.anvil.url) as endpoint:
        yield endpoint


@pytest.fixture
async def behind_it(environment: NodeEnvironment, faulty: FaultyEndpoint, tmp_path: Path) -> AsyncIterator[Running]:
    """A node at the faulty endpoint, by a URL full of credentials."""
    url = f"http://alice:s3cret@127.0.0.1:{faulty.port}/K3Y-in-the-path?token=K3Y-in-the-query"
    async with node_at(environment, environment.settings(tmp_path / "node", chain_url=url)) as node:
        yield node


async def test_a_withdrawn_consent_is_withdrawn_where_logs_lag(
    behind_it: Running, faulty: FaultyEndpoint, owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    faulty.mode = "laglogs3"
    offer, _ = behind_it.offer()
    consent = await behind_it.give(owner, offer)
    await behind_it.turn()
    answer = await behind_it.client.post(f"/v1/consents/{consent}/withdrawal", json=owner.withdrawal(consent))
    assert answer.status_code == 202
    await asyncio.to_thread(behind_it.settle)
    assert (await behind_it.get(owner, f"/v1/consents/{consent}")).json()["status"] == "withdrawn"
    assert not [secret for secret in SECRETS if secret in caplog.text]


async def test_a_hanging_question_to_a_strangers_contract_stops_no_other_signature(
    behind_it: Running, faulty: FaultyEndpoint, owner: Owner
) -> None:
    """Every thread for contracts hangs, asked by signed requests, by a consent and by withdrawals of strangers. An
    owner with a key drafts, consents, reads and withdraws meanwhile."""
    node = behind_it.node
    node.signers = ContractSigners(node.settings.chain_url, node.deployment.verifiers, seconds=600)
    offer, _ = behind_it.offer()
    consent = await behind_it.give(owner, offer)
    await behind_it.turn()
    faulty.mode = "hangcontracts"
    path = f"/v1/consents/{consent}"
    stranger = Owner(owner.environment, "C00000", Key())
    draft = await behind_it.draft(stranger, offer)
    async with contextlib.AsyncExitStack() as stack:
        strangers = []
        for number in range(contract_signers.THREADS):
            transport = httpx.ASGITransport(app=behind_it.app, client=(f"10.0.0.{number}", 1))
            strangers.append(
                await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://node"))
            )
        forged = owner.headers("GET", path, signer=Key().address)
        questions = [
            asyncio.create_task(strangers[0].get(path, headers=forged)),
            asyncio.create_task(strangers[1].post("/v1/consents", json=stranger.submission(draft, signature="0x07"))),
            asyncio.create_task(strangers[2].post(path + "/withdrawal", json={"signature": "0x07"})),
            asyncio.create_task(strangers[3].post(path + "/withdrawal", json={"signature": "0x08"})),
        ]
        await until(lambda: faulty.held == contract_signers.THREADS)
        assert (await behind_it.get(owner, path)).json()["status"] == "given"
        assert (await behind_it.client.get("/v1/offers")).status_code == 200
        answer = await behind_it.client.post(path + "/withdrawal", json=owner.withdrawal(consent))
        assert answer.status_code == 202
        waiting = asyncio.create_task(strangers[0].post(path + "/withdrawal", json={"signature": "0x09"}))
        await until(lambda: node.signers._asking["10.0.0.0"] == contract_signers.OF_CLIENT)
        refused = await strangers[0].post(path + "/withdrawal", json={"signature": "0x0a"})
        assert (refused.status_code, refused.json()["code"]) == (503, "limit.busy")
        assert not any(question.done() for question in (*questions, waiting))
        faulty.let_go.set()
        answers = [answer.json()["code"] for answer in await asyncio.gather(*questions, waiting)]
    assert answers == ["access.signature", *["signature.contract"] * 4]
    assert not node.signers._asking


async def until(holds: Callable[[], bool]) -> None:
    """Wait for a condition, for two minutes at the most."""
    async with asyncio.timeout(120):
        while not holds():
            await asyncio.sleep(0.02)


async def test_transactions_that_are_refused_for_some_blocks_are_told(
    behind_it: Running, faulty: FaultyEndpoint, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = behind_it.node
    offer, _ = behind_it.offer()
    faulty.mode = "sendfail"
    monkeypatch.setattr(sender, "SEND_AGAIN", 0.0)
    await node.probe_vault()
    node.sender.submit("refused", node.calls.appoint(behind_it.environment.stranger.address), node.address)

    async def state() -> tuple[int, str]:
        answer = await behind_it.client.get("/healthz")
        return answer.status_code, answer.json()["loops"]["sender"]

    node.sender.step()
    assert await state() == (200, "ok")
    for _ in range(sending_trouble.REFUSED_BLOCKS + 1):
        behind_it.environment.anvil.mine()
        node.sender.step()
    assert await state() == (503, "sender.refused")
    metrics = (await behind_it.client.get("/metrics", headers=behind_it.credential)).text
    assert f"placet_sender_refused_blocks {sending_trouble.REFUSED_BLOCKS + 1}" in metrics
    assert "placet_sender_up 0" in metrics
    office = SimpleNamespace(settings=behind_it.settings)
    (finding,) = examined((("transactions", doctor._transactions),), (), office)
    assert finding.state == "wrong" and "replacement transaction underpriced" in finding.detail
    faulty.mode = ""
    node.sender.step()
    assert await state() == (200, "ok")
    assert examined((("transactions", doctor._transactions),), (), office)[0].state == "ok"
    await asyncio.to_thread(behind_it.settle)
    assert offer.id in node.offers()


async def test_while_nothing_becomes_final_people_consent_and_withdraw_and_are_told(
    environment: NodeEnvironment,
    faulty: FaultyEndpoint,
    owner: Owner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Finality stands still, its tag goes back and is away, and comes back at last: what was taken goes on chain at
    once and counts then, once each, and health and doctor say all the time how that is."""
    deployment = environment.deployment.model_copy(update={"finality": "finalized", "confirmations": 2})
    (tmp_path / "deployment.json").write_text(deployment.model_dump_json())
    place = {"chain_url": faulty.url, "deployment": tmp_path / "deployment.json"}
    async with node_at(environment, environment.settings(tmp_path / "node", **place)) as running:
        await running.node.probe_vault()
        offer, _ = running.offer()
        who = SimpleNamespace(asking=running.node.chain)

        async def told() -> tuple[int, str, str]:
            await asyncio.to_thread(running.node.sync)
            answer = await running.client.get("/healthz")
            (finding,) = examined((("finality", endpoint_checks.finality),), (), who)
            return answer.status_code, answer.json()["finality"], finding.state

        async def mined() -> None:
            await relay.tick(running.node)
            await asyncio.to_thread(running.node.sender.step)
            await asyncio.to_thread(running.node.sync)

        stood = environment.anvil.block_number()
        faulty.mode = f"final{stood}"
        assert await told() == (200, "ok", "ok")
        monkeypatch.setattr(relay, "_GRANTS", 1)
        people = [owner, Owner(environment, next(environment.customers), Key())]
        consent, other = [await running.give(one, offer) for one in people]
        await mined()
        for one, given in zip(people, (consent, other), strict=True):
            path = f"/v1/consents/{given}/withdrawal"
            assert (await running.client.post(path, json=one.withdrawal(given))).status_code == 202
        await mined()
        await mined()
        environment.anvil.mine(5)
        assert await told() == (200, "late", "warning")
        assert "Nothing is lost" in (await running.client.get("/healthz")).json()["words"]["finality"]
        ended = running.node.index.withdrawal_list(offer.id)
        assert {to_hex(one) for one in ended} == {consent, other}, "they bind at once, both"
        for mode in (f"final{stood - 1}", "nofinal", f"final{stood}"):
            faulty.mode = mode
            await mined()
        assert (await running.get(owner, f"/v1/consents/{consent}")).json()["status"] != "given"
        faulty.mode = f"final{environment.anvil.block_number()}"
        await running.turn()
        assert await told() == (200, "ok", "ok")
        assert (await running.get(owner, f"/v1/consents/{consent}")).json()["status"] == "withdrawn"
        with running.node.engine.connect() as connection:
            signed = connection.execute(transactions.select()).all()
        assert len(signed) == len({one.intent for one in signed}), "one transaction for each intent"


REMOTE = tuple(
    (check.__name__, check)
    for check in (
        endpoint_checks.chain, endpoint_checks.clock, endpoint_checks.gas, endpoint_checks.logs,
        endpoint_checks.fees, endpoint_checks.batches, endpoint_checks.tags,
    )
)  # fmt: skip


def diagnosed(environment: NodeEnvironment, url: str, seconds: float) -> dict[str, Finding]:
    """What the doctor finds at an endpoint, by requests that may take so long."""
    asking = Chain(url, environment.deployment, Rpc(url, timeout=seconds, attempts=1))
    office = SimpleNamespace(asking=asking, address=environment.provider.address, recorder=environment.recorder.address)
    return {finding.check: finding for finding in examined((), REMOTE, office)}


@pytest.mark.parametrize(
    ("mode", "states", "words"),
    [
        ("", {}, ""),
        ("hang", dict.fromkeys((name for name, _ in REMOTE), "wrong"), "in time"),
        ("401", dict.fromkeys((name for name, _ in REMOTE), "wrong"), "Unauthorized"),
        ("html", dict.fromkeys((name for name, _ in REMOTE), "wrong"), "hotel wifi"),
        ("nobatch", {"batches": "warning"}, "1 calls"),
        ("nopending", {"tags": "warning"}, "not supported"),
        ("without:eth_getLogs", {"logs": "warning"}, "no eth_getLogs"),
        ("limit5", {}, ""),
        ("without:eth_maxPriorityFeePerGas", {}, ""),
        (
            "without:eth_maxPriorityFeePerGas+without:eth_feeHistory+without:eth_gasPrice",
            {"fees": "wrong"},
            "does not exist",
        ),
        ("without:eth_getLogs+without:eth_getBlockReceipts+without:eth_getTransactionReceipt", {"logs": "wrong"}, ""),
    ],
)
def test_the_doctor_tries_what_a_node_needs(
    environment: NodeEnvironment,
    faulty: FaultyEndpoint,
    mode: str,
    states: dict[str, str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environment.send(environment.calls.appoint(environment.recorder.address), environment.provider)
    faulty.mode = mode
    url = f"http://alice:s3cret@127.0.0.1:{faulty.port}/K3Y-in-the-path?token=K3Y-in-the-query"
    monkeypatch.setattr(findings, "SECONDS", 120.0)
    outcome = diagnosed(environment, url, 0.3 if mode == "hang" else 60.0)
    assert {name: finding.state for name, finding in outcome.items() if finding.state != "ok"} == states
    assert all(words in outcome[name].detail for name in states)
    told = json.dumps([str(finding) for finding in outcome.values()])
    assert not [secret for secret in SECRETS if secret in told]


def test_what_hangs_holds_up_nothing_else(faulty: FaultyEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "SECONDS", 5.0)

    def hangs(_: None) -> str:
        faulty.let_go.wait(600)
        return "late"

    outcome = examined((("here", lambda _: "fine"),), (("there", hangs), ("beside", lambda _: "fine")), None)
    assert [(finding.check, finding.state) for finding in outcome] == [
        ("here", "ok"), ("there", "wrong"), ("beside", "ok"),
    ]  # fmt: skip
    assert "no answer within" in outcome[1].detail


async def test_a_full_disk_is_told_and_never_a_mistake_of_the_node(
    node: Running, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's own SQLITE_FULL: the database may take no further page. Each signed request leaves its nonce there, so
    that the pages that it has are full after some."""
    offer, _ = node.offer()
    consent = await node.give(owner, offer)
    await node.node.probe_vault()

    def bounded(connection, _: object) -> None:
        connection.execute("PRAGMA max_page_count=1")

    sa.event.listen(node.node.engine, "connect", bounded)
    node.node.engine.dispose()
    statuses: list[tuple[int, str | None]] = []
    while (not statuses or statuses[-1][0] == 200) and len(statuses) < 1_000:
        answer = await node.get(owner, f"/v1/consents/{consent}")
        statuses.append((answer.status_code, answer.json().get("code")))
    assert statuses[-1] == (507, "storage.full"), answer.text
    assert answer.headers["retry-after"] and "remedy" in answer.json()
    health = await node.client.get("/healthz")
    assert (health.status_code, health.json()["storage"]) == (503, "storage.full")
    sa.event.remove(node.node.engine, "connect", bounded)
    node.node.engine.dispose()
    await node.node.probe_storage()
    assert (await node.client.get("/healthz")).status_code == 200
    assert (await node.get(owner, f"/v1/consents/{consent}")).status_code == 200
    monkeypatch.setattr(storage_module, "LEAST_FREE", 1 << 62)
    await node.node.probe_storage()
    assert (await node.client.get("/healthz")).json()["storage"] == "storage.full", "before anything fails"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(28, "No space left on device"), "storage.full"),
        (OSError(30, "Read-only file system"), "storage.read-only"),
        (PermissionError(13, "Permission denied"), "storage.read-only"),
        (FileNotFoundError(2, "No such file"), None),
        (ValueError("no"), None),
    ],
)
def test_what_the_system_says_has_a_code(error: Exception, code: str | None) -> None:
    known = storage_error(error)
    assert (known.code if known else None) == code


def test_a_folder_that_takes_no_more_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert space_error(tmp_path) is None
    assert space_error(tmp_path / "absent") is None, "what is missing is somebody else's word"
    monkeypatch.setattr(storage_module, "LEAST_FREE", 1 << 62)
    full = space_error(tmp_path)
    assert isinstance(full, StorageError) and full.code == "storage.full" and "MiB free" in str(full)


FULL, READ_ONLY = ("size=1m", "disk is full"), ("size=64m,ro", "can't be written to")


@pytest.mark.parametrize(
    ("program", "options", "code"),
    [
        ("node", *FULL),
        ("vault", *READ_ONLY),
        pytest.param("node", *READ_ONLY, marks=pytest.mark.slow),
        pytest.param("vault", *FULL, marks=pytest.mark.slow),
    ],
)
def test_a_start_on_such_a_folder_is_one_line(
    environment: NodeEnvironment, tmp_path: Path, options: str, code: str, program: str
) -> None:
    """A file system of its own, in a mount namespace that ends with the process."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root may mount a file system here")
    folder = tmp_path / "small"
    folder.mkdir()
    if program == "node":
        shutil.copytree(environment.settings(tmp_path / "node").folder, tmp_path / "kept")
        (tmp_path / "kept" / "node.toml").write_text(
            f'chain_url = "{environment.anvil.url}"\nvault_socket = "v.sock"\n'
            f'deployment = "{environment.folder / "deployment.json"}"\ntrust = "{environment.folder / "trust.json"}"\n'
            f'passphrase_file = "{environment.folder / "passphrase"}"\n'
            f'[institution]\naddress = "{to_hex(environment.provider.address)}"\nname = "First Bank"\n'
        )
    else:
        (tmp_path / "kept").mkdir()
        settings = (environment.folder / "vault" / "vault.toml").read_text()
        (tmp_path / "kept" / "vault.toml").write_text(settings.replace(str(environment.folder / "vault"), str(folder)))
    size, _, read_only = options.partition(",")
    steps = [
        f"mount -t tmpfs -o {size},mode=700 tmpfs {folder}",
        f"cp -a {tmp_path / 'kept'}/. {folder}/",
        *([f"mount -o remount,ro {folder}"] if read_only else []),
        f"exec {sys.executable} -m placet.{program} --config {folder}/{program}.toml",
    ]
    mounted = subprocess.run(["unshare", "-m", "true"], capture_output=True)  # noqa: S607
    if mounted.returncode:
        pytest.skip("this machine lets nobody make a mount namespace")
    ended = subprocess.run(
        ["unshare", "-m", "sh", "-ec", "\n".join(steps)],  # noqa: S607 - this system's own
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 1, ended.stderr
    lines = [line for line in ended.stderr.splitlines() if " INFO " not in line]
    assert len(lines) == 1 and code in lines[0], ended.stderr


async def test_what_asks_the_endpoint_of_offers_keeps_no_other_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for offers or gives consents while an endpoint hangs takes no thread that others wait for."""
    threads: list[str] = []
    monkeypatch.setattr(api, "_offers", lambda *_: threads.append(threading.current_thread().name))
    monkeypatch.setattr(admission, "_examine", lambda *_: threads.append(threading.current_thread().name) or [])
    monkeypatch.setattr(api, "_open", lambda *_: None)
    node = cast("Node", SimpleNamespace())
    await api.offers(node, "192.0.2.1")
    await admission.admit_group(node, [])
    assert [name.partition("_")[0] for name in threads] == ["chain", "chain"]
