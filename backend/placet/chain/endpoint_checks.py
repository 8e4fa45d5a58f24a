"""What a node or a vault needs of its chain endpoint, tried at the endpoint itself: one function a check."""

from __future__ import annotations

import time
from typing import Protocol

from placet.chain import forks
from placet.chain.client import Chain
from placet.chain.fees import fees as offered
from placet.chain.finality import is_late, tagged
from placet.chain.findings import Warned
from placet.chain.rpc import RpcError, quantity
from placet.core.errors import DeploymentError, StateError
from placet.core.values import to_hex

SKEW_AHEAD = 30
SKEW_BEHIND = 900
LOW_BALANCE = 10**16
_BLOCKS = 50
_BATCH = 20


class Asking(Protocol):
    """Who asks, by a client of the endpoint that soon gives up."""

    @property
    def asking(self) -> Chain: ...


class Sending(Asking, Protocol):
    """Who sends transactions as well, from these accounts."""

    @property
    def address(self) -> bytes: ...
    @property
    def recorder(self) -> bytes: ...


def chain(who: Asking) -> str:
    """The right chain with the right contracts."""
    try:
        who.asking.check()
    except DeploymentError as error:
        raise DeploymentError(
            error.message,
            expected=error.expected,
            found=error.found,
            remedy="point chain_url at the right chain, or get the right deployment file",
        ) from None
    return f"{who.asking.rpc.shown}, block {who.asking.head().number}"


def fork(who: Asking) -> str:
    """The rules that the deployment counts on."""
    return forks.demand(who.asking.rpc, who.asking.deployment.evm)


def finality(who: Asking) -> str:
    """From when on a block counts, and whether the chain gets there."""
    deployment, head = who.asking.deployment, who.asking.head().number
    if deployment.finality == "blocks":
        return f"a block counts below {deployment.confirmations} others"
    named = tagged(who.asking.rpc, deployment.finality)
    if named is None:
        raise StateError(
            f"the endpoint names no {deployment.finality} block",
            expected="what the deployment goes by",
            remedy="use another endpoint of the same chain",
        )
    lag = head - named
    if is_late(deployment, head, named):
        raise Warned(
            f"{lag} blocks wait to be {deployment.finality}, {deployment.confirmations} do as a rule",
            "nothing is lost, jobs wait; ask the validators' operators whether enough of them run",
        )
    return f"block {named} is {deployment.finality}, {lag} below the latest"


def clock(who: Asking) -> str:
    """This machine's time beside the latest block's."""
    skew = who.asking.head().timestamp - int(time.time())
    if skew > SKEW_AHEAD:
        raise StateError(
            "the latest block is ahead of this machine's clock", found=f"{skew} s", remedy="set the clock (NTP)"
        )
    if skew < -SKEW_BEHIND:
        raise Warned(f"the latest block is {-skew} s old", "fine for a quiet local chain; else is the endpoint stuck?")
    return f"the latest block is {max(-skew, 0)} s old"


def gas(who: Sending) -> str:
    """What signer and recorder have for transactions."""
    balances = []
    for name, account in (("signer", who.address), ("recorder", who.recorder)):
        wei = quantity(who.asking.rpc.call("eth_getBalance", to_hex(account), "latest"))
        if wei == 0:
            raise StateError(f"the {name}'s account is empty", found=to_hex(account), remedy="give it some for gas")
        if wei < LOW_BALANCE:
            raise Warned(f"the {name}'s account {to_hex(account)} runs low: {wei / 10**18:.6f}", "give it some for gas")
        balances.append(f"{name} {wei / 10**18:.4f}")
    return ", ".join(balances)


def logs(who: Asking) -> str:
    """Events over a range of blocks, as the index reads them."""
    reader = who.asking
    head = reader.head()
    first = max(head.number - _BLOCKS + 1, reader.deployment.block, 0)
    blocks = [block for piece in reader.logs.blocks(first, head) for block in piece]
    count = len(reader.logs.logs(blocks))
    size = reader.logs.probe(max(reader.deployment.block, head.number - reader.logs.most + 1), head.number)
    shown = f"{count} events in the last {len(blocks)} blocks"
    if size is None:
        raise Warned(f"{shown}; the endpoint has no eth_getLogs", "events are read from receipts, which is slower")
    return f"{shown}; eth_getLogs takes {size} blocks at once"


def fees(who: Asking) -> str:
    """What a transaction would offer."""
    max_fee, tip = offered(who.asking.rpc)
    return f"at most {max_fee / 10**9:.3f} gwei a unit of gas, {tip / 10**9:.3f} of it as a tip"


def batches(who: Asking) -> str:
    """Many calls in one request."""
    rpc = who.asking.rpc
    rpc.batch("eth_getBlockByNumber", [("latest", False)] * _BATCH)
    if rpc.batches.now < _BATCH:
        raise Warned(
            f"the endpoint takes {rpc.batches.now} calls in one request", "nothing: more requests are made instead"
        )
    return f"{_BATCH} calls in one request"


def tags(who: Sending) -> str:
    """State at the latest block, in the pool, and some blocks back."""
    depth = hex(who.asking.confirmed())
    for tag in ("latest", depth):
        quantity(who.asking.rpc.call("eth_getTransactionCount", to_hex(who.address), tag))
    try:
        quantity(who.asking.rpc.call("eth_getTransactionCount", to_hex(who.address), "pending"))
    except RpcError as error:
        raise Warned(
            f"the endpoint knows no block tag pending: {error.found}", "nothing: the latest block stands in for it"
        ) from None
    return f"latest, pending and block {int(depth, 16)}"
