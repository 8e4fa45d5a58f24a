"""A node is killed (SIGKILL) at every step of an erasure: the next one ends it by itself, nothing is half done, and the
chain hears of it once."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.node.conftest import NodeEnvironment, Owner, Running, node_at
from tests.node.test_relay import Process

from forked import forked
from placet.chain.events import ErasureAnchored
from placet.chain.outbox import intents, transactions
from placet.core.erasure import SignedErasure
from placet.core.errors import NotFoundError, StateError
from placet.core.ids import ConsentId, JobId
from placet.core.signatures import Key
from placet.core.values import from_hex, parse, to_hex
from placet.node.config import NodeSettings
from placet.node.consents import erasing, uses
from placet.node.state import consents, erasure_notices, erasures

CRASHING = Path(__file__).with_name("crashing_erasure.py")
JOB = JobId(b"\7" * 32)
PIECE = 48
MORE = [
    *("marked", "told", "deleting", "gone here", "gone there", "signed", "erased"),
    *("submitted", "sending", "mined", "anchored"),
]
MOMENTS = [
    ["gone here, logged", "sent"],
    *(pytest.param([moment], marks=pytest.mark.slow) for moment in MORE),
    pytest.param(["answered", "answer noted"], marks=pytest.mark.slow),
]


async def _asked(node: Running, owner: Owner, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict[str, bytes]]:
    """The owner of a withdrawn consent that a job had used asked for its erasure, and nothing came of it yet; what
    leads to him."""
    offer, _ = node.offer()
    consent = await node.give(owner, offer)
    await node.turn()
    assert (await node.client.post(f"/v1/consents/{consent}/withdrawal", json=owner.withdrawal(consent))).is_success
    await node.turn()
    await asyncio.to_thread(uses.note_uses, node.node.engine, JOB, 1, offer.id, from_hex(consent))
    with node.node.engine.connect() as connection:
        row = connection.execute(sa.select(consents).where(consents.c.id == from_hex(consent))).mappings().one()
    received = node.settings.received
    received.mkdir(exist_ok=True)
    (received / f"{JOB.hex()}-1.received").write_bytes(b"what was kept to be replayed" * 4)

    async def nothing(*_: object) -> bool:
        raise StateError("killed before it began")

    with monkeypatch.context() as patched:
        patched.setattr(erasing, "carry_on", nothing)
        path = f"/v1/owners/{to_hex(owner.signer)}/erasure"
        answer = await node.client.post(path, headers=owner.headers("POST", path))
        assert answer.json()["erasures"][0]["state"] == "asked"
    values = {
        name: bytes(value)[:PIECE]
        for name, value in row.items()
        if isinstance(value, bytes) and name in ("salt", "signature")
    }
    return consent, values | {"what was kept": b"what was kept to be replayed"}


def _found(folder: Path, values: dict[str, bytes]) -> set[str]:
    content = b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())
    return {name for name, value in values.items() if value in content}


@pytest.mark.parametrize("moments", MOMENTS, ids="+".join)
async def test_a_killed_node_ends_its_erasures(
    environment: NodeEnvironment, owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moments: list[str]
) -> None:
    process, consumer = Process(environment, tmp_path / "node"), Key()
    async with node_at(environment, process.settings) as node:
        consent, values = await _asked(node, owner, monkeypatch)
    folder = process.settings.folder
    assert _found(folder, values) == values.keys()
    words = [process.file, JOB.hex(), consumer.secret.hex()]
    for moment in moments:
        killed = forked(CRASHING, [*words, moment], folder, process.log)
        assert await asyncio.to_thread(killed.wait, 120) == -signal.SIGKILL, process.log.read_text()
        if moment == "answered":
            with sqlite3.connect(f"file:{folder / 'state.db'}?mode=ro", uri=True) as connection:
                ((mark,),) = connection.execute("SELECT mark FROM node_erasure_notices").fetchall()
            values["the mark"] = bytes(mark)[:PIECE]
    later = forked(CRASHING, [*words, "never"], folder, process.log)
    assert await asyncio.to_thread(later.wait, 120) == 0, process.log.read_text()
    assert _found(folder, values) == set()
    await _demand_ended(environment, process.settings, ConsentId(from_hex(consent)), consumer)


async def _demand_ended(
    environment: NodeEnvironment, settings: NodeSettings, consent: ConsentId, consumer: Key
) -> None:
    async with node_at(environment, settings) as node:
        with node.node.engine.connect() as connection:
            (row,) = connection.execute(sa.select(erasures)).mappings().all()
            (notice,) = connection.execute(sa.select(erasure_notices)).mappings().all()
            ours = intents.c.intent.like("erasure:%")
            sent = connection.execute(sa.select(transactions.c.nonce).join_from(transactions, intents).where(ours))
            nonces = {nonce for (nonce,) in sent}
        domain = environment.deployment.receipts
        receipt = parse(SignedErasure, row["receipt"]).demand(node.node.address, consent, domain)
        parse(SignedErasure, notice["receipt"]).demand(consumer.address, consent, domain)
        assert (row["state"], receipt.jobs, notice["mark"]) == ("anchored", (JOB,), None)
        with pytest.raises(NotFoundError):
            await node.node.vault.consent(consent, None)
    chain = environment.chain
    (event,) = chain.events([ErasureAnchored], 0, chain.head().number, consent=consent)
    assert (event.receipt, event.block) == (receipt.hash, row["block"])
    assert len(nonces) == 1
