"""A consent that is proven anonymously is nobody's to see, counts once a job, and ends with its withdrawal.

On a real chain, with proofs of the real circuit. Each attempt is refused by the contracts; what a circuit without this
or that part would let through is in `tests/protocols/test_zk_consent.py`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import pytest

from consent_proving import Holder, consent_keys, tree_of
from placet.chain.calls import Calls
from placet.chain.client import Chain
from placet.chain.consent_trees import consent_on_chain, is_used, publish_tree, published_tree, question_of, tree_state
from placet.chain.deploy import deploy
from placet.chain.local import LocalChain
from placet.chain.statements import record_statement, recorded_at, register_key, registered_key
from placet.cli.operator import Operator
from placet.cli.prove_consent import checked_consent, live_tags
from placet.core.consent import Consent, Details
from placet.core.consent_trees import ConsentProof, ConsentTree, KeptTag, ProofTag, PublishedTree, TreeState
from placet.core.ids import ConsentId, JobId, OfferId
from placet.core.offers import Offer, Subjects
from placet.core.signatures import Key
from placet.core.statements import FIELD, VerificationKey
from placet.core.trust import Auditor, Deployment, Institution, TrustList
from placet.core.values import to_hex
from placet.core.withdrawal import withdrawal_hash

from ..chain.conftest import PURPOSE, as_sender, dev_key, sent

pytest.importorskip("groth16py", reason="no groth16py here: pip install 'placet[zk]'")
from placet.core.errors import AccessError, InputError, NotFoundError, Reverted, StateError
from placet.protocols.zk.consent import demand_holds
from placet.protocols.zk.consent_tree import PoseidonTree

PROVIDER, RIVAL, CONSUMER, LENDER = (dev_key(place).address for place in range(1, 5))
FRESH, THIEF = bytes([7]) * 20, bytes([8]) * 20


def new_job() -> JobId:
    return JobId(secrets.token_bytes(32))


@dataclass
class Market:
    """A provider with an offer and three owners who gave it their tags, and a rival with an offer of its own."""

    local: LocalChain
    deployment: Deployment
    holders: list[Holder] = field(default_factory=lambda: [Holder() for _ in range(3)])

    def __post_init__(self) -> None:
        self.chain, self.calls = Chain(self.local.url, self.deployment), Calls(self.deployment)
        self.key: VerificationKey = consent_keys().verification(self.deployment)
        sent(self.local, PROVIDER, register_key(self.deployment, self.key))
        self.offer, self.rivals = self._offer(PROVIDER), self._offer(RIVAL)

    def _offer(self, provider: bytes) -> Offer:
        dataset = secrets.token_bytes(32)
        sent(self.local, provider, self.calls.register(dataset, Subjects.PERSONS, bytes(32), bytes(32), 0))
        offer = Offer(dataset=dataset, consumer=CONSUMER, purpose=PURPOSE, operations=3, scope=secrets.token_bytes(32))
        sent(self.local, provider, self.calls.offer(offer))
        return offer

    def tree(self, holders: list[Holder], offer: Offer) -> ConsentTree:
        return tree_of(holders, offer.id, self.deployment)

    def published(self, tree: ConsentTree) -> PublishedTree:
        """What the provider puts on chain for it now."""
        state = self.chain.offer(tree.offer)
        return PublishedTree(
            offer=tree.offer, root=PoseidonTree(tree.numbers).root.to_bytes(32, "big"), epoch=state.epoch,
            unproven=state.unproven, until=int(time.time()) + 86_400, opens_before=5, leaves=len(tree.numbers),
        )  # fmt: skip

    def publish(self, tree: ConsentTree, provider: bytes = PROVIDER) -> PublishedTree:
        made = self.published(tree)
        sent(self.local, provider, publish_tree(self.deployment, made))
        return made

    def proof(self, holder: Holder, tree: ConsentTree, job: JobId) -> ConsentProof:
        statement = holder.statement(tree, job, self.key, prover=FRESH, relying_party=LENDER)
        return holder.proof(tree, statement, self.deployment)

    def record(self, proof: ConsentProof, sender: bytes = LENDER) -> None:
        sent(self.local, sender, record_statement(self.deployment, proof))

    def refused(self, proof: ConsentProof, why: str) -> None:
        with pytest.raises(Reverted, match=why):
            as_sender(self.chain, LENDER, record_statement(self.deployment, proof))

    def withdraw_one(self) -> None:
        """Some owner's word about a consent to the offer, straight to the chain: no batch shows it to be real."""
        owner = Key()
        details = Details(
            language="en", dataset="d", consumer="c", purpose="p", columns="x", output="o", parties="p",
            notice=bytes(32), enrolment=bytes(32), salt=secrets.token_bytes(32),
        )  # fmt: skip
        now = int(time.time())
        consent = Consent(
            owner=owner.address, offer=self.offer, not_before=now, not_after=now + 9_999, first_opening=0, uses=5,
            details=details,
        )  # fmt: skip
        signature = owner.sign(self.deployment.consents.digest(withdrawal_hash(consent.id)))
        sent(self.local, THIEF_SENDER, self.calls.withdraw(consent.grant(), signature))


