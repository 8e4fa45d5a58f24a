"""Anonymous consents: keys, a tree, proving and checking in processor time, and gas on a fresh Anvil.

The keys are one person's, this run's: they are for measuring alone. Times are medians of processor seconds.
"""

from __future__ import annotations

import json as json_
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from _band import cpu, gas_of, keys_of, rounded, told, verification_call

from placet.chain.calls import Calls
from placet.chain.client import Chain
from placet.chain.consent_trees import publish_tree
from placet.chain.deploy import deploy
from placet.chain.local import LocalChain, dev_account
from placet.chain.statements import record_statement, register_key
from placet.core.consent_trees import ConsentStatement, ConsentTree, PublishedTree
from placet.core.ids import ConsentId, JobId, OfferId
from placet.core.offers import Offer, Subjects
from placet.core.signatures import Key
from placet.core.trust import Deployment
from placet.core.values import ZERO20
from placet.protocols.zk import consent
from placet.protocols.zk.circuit import CONSENT
from placet.protocols.zk.consent_tree import PoseidonTree

LEAVES = 1_000
ROUNDS = 5
TARGETS = {"prove_cpu_s": 2.0, "verify_cpu_s": 0.01}
NOTES = {
    "setup_cpu_s": "compile the circuit and make keys, by one person",
    "proving_key_mb": "the proving key on disk, MB of 10^6 bytes",
    "load_cpu_s": "read the proving key, each point checked",
    "tree_leaf_us": f"a leaf of a tree of depth 20 with {LEAVES:,} leaves, at the provider and at each owner",
    "prove_cpu_s": "one statement, its proof verified; without the tree",
    "verify_cpu_s": "one proof, key at hand",
    "proof_file_bytes": "the file for the relying party",
    "register_gas": "the verification key, once",
    "publish_gas": "a tree's root, however many leaves it has",
    "verify_gas": "a transaction that only verifies: five public inputs",
    "record_gas": "a transaction that verifies, asks for the tree and records",
}


def _tree(deployment: Deployment, offer: OfferId, secret: int) -> ConsentTree:
    others = [consent.secret_of(secrets.token_bytes(32), ConsentId(bytes(32))) for _ in range(LEAVES - 1)]
    leaves = sorted(consent.leaf_of(consent.tag_of(one), offer) for one in (secret, *others))
    return ConsentTree(
        chain_id=deployment.chain_id,
        consent_trees=deployment.consent_trees.address,
        offer=offer,
        leaves=b"".join(leaf.to_bytes(32, "big") for leaf in leaves),
    )


def measure() -> dict[str, float]:
    """All figures, by the names of NOTES."""
    figures: dict[str, float] = {}
    with LocalChain() as local, tempfile.TemporaryDirectory() as folder:
        key = Key(bytes(dev_account(0).key))
        deployment = deploy(local.url, key, 0)
        chain, calls, job = Chain(local.url, deployment), Calls(deployment), JobId(secrets.token_bytes(32))
        keys, more = keys_of(CONSENT, Path(folder), CONSENT.checker(deployment))
        figures |= more
        dataset, secret = secrets.token_bytes(32), consent.secret_of(secrets.token_bytes(32), ConsentId(bytes(32)))
        offer = Offer(dataset=dataset, consumer=key.address, purpose=bytes(32), operations=3, scope=bytes(32))
        for call in (calls.register(dataset, Subjects.PERSONS, bytes(32), bytes(32), 0), calls.offer(offer)):
            gas_of(local, key, call)
        tree = _tree(deployment, offer.id, secret)
        figures["tree_leaf_us"] = cpu(lambda: PoseidonTree(tree.numbers), 3) / LEAVES * 1e6
        root, witness = consent.membership(tree, secret)
        state = chain.offer(offer.id)
        published = PublishedTree(
            offer=offer.id, root=root, epoch=state.epoch, unproven=state.unproven, until=int(time.time()) + 86_400,
            opens_before=9, leaves=LEAVES,
        )  # fmt: skip
        statement = ConsentStatement(
            key=keys.verification.id,
            job=job,
            prover=key.address,
            relying_party=ZERO20,
            until=int(time.time()) + 86_400,
            offer=offer.id,
            root=root,
            nullifier=consent.nullifier_of(secret, job),
        )

        def prove() -> object:
            return consent.prove(witness, statement, deployment, keys.proving, keys.verification)

        proven = consent.prove(witness, statement, deployment, keys.proving, keys.verification)
        figures["prove_cpu_s"] = cpu(prove, ROUNDS)
        figures["verify_cpu_s"] = cpu(lambda: consent.demand_holds(proven, deployment, keys.verification))
        figures["proof_file_bytes"] = len(json_.dumps(proven.to_json(), indent=1))
        figures["register_gas"] = gas_of(local, key, register_key(deployment, keys.verification))
        figures["publish_gas"] = gas_of(local, key, publish_tree(deployment, published))
        inputs = statement.public_inputs(deployment.proven)
        figures["verify_gas"] = gas_of(
            local, key, verification_call(deployment, inputs, proven.proof, keys.verification)
        )
        figures["record_gas"] = gas_of(local, key, record_statement(deployment, proven))
    return rounded(figures)


def consent_statement(say: Callable[[str], None]) -> dict[str, object]:
    """Measure and say so."""
    return told("consent", measure(), NOTES, TARGETS, say)
