"""The relay through crashes: nothing lost, nothing twice, no consent in two batches."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from forked import forked
from placet.chain.calls import Calls
from placet.chain.local import free_port
from placet.core.errors import StateError
from placet.core.signatures import Key
from placet.core.values import from_hex, to_hex
from placet.core.withdrawal import FIRST_EPOCH
from placet.node.config import NodeSettings
from placet.node.consents import relay
from placet.node.consents.queries import find
from placet.node.loops import run_forever
from placet.node.state import batches, consents
from placet.sandbox.forking import Forked

from .conftest import NodeEnvironment, Owner, Running, node_at

NO_GRANT = (bytes(20), bytes(32), 0, 0, 0, 0, bytes(32))


def _leaves(node: Running) -> list[bytes]:
    """All leaves of all batches in the node's database."""
    with node.node.engine.connect() as connection:
        joined = b"".join(bytes(found) for found in connection.execute(sa.select(batches.c.leaves)).scalars())
    return [joined[i : i + 32] for i in range(0, len(joined), 32)]


async def test_one_batch_an_offer_for_all_that_waits(node: Running) -> None:
    first, _ = node.offer()
    second, _ = node.offer()
    owners = [Owner(node.environment, next(node.environment.customers), Key()) for _ in range(5)]
    ids = [await node.give(owner, second if i == 4 else first) for i, owner in enumerate(owners)]
    await node.turn()
    index = node.node.index
    assert (len(index.batches(first.id)), len(index.batches(second.id))) == (1, 1)
    assert sorted(_leaves(node)) == sorted(from_hex(consent) for consent in ids)
    assert node.node.counts.relayed == 5
    await node.turn()
    assert len(index.batches(first.id)) == 1


async def test_a_batch_holds_no_more_than_allowed(environment: NodeEnvironment, tmp_path: Path) -> None:
    async with node_at(environment, environment.settings(tmp_path / "node", limits={"batch_leaves": 2})) as node:
        offer, _ = node.offer()
        for _ in range(3):
            await node.give(Owner(environment, next(environment.customers), Key()), offer)
        await node.turn(2)
        assert len(node.node.index.batches(offer.id)) == 2
        assert len(set(_leaves(node))) == 3


