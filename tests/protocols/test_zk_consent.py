"""The circuit `consent`: who is in the tree proves it once a job, and nothing else passes for it."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent_proving import Holder, consent_keys, tree_of
from placet.core.consent_trees import DEPTH, ConsentProof, ConsentTree
from placet.core.errors import InputError
from placet.core.ids import ConsentId, JobId, OfferId
from placet.core.statements import FIELD, element
from placet.core.trust import Contract, Deployment
from placet.core.values import ZERO20, ZERO32, parse

pytest.importorskip("groth16py", reason="no groth16py here: pip install 'placet[zk]'")
from placet.protocols.zk import consent
from placet.protocols.zk.consent_tree import PoseidonTree
from placet.protocols.zk.poseidon import poseidon

CONTRACT = Contract(address=bytes([5]) * 20, code_hash=ZERO32)
NAMES = [name for name, field in Deployment.model_fields.items() if field.annotation is Contract]
PLACE = Deployment(
    chain_id=31337,
    block=0,
    genesis=ZERO32,
    confirmations=0,
    finality="blocks",
    evm="osaka",
    **dict.fromkeys(NAMES, CONTRACT),
)
OFFER, OTHER_OFFER = OfferId(b"\xf1" * 32), OfferId(b"\xf2" * 32)
JOB = JobId(b"\xe1" * 32)
PROVER = bytes([1]) * 20
NAMED = ("context", "job", "root", "offer", "nullifier")
Inputs = dict[str, Any]


def witness_of(holder: Holder, tree: ConsentTree, job: JobId = JOB) -> Inputs:
    """What satisfies the circuit."""
    root, witness = consent.membership(tree, holder.secret)
    public = (7, element(job), int.from_bytes(root, "big"), element(tree.offer))
    nullifier = int.from_bytes(consent.nullifier_of(holder.secret, job), "big")
    return {
        **dict(zip(NAMED, (*public, nullifier), strict=True)),
        "secret": witness.secret,
        "path": witness.path.siblings,
        "right": witness.path.right,
    }


def takes(inputs: Inputs) -> bool:
    """Whether the circuit has a proof of them."""
    try:
        consent_keys().proving.prove(inputs, [inputs[name] for name in NAMED], consent_keys().verification(PLACE))
    except InputError:
        return False
    return True


def test_a_consent_proves_itself_and_names_nobody() -> None:
    holders = [Holder() for _ in range(5)]
    tree, key = tree_of(holders, OFFER, PLACE), consent_keys().verification(PLACE)
    proofs = []
    for holder in (holders[0], holders[4]):
        statement = holder.statement(tree, JOB, key, prover=PROVER)
        proof = holder.proof(tree, statement, PLACE)
        consent.demand_holds(proof, PLACE, key)
        assert parse(ConsentProof, json.dumps(proof.to_json())) == proof
        assert len(json.dumps(proof.to_json())) < 1_600
        text = json.dumps(proof.to_json())
        for word in (holder.tag, consent.leaf_of(holder.tag, OFFER).to_bytes(32, "big")):
            assert word.hex() not in text
        proofs.append(proof)
    assert proofs[0].statement.root == proofs[1].statement.root
    assert proofs[0].statement.nullifier != proofs[1].statement.nullifier
    for change in (
        {"offer": OTHER_OFFER},
        {"root": ZERO32},
        {"nullifier": ZERO32},
        {"prover": bytes(20)},
        {"until": 1},
    ):
        other = proofs[0].model_copy(update={"statement": proofs[0].statement.model_copy(update=change)})
        with pytest.raises(InputError) as caught:
            consent.demand_holds(other, PLACE, key)
        assert caught.value.code == "proof.false"


def test_what_the_circuit_refuses() -> None:
    """Withdrawn, another offer, another job's nullifier, a wrong path, a leaf that nobody has: witnesses that fail."""
    mine, theirs = Holder(), Holder()
    tree = tree_of([mine, theirs, Holder()], OFFER, PLACE)
    right = witness_of(mine, tree)
    assert takes(right)
    without_me = tree_of([theirs, Holder(), Holder()], OFFER, PLACE)
    after = PoseidonTree(without_me.numbers)
    elsewhere = tree_of([mine, theirs], OTHER_OFFER, PLACE)
    path = after.path(3)
    wrong: list[Inputs] = [
        # Withdrawn: under the tree without it, with the path of its old place and with that of an empty leaf.
        right | {"root": after.root},
        right | {"root": after.root, "path": path.siblings, "right": path.right},
        # Another offer's tree, and another offer's name over this one's.
        witness_of(mine, elsewhere) | {"offer": right["offer"]},
        right | {"offer": element(OTHER_OFFER)},
        # Another job's nullifier, another's, and the plain forms of it.
        right | {"nullifier": witness_of(mine, tree, JobId(b"\xe2" * 32))["nullifier"]},
        right | {"nullifier": witness_of(theirs, tree)["nullifier"]},
        right | {"nullifier": poseidon(mine.secret, element(JOB))},
        right | {"job": right["job"] + 1},
        # Paths.
        right | {"path": [*right["path"][:-1], right["path"][-1] + 1]},
        right | {"right": [1 - right["right"][0], *right["right"][1:]]},
        right | {"right": [2, *right["right"][1:]]},
        right | {"path": witness_of(theirs, tree)["path"], "right": witness_of(theirs, tree)["right"]},
        # Another's secret is not known, and zero is no leaf's.
        right | {"secret": right["secret"] + 1},
        right | {"secret": 0},
        right | {"secret": 0, "path": path.siblings, "right": path.right, "root": after.root},
    ]
    for place, inputs in enumerate(wrong):
        assert not takes(inputs), place


