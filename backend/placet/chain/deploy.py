"""Puts the contracts on a chain and says what is where. The contracts name each other, so addresses are predicted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from eth_account import Account
from eth_typing import HexAddress, HexStr
from web3.types import Nonce
from web3.utils import get_create_address

from placet.chain import abi, finality, forks
from placet.chain.blocks import Head, Receipt
from placet.chain.client import Chain
from placet.chain.deployed import code_hash
from placet.chain.fees import fees
from placet.chain.rpc import Rpc, octets, quantity
from placet.core.chains import Evm, Finality
from placet.core.errors import ChainError, Reverted
from placet.core.signatures import Key
from placet.core.trust import Contract, Deployment
from placet.core.values import from_hex, to_hex

WAIT = 120.0
TOKENS = 10**12


def deploy(url: str, key: Key, confirmations: int | Finality | None, evm: Evm = "osaka") -> Deployment:
    """Deploy everything from `key`'s account and check it. `confirmations`: a number of blocks, a
    tag, or None for what the chain has. DeploymentError where the chain lacks what `evm` has, ConfigError where it has
    no such tag, ChainError if the endpoint or a transaction fails."""
    deployer = Deployer(url, key)
    forks.demand(deployer.rpc, evm)
    tag = finality.choose(deployer.rpc, confirmations)
    p256, webauthn, datasets, consents, escrow, ledger, enclaves = (deployer.address(i) for i in range(7))
    ceremonies, groth16, statement_escrow, statements = (deployer.address(i) for i in range(7, 11))
    stakes, trees = deployer.address(11), deployer.address(12)
    verifiers = [p256, webauthn]
    first = deployer.create("P256Verifier")
    deployer.create("WebAuthnVerifier")
    deployer.create("DatasetRegistry", consents)
    deployer.create("ConsentRegistry", datasets, ledger, verifiers)
    deployer.create("RewardEscrow", ledger)
    deployer.create("JobLedger", consents, escrow, verifiers)
    deployer.create("EnclaveRegistry")
    deployer.create("Ceremonies")
    deployer.create("Groth16Verifier")
    deployer.create("RewardEscrow", statements)
    deployer.create("Statements", groth16, ceremonies, statement_escrow)
    deployer.create("AuditStakes", ledger)
    deployer.create("ConsentTrees", consents)
    rpc = deployer.rpc
    deployment = Deployment(
        chain_id=quantity(rpc.call("eth_chainId")),
        block=first,
        genesis=Head.read(rpc.call("eth_getBlockByNumber", "0x0", False)).hash,
        confirmations=_depth(rpc, tag, confirmations),
        finality=tag,
        evm=evm,
        dataset_registry=_contract(rpc, datasets),
        consent_registry=_contract(rpc, consents),
        job_ledger=_contract(rpc, ledger),
        reward_escrow=_contract(rpc, escrow),
        p256_verifier=_contract(rpc, p256),
        webauthn_verifier=_contract(rpc, webauthn),
        enclave_registry=_contract(rpc, enclaves),
        ceremonies=_contract(rpc, ceremonies),
        groth16_verifier=_contract(rpc, groth16),
        statements=_contract(rpc, statements),
        statement_escrow=_contract(rpc, statement_escrow),
        audit_stakes=_contract(rpc, stakes),
        consent_trees=_contract(rpc, trees),
    )
    Chain(url, deployment).check()
    return deployment


def pay(url: str, key: Key, payees: Sequence[bytes], wei: int) -> None:
    """So much of the chain's own money from `key`'s account to each."""
    payer = Deployer(url, key)
    for payee in payees:
        payer.send(payee, b"", wei)


def deploy_token(url: str, key: Key, holders: dict[bytes, int]) -> bytes:
    """An ERC-20 for local networks, worth nothing; `holders` get so many of its units. Returns its address."""
    deployer = Deployer(url, key)
    token = deployer.address(0)
    deployer.create("SettlementToken", max(TOKENS, sum(holders.values())))
    transfer = abi.function("SettlementToken", "transfer")
    for holder, amount in holders.items():
        deployer.send(token, transfer.encode(holder, amount))
    return token


def _depth(rpc: Rpc, tag: Finality, choice: int | Finality | None) -> int:
    """Blocks above what counts: as many as chosen, none on a development chain, or what the tag takes as a rule."""
    if tag != "blocks":
        return finality.usual_depth(rpc, tag)
    return choice if isinstance(choice, int) else 0


def _contract(rpc: Rpc, address: bytes) -> Contract:
    return Contract(address=address, code_hash=code_hash(rpc, address))


class Deployer:
    """Sends transactions of one key, one after another."""

    def __init__(self, url: str, key: Key) -> None:
        self.rpc = Rpc(url)
        self._key = key
        self._nonce = quantity(self.rpc.call("eth_getTransactionCount", to_hex(key.address), "pending"))

    def address(self, ahead: int) -> bytes:
        """Where the contract lands that is created `ahead` transactions from now."""
        deployer = HexAddress(HexStr(to_hex(self._key.address)))
        return from_hex(get_create_address(deployer, Nonce(self._nonce + ahead)), size=20)

    def create(self, contract: str, *arguments: Any) -> int:
        """Returns the block."""
        return self.send(None, abi.creation_code(contract, *arguments))

    def send(self, to: bytes | None, data: bytes, value: int = 0) -> int:
        """A transaction under the next nonce, with a fifth more gas than estimated; `to` None creates a contract.

        Returns the block once it is mined; Reverted or ChainError if it is not."""
        call = {"from": to_hex(self._key.address), "data": to_hex(data), "value": hex(value)}
        call |= {} if to is None else {"to": to_hex(to)}
        gas = quantity(self.rpc.call("eth_estimateGas", call))
        max_fee, tip = fees(self.rpc)
        transaction = {
            "type": 2,
            "chainId": quantity(self.rpc.call("eth_chainId")),
            "nonce": self._nonce,
            "to": b"" if to is None else to,
            "value": value,
            "data": data,
            "gas": gas + gas // 5,
            "maxFeePerGas": max_fee,
            "maxPriorityFeePerGas": tip,
        }
        raw = Account.sign_transaction(transaction, self._key.secret).raw_transaction
        self._nonce += 1
        return self._mined(octets(self.rpc.call("eth_sendRawTransaction", to_hex(bytes(raw))), 32))

    def _mined(self, transaction: bytes) -> int:
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            answer = self.rpc.call("eth_getTransactionReceipt", to_hex(transaction))
            if answer is not None:
                receipt = Receipt.read(answer)
                if not receipt.done:
                    raise Reverted("DeploymentFailed", (transaction,))
                return receipt.block
            time.sleep(0.02)
        raise ChainError("a transaction was not mined", expected=f"within {WAIT:g} s", found=to_hex(transaction))