async def test_a_proof_that_the_contract_refused_is_tried_again(
    node: Running, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer, _ = node.offer()
    consent = from_hex(await node.give(owner, offer))
    assert relay.form_batches(node.node) == 1
    path = f"/v1/consents/{to_hex(consent)}/withdrawal"
    assert (await node.client.post(path, json=owner.withdrawal(to_hex(consent)))).status_code == 202
    await asyncio.to_thread(node.settle)
    with monkeypatch.context() as wrong:
        wrong.setattr(Calls, "prove", lambda calls, *place: Calls.revoke(calls, NO_GRANT, bytes(32)))
        await node.turn(2)
    await node.turn(2)
    assert (node.environment.chain.offer(offer.id).epoch, find(node.node, consent)["attempts"]) == (FIRST_EPOCH, 1)
    with node.node.engine.begin() as connection:
        connection.execute(sa.update(consents).values(retry_at=0))
    await node.turn(2)
    assert node.environment.chain.offer(offer.id).epoch != FIRST_EPOCH


@pytest.mark.parametrize("place", ["note_batch", "submit", "outcome"])
async def test_a_crash_between_two_steps_of_the_relay(
    environment: NodeEnvironment, owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The turn dies there; another node on the same database finishes, with one transaction and one batch."""
    settings = environment.settings(tmp_path / "node")
    async with node_at(environment, settings) as node:
        offer, _ = node.offer()
        consent = await node.give(owner, offer)
        with monkeypatch.context() as patched:
            target = node.node.vault if place == "note_batch" else node.node.sender
            patched.setattr(target, place, _crash)
            with pytest.raises(SystemError):
                await relay.tick(node.node)
    async with node_at(environment, settings) as again:
        await again.turn()
        assert len(again.node.index.batches(offer.id)) == 1
        assert _leaves(again) == [from_hex(consent)]
        assert (await again.get(owner, f"/v1/consents/{consent}")).json()["status"] == "given"
        lawful = await again.node.vault.lawful(offer.id, again.node.chain.confirmed(), int(time.time()) + 60)
        assert lawful.count == 1


def _crash(*_: object) -> None:
    raise SystemError("killed here")


async def test_a_batch_that_somebody_else_anchored_counts(node: Running, owner: Owner) -> None:
    offer, _ = node.offer()
    consent = await node.give(owner, offer)
    relay.form_batches(node.node)
    node.environment.send(node.environment.calls.anchor(offer.id, from_hex(consent)), node.environment.provider)
    node.node.sync()
    await node.turn(2)
    shown = (await node.get(owner, f"/v1/consents/{consent}")).json()
    assert shown["status"] == "given"
    assert shown["batch"]["block"] == node.node.index.batches(offer.id)[from_hex(consent)]


async def test_a_relay_that_is_not_appointed_tries_again_later(
    node: Running, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = node.environment
    offer, _ = node.offer()
    consent, before = await node.give(owner, offer), int(time.time())
    environment.send(environment.calls.appoint(environment.recorder.address, False), environment.provider)
    try:
        await node.turn()
    finally:
        environment.send(environment.calls.appoint(environment.recorder.address, True), environment.provider)
    with node.node.engine.connect() as connection:
        row = connection.execute(sa.select(batches)).mappings().one()
    assert (row["attempts"], row["state"]) == (1, "written")
    assert "NotProviderOrRelay" in row["error"]
    assert row["retry_at"] > before
    with node.node.engine.begin() as connection:
        connection.execute(sa.update(batches).values(retry_at=0))
    await node.turn()
    assert (await node.get(owner, f"/v1/consents/{consent}")).json()["status"] == "given"


async def test_the_loop_outlives_every_error(node: Running) -> None:
    seen = []

    async def step() -> None:
        seen.append(len(seen))
        if len(seen) == 1:
            raise StateError("not now", code="state")
        if len(seen) == 2:
            raise ValueError("a mistake")

    task = asyncio.create_task(run_forever(node.node, "test", 0.001, step))
    while len(seen) < 4:
        await asyncio.sleep(0.01)
    task.cancel()
    assert node.node.health.loops["test"] == "ok"


def _toml(settings: NodeSettings, port: int) -> str:
    """The settings as a file for a process of its own."""
    plain = json.loads(settings.model_dump_json(include={"folder", "chain_url", "deployment", "trust"}))
    lines = [f"{name} = {json.dumps(value)}" for name, value in plain.items()]
    lines += [f'vault_socket = "{settings.vault_socket}"', f'passphrase_file = "{settings.passphrase_file}"']
    lines += [f"api_port = {port}", "peer_port = 0", "batch_seconds = 0.2", "sync_seconds = 0.1", "[institution]"]
    lines += [f'address = "{to_hex(settings.institution.address)}"', 'name = "First Bank"']
    return "\n".join(lines) + "\n"


class Process:
    """`placet.node` in a folder, which can be killed and started again."""

    def __init__(self, environment: NodeEnvironment, folder: Path) -> None:
        self.settings = environment.settings(folder)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.file = folder / "node.toml"
        self.file.write_text(_toml(self.settings, self.port))
        self.log = folder / "node.log"
        self.child: Forked | None = None

    def start(self) -> None:
        self.child = forked("placet.node", ["--config", self.file], self.settings.folder, self.log)
        self.until(lambda: httpx.get(self.url + "/healthz").status_code == 200)

    def until(self, holds: Callable[[], Any]) -> None:
        end = time.monotonic() + 180
        while time.monotonic() < end:
            try:
                if holds():
                    return
            except httpx.TransportError:
                assert self.child is not None and self.child.poll() is None, self.log.read_text()
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def end(self, number: int) -> int:
        assert self.child is not None
        os.kill(self.child.pid, number)
        return self.child.wait(120)


def test_sigkill_while_consents_come_in(environment: NodeEnvironment, tmp_path: Path) -> None:
    """A node is killed at moments of its own choosing between accepting and anchoring; nothing is lost or doubled."""
    process = Process(environment, tmp_path / "node")
    offer, _ = environment.offer(process.settings.path(process.settings.scopes))
    given: list[tuple[Owner, str]] = []
    process.start()
    try:
        for round_ in range(3):
            with httpx.Client(base_url=process.url) as client:
                process.until(lambda client=client: to_hex(offer.id) in client.get("/v1/offers").text)
                for _ in range(4):
                    owner = Owner(environment, next(environment.customers), Key())
                    draft = client.post("/v1/consents/draft", json=owner.draft_request(offer)).json()
                    assert client.post("/v1/consents", json=owner.submission(draft)).status_code == 202
                    given.append((owner, draft["id"]))
            time.sleep(0.15 * round_)
            process.end(signal.SIGKILL)
            process.start()

        def status(owner: Owner, consent: str) -> str:
            path = f"/v1/consents/{consent}"
            return str(httpx.get(process.url + path, headers=owner.headers("GET", path)).json()["status"])

        process.until(lambda: all(status(*each) == "given" for each in given))
        assert process.end(signal.SIGTERM) in (0, -signal.SIGTERM)
    finally:
        if process.child is not None and process.child.poll() is None:
            process.end(signal.SIGKILL)
    engine = sa.create_engine(process.settings.database)
    with engine.connect() as connection:
        stored = connection.execute(sa.select(batches.c.root, batches.c.leaves)).all()
        assert connection.execute(sa.select(sa.func.count()).select_from(consents)).scalar_one() == len(given)
    engine.dispose()
    leaves = [bytes(joined)[i : i + 32] for _, joined in stored for i in range(0, len(joined), 32)]
    assert sorted(leaves) == sorted(from_hex(consent) for _, consent in given)
    for root, _ in stored:
        assert environment.chain.batch(offer.id, bytes(root)) > 0
