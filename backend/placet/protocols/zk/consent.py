"""The circuit `consent`: a consent to this offer is in the tree, its leaf unnamed, with one nullifier a job.

leaf = P(P(secret, 1), offer) and nullifier = P(P(secret, 2), job) with Poseidon. The provider knows the tag
P(secret, 1) of each leaf, and can't tell from it which nullifier is whose, whatever job it makes up: the secret is a
random field element.
"""

from __future__ import annotations

from typing import NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from placet.core.consent_trees import ConsentProof, ConsentStatement, ConsentTree
from placet.core.errors import InputError
from placet.core.ids import ConsentId, JobId, OfferId
from placet.core.statements import FIELD, VerificationKey, element
from placet.core.trust import Deployment
from placet.core.values import to_hex
from placet.protocols.zk.circuit import CONSENT
from placet.protocols.zk.consent_tree import PoseidonTree, TreePath
from placet.protocols.zk.groth16 import Prover, verify
from placet.protocols.zk.poseidon import poseidon

_TAG, _VOICE = 1, 2
_SECRET_SIZE = 48
"""128 bits more than the field has: the remainder is as good as uniform."""


def secret_of(key: bytes, consent: ConsentId) -> int:
    """What a wallet proves by, a field element, from the 32 secret bytes of the consent's own key (HKDF, RFC 5869)."""
    derive = HKDF(algorithm=SHA256(), length=_SECRET_SIZE, salt=None, info=b"placet anonymous consent/1" + consent)
    return int.from_bytes(derive.derive(key), "big") % FIELD


def tag_of(secret: int) -> bytes:
    """The word that goes to the provider, 32 bytes."""
    return _bytes(poseidon(secret, _TAG))


def leaf_of(tag: bytes, offer: OfferId) -> int:
    """What the provider makes of it."""
    return poseidon(int.from_bytes(tag, "big"), element(offer))


def nullifier_of(secret: int, job: JobId) -> bytes:
    """The one for a job, 32 bytes."""
    return _bytes(poseidon(poseidon(secret, _VOICE), element(job)))


def _bytes(value: int) -> bytes:
    return value.to_bytes(32, "big")


class ConsentWitness(NamedTuple):
    """What an owner knows: the secret, and where the leaf lies in the tree."""

    secret: int
    path: TreePath


class Membership(NamedTuple):
    """A tree's root with an owner's witness of it."""

    root: bytes
    witness: ConsentWitness


def membership(tree: ConsentTree, secret: int) -> Membership:
    """InputError `proof.leaf` where no leaf is this secret's."""
    leaves, leaf = tree.numbers, leaf_of(tag_of(secret), tree.offer)
    if leaf not in leaves:
        raise InputError(
            "your consent is not in this tree",
            expected="a tree that the provider published after it got your tag, while the consent lived",
            found=f"{len(leaves)} leaves of others",
            remedy="placet owner tag, then ask the provider for its next tree",
            code="proof.leaf",
        )
    built = PoseidonTree(leaves)
    return Membership(_bytes(built.root), ConsentWitness(secret, built.path(leaves.index(leaf))))


def prove(
    witness: ConsentWitness,
    statement: ConsentStatement,
    deployment: Deployment,
    key: Prover,
    verification: VerificationKey,
) -> ConsentProof:
    """A statement with its proof. What the prover raises, and InputError for another circuit's key."""
    CONSENT.demand_key(verification, statement, CONSENT.checker(deployment))
    domain = deployment.proven
    public = statement.public_inputs(domain)
    inputs: dict[str, int | list[int]] = {
        **dict(zip(("context", "job", "root", "offer", "nullifier"), public, strict=True)),
        "secret": witness.secret,
        "path": witness.path.siblings,
        "right": witness.path.right,
    }
    return ConsentProof(
        chain_id=domain.chain_id,
        statements=domain.contract,
        statement=statement,
        proof=key.prove(inputs, public, verification),
    )


def demand_holds(proven: ConsentProof, deployment: Deployment, verification: VerificationKey) -> None:
    """InputError `proof.false` unless the proof is right for its statement under this key."""
    CONSENT.demand_key(verification, proven.statement, CONSENT.checker(deployment))
    if not verify(verification, proven.statement.public_inputs(deployment.proven), proven.proof):
        raise InputError("the proof does not hold", found=to_hex(proven.statement.key), code="proof.false")
