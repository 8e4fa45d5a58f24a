"""What counts goes by the chain's tag where the deployment says so: in sender, index and a chain's own answer."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from sqlalchemy import create_engine

from placet.chain import endpoint_checks, finality
from placet.chain.blocks import BlockHeader
from placet.chain.client import Chain
from placet.chain.findings import Warned
from placet.chain.index import Index
from placet.chain.outbox import Mined
from placet.chain.rpc import Rpc, RpcError
from placet.chain.sender import Sender
from placet.core.errors import ConfigError, StateError
from placet.core.offers import Subjects


class Tagged(Rpc):
    """An endpoint whose `finalized` block is the test's; None: it names none."""

    final: int | None = 0

    def call(self, method: str, *params: object) -> Any:
        if method == "eth_getBlockByNumber" and params[0] == "finalized":
            if self.final is None:
                raise RpcError(method, "finalized block not found", -39001)
            params = (hex(self.final), *params[1:])
        return super().call(method, *params)


@pytest.fixture
def tagged(environment) -> Chain:
    deployment = environment.deployment.model_copy(update={"finality": "finalized", "confirmations": 3})
    return Chain(environment.local.url, deployment, Tagged(environment.local.url))


def registering(environment):
    return environment.calls.register(secrets.token_bytes(32), Subjects.PERSONS, bytes(32), bytes(32), 0)


def test_an_outcome_counts_once_its_block_is_final(environment, tagged: Chain) -> None:
    """However many blocks lie above it: finality may be lost for long, and comes back."""
    sender = Sender(environment.engine, tagged, (environment.key,))
    tagged.rpc.final = environment.local.block_number()
    sender.submit("one", registering(environment), environment.key.address)
    environment.local.mine(40)
    for _ in range(3):
        sender.step()
        assert sender.outcome("one") is None
    environment.local.mine(40)
    sender.step()
    assert sender.outcome("one") is None
    tagged.rpc.final = environment.local.block_number()
    sender.step()
    assert isinstance(sender.outcome("one"), Mined)


def test_nothing_is_confirmed_where_nothing_is_final_and_nothing_beyond_the_head(environment, tagged: Chain) -> None:
    tagged.rpc.final = None
    assert tagged.confirmed() == 0
    tagged.rpc.final = head = environment.local.block_number()
    assert tagged.confirmed() == head
    assert tagged.confirmed(head - 2) == head - 2, "an endpoint of several machines: one is behind the other's tag"


def test_no_block_is_skipped_while_an_event_waits_to_be_final(environment, tagged: Chain) -> None:
    environment.dataset()
    event = environment.local.block_number()
    tagged.rpc.final = event - 1
    index = Index(create_engine("sqlite://"), tagged)
    index.sync()
    environment.local.mine()
    assert not index.skip(header(tagged))
    tagged.rpc.final = event
    index.sync()
    environment.local.mine()
    assert index.skip(header(tagged))


def header(chain: Chain) -> BlockHeader:
    return BlockHeader.read(chain.rpc.call("eth_getBlockByNumber", "latest", False))


def test_a_chain_that_stopped_finalising_is_told(tagged: Chain, environment) -> None:
    class Who:
        asking = tagged

    tagged.rpc.final = environment.local.block_number()
    assert "is finalized, 0 below the latest" in endpoint_checks.finality(Who())
    environment.local.mine(7)
    with pytest.raises(Warned, match="7 blocks wait to be finalized, 3 do as a rule"):
        endpoint_checks.finality(Who())
    tagged.rpc.final = None
    with pytest.raises(StateError, match="names no finalized block"):
        endpoint_checks.finality(Who())


class Answers:
    def __init__(self, version: str, final: int | None) -> None:
        self.version, self.final = version, final

    def call(self, method: str, *params: object) -> object:
        if method == "web3_clientVersion":
            return self.version
        number = 100 if params[0] == "latest" else self.final
        if number is None:
            raise RpcError(method, "unknown tag")
        return {"number": hex(number), "timestamp": "0x1", "hash": "0x" + "00" * 32}


@pytest.mark.parametrize(
    ("version", "final", "choice", "expected"),
    [
        ("Geth/v1.16", 60, None, "finalized"),
        ("Geth/v1.16", 60, "safe", "safe"),
        ("Geth/v1.16", 60, 5, "blocks"),
        ("anvil/v1.7.1", 36, None, "blocks"),
        ("anvil/v1.7.1", 36, "finalized", "finalized"),
        ("HardhatNetwork/2.26", 60, None, "blocks"),
        ("besu/v25", None, 5, "blocks"),
    ],
)
def test_a_deployment_goes_by_what_its_chain_has(version: str, final: int | None, choice, expected: str) -> None:
    assert finality.choose(Answers(version, final), choice) == expected


def test_a_chain_without_the_tag_needs_a_number() -> None:
    with pytest.raises(ConfigError, match="names no finalized block") as refusal:
        finality.choose(Answers("besu/v25", None), None)
    assert "--confirmations NUMBER" in str(refusal.value.remedy)
    assert finality.usual_depth(Answers("Geth/v1.16", 60), "finalized") == 80
    assert finality.usual_depth(Answers("Geth/v1.16", 100), "finalized") == 1
