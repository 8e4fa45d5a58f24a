"""Transactions and addresses are byte for byte those of eth-account and web3."""

from __future__ import annotations

import secrets

import pytest
from eth_account import Account
from web3.types import Nonce
from web3.utils import get_create_address

from placet.chain.transactions import Transaction, created_address
from placet.core.errors import InputError
from placet.core.signatures import Key
from placet.core.values import to_hex


@pytest.mark.parametrize("nonce", [0, 1, 127, 128, 255, 256, 2**32])
@pytest.mark.parametrize("to", [b"", bytes(20), bytes(range(20))])
@pytest.mark.parametrize("data", [b"", b"\x7f", b"\x80", bytes(55), bytes(56), secrets.token_bytes(70_000)])
def test_a_signed_transaction_is_eth_accounts(nonce: int, to: bytes, data: bytes) -> None:
    key = Key()
    made = Transaction(chain_id=31337, nonce=nonce, to=to, data=data, gas=2**24, max_fee=3 * 10**9, tip=0)
    reference = Account.sign_transaction(
        {
            "type": 2,
            "chainId": 31337,
            "nonce": nonce,
            "to": to,
            "value": 0,
            "data": data,
            "gas": 2**24,
            "maxFeePerGas": 3 * 10**9,
            "maxPriorityFeePerGas": 0,
        },
        key.secret,
    )
    assert made.sign(key) == (bytes(reference.hash), bytes(reference.raw_transaction))


def test_short_halves_of_a_signature_are_encoded_as_numbers() -> None:
    """About one in 128 signatures has a leading zero byte; RLP has none in numbers."""
    key, lengths = Key(bytes(31) + b"\x01"), set()
    for gas in range(21_000, 21_600):
        _, raw = Transaction(chain_id=1, nonce=0, to=bytes(20), data=b"", gas=gas, max_fee=1, tip=1).sign(key)
        assert Account.recover_transaction(raw).lower() == to_hex(key.address)
        lengths.add(len(raw))
    assert len(lengths) > 1


def test_an_address_has_twenty_bytes() -> None:
    with pytest.raises(InputError):
        Transaction(chain_id=1, nonce=0, to=bytes(19), data=b"", gas=1, max_fee=1, tip=1).sign(Key())


@pytest.mark.parametrize("nonce", [0, 1, 127, 128, 100_000])
def test_where_a_contract_lands(nonce: int) -> None:
    creator = Key().address
    expected = get_create_address(to_hex(creator), Nonce(nonce))  # type: ignore[arg-type]
    assert to_hex(created_address(creator, nonce)) == expected.lower()
