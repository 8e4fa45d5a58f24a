"""The relay: brings what this node took on to the chain, pays for it, and follows it until it is there.

Everything is in the database before it is submitted and every intent has a name of its own, so that a crash at any
point loses nothing and sends nothing twice. A refused transaction is tried again under a new name, ever more slowly.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Set

import sqlalchemy as sa

from placet.chain.calls import Call
from placet.chain.intents import numbered
from placet.chain.outbox import Mined
from placet.chain.threaded import ask_chain
from placet.core.consent import Grant, Status
from placet.core.errors import Reverted
from placet.core.ids import BatchRoot, ConsentId, OfferId
from placet.core.merkle import batch_root
from placet.node.consents import queries as held
from placet.node.consents.models import ConsentStatus
from placet.node.http.limits import forget
from placet.node.service import Node
from placet.node.state import batches, consents, now, reading, withdrawals

log = logging.getLogger("placet.node.consents.relay")
_LONGEST_PAUSE = 3_600
_GRANTS = 256
REST = 15.0
"""Seconds between two ticks where nothing is under way and nothing wakes the relay: a refused transaction may be due
again, and what another process left in the database is found."""
_FINAL = {"AlreadyExpired", "ConsentEnded", "ConsentExists", "InvalidSignature", "NoUses", "TimesOutOfOrder"}


async def gathered(node: Node) -> float:
    """What arrives within `batch_seconds` is relayed together. Seconds that the next tick may wait: none while anything
    is under way."""
    await asyncio.sleep(node.settings.batch_seconds)
    return 0.0 if await tick(node) else REST


async def tick(node: Node) -> bool:
    """New batches, then all that is under way; whether anything is. ChainError if the chain is lost meanwhile."""
    await asyncio.to_thread(form_batches, node)
    open_rows = 0
    for row in await asyncio.to_thread(_open_batches, node):
        await _anchor(node, row)
        open_rows += 1
    for row in await asyncio.to_thread(_open_grants, node):
        await ask_chain(_grant, node, row)
        open_rows += 1
    due, under_way = await asyncio.to_thread(open_withdrawals, node)
    for row in due:
        await ask_chain(withdraw, node, row)
    open_rows += len(due) + under_way
    open_rows += await asyncio.to_thread(_prove, node)
    await asyncio.to_thread(_clean, node)
    return open_rows > 0


def form_batches(node: Node) -> int:
    """Put what is pending into one batch an offer, in one database transaction; the number of new batches."""
    with reading(node.engine) as connection:
        offers = connection.execute(sa.select(consents.c.offer).where(_waiting()).distinct()).scalars().all()
    ended = {OfferId(offer): node.ended(OfferId(offer)).keys() for offer in offers}
    with node.engine.begin() as connection:
        return sum(_form(node, connection, offer, dead) for offer, dead in ended.items())


def _waiting() -> sa.ColumnElement[bool]:
    return (
        (consents.c.status == ConsentStatus.PENDING.value)
        & (consents.c.route == "batch")
        & consents.c.batch.is_(None)
        & consents.c.id.not_in(sa.select(withdrawals.c.consent).where(withdrawals.c.state != "refused"))
    )


def _form(node: Node, connection: sa.Connection, offer: OfferId, dead: Set[ConsentId]) -> int:
    waiting = sa.select(consents.c.id).where(_waiting(), consents.c.offer == offer, consents.c.not_after >= now())
    oldest = waiting.order_by(consents.c.created, consents.c.id).limit(node.settings.limits.batch_leaves)
    ids = sorted({ConsentId(consent) for consent in connection.execute(oldest).scalars()} - dead)
    if not ids:
        return 0
    root = batch_root(ids)
    row = {"offer": offer, "root": root, "leaves": b"".join(ids), "attempts": 0, "retry_at": 0, "created": now()}
    new = sa.insert(batches).values(state="written", **row).returning(batches.c.id)
    number = connection.execute(new).scalar_one()
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        taken = connection.execute(
            sa.update(consents)
            .where(consents.c.id.in_(part), consents.c.batch.is_(None))
            .values(batch=number, status=ConsentStatus.ANCHORING.value)
        ).rowcount
        if taken != len(part):  # somebody else's relay works on the same database: undo all of it
            raise RuntimeError("a consent went into another batch at the same time")
    log.info("batch %d of %d consents formed", number, len(ids))
    return 1


def _open_batches(node: Node) -> list[sa.RowMapping]:
    return _due(node, batches, batches.c.state == "written")


def _open_grants(node: Node) -> list[sa.RowMapping]:
    work = (consents.c.route == "grant") & consents.c.status.in_(
        (ConsentStatus.PENDING.value, ConsentStatus.ANCHORING.value)
    )
    return _due(node, consents, work)


def open_withdrawals(node: Node) -> tuple[list[sa.RowMapping], int]:
    """Withdrawals to be sent or looked at, and how many others are with the sender: however many of these wait to be
    final, none keeps another one from the chain."""
    with_sender = node.sender.under_way("withdraw:")
    written = withdrawals.c.state == "written"
    query = sa.select(withdrawals.c.consent, withdrawals.c.attempts).where(written, withdrawals.c.retry_at <= now())
    with reading(node.engine) as connection:
        rows = connection.execute(query.order_by(withdrawals.c.created)).all()
        due = [consent for consent, attempts in rows if numbered(_withdrawing(consent), attempts) not in with_sender]
        batch = sa.select(withdrawals).where(withdrawals.c.consent.in_(due[:_GRANTS]))
        return list(connection.execute(batch.order_by(withdrawals.c.created)).mappings()), len(rows) - len(due)


def _withdrawing(consent: bytes) -> str:
    return f"withdraw:{consent.hex()}"


def _due(node: Node, table: sa.Table, condition: sa.ColumnElement[bool]) -> list[sa.RowMapping]:
    query = sa.select(table).where(condition, table.c.retry_at <= now()).order_by(table.c.created).limit(_GRANTS)
    with reading(node.engine) as connection:
        return list(connection.execute(query).mappings())


async def _anchor(node: Node, row: sa.RowMapping) -> None:
    offer, root, leaves = OfferId(row["offer"]), BatchRoot(row["root"]), held.ids_of(row["leaves"])
    await node.vault.note_batch(offer, root, leaves)
    await ask_chain(_push_anchor, node, row, offer, root)


def _push_anchor(node: Node, row: sa.RowMapping, offer: OfferId, root: BatchRoot) -> None:
    name = f"anchor:{offer.hex()}:{root.hex()}"
    outcome = _push(node, batches, row, name, node.calls.anchor(offer, root))
    if isinstance(outcome, Reverted) and node.chain.batch(offer, root):
        block = node.index.batches(offer).get(root)
        if block is None:
            return
        outcome = Mined(block, b"", 0)
    if isinstance(outcome, Mined):
        given = {"status": ConsentStatus.GIVEN.value, "block": outcome.block}
        with node.engine.begin() as connection:
            connection.execute(
                sa.update(batches)
                .where(batches.c.id == row["id"])
                .values(state="anchored", block=outcome.block, error=None)
            )
            relayed = connection.execute(
                sa.update(consents).where(consents.c.batch == row["id"]).values(**given)
            ).rowcount
        node.counts.batches += 1
        node.counts.relayed += relayed
        log.info("batch %d is on chain at block %d: %d consents given", row["id"], outcome.block, relayed)
    elif outcome is not None:
        _retry(node, batches, batches.c.id == row["id"], row, outcome)


def _grant(node: Node, row: sa.RowMapping) -> None:
    consent = ConsentId(row["id"])
    here = consents.c.id == consent
    if row["not_after"] < now() and row["status"] == ConsentStatus.PENDING.value:
        return
    call = node.calls.grant(held.full(node, row), bytes(row["signature"]))
    _set(
        node, consents, here & (consents.c.status == ConsentStatus.PENDING.value), status=ConsentStatus.ANCHORING.value
    )
    outcome = _push(node, consents, row, f"grant:{consent.hex()}", call)
    if isinstance(outcome, Mined):
        _set(node, consents, here, status=ConsentStatus.GIVEN.value, block=outcome.block, error=None)
        node.counts.relayed += 1
    elif outcome is not None:
        if node.chain.consent(consent).status is not Status.NONE:
            given = node.index.given(consent)
            _set(node, consents, here, status=ConsentStatus.GIVEN.value, block=None if given is None else given.block)
        elif outcome.name in _FINAL:
            _set(node, consents, here, status=ConsentStatus.REFUSED.value, error=outcome.message[:200])
        else:
            _retry(node, consents, here, row, outcome)


def withdraw(node: Node, row: sa.RowMapping) -> None:
    """Submit a withdrawal, or see how it went."""
    consent = ConsentId(row["consent"])
    here = withdrawals.c.consent == consent
    grant = Grant(
        owner=bytes(row["owner"]),
        offer=OfferId(row["offer"]),
        not_before=row["not_before"],
        not_after=row["not_after"],
        first_opening=row["first_opening"],
        uses=row["uses"],
        details=bytes(row["details"]),
    )
    signature = bytes(row["signature"])
    if row["batch"] is None:
        call = node.calls.withdraw(grant, signature)
    else:
        call = node.calls.withdraw_batched(grant, signature, BatchRoot(row["batch"]), held.split(bytes(row["proof"])))
    outcome = _push(node, withdrawals, row, _withdrawing(consent), call)
    if isinstance(outcome, Mined):
        _set(node, withdrawals, here, state="mined", block=outcome.block, error=None)
        node.counts.withdrawals += 1
    elif outcome is not None:
        if node.chain.consent(consent).status in (Status.WITHDRAWN, Status.REVOKED):
            _set(node, withdrawals, here, state="mined", error=None)
        elif outcome.name == "InvalidSignature":  # a contract's answer can change
            _set(node, withdrawals, here, state="refused", error=outcome.message[:200])
        elif outcome.name == "NotInBatch":
            _set(node, withdrawals, here, batch=None, proof=None, attempts=row["attempts"] + 1)
        else:
            _retry(node, withdrawals, here, row, outcome)


def _prove(node: Node) -> int:
    """Withdrawn before its batch was on chain, or without this node: let the contract know that it touches a batch. How
    many are under way."""
    under_way = 0
    for offer in (offer for offer, event in node.offers().items() if event.provider == node.address):
        unproven = [consent for consent, ended in node.ended(offer).items() if not ended.proven]
        for start in range(0, len(unproven), 500):
            columns = (consents.c.id, consents.c.attempts, consents.c.retry_at, batches.c.root, batches.c.leaves)
            due = consents.c.id.in_(unproven[start : start + 500]) & (consents.c.retry_at <= now())
            part = sa.select(*columns).join_from(consents, batches).where(due, batches.c.state == "anchored")
            with reading(node.engine) as connection:
                rows = connection.execute(part).mappings().all()
            under_way += len(rows)
            for row in rows:
                consent, root = ConsentId(row["id"]), BatchRoot(row["root"])
                call = node.calls.prove(consent, offer, root, held.proof_of(bytes(row["leaves"]), consent))
                outcome = _push(node, consents, row, f"prove:{consent.hex()}", call)
                if isinstance(outcome, Reverted):
                    _retry(node, consents, consents.c.id == consent, row, outcome)
    return under_way


def _push(node: Node, table: sa.Table, row: sa.RowMapping, name: str, call: Call) -> Mined | Reverted | None:
    """Submit the row's present try; how it went, or None while it is under way. The number is the row's own, since the
    pause between tries outlives a restart and a withdrawal can become another call."""
    intent = numbered(name, row["attempts"])
    node.sender.submit(intent, call, node.keys.recorder.address)
    return node.sender.outcome(intent)


def _retry(node: Node, table: sa.Table, here: sa.ColumnElement[bool], row: sa.RowMapping, error: Reverted) -> None:
    attempts = row["attempts"] + 1
    pause = min(int(node.settings.batch_seconds * 2 ** min(attempts, 16)) + 1, _LONGEST_PAUSE)
    log.warning("%s: refused (%s), again in %d s", table.name, error.name, pause)
    _set(node, table, here, attempts=attempts, retry_at=now() + pause, error=error.message[:200])


def _set(node: Node, table: sa.Table, here: sa.ColumnElement[bool], **values: object) -> None:
    with node.engine.begin() as connection:
        connection.execute(sa.update(table).where(here).values(**values))


def _clean(node: Node) -> None:
    with node.engine.begin() as connection:
        forget(connection, now())