THIEF_SENDER = dev_key(6).address


@pytest.fixture(scope="module")
def market() -> Iterator[Market]:
    with LocalChain() as local:
        yield Market(local, deploy(local.url, dev_key(0), 0))


def test_a_consent_counts_once_a_job_and_its_uses_are_not_linked(market: Market) -> None:
    assert registered_key(market.chain, market.key.id).verification == market.key
    tree, job = market.tree(market.holders, market.offer), new_job()
    made = market.publish(tree)
    assert published_tree(market.chain, tree.offer, made.root) == made
    assert tree_state(market.chain, tree.offer, made.root) is TreeState.LIVE
    proof = market.proof(market.holders[1], tree, job)
    # The circuit and the tree's contract see 253 bits of an offer's id. Of the seven other ids there is no offer.
    near = OfferId(market.offer.id[:-1] + bytes([market.offer.id[-1] ^ 1]))
    renamed = proof.statement.model_copy(update={"offer": near})
    demand_holds(proof.model_copy(update={"statement": renamed}), market.deployment, market.key)
    with pytest.raises(NotFoundError, match="no such offer"):
        consent_on_chain(market.chain, question_of(market.chain, renamed))
    # On its way to the chain somebody sees it: for himself it proves nothing, and sent by him it is its prover's.
    stolen = proof.model_copy(update={"statement": proof.statement.model_copy(update={"prover": THIEF})})
    market.refused(stolen, "ProofRefused")
    asked = question_of(market.chain, proof.statement)
    before = consent_on_chain(market.chain, asked)
    assert (before.provider, before.state, before.tree) == (PROVIDER, TreeState.LIVE, made)
    assert not before.is_used and not before.recorded_at
    market.record(proof, THIEF_SENDER)
    recorded = recorded_at(market.chain, proof.statement)
    assert recorded > 0 and is_used(market.chain, proof.statement.key, proof.statement.nullifier)
    after = consent_on_chain(market.chain, asked)
    assert (after.is_used, after.recorded_at, after.is_confirmed) == (True, recorded, True)
    assert after.demand_stands() == made
    # Again for the same job, in other words: another prover, another time, another proof.
    again = market.holders[1].statement(tree, job, market.key, prover=THIEF, relying_party=LENDER)
    with pytest.raises(AccessError, match="used for this job already"):
        consent_on_chain(market.chain, question_of(market.chain, again)).demand_stands()
    market.refused(market.holders[1].proof(tree, again, market.deployment), "NullifierUsed")
    shifted = int.from_bytes(proof.statement.nullifier, "big") + FIELD
    other_form = again.model_copy(update={"nullifier": shifted.to_bytes(32, "big")})
    market.refused(proof.model_copy(update={"statement": other_form}), "InputNotInField|ProofRefused")
    # For another job it is another word, in which nobody finds the first one, or the tag that the provider knows.
    other = market.proof(market.holders[1], tree, new_job())
    market.record(other)
    shown = {proof.statement.nullifier, other.statement.nullifier}
    assert len(shown) == 2 and not shown & {holder.tag for holder in market.holders}
    assert other.statement.root == proof.statement.root


def test_after_a_withdrawal_no_consent_proves_until_there_is_a_tree_without_it(market: Market) -> None:
    tree = market.tree(market.holders, market.offer)
    made = market.publish(tree)
    withdrawn, left = market.proof(market.holders[0], tree, new_job()), market.tree(market.holders[1:], market.offer)
    before = market.published(left)
    market.withdraw_one()
    assert tree_state(market.chain, tree.offer, made.root) is TreeState.ENDED
    market.refused(withdrawn, "TreeNotLive")
    # A tree of what the provider saw before the withdrawal comes too late.
    with pytest.raises(Reverted, match="ConsentsEnded"):
        as_sender(market.chain, PROVIDER, publish_tree(market.deployment, before))
    market.publish(left)
    market.refused(withdrawn, "TreeNotLive")
    # With the new root in its place the old proof is none.
    moved = withdrawn.statement.model_copy(update={"root": before.root})
    market.refused(withdrawn.model_copy(update={"statement": moved}), "ProofRefused")
    late = market.proof(market.holders[2], left, new_job())
    market.record(late)
    # Recorded while it was live, it stands; once no reorganisation takes the record with it, which nobody could repeat.
    market.withdraw_one()
    patient = Chain(market.local.url, market.deployment.model_copy(update={"confirmations": 2}))
    asked = question_of(patient, late.statement)
    with pytest.raises(StateError) as caught:
        consent_on_chain(patient, asked).demand_stands()
    assert caught.value.code == "proof.unconfirmed"
    market.withdraw_one()
    assert consent_on_chain(patient, asked).demand_stands().root == late.statement.root


