"""An institution's account: where it lands, and calls in its name."""

from __future__ import annotations

import pytest

from placet.chain import abi
from placet.chain.accounts import account_address, keys_of, open_account, roll_signer
from placet.chain.calls import Call, through
from placet.chain.client import Chain
from placet.chain.deploy import pay
from placet.chain.local import LocalChain
from placet.core.errors import NotFoundError, Reverted, StateError
from placet.core.signatures import Key
from placet.core.trust import Deployment

from .conftest import dev_key


def test_a_call_in_an_accounts_name_holds_the_call() -> None:
    call = through(bytes(19) + b"\1", Call(bytes(19) + b"\2", b"data", "what"))
    assert (call.to, call.what) == (bytes(19) + b"\1", "what")
    selector = abi.function("InstitutionAccount", "execute")
    assert call.data == selector.encode(bytes(19) + b"\2", b"data")


def test_a_recovery_key_replaces_the_signer_alone(fresh_anvil: LocalChain, contracts: Deployment) -> None:
    url, chain = fresh_anvil.url, Chain(fresh_anvil.url, contracts)
    first, recovery, fresh, digest = Key(), Key(), Key(), bytes(range(32))
    pay(url, dev_key(0), [first.address, recovery.address], 10**18)
    account = account_address(first.address)
    with pytest.raises(NotFoundError):
        keys_of(chain, account)
    assert open_account(url, first, recovery.address) == account
    with pytest.raises(StateError, match="first transaction"):
        open_account(url, first, recovery.address)
    assert chain.verifiers.accepts(account, digest, first.sign(digest))
    with pytest.raises(Reverted, match="NotRecovery"):
        roll_signer(url, first, account, fresh.address)
    roll_signer(url, recovery, account, fresh.address)
    assert keys_of(chain, account).signer == fresh.address
    assert not chain.verifiers.accepts(account, digest, first.sign(digest))
    assert chain.verifiers.accepts(account, digest, fresh.sign(digest))
