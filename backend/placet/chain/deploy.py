"""Puts the contracts on a chain and says what is where. The contracts name each other, so addresses are predicted."""

from __future__ import annotations

import time
from typing import Any

from placet.chain import abi
from placet.chain.client import Chain, code_hash
from placet.chain.rpc import Rpc, octets, quantity
from placet.chain.transactions import Transaction, created_address
from placet.core.errors import ChainError, Reverted
from placet.core.signatures import Key
from placet.core.trust import Contract, Deployment
from placet.core.values import to_hex

WAIT = 120.0
TOKENS = 10**12


def deploy(url: str, key: Key, confirmations: int) -> Deployment:
    """Deploy everything from `key`'s account and check it. ChainError if the endpoint or a transaction fails."""
    deployer = _Deployer(url, key)
    verifier, datasets, consents, escrow, ledger = (deployer.address(i) for i in range(5))
    first = deployer.create("P256Verifier")
    deployer.create("DatasetRegistry")
    deployer.create("ConsentRegistry", datasets, ledger, [verifier])
    deployer.create("RewardEscrow", ledger)
    deployer.create("JobLedger", consents, escrow, [verifier])
    rpc = deployer.rpc
    genesis = rpc.call("eth_getBlockByNumber", "0x0", False)
    deployment = Deployment(
        chain_id=quantity(rpc.call("eth_chainId")),
        block=first,
        genesis=octets(genesis["hash"], 32),
        confirmations=confirmations,
        dataset_registry=_contract(rpc, datasets),
        consent_registry=_contract(rpc, consents),
        job_ledger=_contract(rpc, ledger),
        reward_escrow=_contract(rpc, escrow),
        p256_verifier=_contract(rpc, verifier),
    )
    Chain(url, deployment).check()
    return deployment


def deploy_token(url: str, key: Key, holders: dict[bytes, int]) -> bytes:
    """An ERC-20 for local networks, worth nothing; `holders` get so many of its units. Returns its address."""
    deployer = _Deployer(url, key)
    token = deployer.address(0)
    deployer.create("SettlementToken", max(TOKENS, sum(holders.values())))
    transfer = abi.function("SettlementToken", "transfer")
    for holder, amount in holders.items():
        deployer.send(token, transfer.encode(holder, amount))
    return token


def _contract(rpc: Rpc, address: bytes) -> Contract:
    return Contract(address=address, code_hash=code_hash(rpc, address))


class _Deployer:
    def __init__(self, url: str, key: Key) -> None:
        self.rpc = Rpc(url)
        self._key = key
        self._nonce = quantity(self.rpc.call("eth_getTransactionCount", to_hex(key.address), "pending"))

    def address(self, ahead: int) -> bytes:
        """Where the contract lands that is created `ahead` transactions from now."""
        return created_address(self._key.address, self._nonce + ahead)

    def create(self, contract: str, *arguments: Any) -> int:
        """Returns the block."""
        return self.send(None, abi.creation_code(contract, *arguments))

    def send(self, to: bytes | None, data: bytes) -> int:
        call = {"from": to_hex(self._key.address), "data": to_hex(data)} | ({} if to is None else {"to": to_hex(to)})
        gas = quantity(self.rpc.call("eth_estimateGas", call))
        tip = quantity(self.rpc.call("eth_maxPriorityFeePerGas"))
        base = quantity(self.rpc.call("eth_getBlockByNumber", "latest", False)["baseFeePerGas"])
        chain_id = quantity(self.rpc.call("eth_chainId"))
        transaction = Transaction(chain_id, self._nonce, to or b"", data, gas + gas // 5, 2 * base + tip, tip)
        _, raw = transaction.sign(self._key)
        self._nonce += 1
        return self._mined(octets(self.rpc.call("eth_sendRawTransaction", to_hex(raw)), 32))

    def _mined(self, transaction: bytes) -> int:
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            receipt = self.rpc.call("eth_getTransactionReceipt", to_hex(transaction))
            if receipt is not None:
                if quantity(receipt["status"]) != 1:
                    raise Reverted("DeploymentFailed", (transaction,))
                return quantity(receipt["blockNumber"])
            time.sleep(0.02)
        raise ChainError("a transaction was not mined", expected=f"within {WAIT:g} s", found=to_hex(transaction))
