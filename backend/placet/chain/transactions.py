"""A transaction for an intent: how much gas it may use, and its signed bytes. Type 2, EIP-1559."""

from __future__ import annotations

import re

from placet.chain.calls import Call
from placet.chain.client import Chain
from placet.chain.outbox import Intent, SignedTransaction
from placet.chain.rpc import RpcError, quantity
from placet.core.errors import Reverted
from placet.core.signatures import Key
from placet.core.values import to_hex

GAS_CAP = 16_777_216
"""EIP-7825."""
MARGIN = 150_000
"""Gas on top of a quarter more than estimated: a release key that turns out to be the last one pays everybody."""
_HOPELESS = re.compile(r"out of ?gas|gas required exceeds|intrinsic gas|gas limit", re.IGNORECASE)


def call_of(intent: Intent) -> dict[str, str]:
    """The transaction object of JSON-RPC's `eth_call` and `eth_estimateGas`."""
    return {"from": to_hex(intent.account), "to": to_hex(intent.call.to), "data": to_hex(intent.call.data)}


def estimate(chain: Chain, intent: Intent) -> int:
    """Gas limit with margin. Reverted if the call would fail; RpcError for an endpoint that does not know."""
    try:
        needed = quantity(at_pending(chain, "eth_estimateGas", call_of(intent)))
    except RpcError as error:
        if error.found is not None and _HOPELESS.search(error.found):
            raise Reverted("OutOfGas", (error.found,), remedy="send less at once") from error
        raise
    if needed > GAS_CAP:
        raise Reverted("OutOfGas", (needed,), remedy="send less at once")
    return min(needed * 5 // 4 + MARGIN, GAS_CAP)


def at_pending(chain: Chain, method: str, subject: object) -> object:
    """Of the state with the pool's transactions in it; of the latest block's where the endpoint has no such."""
    try:
        return chain.rpc.call(method, subject, "pending")
    except RpcError as error:
        if _HOPELESS.search(error.found or ""):
            raise
        return chain.rpc.call(method, subject, "latest")


def signed_transaction(
    chain: Chain, key: Key, call: Call, nonce: int, gas: int, max_fee: int, tip: int
) -> SignedTransaction:
    """`nonce` is the account's, `gas` a limit in units, `max_fee` and `tip` are in wei a unit of gas."""
    from eth_account import Account  # a third of a second, which a node that starts has no use for

    transaction = {
        "type": 2,
        "chainId": chain.deployment.chain_id,
        "nonce": nonce,
        "to": call.to,
        "value": 0,
        "data": call.data,
        "gas": gas,
        "maxFeePerGas": max_fee,
        "maxPriorityFeePerGas": tip,
    }
    signed = Account.sign_transaction(transaction, key.secret)
    return SignedTransaction(bytes(signed.hash), nonce, gas, max_fee, tip, bytes(signed.raw_transaction))
