"""Exact gas of the transactions that people pay for, on a fresh Anvil, from the receipts of real signed transactions.

Keys, salts, times and addresses are fixed, so every run gives the same figures. All are of a *next* operation, not of a
first: the offer has an earlier opening and an earlier withdrawal, the trail has earlier steps, payees and sponsor are
owed something from an earlier job. An offer's first withdrawal or opening, and its first unproven
end, cost 17,100 more.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from eth_account import Account
from web3 import HTTPProvider, Web3

from placet.chain.calls import Call, Calls
from placet.chain.deploy import deploy, deploy_token
from placet.chain.local import LocalChain
from placet.core import eip712
from placet.core.consent import Consent, Details
from placet.core.hashing import keccak
from placet.core.merkle import batch_verify
from placet.core.offers import Offer, Subjects
from placet.core.plan import Input, Party, Plan, Seal, key_hash
from placet.core.signatures import Key
from placet.core.values import ZERO32, to_hex
from placet.core.withdrawal import withdrawal_hash

TARGETS = {
    "grant_by_signature": 62_000,
    "grant_many_50_each": 41_000,
    "anchor_batch": 60_000,
    "withdraw_granted": 45_000,
    "record_400_each": 1_450,
}
"""What the project promises; the other figures are reported."""

NOTES = {
    "grant_by_signature": "one consent, sent by the provider's relay; EAS attestByDelegation takes 265,831",
    "grant_many_50_each": "50 consents in one transaction of the relay, each",
    "anchor_batch": "the root of a batch of any size, by the relay",
    "withdraw_granted": "owner's signature, consent granted by the relay",
    "withdraw_batched": "owner's signature and a proof of 20 levels (a batch of a million)",
    "record_400_each": "400 step hashes in one transaction, each",
    "open_3_parties": "four signatures, three inputs with lawful roots, three rewards pulled into the escrow",
    "seal_3_parties": "four signatures, three keys",
    "release_last": "the last of three keys: completes the job and credits three payees",
    "open_with_pot": "the same as open_3_parties with a pot beside the rewards",
    "seal_payouts": "the same as seal_3_parties; the pot is divided among three parties that have rewards too",
    "release_payouts": "the same as release_last, with rewards and payouts",
    "abort": "by a recorder before the seal, with refund",
}

LOWER = (
    "a grant: 21,000 for the transaction, 3,900 for its bytes, 22,100 for a new slot, 3,100 to recover the key "
    "and 2,800 for the event are a floor of 52,900; the offer's slot takes 2,100, the relay's appointment 2,200 "
    "(a provider that sends from its own account saves it), code 4,600. Only a batch goes lower, at one anchor "
    "for all its leaves",
    "an event without times and counts (readers would ask statusOf) would save 1,300 of each grant",
    "step hashes cost 1,280 each by EIP-7623 whatever the contract does: lower only with shorter hashes, or with "
    "one running head for many steps (about 28,600 for all of them), and then the chain no longer holds each step",
    "an opening is storage, 22,100 for each new slot: two a party with a reward, two of the escrow, one of the "
    "job. A slot a party less if release, close and abort took the whole plan again",
    "each signer's list of jobs takes 9,600 of an opening, 5,000 of them for its word and 2,000 for the event; its "
    "first job 17,100 more",
    "a payout is stored beside its payee, in a word of its own only for a party without a reward; where the plan has "
    "no pot a seal pays 5,000 for a list of zeros, which an empty list would save",
    "a seal stores a key's hash for each party: one slot for all of them if each release brought the others' hashes",
)

NOW = 4_000_000_000
FEE = 10**10


def _word(name: str) -> bytes:
    """32 fixed bytes with nothing special about them."""
    return keccak(b"placet gas benchmark " + name.encode())


def _key(name: str) -> Key:
    return Key(_word("key " + name))


@dataclass(frozen=True)
class _Opened:
    plan: Plan
    job: bytes
    keys: tuple[bytes, ...]


class _Bench:
    """A fresh chain with one deployment: three providers with an offer each, their relays, a consumer who sponsors."""

    def __init__(self, chain: LocalChain) -> None:
        self.chain = chain
        self.web3 = Web3(HTTPProvider(chain.url))
        self.deployer, self.consumer = _key("deployer"), _key("consumer")
        self.providers = [_key(f"provider {i}") for i in range(3)]
        self.relays = [_key(f"relay {i}") for i in range(3)]
        for key in (self.deployer, self.consumer, *self.providers, *self.relays):
            chain.rpc("anvil_setBalance", to_hex(key.address), hex(10**24))
        self.deployment = deploy(chain.url, self.deployer, 0)
        self.token = deploy_token(chain.url, self.deployer, {self.consumer.address: 10**9})
        self.calls = Calls(self.deployment)
        self.consents = eip712.consent_domain(chain.chain_id, self.deployment.consent_registry.address)
        self.jobs = eip712.job_domain(chain.chain_id, self.deployment.job_ledger.address)
        self.salt = 0
        chain.rpc("evm_setNextBlockTimestamp", NOW)
        self.offers = [self._offer(i) for i in range(3)]
        self.send(self.consumer, self.calls.approve(self.token, self.deployment.reward_escrow.address, 10**9))

    def _offer(self, i: int) -> Offer:
        provider, dataset = self.providers[i], _word(f"dataset {i}")
        self.send(provider, self.calls.register(dataset, Subjects.PERSONS, _word("schema"), _word("commitment")))
        self.send(provider, self.calls.appoint(self.relays[i].address))
        offer = Offer(
            dataset=dataset,
            consumer=self.consumer.address,
            purpose=_word("purpose"),
            operations=3,
            scope=_word("scope"),
        )
        self.send(provider, self.calls.offer(offer))
        return offer

    def send(self, sender: Key, call: Call) -> int:
        """Gas that the transaction used."""
        address = self.web3.to_checksum_address(sender.address)
        transaction = {
            "type": 2,
            "chainId": self.chain.chain_id,
            "nonce": self.web3.eth.get_transaction_count(address),
            "to": self.web3.to_checksum_address(call.to),
            "value": 0,
            "data": call.data,
            "gas": 16_000_000,
            "maxFeePerGas": FEE,
            "maxPriorityFeePerGas": 1,
        }
        signed = Account.sign_transaction(transaction, sender.secret)
        receipt = self.web3.eth.wait_for_transaction_receipt(
            self.web3.eth.send_raw_transaction(signed.raw_transaction), poll_latency=0.01
        )
        if receipt["status"] != 1:
            raise RuntimeError(f"reverted: {call.what}")
        return int(receipt["gasUsed"])

    def consent(self, owner: Key) -> Consent:
        self.salt += 1
        texts = dict.fromkeys(("dataset", "consumer", "purpose", "columns", "output", "parties"), "words")
        details = Details(
            language="en",
            **texts,
            notice=_word("notice"),
            enrolment=_word("enrolment"),
            salt=_word(f"salt {self.salt}"),
        )
        return Consent(
            owner=owner.address,
            offer=self.offers[0],
            not_before=NOW - 1,
            not_after=NOW + 10**7,
            first_opening=0,
            uses=12,
            details=details,
        )

    def signed(self, name: str) -> tuple[Key, Consent, bytes]:
        owner = _key("owner " + name)
        consent = self.consent(owner)
        return owner, consent, owner.sign(self.consents.digest(consent.id))

    def grant(self, name: str) -> tuple[int, Key, Consent]:
        owner, consent, signature = self.signed(name)
        return self.send(self.relays[0], self.calls.grant(consent, signature)), owner, consent

    def grant_many(self, count: int) -> float:
        many = [self.signed(f"many {i}") for i in range(count)]
        call = self.calls.grant_many([consent for _, consent, _ in many], [signature for _, _, signature in many])
        return self.send(self.relays[0], call) / count

    def withdraw(self, owner: Key, consent: Consent) -> int:
        signature = owner.sign(self.consents.digest(withdrawal_hash(consent.id)))
        return self.send(self.relays[0], self.calls.withdraw(consent.grant(), signature))

    def withdraw_batched(self, levels: int) -> int:
        owner, consent, _ = self.signed("batched")
        proof = [_word(f"sibling {i}") for i in range(levels)]
        root = consent.id
        for sibling in proof:
            root = keccak(*sorted((root, sibling)))
        if not batch_verify(root, consent.id, proof):
            raise RuntimeError("the proof does not fit the batch tree")
        self.send(self.relays[0], self.calls.anchor(self.offers[0].id, root))
        signature = owner.sign(self.consents.digest(withdrawal_hash(consent.id)))
        return self.send(self.relays[0], self.calls.withdraw_batched(consent.grant(), signature, root, proof))

    def epochs(self) -> tuple[bytes, ...]:
        registry = self.deployment.consent_registry.address
        selector = keccak(b"offers(bytes32)")[:4]
        answers = [
            self.web3.eth.call({"to": self.web3.to_checksum_address(registry), "data": selector + offer.id})
            for offer in self.offers
        ]
        return tuple(bytes(answer[7 * 32 : 7 * 32 + 24]) for answer in answers)

    def open(self, name: str, pot: int = 0) -> tuple[int, _Opened]:
        epochs = self.epochs()
        parties = tuple(
            Party(
                signer=provider.address,
                recorder=self.relays[i].address,
                payee=provider.address,
                reward=1_000 + i,
                tls_key=_word(f"tls {i}"),
                seed=_word(f"seed {i}"),
                output=True,
                inputs=(
                    Input(offer=self.offers[i].id, lawful_root=_word(f"root {i}"), epoch=epochs[i], opens_before=12),
                ),
            )
            for i, provider in enumerate(self.providers)
        )
        plan = Plan(
            terms=_word("terms"),
            consumer=self.consumer.address,
            purpose=_word("purpose"),
            operations=3,
            sponsor=self.consumer.address,
            token=self.token,
            pot=pot,
            open_by=NOW + 10**4,
            deadline=NOW + 10**5,
            settle_by=NOW + 10**6,
            salt=_word("plan " + name),
            parties=parties,
        )
        job = plan.job(self.jobs)
        used = self.send(self.consumer, self.calls.open(plan, [*self._by_all(job), b""]))
        keys = tuple(_word(f"release {name} {i}") for i in range(3))
        return used, _Opened(plan, job, keys)

    def _by_all(self, digest: bytes) -> list[bytes]:
        return [key.sign(digest) for key in (*self.providers, self.consumer)]

    def record(self, job: bytes, party: int, start: int, hashes: Sequence[bytes]) -> int:
        return self.send(self.relays[party], self.calls.record(job, 1, party, start, hashes))

    def seal(self, opened: _Opened, payouts: tuple[int, ...] = (0, 0, 0)) -> int:
        heads = []
        for party in range(3):
            step = _word(f"only step {party}")
            self.record(opened.job, party, 0, [step])
            start = keccak(opened.job, eip712.word(1), eip712.word(party))
            heads.append(keccak(start, step))
        seal = Seal(
            job=opened.job,
            attempt=1,
            heads=tuple(heads),
            outputs=tuple(_word(f"output {i}") for i in range(3)),
            keys=tuple(key_hash(key) for key in opened.keys),
            epochs=self.epochs(),
            payouts=payouts,
        )
        signatures = self._by_all(self.jobs.digest(seal.struct_hash()))
        return self.send(self.consumer, self.calls.seal(opened.plan, seal, [[], [], []], signatures))

    def release(self, opened: _Opened) -> int:
        """Gas of the last one."""
        used = [self.send(self.relays[i], self.calls.release(opened.job, i, key)) for i, key in enumerate(opened.keys)]
        return used[-1]


def measure() -> dict[str, float]:
    """All figures, in gas; those with `_each` are a share of one transaction."""
    with LocalChain() as chain:
        bench = _Bench(chain)
        _, owner, consent = bench.grant("first")
        bench.withdraw(owner, consent)
        _, first = bench.open("first")
        bench.seal(first)
        bench.release(first)
        _, aborted = bench.open("aborted")
        bench.send(bench.relays[0], bench.calls.abort(aborted.job, ZERO32))

        figures: dict[str, float] = {}
        figures["grant_by_signature"], owner, consent = bench.grant("next")
        figures["grant_many_50_each"] = bench.grant_many(50)
        figures["anchor_batch"] = bench.send(bench.relays[0], bench.calls.anchor(bench.offers[0].id, _word("batch")))
        figures["withdraw_granted"] = bench.withdraw(owner, consent)
        figures["withdraw_batched"] = bench.withdraw_batched(20)
        figures["open_3_parties"], opened = bench.open("next")
        figures["seal_3_parties"] = bench.seal(opened)
        figures["release_last"] = bench.release(opened)
        figures["open_with_pot"], opened = bench.open("divided", 600)
        figures["seal_payouts"] = bench.seal(opened, (100, 200, 300))
        figures["release_payouts"] = bench.release(opened)
        _, opened = bench.open("recorded")
        bench.record(opened.job, 0, 0, [_word("step")])
        figures["record_400_each"] = bench.record(opened.job, 0, 1, [_word(f"step {i}") for i in range(400)]) / 400
        figures["abort"] = bench.send(bench.relays[1], bench.calls.abort(opened.job, _word("reason")))
    return {name: round(value, 2) if value % 1 else int(value) for name, value in figures.items()}


def main(*, json: bool) -> dict[str, object]:
    """Measure and print; see `scripts/bench`."""
    figures = measure()
    out = sys.stderr if json else sys.stdout
    for name, note in NOTES.items():
        target = f"of {TARGETS[name]:>7,}" if name in TARGETS else ""
        print(f"{name:<20} {figures[name]:>11,} {target:<10}  {note}", file=out)
    print("\nWhat it would take to go lower:", file=out)
    for line in LOWER:
        print(f"- {line}", file=out)
    return dict(figures)