def test_a_root_of_another_provider_is_none_of_the_offers(market: Market) -> None:
    """A rival puts a tree of made-up owners under its own offer: nothing of it passes for a consent to this one."""
    forger = Holder()
    theirs, forged = market.tree([forger], market.rivals), market.tree([forger], market.offer)
    market.publish(theirs, RIVAL)
    with pytest.raises(Reverted, match="NotProviderOrRelay"):
        as_sender(market.chain, RIVAL, publish_tree(market.deployment, market.published(forged)))
    market.refused(market.proof(forger, forged, new_job()), "TreeNotLive")
    honest = market.proof(forger, theirs, new_job())
    renamed = honest.statement.model_copy(update={"offer": market.offer.id})
    market.refused(honest.model_copy(update={"statement": renamed}), "TreeNotLive")
    market.publish(market.tree(market.holders, market.offer))
    rooted = renamed.model_copy(update={"root": market.published(market.tree(market.holders, market.offer)).root})
    market.refused(honest.model_copy(update={"statement": rooted}), "ProofRefused")


def test_a_key_without_the_checker_is_not_the_circuits(market: Market) -> None:
    """Registered without the contract that knows what ended, a right proof under a made-up root is recorded: whoever
    relies on a statement asks what its key is registered as, as `Circuit.demand_key` does."""
    from placet.protocols.zk.circuit import CONSENT
    from placet.protocols.zk.consent import membership
    from placet.protocols.zk.groth16 import verify

    bare = market.key.model_copy(update={"checker": bytes(20)})
    sent(market.local, PROVIDER, register_key(market.deployment, bare))
    forger = Holder()
    forged = market.tree([forger], market.offer)
    statement = forger.statement(forged, new_job(), bare, prover=THIEF)
    public, domain = statement.public_inputs(market.deployment.proven), market.deployment.proven
    witness = membership(forged, forger.secret).witness
    named = dict(zip(("context", "job", "root", "offer", "nullifier"), public, strict=True))
    made = consent_keys().proving.prove(
        {**named, "secret": witness.secret, "path": witness.path.siblings, "right": witness.path.right}, public, bare
    )
    assert verify(bare, public, made)
    proof = ConsentProof(chain_id=domain.chain_id, statements=domain.contract, statement=statement, proof=made)
    market.record(proof)
    assert CONSENT.checker(market.deployment) == market.deployment.consent_trees.address
    with pytest.raises(InputError, match="registered as something else"):
        demand_holds(proof, market.deployment, bare)


def test_who_is_an_auditor_to_the_relying_party_vouches_for_no_leaves(market: Market) -> None:
    """An auditor makes an offer of its own, and a tree of people who don't exist: a list that has it as an auditor
    alone takes nothing of that, whatever name it has there."""
    tree = market.tree(market.holders, market.offer)
    market.publish(tree)
    proof = market.proof(market.holders[0], tree, new_job())
    bank = Institution(
        address=PROVIDER, name="Bank", api="http://a.example", peer="https://a.example",
        certificate="-----BEGIN CERTIFICATE-----",
    )  # fmt: skip
    auditor = Auditor(address=PROVIDER, name="Bank")

    def checked(trust: TrustList) -> dict[str, object]:
        return checked_consent(proof, market.chain, None, trust, to_hex(LENDER))

    assert checked(TrustList(institutions=(bank,), auditors=(auditor,)))["leaves_vouched_for_by"] == "Bank"
    with pytest.raises(NotFoundError, match="no such institution"):
        checked(TrustList(institutions=(), auditors=(auditor,)))


@dataclass
class Office:
    """What `placet prove tree` reads of its institution: a node that lists these tags."""

    deployment: Deployment
    chain: Chain
    tags: list[KeptTag]

    def ask(self, method: str, path: str) -> dict[str, object]:
        heads = {"epoch": to_hex(bytes(24)), "unproven": to_hex(bytes(24))}
        return {**heads, "tags": [one.model_dump(mode="json") for one in self.tags], "cursor": None}


def test_an_owner_who_takes_a_signature_back_keeps_nobody_else_from_proving(market: Market) -> None:
    """A contract's signature holds as long as the contract says so: one that changes its mind, or that is no signature
    at all, is left out of the next tree, and the others are in it."""
    owner, contract = Key(), market.deployment.consent_trees.address
    signed = [ProofTag(consent=ConsentId(secrets.token_bytes(32)), tag=bytes(31) + b"\7") for _ in range(3)]
    kept = [
        KeptTag(signed=one, owner=who, not_before=0, not_after=9, first_opening=0, opens_before=9, signature=signature)
        for one, who, signature in zip(
            signed,
            (owner.address, contract, owner.address),
            (owner.sign(signed[0].digest(market.deployment.consents)), b"\1", b"\1" * 65),
            strict=True,
        )
    ]
    office = Office(market.deployment, market.chain, kept)
    assert live_tags(cast(Operator, office), market.offer.id)[1] == kept[:1]
