"""Receipts for consents, as this institution signs them: of what its index holds, as of the last block that counts."""

from __future__ import annotations

from typing import NamedTuple

from placet.chain import events
from placet.chain.blocks import Head
from placet.core.errors import ConsentError, StateError
from placet.core.ids import ConsentId
from placet.core.receipts import ReceiptBlock, ReceiptEnd, ReceiptFacts, ReceiptGiven, SignedReceipt, issue
from placet.core.values import to_hex
from placet.node.consents import models, queries
from placet.node.service import Node
from placet.node.state import now


def of_consent(node: Node, row: queries.Row) -> SignedReceipt:
    """Asks the chain. StateError `state.receipt` where the chain holds nothing of the consent yet; ConsentError for an
    institution's own, which is about no person, and where words are others by now than those that were signed."""
    node.demand_chain()
    consent, shown = queries.full(node, row), queries.show(node, row)
    if consent.id != shown.id:
        raise ConsentError(
            "scope or trust list are others than when this consent was signed",
            expected=to_hex(shown.id),
            found=to_hex(consent.id),
            code="consent.receipt",
        )
    scope = node.scopes.of(consent.offer)
    if not scope.personal:
        raise ConsentError("a receipt is for a person's consent, and this is an institution's", code="consent.receipt")
    head = node.chain.block(min(node.chain.confirmed(), node.index.latest()))
    given, ended = _given(node, shown, head), _ended(node, shown.id, head)
    if given is None and ended is None:
        raise StateError(
            "the chain does not hold this consent yet",
            expected="a confirmed block with it, or with its withdrawal",
            found=shown.status,
            remedy="ask again in some blocks",
            code="state.receipt",
        )
    facts = ReceiptFacts(
        chain_id=node.deployment.chain_id,
        registry=node.deployment.consent_registry.address,
        api=node.trust.institution(node.address).api.rstrip("/"),
        jurisdiction=node.settings.institution.jurisdiction,
        created=max(now(), head.timestamp),
        as_of=ReceiptBlock(block=head.number, block_hash=head.hash, at=head.timestamp),
        openings=node.chain.offer(shown.offer, block=head.number).openings,
        consent=consent,
        scope=scope,
        given=given,
        ended=ended,
    )
    return issue(facts, node.trust.name, node.deployment.receipts, node.keys.signer.sign)


def _given(node: Node, shown: models.ConsentResponse, head: Head) -> ReceiptGiven | None:
    batch = shown.batch
    if batch is None:
        event = node.index.given(shown.id, head.number)
        return None if event is None else ReceiptGiven(**_place(node, event)._asdict())
    anchored = node.index.anchored(shown.offer, batch.root, head.number)
    proof = None if batch.proof is None else tuple(batch.proof)
    return None if anchored is None else ReceiptGiven(**_place(node, anchored)._asdict(), batch=batch.root, proof=proof)


def _ended(node: Node, consent: ConsentId, head: Head) -> ReceiptEnd | None:
    event = node.index.end(consent, head.number)
    if event is None:
        return None
    withdrawn = isinstance(event, events.ConsentWithdrawn)
    return ReceiptEnd(**_place(node, event)._asdict(), how="withdrawn" if withdrawn else "revoked")


class _Place(NamedTuple):
    block: int
    block_hash: bytes
    at: int
    transaction: bytes


def _place(node: Node, event: events.Event) -> _Place:
    at = node.chain.block(event.block).timestamp if event.timestamp is None else event.timestamp
    return _Place(event.block, event.block_hash, at, event.transaction)
