"""The contracts and the reference model go through the same histories and must agree after every step."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, invariant, multiple, rule

from model import reference as model
from model.sides import BothSides, by_histories, go_through_histories
from placet.chain.calls import NO_PROOF
from placet.chain.client import Chain
from placet.chain.deploy import deploy
from placet.chain.local import LocalChain, dev_account
from placet.core import consent, withdrawal
from placet.core.merkle import batch_levels, batch_proof, batch_root
from placet.core.offers import Offer, Subjects
from placet.core.plan import Input, Party, Plan
from placet.core.signatures import Key
from placet.core.values import ZERO32

PROVIDER, RELAY, STRANGER = (Key(bytes(dev_account(i).key)) for i in range(3))
CONSUMERS = [Key(bytes([i + 1]) * 32) for i in range(2)]
OWNERS = [Key(bytes([i + 11]) * 32) for i in range(2)]
PURPOSES = [bytes([i + 1]) * 32 for i in range(2)]
SENDERS = {model.Sender.PROVIDER: PROVIDER, model.Sender.RELAY: RELAY, model.Sender.STRANGER: STRANGER}

offers = st.integers(0, 1)
mostly = st.sampled_from([True] * 5 + [False])
senders = st.sampled_from([*model.Sender, model.Sender.PROVIDER])
uses = {"consumer": st.sampled_from([0] * 5 + [1]), "purpose": st.sampled_from([0] * 5 + [1])}


class Machine(BothSides):
    """Two offers of one provider, two owners. Numbers stand for keys and hashes in the model."""

    consents = Bundle("consents")
    batches = Bundle("batches")

    def __init__(self, chain: Chain) -> None:
        super().__init__(chain)
        self.made = self.jobs = 0
        self.registry = model.Registry([model.Offer(consumer=0, purpose=0, operations=3) for _ in range(2)])
        self.offers = []
        for number in range(2):
            dataset = bytes([number + 1]) * 32
            self.offers.append(
                Offer(dataset=dataset, consumer=CONSUMERS[0].address, purpose=PURPOSES[0], operations=3, scope=ZERO32)
            )
            self.tell(PROVIDER, self.calls.register(dataset, Subjects.PERSONS, ZERO32, ZERO32))
            self.tell(PROVIDER, self.calls.offer(self.offers[number]))

    def agree_at_last(self) -> None:
        for terms in self.registry.consents:
            self.agree_on(terms)

    # Both sides.

    def grant_of(self, terms: Any) -> tuple[bytes, bytes, int, int, int, int, bytes]:
        return (
            OWNERS[terms.owner].address, self.offers[terms.offer].id, terms.not_before, terms.not_after,
            terms.first_opening, terms.uses, terms.number.to_bytes(32, "big"),
        )  # fmt: skip

    def id_of(self, terms: Any) -> bytes:
        return consent.consent_id(*self.grant_of(terms))

    def proof_of(self, terms: Any, batch: Any) -> tuple[bytes, list[bytes]]:
        """Root and proof; for one that is not in the batch the proof of another one."""
        leaves = sorted(self.id_of(leaf) for leaf in batch)
        wanted = self.id_of(terms) if terms in batch else leaves[0]
        levels = batch_levels(leaves)
        return levels[-1][0], batch_proof(levels, leaves.index(wanted))

    def signature(self, terms: Any, struct_hash: bytes, honest: bool) -> bytes:
        key = OWNERS[terms.owner] if honest else OWNERS[1 - terms.owner]
        return key.sign(self.chain.deployment.consents.digest(struct_hash))

    def agree_on(self, terms: Any) -> None:
        found, expected = self.chain.consent(self.id_of(terms)), self.registry.state(terms)
        assert (found.status, found.proven) == (expected.status, expected.proven)
        if found.status != consent.Status.NONE:
            stored = (found.not_before, found.not_after, found.first_opening, found.uses)
            assert stored == (terms.not_before, terms.not_after, terms.first_opening, terms.uses)

    # What happens.

    def draft(self, owner: int, offer: int, begin: int, length: int, first_opening: int, uses: int) -> Any:
        self.made += 1
        begin += self.now
        terms = model.Terms(self.made, owner, offer, begin, begin + length, first_opening, uses)
        self.registry.state(terms)
        return terms

    @initialize(target=consents, owner=st.integers(0, 1), uses=st.integers(1, 3))
    def some_given(self, owner: int, uses: int) -> Any:
        """Without these most histories are about nothing."""
        given = [self.draft(owner, offer, -10, 1000, 0, uses) for offer in range(2)]
        for terms in given:
            self.grant(terms, model.Sender.PROVIDER, True)
        return multiple(*given)

    @initialize(target=consents, owner=st.integers(0, 1), offer=offers)
    def some_to_be_batched(self, owner: int, offer: int) -> Any:
        return multiple(*(self.draft(owner, offer, -10, 1000, 0, 2) for _ in range(3)))

    @rule(
        target=consents,
        owner=st.integers(0, 1),
        offer=offers,
        begin=st.sampled_from([-50] * 4 + [0, 1, 2, 60]),
        length=st.sampled_from([300] * 4 + [-1, 0, 1, 2, 30, 100]),
        first_opening=st.sampled_from([0, 0, 0, 1, 2]),
        uses=st.sampled_from([1, 2, 3, 1, 2, 3, 0]),
    )
    def write(self, owner: int, offer: int, begin: int, length: int, first_opening: int, uses: int) -> Any:
        """A new consent, so far between owner and provider."""
        return self.draft(owner, offer, begin, length, first_opening, uses)

    @rule(allowed=st.booleans())
    def appoint(self, allowed: bool) -> None:
        assert self.tell(PROVIDER, self.calls.appoint(RELAY.address, allowed)) is None
        self.registry.relay_appointed = allowed

    @rule(terms=consents, sender=senders, honest=mostly)
    def grant(self, terms: Any, sender: Any, honest: bool) -> None:
        signature = self.signature(terms, self.id_of(terms), honest)
        call = self.calls._consent("grant", self.grant_of(terms), signature)
        self.same(SENDERS[sender], call, self.registry.grant, terms, sender, honest, self.now + 1)

    @rule(target=batches, offer=offers, leaves=st.lists(consents, min_size=1, max_size=5, unique=True), sender=senders)
    def anchor(self, offer: int, leaves: list[Any], sender: Any) -> Any:
        batch = frozenset(leaves)
        root = batch_root(sorted(self.id_of(leaf) for leaf in batch))
        call = self.calls.anchor(self.offers[offer].id, root)
        self.same(SENDERS[sender], call, self.registry.anchor, offer, batch, sender)
        return batch

    @rule(terms=consents, honest=mostly)
    def withdraw(self, terms: Any, honest: bool) -> None:
        signature = self.signature(terms, withdrawal.withdrawal_hash(self.id_of(terms)), honest)
        call = self.calls.withdraw(self.grant_of(terms), signature)
        self.same(STRANGER, call, self.registry.withdraw, terms, honest, None)

    @rule(terms=consents, batch=batches, honest=mostly)
    def withdraw_batched(self, terms: Any, batch: Any, honest: bool) -> None:
        signature = self.signature(terms, withdrawal.withdrawal_hash(self.id_of(terms)), honest)
        call = self.calls.withdraw_batched(self.grant_of(terms), signature, *self.proof_of(terms, batch))
        self.same(STRANGER, call, self.registry.withdraw, terms, honest, batch)

    @rule(batch=batches, data=st.data())
    def withdraw_a_leaf(self, batch: Any, data: Any) -> None:
        terms = data.draw(st.sampled_from(sorted(batch, key=lambda leaf: leaf.number)))
        self.withdraw_batched(terms, batch, True)

    @rule(several=st.lists(consents, min_size=1, max_size=4, unique=True))
    def withdraw_many(self, several: list[Any]) -> None:
        """In lists those that have ended are passed over."""
        signatures = [self.signature(terms, withdrawal.withdrawal_hash(self.id_of(terms)), True) for terms in several]
        grants = [self.grant_of(terms) for terms in several]
        assert self.tell(STRANGER, self.calls.withdraw_many(grants, signatures, [NO_PROOF] * len(several))) is None
        for terms in several:
            if not self.registry.state(terms).ended:
                self.registry.withdraw(terms, True, None)

    @rule(terms=consents, sender=senders)
    def revoke(self, terms: Any, sender: Any) -> None:
        call = self.calls.revoke(self.grant_of(terms), ZERO32)
        self.same(SENDERS[sender], call, self.registry.revoke, terms, sender, None)

    @rule(terms=consents, sender=senders, batch=batches)
    def revoke_batched(self, terms: Any, sender: Any, batch: Any) -> None:
        call = self.calls.revoke_batched(self.grant_of(terms), ZERO32, *self.proof_of(terms, batch))
        self.same(SENDERS[sender], call, self.registry.revoke, terms, sender, batch)

    @rule(batch=batches, offer=offers, data=st.data())
    def prove(self, batch: Any, offer: int, data: Any) -> None:
        terms = data.draw(st.sampled_from(sorted(batch, key=lambda leaf: leaf.number)))
        call = self.calls.prove(self.id_of(terms), self.offers[offer].id, *self.proof_of(terms, batch))
        self.same(STRANGER, call, self.registry.prove, terms, offer, batch)

    @rule(
        first=consents, second=st.none() | consents, named=mostly, ahead=st.integers(0, 120), current=mostly,
        opens_before=st.sampled_from([2**32 - 1, 2**32 - 1, 1, 2]), **uses,
        operations=st.sampled_from([1, 2, 3, 3, 3, 0, 4, 7]),
    )  # fmt: skip
    def open(
        self, first: Any, second: Any, named: bool, ahead: int, current: bool, opens_before: int, operations: int,
        consumer: int, purpose: int,
    ) -> None:  # fmt: skip
        """A job over one or two offers: all or nothing."""
        chosen = [first] if second is None or second.offer == first.offer else [first, second]
        now = [self.registry.offers[terms.offer].epoch for terms in chosen]
        epochs = now if current else [model.another(epoch) for epoch in now]
        used = [
            model.Input(terms.offer, terms if named else None, epoch, opens_before)
            for terms, epoch in zip(chosen, epochs, strict=True)
        ]
        self.jobs += 1
        until = self.now + 1 + ahead
        plan = Plan(
            terms=ZERO32, consumer=CONSUMERS[consumer].address, purpose=PURPOSES[purpose], operations=operations,
            sponsor=CONSUMERS[consumer].address, open_by=self.now + 1, deadline=until, settle_by=until,
            salt=self.jobs.to_bytes(32, "big"),
            parties=(
                Party(
                    signer=PROVIDER.address, recorder=PROVIDER.address, payee=PROVIDER.address, tls_key=ZERO32,
                    seed=ZERO32, output=False,
                    inputs=tuple(
                        Input(
                            offer=self.offers[entry.offer].id, opens_before=entry.opens_before,
                            epoch=self.head_of(entry.epoch),
                            consent=ZERO32 if entry.consent is None else self.id_of(entry.consent),
                            lawful_root=b"\1" * 32 if entry.consent is None else ZERO32,
                        )
                        for entry in used
                    ),
                ),
            ),
        )  # fmt: skip
        job = plan.job(self.chain.deployment.jobs)
        call = self.calls.open(plan, [PROVIDER.sign(job), CONSUMERS[consumer].sign(job), b""])
        self.same(STRANGER, call, self.registry.open, used, consumer, purpose, operations, self.now + 1, until)

    @rule(
        data=st.data(),
        both=st.booleans(),
        ahead=st.sampled_from([0, 1, 40, 280, 990, 1000]),
        operations=st.integers(1, 3),
    )
    def open_rightly(self, data: Any, both: bool, ahead: int, operations: int) -> None:
        """As honest parties do it, with consents that are given; only their times and uses may still say no."""
        given = [terms for terms, state in self.registry.consents.items() if state.status == consent.Status.GIVEN]
        if given:
            first, second = (data.draw(st.sampled_from(given)) for _ in range(2))
            self.open(first, second if both else None, True, ahead, True, 2**32 - 1, operations, 0, 0)

    @rule(batch=batches, offer=offers, data=st.data())
    def prove_what_ended(self, batch: Any, offer: int, data: Any) -> None:
        ended = [leaf for leaf in batch if self.registry.state(leaf).ended]
        if ended:
            terms = data.draw(st.sampled_from(sorted(ended, key=lambda leaf: leaf.number)))
            if batch not in self.registry.offers[offer].batches:
                self.anchor_as_provider(offer, batch)
            call = self.calls.prove(self.id_of(terms), self.offers[offer].id, *self.proof_of(terms, batch))
            self.same(STRANGER, call, self.registry.prove, terms, offer, batch)

    def anchor_as_provider(self, offer: int, batch: Any) -> None:
        root = batch_root(sorted(self.id_of(leaf) for leaf in batch))
        call = self.calls.anchor(self.offers[offer].id, root)
        self.same(PROVIDER, call, self.registry.anchor, offer, batch, model.Sender.PROVIDER)

    @rule(seconds=st.integers(1, 200))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule(
        terms=consents, offer=offers, start=st.integers(-60, 300), ahead=st.integers(-5, 200), **uses,
        opening=st.integers(0, 5), operations=st.sampled_from([0, 1, 2, 3, 4, 5]),
    )  # fmt: skip
    def ask(
        self, terms: Any, offer: int, start: int, ahead: int, opening: int, operations: int, consumer: int, purpose: int
    ) -> None:
        start += self.now
        found = self.chain.check_consent(
            self.id_of(terms), self.offers[offer].id, consumer=CONSUMERS[consumer].address, purpose=PURPOSES[purpose],
            operations=operations, from_=start, until=start + ahead, opening=opening,
        )  # fmt: skip
        assert found == self.registry.check(terms, offer, consumer, purpose, operations, start, start + ahead, opening)
        self.agree_on(terms)

    @invariant()
    def offers_agree(self) -> None:
        for number, expected in enumerate(self.registry.offers):
            found = self.chain.offer(self.offers[number].id)
            heads = (self.head_of(expected.epoch), self.head_of(expected.unproven))
            assert (found.epoch, found.openings, found.unproven) == (heads[0], expected.openings, heads[1])

    def head_of(self, ended: Iterable[Any]) -> bytes:
        """Of a list of ended consents."""
        return functools.reduce(withdrawal.withdrawal_head, map(self.id_of, ended), withdrawal.FIRST_EPOCH)


@pytest.fixture
def chain(anvil: LocalChain) -> Any:
    with anvil.snapshot():
        yield Chain(anvil.url, deploy(anvil.url, PROVIDER, 0))


@by_histories
def test_contracts_and_model_agree(chain: Chain, histories: int) -> None:
    go_through_histories(lambda: Machine(chain), histories)