def test_a_chosen_job_opens_no_leaf() -> None:
    """With P(secret, job) as nullifier, the job 1 would be the owner's tag, which the provider knows by name."""
    holder, job = Holder(), JobId((1 << 3).to_bytes(32, "big"))
    assert element(job) == 1
    plain = poseidon(holder.secret, element(job)).to_bytes(32, "big")
    assert plain == holder.tag
    jobs = [JobId((number << 3).to_bytes(32, "big")) for number in range(4)]
    shown = [consent.nullifier_of(holder.secret, one) for one in jobs]
    known = {holder.tag, consent.leaf_of(holder.tag, OFFER).to_bytes(32, "big")}
    assert len(set(shown)) == 4 and not known & set(shown)


def test_a_key_without_nullifier_or_checker_is_none_of_the_circuit() -> None:
    holder = Holder()
    tree, key = tree_of([holder], OFFER, PLACE), consent_keys().verification(PLACE)
    for change in ({"nullifier": 0}, {"nullifier": 3}, {"checker": ZERO20}, {"circuit": ZERO32}):
        other = key.model_copy(update=change)
        assert other.id != key.id
        statement = holder.statement(tree, JOB, other, prover=PROVER)
        with pytest.raises(InputError):
            consent.prove(
                consent.membership(tree, holder.secret).witness, statement, PLACE, consent_keys().proving, other
            )


def test_who_is_not_in_the_tree_is_told_so() -> None:
    with pytest.raises(InputError) as caught:
        consent.membership(tree_of([Holder()], OFFER, PLACE), Holder().secret)
    assert caught.value.code == "proof.leaf"


def test_secrets_are_of_one_consent_of_one_key() -> None:
    key, one = secrets.token_bytes(32), ConsentId(b"\1" * 32)
    secret = consent.secret_of(key, one)
    assert secret == consent.secret_of(key, one) and 0 < secret < FIELD
    assert len({secret, consent.secret_of(key, ConsentId(b"\2" * 32)), consent.secret_of(b"\3" * 32, one)}) == 3


@given(st.integers(1, 9), st.data())
@settings(max_examples=10, deadline=None)
def test_every_path_leads_to_the_root_and_empty_leaves_are_zero(count: int, data: st.DataObject) -> None:
    leaves = data.draw(st.lists(st.integers(1, FIELD - 1), min_size=count, max_size=count, unique=True))
    tree = PoseidonTree(leaves)
    place = data.draw(st.integers(0, count - 1))
    node = leaves[place]
    siblings, right = tree.path(place)
    for sibling, is_right in zip(siblings, right, strict=True):
        node = poseidon(sibling, node) if is_right else poseidon(node, sibling)
    assert node == tree.root and len(siblings) == DEPTH
    assert PoseidonTree([*leaves, 0]).root == tree.root


def test_hostile_trees_are_refused() -> None:
    wire = tree_of([Holder(), Holder()], OFFER, PLACE).to_json()
    first, second = wire["leaves"][2:66], wire["leaves"][66:]
    hostile = ("", first[:-2], second + first, first + first, "00" * 32 + first, f"{FIELD:064x}", first + "ff" * 32)
    for leaves in hostile:
        with pytest.raises(InputError):
            parse(ConsentTree, json.dumps(wire | {"leaves": "0x" + leaves}))
    assert parse(ConsentTree, json.dumps(wire)).numbers == sorted([int(first, 16), int(second, 16)])
    with pytest.raises(InputError):
        PoseidonTree([])
