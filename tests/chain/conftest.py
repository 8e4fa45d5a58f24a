"""A deployment on the run's chain, and short ways to consents, senders and indexes on it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from placet.chain.calls import Call, Calls
from placet.chain.client import Chain
from placet.chain.deploy import deploy
from placet.chain.local import LocalChain, dev_account
from placet.chain.rpc import octets
from placet.chain.sender import Sender
from placet.core.ceremonies import Ceremony
from placet.core.consent import Consent, Details
from placet.core.offers import Offer, Subjects
from placet.core.signatures import Key
from placet.core.trust import Deployment
from placet.core.values import to_hex
from placet.core.withdrawal import withdrawal_hash
from placet.protocols.zk.circuit import CIRCUITS

PURPOSE = bytes(31) + b"\x07"


def dev_key(index: int) -> Key:
    return Key(bytes(dev_account(index).key))


def as_sender(chain: Chain, sender: bytes, call: Call) -> bytes:
    """What a call would give to `sender`; Reverted where the contract refuses."""
    asked = {"from": to_hex(sender), "to": to_hex(call.to), "data": to_hex(call.data)}
    return octets(chain.rpc.call("eth_call", asked, "latest"))


def sent(local: LocalChain, sender: bytes, call: Call) -> None:
    """From an account of Anvil's, which signs itself."""
    transaction = {"from": to_hex(sender), "to": to_hex(call.to), "data": to_hex(call.data)}
    name, deadline = local.rpc("eth_sendTransaction", transaction), time.monotonic() + 60
    while (receipt := local.rpc("eth_getTransactionReceipt", name)) is None:
        assert time.monotonic() < deadline, f"{call.what} is not mined"
        time.sleep(0.01)
    assert receipt["status"] == "0x1", call.what


def a_ceremony(deployment: Deployment, opener: bytes, contributors: list[bytes]) -> Ceremony:
    """One of these contributors for the circuit `band`, not opened yet."""
    return Ceremony(
        chain_id=deployment.chain_id,
        ceremonies=deployment.ceremonies.address,
        opener=opener,
        circuit="band",
        circuit_id=CIRCUITS["band"].id,
        power=10,
        contributors=tuple(contributors),
        salt=secrets.token_bytes(32),
    )


@dataclass
class ChainEnvironment:
    """The run's chain with the contracts on it. `key` is the provider's and sends everything."""

    local: LocalChain
    deployment: Deployment
    engine: Engine
    key: Key

    def __post_init__(self) -> None:
        self.chain = Chain(self.local.url, self.deployment)
        self.calls = Calls(self.deployment)
        self.consumer = dev_key(5).address
        self._others = 0

    def at_depth(self, confirmations: int) -> Chain:
        """The same chain for somebody who waits for `confirmations` blocks."""
        deployment = self.deployment.model_copy(update={"confirmations": confirmations})
        return Chain(self.local.url, deployment)

    def sender(self, *, confirmations: int = 0, stuck_after: float = 20.0, keys: tuple[Key, ...] = ()) -> Sender:
        return Sender(self.engine, self.at_depth(confirmations), keys or (self.key,), stuck_after=stuck_after)

    def send(self, *calls: Call) -> None:
        """Have these mined, one after the other, by a sender that remembers none of them: what a reorganisation takes
        back does not come again."""
        sender = Sender(create_engine("sqlite://"), self.at_depth(0), (self.key,))
        for call in calls:
            self._others += 1
            intent = f"environment-{self._others}"
            sender.submit(intent, call, self.key.address)
            for _ in range(10_000):
                if not sender.step():
                    break
                time.sleep(0.005)
            else:
                raise AssertionError(f"{call.what} is not mined")
            outcome = sender.outcome(intent)
            if isinstance(outcome, Exception):
                raise outcome

    def nonce(self) -> int:
        """Mined transactions of the provider."""
        return int(self.local.rpc("eth_getTransactionCount", "0x" + self.key.address.hex(), "latest"), 16)

    def pending(self) -> int:
        """Transactions in the pool."""
        return int(self.local.rpc("txpool_status")["pending"], 16)

    def automine(self, on: bool) -> None:
        self.local.rpc("evm_setAutomine", on)

    def dataset(self, budget: int = 0) -> bytes:
        dataset = secrets.token_bytes(32)
        self.send(self.calls.register(dataset, Subjects.PERSONS, bytes(32), bytes(32), budget))
        return dataset

    def offer(self) -> Offer:
        offer = Offer(
            dataset=self.dataset(), consumer=self.consumer, purpose=PURPOSE, operations=3, scope=secrets.token_bytes(32)
        )
        self.send(self.calls.offer(offer))
        return offer

    def consent(self, offer: Offer, owner: Key, *, uses: int = 1, seconds: int = 10_000) -> Consent:
        details = Details(
            language="en", dataset="d", consumer="c", purpose="p", columns="x", output="o", parties="p",
            notice=bytes(32), enrolment=bytes(32), salt=secrets.token_bytes(32),
        )  # fmt: skip
        now = self.chain.head().timestamp
        return Consent(
            owner=owner.address, offer=offer, not_before=now, not_after=now + seconds, first_opening=0, uses=uses,
            details=details,
        )  # fmt: skip

    def signed(self, consent: Consent, owner: Key) -> bytes:
        return owner.sign(self.deployment.consents.digest(consent.id))

    def withdrawal(self, consent: Consent, owner: Key) -> bytes:
        return owner.sign(self.deployment.consents.digest(withdrawal_hash(consent.id)))


@pytest.fixture(scope="module")
def contracts(anvil: LocalChain) -> Deployment:
    return deploy(anvil.url, dev_key(0), 0)


@pytest.fixture
def environment(contracts: Deployment, fresh_anvil: LocalChain, tmp_path: Path) -> Iterator[ChainEnvironment]:
    engine = create_engine(f"sqlite:///{tmp_path / 'state.db'}")
    yield ChainEnvironment(fresh_anvil, contracts, engine, dev_key(0))
    # What a snapshot does not hold: the pool, the next base fee, how blocks are made.
    fresh_anvil.rpc("anvil_dropAllTransactions")
    fresh_anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(10**9))
    fresh_anvil.rpc("evm_setAutomine", True)
    engine.dispose()
