"""From when on a block counts: a number of blocks above it, or a tag by which the chain itself says so.

A chain of Proof of Stake names its newest `safe` and `finalized` blocks
(https://ethereum.org/en/developers/docs/apis/json-rpc/#default-block). Development chains answer the tags too, with a
fixed distance that means nothing.
"""

from __future__ import annotations

from placet.chain.blocks import Head
from placet.chain.rpc import Rpc, RpcError
from placet.core.chains import Finality
from placet.core.errors import ChainError, ConfigError, Reverted
from placet.core.trust import Deployment

_DEVELOPMENT = ("anvil", "hardhat", "ganache", "ethereumjs testrpc")
MOST = 1000
"""Blocks that a deployment file may ask for."""


def tagged(rpc: Rpc, tag: Finality) -> int | None:
    """The number of the block that has a tag; None where the endpoint names none (yet)."""
    try:
        block = rpc.call("eth_getBlockByNumber", tag, False)
    except (RpcError, Reverted):
        return None
    return None if block is None else Head.read(block).number


def is_late(deployment: Deployment, head: int, counts: int) -> bool:
    """Does the chain stand still as far as finality goes: do twice as many blocks as usual wait for the tag?"""
    return deployment.finality != "blocks" and head - counts > 2 * deployment.confirmations


def choose(rpc: Rpc, choice: int | Finality | None) -> Finality:
    """What a new deployment goes by: the choice, or else `finalized`; on a development chain a number of blocks.
    ConfigError where the chain does not have it."""
    if isinstance(choice, int) or choice == "blocks" or (choice is None and is_development(rpc)):
        return "blocks"
    tag = choice or "finalized"
    if tagged(rpc, tag) is None:
        raise ConfigError(
            f"the endpoint names no {tag} block",
            expected="a chain that says when its blocks are final",
            remedy="say how many blocks must lie above an event: --confirmations NUMBER",
        )
    return tag


def usual_depth(rpc: Rpc, tag: Finality) -> int:
    """How many blocks lie above one, at the most as a rule, when it gets the tag: twice as many as now."""
    named, head = tagged(rpc, tag), Head.read(rpc.call("eth_getBlockByNumber", "latest", False)).number
    return min(max(2 * (head - (named or 0)), 1), MOST)


def is_development(rpc: Rpc) -> bool:
    """Is it Anvil or one of its kind, which makes blocks on its own?"""
    try:
        version = str(rpc.call("web3_clientVersion"))
    except ChainError:
        return False
    return version.lower().startswith(_DEVELOPMENT)
