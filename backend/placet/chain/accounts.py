"""Institutions whose address is a contract (`InstitutionAccount`): a recovery account gives it another key.

The contract is created by the institution's first key, in that key's first transaction: so its address follows from the
key, and stands in entries and plans before there is anything on chain.
"""

from __future__ import annotations

from dataclasses import dataclass

from eth_typing import HexAddress, HexStr
from web3.types import Nonce
from web3.utils import get_create_address

from placet.chain import abi
from placet.chain.client import Chain
from placet.chain.deploy import Deployer
from placet.core.errors import NotFoundError, StateError
from placet.core.signatures import Key
from placet.core.values import from_hex, to_hex

CONTRACT = "InstitutionAccount"


@dataclass(frozen=True)
class InstitutionKeys:
    """Who acts for an account now, and who may replace that key."""

    signer: bytes
    recovery: bytes


def account_address(first: bytes) -> bytes:
    """Where the account lands that this key creates in its first transaction."""
    return from_hex(get_create_address(HexAddress(HexStr(to_hex(first))), Nonce(0)), size=20)


def keys_of(chain: Chain, account: bytes) -> InstitutionKeys:
    """As of the latest block. NotFoundError where there is no account."""
    if not chain.has_code(account, block=chain.head().number):
        raise NotFoundError(
            "there is no account of an institution at this address", found=to_hex(account), remedy="placet account open"
        )
    return InstitutionKeys(*(chain.read(CONTRACT, account, name)[0] for name in ("signer", "recovery")))


def open_account(url: str, first: Key, recovery: bytes) -> bytes:
    """Create it; its address. StateError where the key has sent something before."""
    deployer, account = Deployer(url, first), account_address(first.address)
    if deployer.address(0) != account:
        raise StateError(
            "the key's first transaction is another one", found=to_hex(first.address), code="account.nonce"
        )
    deployer.create(CONTRACT, first.address, recovery)
    return account


def roll_signer(url: str, recovery: Key, account: bytes, signer: bytes) -> None:
    """Give the account another key. Reverted where `recovery` may not."""
    Deployer(url, recovery).send(account, abi.function(CONTRACT, "rollSigner").encode(signer))
