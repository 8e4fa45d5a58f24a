"""An honest job in pure Python: four institutions, their customers, a chain that is a list of facts.

Nothing is mocked: real keys, signatures, trees and hash chains. Every choice is a method, so that a test makes one
party dishonest by overriding one method, and everything that follows from the lie is as consistent as a real liar's
would be."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from placet.audit.bundle import Bundle, PartyEvidence
from placet.audit.facts import (
    Amended,
    Anchored,
    ChainFacts,
    Committed,
    DatasetFact,
    End,
    Ending,
    Funding,
    Given,
    Moment,
    OfferFact,
    Opened,
    Paid,
    Recorded,
    ReleasedKey,
    Sealed,
    Withdrawn,
    Withheld,
)
from placet.core import verified_sums as sums
from placet.core.consent import CompactConsent, Consent
from placet.core.enrolment import NO_ENROLMENT, AnyEnrolment, Enrolment, enrolment_hash, subject_commitment
from placet.core.evidence import (
    Batch,
    Evidence,
    InputEvidence,
    Leaf,
    NamedConsent,
    SignedAmendment,
    SignedEvidence,
    SignedSeal,
)
from placet.core.hashing import document_hash, sha256
from placet.core.merkle import batch_root, lawful_root
from placet.core.offers import Offer, Scope, Subjects
from placet.core.plan import Amendment, Input, Party, Plan, Seal, Terms, key_hash
from placet.core.purposes import purpose_id
from placet.core.signatures import Key
from placet.core.trail import (
    HEAD_TAG,
    MASKED_OUTPUT,
    START_PROTOCOL,
    Artefact,
    Exchange,
    Message,
    SignedMessage,
    Step,
    acknowledgement_hash,
    evidence_hash,
    start_told,
    trail_head,
    trail_start,
)
from placet.core.trust import Contract, Deployment, Enroller, Institution, TrustList
from placet.core.values import ZERO20, ZERO32
from placet.core.withdrawal import FIRST_EPOCH, withdrawal_head

NAMES = ("Alba Bank", "Borealis Savings", "Corvus Insurance", "Delta Credit Bureau")
CONSUMER = 3
NAMESPACE = "urn:example:person"
PURPOSE = "https://w3id.org/dpv#CreditChecking"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
START = 1_800_000_000
REWARD = 25

VERIFIED = (
    "the sums of attempt 1 were held against the commitments of 3 providers before the seal, and nobody complains of a "
    "released one"
)
"""What an audit notes of each whole job."""


def h(*labels: object) -> bytes:
    """32 bytes that depend on the labels alone: runs are repeatable."""
    return sha256("/".join(map(str, labels)).encode())


class SimulatedKey(Key):
    """Signs each digest once: jobs of the simulator are alike but for what a test changes."""

    @lru_cache(1 << 14)  # noqa: B019 - keys live as long as the run
    def sign(self, digest: bytes) -> bytes:
        return super().sign(digest)


@cache
def key(*labels: object) -> SimulatedKey:
    return SimulatedKey(h("key", *labels))


@dataclass
class Person:
    """A customer of one provider, with a key for this one consent."""

    provider: int
    number: int
    key: Key
    consent: Consent
    leaf: Leaf


class Simulation:
    """Runs one job when made. `withdraw`: these people of provider 0 withdraw during attempt 1, which is then
    amended. `providers` bring persons' rows, the consumer comes last."""

    providers = len(NAMES) - 1
    consumer_brings = True
    """Its own list, under its own consent."""

    verifies = True
    """Are the sums held against commitments?"""

    def __init__(
        self,
        *,
        people: int = 4,
        withdraw: tuple[int, ...] = (),
        ending: Ending = Ending.COMPLETED,
        withholds: tuple[int, ...] = (),
    ) -> None:
        self.ending, self.withholds = ending, withholds
        self.block = 10
        self.parties = range(self.providers + 1)
        self.signers = [key("signer", i) for i in range(len(NAMES))]
        self.recorders = [key("recorder", i) for i in range(len(NAMES))]
        self.enroller = key("enroller")
        self.deployment = Deployment(
            chain_id=31337, block=1, genesis=h("genesis"), confirmations=1, finality="blocks", evm="osaka",
            **{n: Contract(address=h(n)[:20], code_hash=h(n, "code")) for n in (
                "dataset_registry", "consent_registry", "job_ledger", "reward_escrow", "p256_verifier",
                "webauthn_verifier", "enclave_registry", "ceremonies", "groth16_verifier", "statements",
                "statement_escrow", "audit_stakes", "consent_trees")},
        )  # fmt: skip
        self.trust = self.make_trust()
        self.facts: dict[str, list[Any]] = defaultdict(list)
        self.epochs: dict[bytes, bytes] = defaultdict(lambda: FIRST_EPOCH)
        self.unproven: dict[bytes, bytes] = defaultdict(lambda: FIRST_EPOCH)
        self.steps: dict[int, list[Step]] = defaultdict(list)
        self.sent: dict[int, list[SignedMessage]] = defaultdict(list)
        self.received: dict[int, list[SignedMessage]] = defaultdict(list)
        self.sequences: dict[tuple[int, int, int], int] = defaultdict(int)
        self.inputs: dict[int, list[InputEvidence]] = defaultdict(list)
        self.batches: dict[int, list[Batch]] = defaultdict(list)
        self.amendments: list[SignedAmendment] = []
        self.seal: SignedSeal | None = None
        self.end: End | None = None
        self.attempt = 1
        self.people: dict[int, list[Person]] = {}
        self._offers()
        self._consents(people)
        self.plan, self.terms = self._agree()
        self.job = self.plan.job(self.deployment.jobs)
        self.before_opening()
        self._open()
        self._run(withdraw)

    @property
    def consumer(self) -> int:
        """The consumer's place."""
        return self.providers

    @property
    def bringing(self) -> range:
        """Who brings an input; its number is the party's."""
        return range(self.providers + self.consumer_brings)

    # ------------------------------------------------------------------ the chain

    def tick(self) -> Moment:
        self.block += 1
        return Moment(block=self.block, index=0, timestamp=START + 2 * self.block)

    @property
    def now(self) -> int:
        return START + 2 * self.block

    def withdraw(self, provider: int, consent: bytes, *, proven: bool = True, kind: str = "withdrawn") -> None:
        offer, at = self.offers[provider].id, self.tick()
        heads = self.epochs if proven else self.unproven
        heads[offer] = withdrawal_head(heads[offer], consent)
        self.facts["withdrawn"].append(
            Withdrawn(offer=offer, consent=consent, kind=kind, at=at, head=heads[offer], proven=at if proven else None)
        )

    def anchor_erasure(self, provider: int, consent: bytes) -> None:
        """The provider tells the chain that it erased the record of an ended consent."""
        at, ended = self.tick(), self.facts["withdrawn"]
        place = next(i for i, w in enumerate(ended) if (w.offer, w.consent) == (self.offers[provider].id, consent))
        ended[place] = ended[place].model_copy(update={"erased": at})

    def prove(self, provider: int, consent: bytes) -> None:
        """An ended, unproven consent is shown to lie in a batch."""
        offer, at = self.offers[provider].id, self.tick()
        self.epochs[offer] = withdrawal_head(self.epochs[offer], consent)
        ended = self.facts["withdrawn"]
        place = next(i for i, w in enumerate(ended) if (w.offer, w.consent) == (offer, consent))
        ended[place] = ended[place].model_copy(update={"proven": at})

    def epoch(self, provider: int) -> bytes:
        return self.epochs[self.offers[provider].id]

    # --------------------------------------------------------------- what can differ

    def seed(self, party: int) -> bytes:
        """What the plan has of a party's randomness."""
        return h("seed", party)

    def make_trust(self) -> TrustList:
        institutions = tuple(
            Institution(
                address=self.signers[i].address,
                name=name,
                api=f"http://127.0.0.1:80{i}",
                peer=f"https://127.0.0.1:90{i}",
                certificate=CERTIFICATE,
            )
            for i, name in enumerate(NAMES)
        )
        enrollers = (Enroller(address=self.enroller.address, name="Identity Office", namespaces=(NAMESPACE,)),)
        return TrustList(institutions=institutions, enrollers=enrollers)

    def make_scope(self, provider: int) -> Scope:
        return Scope(
            title="Accounts" if provider != self.consumer else "Customer list", provider=self.signers[provider].address,
            purpose=PURPOSE, columns=("customer", "balance"), identifier="customer", namespace=NAMESPACE,
            output="total", recipes=("asset-view",),
            parties=tuple(s.address for s in self.signers[: self.providers]), enrollers=(self.enroller.address,),
            personal=provider != self.consumer, salt=h("scope", provider),
        )  # fmt: skip

    def subjects(self, provider: int) -> Subjects:
        """Whom the dataset's rows are about, as its provider registered it."""
        return Subjects.of(provider != self.consumer)

    def make_offer(self, provider: int, scope: Scope) -> Offer:
        return Offer(
            dataset=h("dataset", provider),
            consumer=self.signers[self.consumer].address,
            purpose=purpose_id(PURPOSE),
            operations=3,
            scope=scope.hash,
        )

    def window(self, provider: int, number: int) -> dict[str, int]:
        return {"not_before": START - 1000, "not_after": START + 10_000_000, "first_opening": 0, "uses": 3}

    def enrol(self, provider: int, number: int, owner: bytes, subject: bytes) -> AnyEnrolment:
        digest = self.deployment.consents.digest(enrolment_hash(owner, NAMESPACE, subject))
        return Enrolment(enroller=self.enroller.address, subject=subject, signature=self.enroller.sign(digest))

    def sign_consent(self, owner: Key, consent: Consent) -> bytes:
        return owner.sign(self.deployment.consents.digest(consent.id))

    def batch_leaves(self, provider: int, ids: list[bytes]) -> list[bytes]:
        return ids

    def lawful(self, provider: int) -> list[Person]:
        """The people in a provider's set: those who have not withdrawn."""
        gone = {w.consent for w in self.facts["withdrawn"]}
        return [p for p in self.people[provider] if p.consent.id not in gone]

    def make_plan(self, fields: dict[str, Any]) -> Plan:
        return Plan(**fields)

    def make_terms(self, fields: dict[str, Any]) -> Terms:
        return Terms(**fields)

    def before_opening(self) -> None:
        """What happens between the signatures and the opening."""

    def make_step(self, fields: dict[str, Any]) -> Step:
        return Step(**fields)

    def make_message(self, fields: dict[str, Any]) -> Message:
        return Message(**fields)

    def deliver(self, held: SignedMessage) -> None:
        """Both ends keep the message with both signatures."""
        self.sent[held.message.sender].append(held)
        self.received[held.message.receiver].append(held)

    def shown_list(self, provider: int) -> bytes:
        """The digest of the list that the consumer shows a provider."""
        return h("list", self.attempt)

    def word_of_list(self, provider: int, other: int) -> bytes:
        """The digest of what a provider tells another about the list."""
        return sha256(self.shown_list(provider))

    def before_seal(self) -> None:
        """What happens between the last step and the seal."""

    def make_seal(self, fields: dict[str, Any]) -> Seal:
        return Seal(**fields)

    def seal_signatures(self, seal: Seal) -> tuple[bytes, ...]:
        return self.signed([*self.signers[: self.providers + 1], self.signers[self.consumer]], seal.struct_hash())

    def record(self, party: int, attempt: int) -> list[bytes]:
        """The hashes that a party's recorder puts on chain."""
        return [s.hash for s in self.steps[party] if s.attempt == attempt]

    def release_key(self, party: int) -> bytes:
        return h("release", party, self.attempt)

    def payouts(self) -> tuple[int, ...]:
        """How the seal divides the pot."""
        return (0,) * len(self.plan.parties)

    def payments(self) -> list[Paid]:
        at = self.now_moment()
        withheld = {w.party for w in self.facts["withheld"]}
        if self.ending is Ending.ABORTED:
            return [Paid(kind="refund", to=self.plan.sponsor, amount=self.plan.funding, at=at)]
        paid = [
            Paid(kind="credit", to=p.payee, amount=p.reward + payout, at=at)
            for i, (p, payout) in enumerate(zip(self.plan.parties, self.sealed.payouts, strict=False))
            if p.reward + payout and i not in withheld
        ]  # fmt: skip
        if (refund := self.plan.funding - sum(one.amount for one in paid)) > 0:
            paid.append(Paid(kind="refund", to=self.plan.sponsor, amount=refund, at=at))
        return [p.model_copy(update={"at": at.model_copy(update={"index": 10 + i})}) for i, p in enumerate(paid)]

    # ----------------------------------------------------------------------- the job

    def signed(self, signers: list[Key], struct_hash: bytes) -> tuple[bytes, ...]:
        digest = self.deployment.jobs.digest(struct_hash)
        seen: set[bytes] = set()
        signatures = []
        for signer in signers:
            signatures.append(b"" if signer.address in seen else signer.sign(digest))
            seen.add(signer.address)
        return tuple(signatures)

    def _offers(self) -> None:
        self.scopes = {p: self.make_scope(p) for p in self.parties}
        self.offers = {p: self.make_offer(p, self.scopes[p]) for p in self.parties}
        self.registered = {p: self.tick() for p in self.parties}
        self.made = {p: self.tick() for p in self.parties}
        list_, rows = self.offers[self.consumer].dataset, h("rows", self.consumer)
        self.facts["committed"].append(Committed(dataset=list_, commitment=rows, at=self.registered[self.consumer]))

    def _consents(self, count: int) -> None:
        for provider in range(self.providers):
            drafts = []
            for number in range(count):
                owner, subject = key("owner", provider, number), subject_commitment(f"c-{number}", h("s", number))
                words = CompactConsent(
                    language="en", owner=owner.address, enrolment=subject, salt=h("salt", provider, number),
                    **self.window(provider, number),
                )  # fmt: skip
                consent = words.expand(self.offers[provider], self.scopes[provider], self.trust.name)
                drafts.append((owner, words, consent, subject, number))
            leaves = tuple(self.batch_leaves(provider, sorted(c.id for _, _, c, _, _ in drafts)))
            batch = Batch(root=batch_root(leaves), leaves=leaves)
            self.batches[provider].append(batch)
            self.facts["anchored"].append(Anchored(offer=self.offers[provider].id, root=batch.root, at=self.tick()))
            self.people[provider] = sorted(
                (
                    Person(provider, number, owner, consent, Leaf(
                        consent=words, signature=self.sign_consent(owner, consent),
                        enrolment=self.enrol(provider, number, owner.address, subject),
                        row=h("row", provider, number), batch=batch.root))
                    for owner, words, consent, subject, number in drafts
                ),
                key=lambda p: p.consent.id,
            )  # fmt: skip
        own = CompactConsent(
            language="en",
            owner=self.signers[self.consumer].address,
            enrolment=NO_ENROLMENT,
            salt=h("own"),
            **self.window(self.consumer, 0),
        )
        self.named_words = own
        self.named = own.expand(self.offers[self.consumer], self.scopes[self.consumer], self.trust.name)
        window = self.window(self.consumer, 0)
        self.facts["given"].append(
            Given(consent=self.named.id, offer=self.offers[self.consumer].id, at=self.tick(), **window)
        )

    def _input(self, party: int) -> Input:
        offer, epoch = self.offers[party].id, self.epoch(party)
        if party == self.consumer:
            return Input(offer=offer, consent=self.named.id, epoch=epoch, opens_before=self.named.opens_before)
        people = self.lawful(party)
        end = min((p.consent.opens_before for p in people), default=1)
        return Input(offer=offer, lawful_root=self._root(party), epoch=epoch, opens_before=end)

    def _root(self, party: int) -> bytes:
        return lawful_root([(p.consent.id, p.leaf.row) for p in self.lawful(party)])

    def _agree(self) -> tuple[Plan, Terms]:
        terms = self.make_terms(
            {
                "recipe": "asset-view", "recipe_version": 1, "engine": "embedded",
                "parameters": {"identifier": "customer",
                "namespace": NAMESPACE, "value": "balance",
                **({} if self.verifies else {"verified": False})},
                "roles": (*["provider"] * self.providers, "consumer"),
                "inputs": (*["accounts"] * self.providers, *["customers"] * self.consumer_brings),
                "block": self.block, "consumer_key": h("hpke"), "on_withdrawal": "drop",
            }
        )  # fmt: skip
        parties = tuple(
            Party(
                signer=self.signers[i].address, recorder=self.recorders[i].address, payee=h("payee", i)[:20],
                reward=REWARD if i != self.consumer else 0, tls_key=h("tls", i), seed=self.seed(i),
                output=i != self.consumer, inputs=(self._input(i),) if i in self.bringing else (),
            )
            for i in self.parties
        )  # fmt: skip
        self._show_inputs(1)
        plan = self.make_plan(
            {
                "terms": terms.hash, "consumer": self.signers[self.consumer].address, "purpose": purpose_id(PURPOSE),
                "operations": 3, "sponsor": self.signers[self.consumer].address, "token": h("token")[:20],
                "open_by": START + 500, "deadline": START + 1500, "settle_by": START + 3000, "salt": h("plan"),
                "parties": parties,
            }
        )  # fmt: skip
        return plan, terms

    def _show_inputs(self, attempt: int) -> None:
        for i in self.bringing:
            common: dict[str, Any] = {"input": i, "attempt": attempt, "offer": self.offers[i], "scope": self.scopes[i]}
            if i == self.consumer:
                own = NamedConsent(consent=self.named_words, signature=self.sign_consent(self.signers[i], self.named))
                self.inputs[i].append(InputEvidence(**common, named=own))
            else:
                self.inputs[i].append(InputEvidence(**common, leaves=tuple(p.leaf for p in self.lawful(i))))

    def _open(self) -> None:
        at, plan = self.tick(), self.plan
        self.opened = Opened(
            at=at, block_hash=h("block", at.block), consumer=plan.consumer, sponsor=plan.sponsor, terms=plan.terms,
            open_by=plan.open_by, deadline=plan.deadline, settle_by=plan.settle_by, openings=(0,) * len(plan.inputs),
        )  # fmt: skip
        self.funded = None
        if plan.funding:
            deposited = at.model_copy(update={"index": 1})
            self.funded = Funding(token=plan.token, sponsor=plan.sponsor, amount=plan.funding, at=deposited)

    def _run(self, withdraw: tuple[int, ...]) -> None:
        if withdraw or self.ending is Ending.ABORTED:
            self._open_tables()
            for number in withdraw:
                self.withdraw(0, self.people[0][number].consent.id)
            self._put_on_chain()
            if self.ending is Ending.ABORTED:
                self.end = End(
                    kind=Ending.ABORTED, at=self.tick(), by=self.recorders[1].address, reason=h("a customer withdrew")
                )
                return
            self._amend()
        self.outputs = dict.fromkeys(self.parties, ZERO32)
        self._compute()
        self._put_on_chain()
        self.before_seal()
        self._seal()
        self._settle()

    def _amend(self) -> None:
        self.attempt += 1
        roots = tuple(ZERO32 if i == self.consumer else self._root(i) for i in self.bringing)
        epochs = tuple(self.epoch(i) for i in self.bringing)
        amendment = Amendment(job=self.job, attempt=self.attempt, roots=roots, epochs=epochs)
        signatures = self.signed(self.signers[: self.providers + 1], amendment.struct_hash())
        self.amendments.append(SignedAmendment(amendment=amendment, signatures=signatures))
        self.facts["amended"].append(Amended(attempt=self.attempt, roots=roots, epochs=epochs, at=self.tick()))
        self._show_inputs(self.attempt)

    def send(self, sender: int, receiver: int, tag: str, digest: bytes | None = None) -> tuple[Exchange, Exchange]:
        """One message, both signatures; how sender and receiver write it down."""
        link = (self.attempt, sender, receiver)
        message = self.make_message(
            {
                "job": self.job, "attempt": self.attempt, "sequence": self.sequences[link], "sender": sender,
                "receiver": receiver, "tag": tag, "digest": digest or h(tag, *link),
            }
        )  # fmt: skip
        self.sequences[link] += 1
        domain = self.deployment.jobs
        self.deliver(
            SignedMessage(
                message=message,
                signature=self.recorders[sender].sign(domain.digest(message.hash)),
                acknowledgement=self.recorders[receiver].sign(domain.digest(acknowledgement_hash(message.hash))),
            )
        )
        told = {"sequence": message.sequence, "tag": tag, "digest": message.digest}
        return Exchange(peer=receiver, **told), Exchange(peer=sender, **told)

    def step(self, party: int, name: str, **fields: Any) -> None:
        index = sum(1 for s in self.steps[party] if s.attempt == self.attempt)
        given: dict[str, Any] = {
            "job": self.job, "attempt": self.attempt, "party": party, "index": index, "name": name,
            "protocol": "asset-view/1", "at": self.now + index, **fields,
        }  # fmt: skip
        for kind in ("inputs", "outputs"):
            given[kind] = tuple(Artefact(name=n, commitment=c) for n, c in given.get(kind, {}).items())
        self.steps[party].append(self.make_step(given))

    def _made(self, party: int, what: str) -> bytes:
        return h(what, party, self.attempt)

    def _open_tables(self) -> None:
        for p in range(self.providers):
            self.step(p, "open-accounts", inputs={"lawful": self._root(p)}, outputs={"rows": self._made(p, "rows")})
        if self.consumer not in self.bringing:
            return
        self.step(
            self.consumer,
            "open-list",
            inputs={"consent": self.named.id},
            outputs={"rows": self._made(self.consumer, "rows")},
        )

    def _compute(self) -> None:
        self._open_tables()
        told: dict[str, list[Exchange]] = defaultdict(list)
        shown = {p: self.send(self.consumer, p, "psi.list", self.shown_list(p)) for p in range(self.providers)}
        words = {
            (a, b): self.send(a, b, "psi.agreed", self.word_of_list(a, b))
            for a in range(self.providers)
            for b in range(self.providers)
            if a != b
        }
        for p in range(self.providers):
            listed = shown[p]
            rows = self.send(p, self.consumer, "psi.rows")
            doubled = self.send(self.consumer, p, "psi.doubled")
            self.step(
                p, "psi-place", inputs={"rows": self._made(p, "rows")}, outputs={"places": self._made(p, "places")},
                sent=(rows[0], *(one[0] for (a, _), one in words.items() if a == p)),
                received=(listed[1], doubled[1], *(one[1] for (_, b), one in words.items() if b == p)),
            )  # fmt: skip
            told["sent"] += [listed[0], doubled[0]]
            told["received"] += [rows[1]]
        self.step(
            self.consumer, "psi-arrange", inputs={"rows": self._made(self.consumer, "rows")},
            sent=tuple(told["sent"]), received=tuple(told["received"]),
        )  # fmt: skip
        self.block += 2
        providers = range(self.providers)
        pairs = [(a, b) for a in providers for b in providers if a != b]
        committed = self._commit() if self.verifies else {}
        shares = {pair: self.send(*pair, sums.SHARE) for pair in pairs}
        masked: list[Exchange] = []
        for p in providers:
            self.step(
                p, sums.SHARE_OUT,
                inputs={"rows": self._made(p, "rows"), **({sums.COMMITTED: committed[p]} if committed else {})},
                outputs={"share": self._made(p, "share")},
                sent=tuple(shares[p, b][0] for b in providers if b != p),
                received=tuple(shares[a, p][1] for a in providers if a != p),
            )  # fmt: skip
            self.outputs[p] = self._made(p, "masked")
            out = self.send(p, self.consumer, MASKED_OUTPUT)
            masked.append(out[1])
            self.step(
                p, "mask-output", inputs={"share": self._made(p, "share")}, outputs={"masked": self.outputs[p]},
                sent=(out[0],),
            )  # fmt: skip
        self.step(
            self.consumer, "received-masked", received=tuple(masked),
            inputs={f"message-{i}": m.digest for i, m in enumerate(masked)},
            outputs={f"masked-{i}": self.outputs[i] for i in providers},
        )  # fmt: skip
        if self.verifies:
            self._prove(pairs)

    def _commit(self) -> dict[int, bytes]:
        sent = {p: self.send(p, self.consumer, sums.COMMITMENTS) for p in range(self.providers)}
        for p, (out, _) in sent.items():
            self.step(
                p, sums.COMMIT, inputs={"rows": self._made(p, "rows"), "places": self._made(p, "places")},
                outputs={sums.COMMITTED: out.digest}, sent=(out,), protocol=sums.PROTOCOL,
            )  # fmt: skip
        received = tuple(there for _, there in sent.values())
        self.step(self.consumer, sums.RECEIVE, received=received, protocol=sums.PROTOCOL)
        return {p: out.digest for p, (out, _) in sent.items()}

    def _prove(self, pairs: list[tuple[int, int]]) -> None:
        challenges = {p: self.send(self.consumer, p, sums.CHALLENGE, h("challenge")) for p in range(self.providers)}
        weighted = {
            (a, b): self.send(a, b, sums.WEIGHTED, h("weighted", a))
            for a, b in (*pairs, *((p, self.consumer) for p in challenges))
        }
        accepted = {p: self.send(p, self.consumer, sums.ACCEPTED, h("accepted")) for p in challenges}
        for p in challenges:
            self.step(
                p, sums.PROVE, protocol=sums.PROTOCOL,
                sent=(*(out for (a, _), (out, _) in weighted.items() if a == p), accepted[p][0]),
                received=(challenges[p][1], *(there for (_, b), (_, there) in weighted.items() if b == p)),
            )  # fmt: skip
        heard = [there for (_, receiver), (_, there) in weighted.items() if receiver == self.consumer]
        self.step(
            self.consumer, sums.CHECK, protocol=sums.PROTOCOL, sent=tuple(out for out, _ in challenges.values()),
            received=(*heard, *(there for _, there in accepted.values())),
        )  # fmt: skip

    def _put_on_chain(self) -> None:
        for p in self.parties:
            hashes = tuple(self.record(p, self.attempt))
            if not hashes:
                continue
            head = trail_head(trail_start(self.job, self.attempt, p), hashes)
            self.facts["recorded"].append(
                Recorded(attempt=self.attempt, party=p, first=0, hashes=hashes, head=head, at=self.tick())
            )

    def _seal(self) -> None:
        heads = tuple(
            trail_head(trail_start(self.job, self.attempt, p), self.record(p, self.attempt)) for p in self.parties
        )
        seal = self.make_seal(
            {
                "job": self.job, "attempt": self.attempt, "heads": heads,
                "outputs": tuple(self.outputs[p] for p in self.parties),
                "keys": tuple(ZERO32 if p == self.consumer else key_hash(self.release_key(p)) for p in self.parties),
                "epochs": tuple(self.epoch(i) for i in self.bringing),
                "payouts": self.payouts(),
            }
        )  # fmt: skip
        self.seal = SignedSeal(seal=seal, signatures=self.seal_signatures(seal))
        self.sealed = Sealed(at=self.tick(), **{n: getattr(seal, n) for n in Seal.model_fields if n != "job"})

    def _settle(self) -> None:
        for p in range(self.providers):
            if p not in self.withholds:
                self.facts["released"].append(ReleasedKey(party=p, key=self.release_key(p), at=self.tick()))
        if self.ending is Ending.CLOSED:
            self.block += 2000
            at = self.tick()
            for index, p in enumerate(self.withholds):
                self.facts["withheld"].append(
                    Withheld(party=p, at=Moment(block=at.block, index=index, timestamp=at.timestamp))
                )
        if self.ending in (Ending.COMPLETED, Ending.CLOSED):
            last = Moment(block=self.block, index=9, timestamp=self.now)
            self.end = End(kind=self.ending, at=last)

    def now_moment(self) -> Moment:
        return Moment(block=self.block, index=7, timestamp=self.now)

    # -------------------------------------------------------------------- the bundle

    def chain_facts(self) -> ChainFacts:
        offers = tuple(
            OfferFact(
                id=offer.id, offer=offer, provider=self.signers[p].address, made=self.made[p], epoch=self.epoch(p),
                unproven=self.unproven[offer.id],
            )
            for p, offer in self.offers.items()
        )  # fmt: skip
        datasets = tuple(
            DatasetFact(
                id=offer.dataset, provider=self.signers[p].address, subjects=self.subjects(p),
                registered=self.registered[p],
            )
            for p, offer in self.offers.items()
        )  # fmt: skip
        paid = tuple(self.payments()) if self.end is not None and self.plan.token != ZERO20 else ()
        return ChainFacts(
            job=self.job, deployment=document_hash(self.deployment), chain_id=31337, status=self.ending,
            head=Moment(block=self.block + 3, index=0, timestamp=self.now + 6), attempt=self.attempt,
            opened=self.opened, offers=offers, datasets=datasets, sealed=getattr(self, "sealed", None),
            funded=self.funded, paid=paid, end=self.end, **{k: tuple(v) for k, v in self.facts.items()},
        )  # fmt: skip

    def evidence(self, party: int) -> Evidence:
        return Evidence(
            job=self.job, party=party, plan=self.plan, terms=self.terms,
            plan_signatures=self.signed(
                [*self.signers[: self.providers + 1], *[self.signers[self.consumer]] * 2], self.plan.struct_hash()
            ),
            inputs=tuple(self.inputs[party]), batches=tuple(self.batches[party]), steps=tuple(self.steps[party]),
            sent=tuple(self.sent[party]), received=tuple(self.received[party]),
            amendments=tuple(self.amendments), seal=self.seal,
        )  # fmt: skip

    def sign_evidence(self, evidence: Evidence) -> SignedEvidence:
        digest = self.deployment.jobs.digest(evidence_hash(self.job, evidence.party, evidence.hash))
        return SignedEvidence(evidence=evidence, signature=self.recorders[evidence.party].sign(digest))

    def bundle(self, *changed: Evidence, without: tuple[int, ...] = ()) -> Bundle:
        """`changed` stands in the place of a party's honest evidence, signed anew by that party."""
        told = {p: self.evidence(p) for p in self.parties} | {e.party: e for e in changed}
        entries = tuple(
            PartyEvidence(institution=self.signers[p].address, missing="the endpoint does not answer")
            if p in without
            else PartyEvidence(institution=self.signers[p].address, evidence=self.sign_evidence(e))
            for p, e in told.items()
        )
        return Bundle(
            job=self.job, deployment=self.deployment, trust=self.trust, facts=self.chain_facts(), evidence=entries
        )


