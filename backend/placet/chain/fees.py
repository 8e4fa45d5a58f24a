"""What a transaction offers for its gas (EIP-1559), from whatever the endpoint has to say about it."""

from __future__ import annotations

from collections.abc import Callable

from placet.chain.rpc import Rpc, RpcError, members, quantity

MAX_FEE = 2_000 * 10**9
"""Wei a unit of gas that are never exceeded, whatever an endpoint says."""
_BLOCKS = 5


def base_fee(rpc: Rpc) -> int:
    """The latest block's base fee in wei a unit of gas; 0 on a chain without one."""
    return quantity(members(rpc.call("eth_getBlockByNumber", "latest", False), "block").get("baseFeePerGas", "0x0"))


def fees(rpc: Rpc) -> tuple[int, int]:
    """Maximum fee and tip in wei a unit of gas: room for the base fee to double. Endpoints lack one or another of the
    methods that tell a tip. RpcError of the last one where none is there."""
    base = base_fee(rpc)
    ways: tuple[Callable[[Rpc, int], int], ...] = (_told, _paid, _priced)
    for way in ways[:-1]:
        try:
            tip = way(rpc, base)
            break
        except RpcError:
            continue
    else:
        tip = ways[-1](rpc, base)
    tip = min(tip, MAX_FEE)
    return min(2 * base + tip, MAX_FEE), tip


def _told(rpc: Rpc, _: int) -> int:
    return quantity(rpc.call("eth_maxPriorityFeePerGas"))


def _paid(rpc: Rpc, _: int) -> int:
    """The median of what the latest blocks' transactions paid at the middle, 0 where there were none."""
    rewards = members(rpc.call("eth_feeHistory", hex(_BLOCKS), "latest", [50]), "fee history").get("reward")
    if not isinstance(rewards, list) or not all(isinstance(row, list) and row for row in rewards):
        raise RpcError("eth_feeHistory", f"no rewards: {str(rewards)[:80]}")
    tips = sorted(quantity(row[0]) for row in rewards)
    return tips[len(tips) // 2] if tips else 0


def _priced(rpc: Rpc, base: int) -> int:
    return max(quantity(rpc.call("eth_gasPrice")) - base, 0)
