"""What a node needs of its chain endpoint, tried at the endpoint itself: one function a check of `placet doctor`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from placet.cli.findings import Warned
from placet.core.errors import ChainError, DeploymentError, StateError

if TYPE_CHECKING:
    from placet.cli.operator import Operator

SKEW_AHEAD = 30
SKEW_BEHIND = 900
LOW_BALANCE = 10**16
_BLOCKS = 50
_BATCH = 20


def chain(office: Operator) -> str:
    """The right chain with the right contracts."""
    try:
        office.asking.check()
    except DeploymentError as error:
        raise DeploymentError(
            error.message,
            expected=error.expected,
            found=error.found,
            remedy="point chain_url at the right chain, or get the right deployment file",
        ) from None
    return f"{office.asking.rpc.shown}, block {office.asking.head().number}"


def clock(office: Operator) -> str:
    """This machine's time beside the latest block's."""
    skew = office.asking.head().timestamp - int(time.time())
    if skew > SKEW_AHEAD:
        raise StateError(
            "the latest block is ahead of this machine's clock", found=f"{skew} s", remedy="set the clock (NTP)"
        )
    if skew < -SKEW_BEHIND:
        raise Warned(f"the latest block is {-skew} s old", "fine for a quiet local chain; else is the endpoint stuck?")
    return f"the latest block is {max(-skew, 0)} s old"


def gas(office: Operator) -> str:
    """What signer and recorder have for transactions."""
    from placet.chain.rpc import quantity
    from placet.core.values import to_hex

    balances = []
    for name, account in (("signer", office.address), ("recorder", office.recorder)):
        wei = quantity(office.asking.rpc.call("eth_getBalance", to_hex(account), "latest"))
        if wei == 0:
            raise StateError(f"the {name}'s account is empty", found=to_hex(account), remedy="give it some for gas")
        if wei < LOW_BALANCE:
            raise Warned(f"the {name}'s account {to_hex(account)} runs low: {wei / 10**18:.6f}", "give it some for gas")
        balances.append(f"{name} {wei / 10**18:.4f}")
    return ", ".join(balances)


def logs(office: Operator) -> str:
    """Events over a range of blocks, as the index reads them."""
    reader = office.asking
    head = reader.head()
    first = max(head.number - _BLOCKS + 1, reader.deployment.block, 0)
    blocks = [block for piece in reader.logs.blocks(first, head) for block in piece]
    count = len(reader.logs.logs(blocks))
    size = reader.logs.probe(max(reader.deployment.block, head.number - reader.logs.most + 1), head.number)
    shown = f"{count} events in the last {len(blocks)} blocks"
    if size is None:
        raise Warned(f"{shown}; the endpoint has no eth_getLogs", "events are read from receipts, which is slower")
    return f"{shown}; eth_getLogs takes {size} blocks at once"


def fees(office: Operator) -> str:
    """What a transaction would offer."""
    from placet.chain.fees import fees as offered

    max_fee, tip = offered(office.asking.rpc)
    return f"at most {max_fee / 10**9:.3f} gwei a unit of gas, {tip / 10**9:.3f} of it as a tip"


def batches(office: Operator) -> str:
    """Many calls in one request."""
    rpc = office.asking.rpc
    rpc.batch("eth_getBlockByNumber", [("latest", False)] * _BATCH)
    if rpc.batches.now < _BATCH:
        raise Warned(
            f"the endpoint takes {rpc.batches.now} calls in one request", "nothing: more requests are made instead"
        )
    return f"{_BATCH} calls in one request"


def tags(office: Operator) -> str:
    """State at the latest block, in the pool, and some blocks back."""
    from placet.chain.rpc import RpcError, quantity
    from placet.core.values import to_hex

    depth = hex(office.asking.confirmed())
    for tag in ("latest", depth):
        quantity(office.asking.rpc.call("eth_getTransactionCount", to_hex(office.address), tag))
    try:
        quantity(office.asking.rpc.call("eth_getTransactionCount", to_hex(office.address), "pending"))
    except RpcError as error:
        raise Warned(
            f"the endpoint knows no block tag pending: {error.found}", "nothing: the latest block stands in for it"
        ) from None
    return f"latest, pending and block {int(depth, 16)}"


def transactions(office: Operator) -> str:
    """What the node's sender has on its way."""
    from sqlalchemy import make_url

    from placet.chain.outbox import refusals
    from placet.node.state import open_engine

    file = make_url(office.settings.database).database
    if office.settings.database.startswith("sqlite") and not Path(file or "").is_file():
        return "none was sent yet"
    waiting = refusals(open_engine(office.settings.database))
    if waiting:
        intent, words = waiting[0]
        raise ChainError(
            f"the endpoint does not take {len(waiting)} of the node's transactions",
            found=f"{intent}: {words}",
            remedy="nothing is lost; do what the endpoint's words ask for, or use another endpoint",
        )
    return "the endpoint has taken all that were sent"
