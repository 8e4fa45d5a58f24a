"""What the chain says of trees of live consents, and of nullifiers that were used."""

from __future__ import annotations

from enum import IntEnum

from placet.chain.abi import function
from placet.chain.calls import Call
from placet.chain.client import Chain
from placet.core.consent_trees import ConsentStatement, PublishedTree
from placet.core.ids import OfferId
from placet.core.trust import Deployment
from placet.core.values import parse

_TREES, _STATEMENTS = "ConsentTrees", "Statements"
_NOBODY_KNOWS = bytes(32)


class TreeState(IntEnum):
    """Whether statements under a root stand now, or why not; the contract's `State`. `ENDED`: some consent to the offer
    ended since."""

    LIVE = 0
    UNKNOWN = 1
    ENDED = 2
    EXPIRED = 3
    EXHAUSTED = 4


def publish_tree(deployment: Deployment, tree: PublishedTree) -> Call:
    """The offer's provider or its relay."""
    data = function(_TREES, "publish").encode(tree.to_tuple())
    return Call(deployment.consent_trees.address, data, f"{_TREES}.publish")


def published_tree(chain: Chain, offer: OfferId, root: bytes, *, block: int | None = None) -> PublishedTree | None:
    """None where nobody published such a tree."""
    address = chain.deployment.consent_trees.address
    of, number, *rest = chain.read(_TREES, address, "trees", offer, int.from_bytes(root, "big"), block=block)[0]
    if of == _NOBODY_KNOWS:
        return None
    names = ("epoch", "unproven", "until", "opens_before", "leaves")
    body = {"offer": of, "root": number.to_bytes(32, "big"), **dict(zip(names, rest, strict=True))}
    return parse(PublishedTree, body, what="the chain's tree")


def tree_state(chain: Chain, offer: OfferId, root: bytes, *, block: int | None = None) -> TreeState:
    """As of a block, the latest unless given."""
    address = chain.deployment.consent_trees.address
    state = chain.read(_TREES, address, "stateOf", offer, int.from_bytes(root, "big"), block=block)[0]
    return TreeState(state)


def is_used(chain: Chain, statement: ConsentStatement, *, block: int | None = None) -> bool:
    """Whether a statement with this nullifier was recorded under this key."""
    number = int.from_bytes(statement.nullifier, "big")
    address = chain.deployment.statements.address
    return bool(chain.read(_STATEMENTS, address, "nullifierUsed", statement.key, number, block=block)[0])
