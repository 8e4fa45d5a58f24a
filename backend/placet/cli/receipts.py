"""A kept receipt for a consent, checked by the caller's own files and, if there is one, the caller's own endpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from placet.cli.inputs import read_text

if TYPE_CHECKING:
    from placet.chain.receipts import ReceiptStanding
    from placet.core.receipts import ReceiptFacts
    from placet.core.trust import Deployment, TrustList


def checked_receipt(
    file: Path, deployment: Deployment, trust: TrustList, url: str | None
) -> tuple[ReceiptFacts, ReceiptStanding | None]:
    """What the receipt says, and how the consent stands on the chain now; None where no endpoint is asked. InputError,
    SignatureError or ConsentError for what does not hold."""
    from placet.core.receipts import MAX_RECEIPT, SignedReceipt
    from placet.core.values import parse

    text = read_text(file, "receipt", limit=MAX_RECEIPT)
    facts = parse(SignedReceipt, text, limit=MAX_RECEIPT, what=f"receipt {file}").demand(deployment, trust)
    if url is None:
        return facts, None
    from placet.chain.client import Chain
    from placet.chain.receipts import demand_on_chain

    chain = Chain(url, deployment)
    chain.check()
    return facts, demand_on_chain(chain, facts)
