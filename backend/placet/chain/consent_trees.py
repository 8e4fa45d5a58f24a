"""What the chain says of trees of live consents, and of nullifiers that were used."""

from __future__ import annotations

from typing import NamedTuple

from placet.chain.abi import function
from placet.chain.calls import Call
from placet.chain.client import Chain
from placet.chain.statements import id_recorded_at
from placet.core.consent_trees import ConsentOnChain, ConsentStatement, PublishedTree, TreeState
from placet.core.ids import OfferId, StatementId
from placet.core.trust import Deployment
from placet.core.values import parse

_TREES, _STATEMENTS = "ConsentTrees", "Statements"
_NOBODY_KNOWS = bytes(32)


class ConsentQuestion(NamedTuple):
    """What is asked of the chain about a statement on a consent: by whose id, and by the words that it is found by."""

    statement: StatementId
    key: bytes
    offer: OfferId
    root: bytes
    nullifier: bytes


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


def is_used(chain: Chain, key: bytes, nullifier: bytes, *, block: int | None = None) -> bool:
    """Whether a statement with this nullifier was recorded under this key."""
    number, address = int.from_bytes(nullifier, "big"), chain.deployment.statements.address
    return bool(chain.read(_STATEMENTS, address, "nullifierUsed", key, number, block=block)[0])


def question_of(chain: Chain, statement: ConsentStatement) -> ConsentQuestion:
    """What to ask of a statement."""
    known = statement.id_on(chain.deployment.proven)
    return ConsentQuestion(known, statement.key, statement.offer, statement.root, statement.nullifier)


def consent_on_chain(chain: Chain, question: ConsentQuestion) -> ConsentOnChain:
    """All of it as of the latest block. NotFoundError for an offer that nobody made."""
    head = chain.head()
    at, confirmed = head.number, chain.confirmed(head.number)
    # The contract knows an offer by 253 bits of its id; only the offer's own id is known to the registry.
    provider = chain.offer(question.offer, block=at).provider
    recorded = id_recorded_at(chain, question.statement, block=at)
    known_then = recorded and confirmed >= chain.deployment.block
    return ConsentOnChain(
        block=at,
        time=head.timestamp,
        provider=provider,
        state=tree_state(chain, question.offer, question.root, block=at),
        tree=published_tree(chain, question.offer, question.root, block=at),
        is_used=is_used(chain, question.key, question.nullifier, block=at),
        recorded_at=recorded,
        is_confirmed=bool(known_then and id_recorded_at(chain, question.statement, block=confirmed) == recorded),
    )