class Starting(Simulation):
    """The parties tell each other what they start from, as before a protocol that discloses something inside itself."""

    def head(self, party: int) -> bytes:
        """Of the party's steps so far, as it says."""
        own = [s.hash for s in self.steps[party] if s.attempt == self.attempt]
        return start_told(trail_head(trail_start(self.job, self.attempt, party), own), len(own))

    def _open_tables(self) -> None:
        super()._open_tables()
        pairs = [(a, b) for a in self.parties for b in self.parties if a != b]
        told = {(a, b): self.send(a, b, HEAD_TAG, sha256(self.head(a))) for a, b in pairs}
        for party in self.parties:
            sent = tuple(told[pair][0] for pair in pairs if pair[0] == party)
            received = tuple(told[pair][1] for pair in pairs if pair[1] == party)
            self.step(party, "start", protocol=START_PROTOCOL, sent=sent, received=received)


class Telling(Simulation):
    """One party says something else under `tag` to party 0."""

    def __init__(self, liar: int, tag: str) -> None:
        self.liar, self.tag = liar, tag
        super().__init__()

    def send(self, sender: int, receiver: int, tag: str, digest: bytes | None = None) -> tuple[Exchange, Exchange]:
        if (sender, receiver, tag) == (self.liar, 0, self.tag):
            digest = h("another")
        return super().send(sender, receiver, tag, digest)
