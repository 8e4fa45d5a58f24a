"""An offer as of one block, whose consents' ends the index has all read: by the heads that the contract keeps of them.

An endpoint may answer `eth_call` at its newest block with what the next one changes already: Anvil does while it seals
that one, and so does who asks machines of different progress. So a difference counts only if it stays.
"""

from __future__ import annotations

import time

from placet.chain.client import Chain
from placet.chain.index import Index
from placet.chain.rpc import ATTEMPTS, PAUSE
from placet.chain.states import OfferState
from placet.core.errors import ChainError
from placet.core.ids import OfferId
from placet.core.values import to_hex


def offer_at(chain: Chain, index: Index, offer: OfferId, block: int) -> OfferState:
    """The state at a block up to which the index has read; later events in it do not count. ChainError
    `chain.incomplete` where the events do not lead to it, NotFoundError for no such offer."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE * 2**attempt)
        state, heads = chain.offer(offer, block=block), index.heads(offer, block)
        if heads == (state.epoch, state.unproven):
            return state
    raise ChainError(
        "the endpoint's events of withdrawals are not those that the contract has counted",
        expected=f"epoch {to_hex(state.epoch)}, unproven {to_hex(state.unproven)}",
        found=f"epoch {to_hex(heads[0])}, unproven {to_hex(heads[1])}",
        remedy="try again; if it stays so, use another endpoint",
        code="chain.incomplete",
    )
