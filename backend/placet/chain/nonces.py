"""Which transaction used up a nonce: the block itself holds it, whatever receipts a machine behind the endpoint has."""

from __future__ import annotations

from collections.abc import Collection

from placet.chain.blocks import Block
from placet.chain.client import Chain
from placet.chain.rpc import RpcError, quantity
from placet.core.values import to_hex


def is_another(chain: Chain, account: bytes, nonce: int, ours: Collection[bytes], last: int) -> bool:
    """Was the nonce, which the account had used by block `last`, used by none of our transactions (their hashes)? False
    where the endpoint has no state of that time any more: nobody knows then."""
    below, step = last, 1
    try:
        while below > 0 and _used(chain, account, below) > nonce:
            below, step = max(last - step, 0), 2 * step
        above = last
        while above - below > 1:
            middle = (below + above) // 2
            below, above = (middle, above) if _used(chain, account, middle) <= nonce else (below, middle)
        shown = chain.rpc.call("eth_getBlockByNumber", hex(above), False)
    except RpcError:
        return False
    return shown is not None and not set(Block.read(shown).transactions) & set(ours)


def _used(chain: Chain, account: bytes, block: int) -> int:
    return quantity(chain.rpc.call("eth_getTransactionCount", to_hex(account), hex(block)))
