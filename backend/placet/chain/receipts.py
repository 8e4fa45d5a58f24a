"""A receipt held against the chain, at an endpoint of the reader's own choice: does the chain say the same?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from placet.chain.blocks import Head
from placet.chain.client import Chain
from placet.chain.events import BatchAnchored, ConsentGiven, ConsentRevoked, ConsentWithdrawn, Event
from placet.core.consent import Status
from placet.core.errors import ConsentError
from placet.core.receipts import ReceiptBlock, ReceiptEnd, ReceiptFacts, ReceiptGiven
from placet.core.values import to_hex


@dataclass(frozen=True)
class ReceiptStanding:
    """What the chain says of a receipt's consent now: whether it is `ended`, and how many openings are left of it."""

    ended: bool
    openings_left: int


def demand_on_chain(chain: Chain, facts: ReceiptFacts) -> ReceiptStanding:
    """ConsentError where the chain does not hold what a receipt says: its block, the consent's place, its end; or where
    the consent had ended by the receipt's block, and the receipt does not say so. `facts` are checked ones. A leaf of a
    batch that the receipt has no proof of is not looked for: see `ReceiptGiven.proof`."""
    _demand_block(chain, "the receipt's block", facts.as_of)
    if facts.given is not None:
        _demand_given(chain, facts, facts.given)
    ended = chain.consent(facts.consent.id).status in (Status.WITHDRAWN, Status.REVOKED)
    if facts.ended is not None:
        _demand_ended(chain, facts, facts.ended)
    elif ended and _ends(chain, facts, 0 if facts.given is None else facts.given.block, facts.as_of.block):
        raise ConsentError(
            "the consent had ended by the receipt's block, and the receipt does not say so",
            remedy="keep it, and show it to an auditor: the institution signed it",
            code="consent.receipt",
        )
    openings = chain.offer(facts.consent.offer.id).openings
    if openings < facts.openings:
        raise _no("so many jobs on the consent's offer", facts.as_of.block, f"{facts.openings}, and {openings} by now")
    left = facts.consent.opens_before - max(openings, facts.consent.first_opening)
    return ReceiptStanding(ended=ended, openings_left=max(left, 0))


def _demand_given(chain: Chain, facts: ReceiptFacts, given: ReceiptGiven) -> None:
    offer, consent = facts.consent.offer.id, facts.consent.id
    if given.batch is None:
        events: Sequence[Event] = chain.events([ConsentGiven], given.block, given.block, consent=consent)
    else:
        anchored = chain.events([BatchAnchored], given.block, given.block, offer=offer)
        events = [event for event in anchored if event.root == given.batch]
    _demand_place(chain, "the consent", given, events)


def _demand_ended(chain: Chain, facts: ReceiptFacts, ended: ReceiptEnd) -> None:
    kind = ConsentWithdrawn if ended.how == "withdrawn" else ConsentRevoked
    events = [event for event in _ends(chain, facts, ended.block, ended.block) if isinstance(event, kind)]
    _demand_place(chain, "the consent's end", ended, events)


def _ends(chain: Chain, facts: ReceiptFacts, first: int, last: int) -> Sequence[Event]:
    first = max(first, chain.deployment.block)
    return chain.events([ConsentWithdrawn, ConsentRevoked], first, last, consent=facts.consent.id)


def _demand_place(chain: Chain, what: str, place: ReceiptGiven | ReceiptEnd, events: Sequence[Event]) -> None:
    _demand_block(chain, what, place)
    if place.transaction not in {event.transaction for event in events}:
        raise _no(what, place.block, to_hex(place.transaction))


def _demand_block(chain: Chain, what: str, block: ReceiptBlock) -> None:
    if chain.block(block.block) != Head(block.block, block.at, block.block_hash):
        raise _no(what, block.block, f"{to_hex(block.block_hash)} of {block.at}")


def _no(what: str, block: int, found: str) -> ConsentError:
    return ConsentError(
        f"the chain does not hold {what} where the receipt has it",
        expected=f"in block {block}",
        found=found,
        remedy="ask another endpoint; if it says the same, the institution signed what is not true",
        code="consent.receipt",
    )
