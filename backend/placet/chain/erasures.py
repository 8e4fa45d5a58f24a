"""What the chain says of an erasure: that the provider anchored the very receipt that the owner was given."""

from __future__ import annotations

from placet.chain.client import Chain
from placet.chain.events import ErasureAnchored
from placet.core.erasure import ErasureReceipt
from placet.core.errors import StateError
from placet.core.values import to_hex


def anchored_in(chain: Chain, receipt: ErasureReceipt) -> int:
    """The confirmed block that holds the hash of a provider's receipt. StateError `state.erasure` where none does."""
    events = chain.events([ErasureAnchored], chain.deployment.block, chain.confirmed(), consent=receipt.consent)
    for event in events:
        if event.receipt == receipt.hash:
            return event.block
    raise StateError(
        "the chain does not hold this receipt of an erasure",
        expected=to_hex(receipt.hash),
        found=", ".join(to_hex(event.receipt) for event in events) or None,
        remedy="ask again in some blocks",
        code="state.erasure",
    )
