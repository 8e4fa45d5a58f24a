"""An erasure on its way: told to all who hold the person, done here, signed, anchored.

    asked ──▶ told ──(once `due`)──▶ erased ──▶ anchored
               └─ a notice to each party of the jobs that used the consent, repeated until it is answered

Each arrow is one transaction after what it stands for, which may be done twice: a node that is killed goes on where it
was. What names the person to others leaves the vault as a keyed mark, is sealed here, and goes with the answer.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping

import sqlalchemy as sa

from placet.chain.intents import numbered
from placet.chain.outbox import Mined
from placet.chain.storage import overwrite_deleted
from placet.chain.threaded import ask_chain
from placet.core.at_rest import context
from placet.core.erasure import RECORD, ErasureReceipt, SignedErasure
from placet.core.errors import PlacetError
from placet.core.ids import ConsentId, JobId, OfferId
from placet.core.values import parse, to_hex
from placet.jobs import kept_payloads
from placet.jobs.messages import EraseRequest, EraseResponse
from placet.jobs.store import JobStore
from placet.node.consents import erasure, uses
from placet.node.service import Node
from placet.node.state import erasure_notices as notices
from placet.node.state import erasures, insert_new, now, reading

log = logging.getLogger("placet.node.consents.erasing")
ASKED, TOLD, ERASED, ANCHORED = "asked", "told", "erased", "anchored"
REST = 15.0
"""Seconds between two looks: what another process of the institution wrote is found, and what has become due."""
_AT_ONCE = 64
_LONGEST_PAUSE = 3_600
_SALT = 32
Ask = Callable[[bytes, EraseRequest], Awaitable[EraseResponse]]
"""A question to an institution, this one among them, by its address."""


async def tick(node: Node, ask: Ask) -> float:
    """Go on with what is under way; seconds until the next look."""
    for row in await asyncio.to_thread(_due, node):
        try:
            await carry_on(node, ConsentId(row["consent"]))
        except PlacetError as error:
            await asyncio.to_thread(_later, node, erasures, row, error)
    unanswered = await asyncio.to_thread(_unanswered, node)
    await asyncio.gather(*(_tell(node, ask, row) for row in unanswered))
    anchoring = await ask_chain(_anchor, node)
    return node.settings.sync_seconds if anchoring else REST


async def carry_on(node: Node, consent: ConsentId) -> bool:
    """As far as it goes now without others; whether anything of the consent was here to be erased. StateError while
    the relay still needs it."""
    row = await asyncio.to_thread(_row, node, consent)
    if row["state"] == ASKED:
        salt = secrets.token_bytes(_SALT)
        mark = await node.vault.mark(consent, salt)
        await asyncio.to_thread(_write_notices, node, row, None if mark is None else salt + mark)
        row = await asyncio.to_thread(_row, node, consent)
    if row["state"] != TOLD or row["due"] > now():
        return False
    was_here = await erasure.erase_everywhere(node.settings, node.engine, node.vault, consent)
    receipt = ErasureReceipt(
        chain_id=node.deployment.chain_id,
        registry=node.deployment.consent_registry.address,
        holder=node.address,
        consent=consent,
        erased=(*RECORD, "payloads"),
        jobs=tuple(JobId(job) for job in _split(row["jobs"])),
        at=now(),
    )
    signed = SignedErasure.of(receipt, node.deployment.receipts, node.keys.signer.sign)
    values = {"state": ERASED, "receipt": signed.model_dump_json(), "attempts": 0, "retry_at": 0, "error": None}
    await asyncio.to_thread(_set, node, erasures, erasures.c.consent == consent, values)
    return was_here


def _write_notices(node: Node, row: sa.RowMapping, mark: bytes | None) -> None:
    """To all parties of the jobs that used the consent, and to their consumer, who may be this institution itself."""
    consent, store, holders = ConsentId(row["consent"]), JobStore(node.engine), dict[bytes, list[JobId]]()
    jobs = sorted(uses.jobs_of(node.engine, consent))
    for record in filter(None, map(store.find, jobs)):
        others = {party.signer for party in record.plan.parties} - {node.address} | {record.plan.consumer}
        for holder in others:
            holders.setdefault(holder, []).append(record.job)
    at_rest = node.keys.at_rest
    kept_payloads.forget(node.settings.received, jobs)
    with node.engine.begin() as connection:
        for holder, theirs in holders.items():
            sealed = None if mark is None else at_rest.seal(mark, _context(consent, holder))
            entry = {"consent": consent, "holder": holder, "jobs": b"".join(theirs), "mark": sealed, "attempts": 0}
            insert_new(connection, notices, entry | {"retry_at": 0})
        values = {"state": TOLD, "jobs": b"".join(jobs)}
        connection.execute(sa.update(erasures).where(erasures.c.consent == consent).values(values))


def _context(consent: bytes, holder: bytes) -> bytes:
    return context("erasure", to_hex(consent), to_hex(holder))


async def _tell(node: Node, ask: Ask, row: sa.RowMapping) -> None:
    consent, holder = ConsentId(row["consent"]), bytes(row["holder"])
    here = (notices.c.consent == consent) & (notices.c.holder == holder)
    try:
        mark = bytes(2 * _SALT)
        if row["mark"] is not None:
            mark = node.keys.at_rest.open(bytes(row["mark"]), _context(consent, holder))
        request = EraseRequest(
            offer=OfferId(row["offer"]),
            consent=consent,
            jobs=tuple(JobId(job) for job in _split(row["jobs"])),
            salt=mark[:_SALT],
            mark=mark[_SALT:],
        )
        answer = (await ask(holder, request)).erasure
        await ask_chain(answer.demand, holder, consent, node.deployment.receipts, node.chain.verifiers)
    except PlacetError as error:
        log.warning("an erasure is not answered yet by %s: %s", to_hex(holder), error.message)
        await asyncio.to_thread(_later, node, notices, row, error)
        return
    values = {"receipt": answer.model_dump_json(), "mark": None, "error": None}
    await asyncio.to_thread(_set, node, notices, here, values)
    await asyncio.to_thread(overwrite_deleted, node.engine)


def _anchor(node: Node) -> int:
    """Of what is erased and ended on chain; how many are under way."""
    if node.health.chain_error is not None:
        return 0
    query = sa.select(erasures).where(erasures.c.state == ERASED, erasures.c.retry_at <= now()).limit(_AT_ONCE)
    with reading(node.engine) as connection:
        rows = connection.execute(query).mappings().all()
    under_way = 0
    for row in rows:
        consent, offer = ConsentId(row["consent"]), OfferId(row["offer"])
        if consent not in node.ended(offer):  # the contract would refuse it
            continue
        under_way += 1
        receipt = parse(SignedErasure, row["receipt"]).receipt
        intent = numbered(f"erasure:{consent.hex()}", row["attempts"])
        node.sender.submit(intent, node.calls.anchor_erasure(offer, consent, receipt.hash), node.keys.recorder.address)
        outcome = node.sender.outcome(intent)
        if isinstance(outcome, Mined):
            _set(node, erasures, erasures.c.consent == consent, {"state": ANCHORED, "block": outcome.block})
        elif outcome is not None:
            _later(node, erasures, row, outcome)
    return under_way


def _due(node: Node) -> list[sa.RowMapping]:
    under_way = (erasures.c.state == ASKED) | ((erasures.c.state == TOLD) & (erasures.c.due <= now()))
    query = sa.select(erasures).where(under_way, erasures.c.retry_at <= now()).order_by(erasures.c.asked)
    with reading(node.engine) as connection:
        return list(connection.execute(query.limit(_AT_ONCE)).mappings())


def _unanswered(node: Node) -> list[sa.RowMapping]:
    query = sa.select(notices, erasures.c.offer).join_from(notices, erasures, notices.c.consent == erasures.c.consent)
    open_ = query.where(notices.c.receipt.is_(None), notices.c.retry_at <= now())
    with reading(node.engine) as connection:
        return list(connection.execute(open_.limit(_AT_ONCE)).mappings())


def _row(node: Node, consent: ConsentId) -> sa.RowMapping:
    with reading(node.engine) as connection:
        return connection.execute(sa.select(erasures).where(erasures.c.consent == consent)).mappings().one()


def _later(node: Node, table: sa.Table, row: sa.RowMapping, error: PlacetError) -> None:
    attempts = row["attempts"] + 1
    pause = min(int(node.settings.batch_seconds * 2 ** min(attempts, 16)) + 1, _LONGEST_PAUSE)
    here = table.c.consent == row["consent"]
    if table is notices:
        here &= notices.c.holder == row["holder"]
    _set(node, table, here, {"attempts": attempts, "retry_at": now() + pause, "error": error.code})


def _set(node: Node, table: sa.Table, here: sa.ColumnElement[bool], values: Mapping[str, object]) -> None:
    with node.engine.begin() as connection:
        connection.execute(sa.update(table).where(here).values(values))


def _split(ids: bytes | None) -> list[bytes]:
    return [ids[at : at + 32] for at in range(0, len(ids or b""), 32)] if ids else []
