"""The contracts' bytecode under Cancun's rules and Osaka's, and how a chain that lacks something is told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from placet.chain import abi, anvil, forks
from placet.chain.client import Chain
from placet.chain.deploy import deploy
from placet.chain.local import LocalChain, dev_account
from placet.chain.rpc import Rpc
from placet.core.errors import DeploymentError
from placet.core.signatures import Key

PAYER = Key(bytes(dev_account(0).key))
LATER = {0x1E: "CLZ", 0x49: "BLOBHASH", 0x4A: "BLOBBASEFEE"}


def opcodes(code: bytes) -> Iterator[int]:
    place = 0
    while place < len(code):
        yield code[place]
        place += 1 + (code[place] - 0x5F if 0x60 <= code[place] <= 0x7F else 0)


def test_each_young_opcode_that_the_contracts_hold_is_tried() -> None:
    """MCOPY and transient storage are Cancun's, PUSH0 is Shanghai's; the rest is older, or later and not there."""
    held = set()
    for file in abi.ARTIFACTS.glob("*.json"):
        compiled = json.loads(file.read_bytes())
        assert compiled["compiler"]["evmVersion"] == "cancun"
        held |= set(opcodes(bytes.fromhex(compiled["bytecode"][2:])))
    assert held & {0x5C, 0x5D, 0x5E, 0x5F} == {opcode for opcode, _ in forks.PROBES.values()}
    assert held & LATER.keys() == set()


@pytest.fixture
def chain_of(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[LocalChain]:
    monkeypatch.setattr(anvil, "HARDFORK", request.param)
    with LocalChain() as chain:
        yield chain


@pytest.mark.parametrize(
    ("chain_of", "lacks"),
    [("london", "PUSH0, MCOPY, TSTORE, TLOAD"), ("shanghai", "MCOPY, TSTORE, TLOAD")],
    indirect=["chain_of"],
)
def test_a_chain_before_cancun_is_told_by_what_it_lacks(chain_of: LocalChain, lacks: str) -> None:
    with pytest.raises(DeploymentError, match="older than the contracts") as refusal:
        deploy(chain_of.url, PAYER, 0, "cancun")
    assert re.findall(r"([A-Z0-9]+) \(", str(refusal.value.found)) == lacks.split(", ")


@pytest.mark.parametrize("chain_of", ["cancun"], indirect=True)
def test_under_cancun_p256_is_checked_by_solidity(chain_of: LocalChain) -> None:
    rpc = Rpc(chain_of.url)
    assert not forks.has_p256(rpc)
    with pytest.raises(DeploymentError, match="P-256") as refusal:
        deploy(chain_of.url, PAYER, 0)
    assert "--evm cancun" in str(refusal.value.remedy)
    chain = Chain(chain_of.url, deploy(chain_of.url, PAYER, 0, "cancun"))
    assert forks.demand(rpc, chain.deployment.evm) == "cancun: all opcodes, no P-256 precompile"
    assert verified(chain, forks.VALID) and not verified(chain, forks.VALID[:95] + b"\2" + forks.VALID[96:])


@pytest.mark.parametrize("chain_of", ["osaka"], indirect=True)
def test_under_osaka_the_precompile_is_there(chain_of: LocalChain) -> None:
    rpc = Rpc(chain_of.url)
    assert forks.demand(rpc, "osaka") == "osaka: all opcodes, the P-256 precompile"
    assert forks.demand(rpc, "cancun") == "cancun: all opcodes, the P-256 precompile"


def verified(chain: Chain, vector: bytes) -> bool:
    """What the contract says of digest, r, s, x, y."""
    address = chain.deployment.p256_verifier.address
    answer: bytes = chain.read("P256Verifier", address, "verify", vector[96:], vector[:32], vector[32:96])[0]
    return answer == abi.function("P256Verifier", "verify").selector
