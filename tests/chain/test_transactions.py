"""A transaction's bytes are those that eth-account signs."""

from __future__ import annotations

import pytest
from eth_account import Account

from placet.chain.transactions import signed_bytes
from placet.core.hashing import keccak
from placet.core.signatures import Key


@pytest.mark.parametrize("to", [b"\x5a" * 20, b""], ids=["a call", "a contract"])
@pytest.mark.parametrize("data", [b"", b"\0", b"\x7f", b"\x80", bytes(range(256)) * 300], ids=len)
@pytest.mark.parametrize(("chain", "nonce", "tip"), [(1, 0, 0), (31_337, 127, 1), (2**53, 128, 2**40)])
def test_the_bytes_are_those_of_eth_account(to: bytes, data: bytes, chain: int, nonce: int, tip: int) -> None:
    key = Key(keccak(data, to, nonce.to_bytes(8)))
    transaction = {
        **{"type": 2, "chainId": chain, "nonce": nonce, "to": to, "value": 0, "data": data},
        **{"gas": 16_777_216, "maxFeePerGas": 2 * tip + 7, "maxPriorityFeePerGas": tip},
    }
    other = Account.sign_transaction(transaction, key.secret)
    raw = signed_bytes(key, chain, nonce=nonce, gas=16_777_216, fees=(2 * tip + 7, tip), to=to, data=data)
    assert (raw, keccak(raw)) == (bytes(other.raw_transaction), bytes(other.hash))
