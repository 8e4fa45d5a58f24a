"""A provider with customers, a chain that does as it is told, and a vault between them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from placet.chain.migrations import upgrade
from placet.core import at_rest
from placet.core.at_rest import AtRest
from placet.core.consent import CompactConsent, Consent, ConsentFields, Status, derive
from placet.core.enrolment import NO_ENROLMENT, Enrolment, EnrolmentOpening, enrolment_hash
from placet.core.errors import NotFoundError
from placet.core.hashing import sha256
from placet.core.lineage import Lineage
from placet.core.merkle import batch_root
from placet.core.offers import Offer, Scope, Subjects
from placet.core.plan import Input, Party, Plan, Terms
from placet.core.purposes import purpose_id
from placet.core.signatures import Key, Verifiers
from placet.core.trust import Auditor, Contract, Deployment, Enroller, Institution, TrustList
from placet.vault.admission import Submission
from placet.vault.chain_view import ChainSnapshot, JobFacts, OfferFacts
from placet.vault.database import open_engine
from placet.vault.gate import RowRequest
from placet.vault.migrations import VAULT
from placet.vault.models import KeptModels
from placet.vault.records import Records
from placet.vault.responses import LawfulSet, SetToSign
from placet.vault.schema import DatasetInfo, Field_, Schema
from placet.vault.service import Vault
from placet.vault.tables import Tables

NOW = 1_800_000_000
NAMESPACE = "urn:example:person"
AUDITOR = b"\1" * 20
PURPOSE = "https://w3id.org/dpv#CreditChecking"
SCHEMA = Schema(
    identifier="customer",
    namespace=NAMESPACE,
    columns=tuple(
        Field_(name=n, type=t) for n, t in (("customer", "text"), ("balance", "integer"), ("remark", "text"))
    ),
)


@dataclass
class SimulatedChain:
    """A ChainView whose state a test sets."""

    time: int = NOW
    block_time: int = NOW
    head: int = 100
    confirmations: int = 2
    offers: dict[bytes, OfferFacts] = field(default_factory=dict)
    anchored: dict[bytes, dict[bytes, int]] = field(default_factory=dict)
    ended: dict[bytes, set[bytes]] = field(default_factory=dict)
    named: dict[bytes, Status] = field(default_factory=dict)
    jobs: dict[bytes, JobFacts] = field(default_factory=dict)
    lineages: dict[tuple[bytes, bytes], Lineage] = field(default_factory=dict)
    broken: Exception | None = None
    verifiers: Verifiers = field(default_factory=lambda: Verifiers())

    def look(self, *, thorough: bool) -> ChainSnapshot:
        if self.broken is not None:
            raise self.broken
        return ChainSnapshot(
            head=self.head, confirmed=self.head - self.confirmations, time=self.time, block_time=self.block_time
        )

    def timestamp(self, block: int) -> int:
        return self.block_time - 10 * (self.head - block)

    def offer(self, offer: bytes) -> OfferFacts:
        if offer not in self.offers:
            raise NotFoundError("no such offer on chain")
        return self.offers[offer]

    def lineage(self, dataset: bytes, job: bytes) -> Lineage | None:
        return self.lineages.get((dataset, job))

    def batches(self, offer: bytes) -> dict[bytes, int]:
        return self.anchored.get(offer, {})

    def dead(self, offer: bytes) -> set[bytes]:
        return self.ended.get(offer, set())

    def status(self, consent: bytes) -> Status:
        return self.named.get(consent, Status.NONE)

    def job(self, job: bytes) -> JobFacts | None:
        return self.jobs.get(job)


def contract() -> Contract:
    return Contract(address=secrets.token_bytes(20), code_hash=secrets.token_bytes(32))


def trust_of(institutions: dict[str, bytes], enroller: bytes) -> TrustList:
    return TrustList(
        institutions=tuple(
            Institution(
                address=address,
                name=name,
                api="http://127.0.0.1:1",
                peer="https://127.0.0.1:2",
                certificate="-----BEGIN CERTIFICATE-----",
            )
            for name, address in institutions.items()
        ),
        enrollers=(Enroller(address=enroller, name="Register", namespaces=(NAMESPACE,)),),
        auditors=(Auditor(address=AUDITOR, name="Court of Audit"),),
    )


def to_sign(lawful: LawfulSet) -> SetToSign:
    """What a plan says of a set."""
    return SetToSign(job=JOB, root=lawful.root, epoch=lawful.epoch, opens_before=lawful.opens_before)


JOB = bytes(31) + b"\1"
"""What a set is signed for where a test does not say."""
PARTNER = sha256(b"what the partner brings")


def plan_input(offer: bytes | None = None, **brought: bytes) -> Input:
    return Input(offer=offer or secrets.token_bytes(32), epoch=bytes(24), opens_before=5, **brought)


def _party(signer: bytes, chosen: Input, *, output: bool) -> Party:
    r = secrets.token_bytes
    return Party(
        signer=signer, recorder=signer, payee=r(20), tls_key=r(32), seed=r(32), output=output, inputs=(chosen,)
    )


class VaultEnvironment:
    """Provider (whose vault it is), its partner, consumer, a stranger and an enroller; a table of `customers` rows."""

    def __init__(
        self,
        folder: Path,
        customers: int = 8,
        *,
        keys: tuple[Key, Key, Key] | None = None,
        deployment: Deployment | None = None,
        now: int = NOW,
    ) -> None:
        self.folder = folder
        self.now = now
        self.provider, self.partner, self.consumer = keys or (Key(), Key(), Key())
        self.other, self.enroller = Key(), Key()
        self.trust = trust_of(
            {
                "First Bank": self.provider.address,
                "Credit House": self.consumer.address,
                "Second Bank": self.partner.address,
                "Other": self.other.address,
            },
            self.enroller.address,
        )
        self.deployment = deployment or Deployment(
            chain_id=31337,
            block=0,
            genesis=bytes(32),
            confirmations=2,
            finality="blocks",
            evm="osaka",
            dataset_registry=contract(),
            consent_registry=contract(),
            job_ledger=contract(),
            reward_escrow=contract(),
            p256_verifier=contract(),
            webauthn_verifier=contract(),
            enclave_registry=contract(),
            ceremonies=contract(),
            groth16_verifier=contract(),
            statements=contract(),
            statement_escrow=contract(),
            audit_stakes=contract(),
            consent_trees=contract(),
        )
        self.chain: Any = SimulatedChain()
        self.master = secrets.token_bytes(32)
        self.customers = [f"customer-{i:05d}" for i in range(customers)]
        self.start()
        cells = {
            "customer": list(self.customers),
            "balance": [1000 + i for i in range(customers)],
            "remark": [f"remark {i}" for i in range(customers)],
        }
        self.dataset = self.tables.save("accounts", SCHEMA, cells)
        self.scope = self.a_scope()
        self.offer = self.make_offer(self.scope)

    def start(self) -> None:
        """The vault of the folder, as after a start of the process."""
        file = self.folder / "vault.db"
        engine = open_engine(file)
        upgrade(engine, VAULT)
        self.engine = engine
        sealer = AtRest(at_rest.VAULT, self.master)
        self.tables = Tables(engine, self.folder / "tables", sealer, self.provider.address)
        self.records = Records(engine, sealer)
        self.models = KeptModels(engine, sealer, self.provider.address)
        self.vault = Vault(
            self.tables,
            self.records,
            self.models,
            self.chain,
            institution=self.provider.address,
            deployment=self.deployment,
            trust=self.trust,
            replay_days=90,
        )

    def restart(self) -> None:
        self.engine.dispose()
        self.start()

    def a_scope(self, **changes: Any) -> Scope:
        return Scope(
            **{
                "title": "Accounts",
                "provider": self.provider.address,
                "purpose": PURPOSE,
                "columns": ("customer", "balance"),
                "identifier": "customer",
                "namespace": NAMESPACE,
                "output": "total",
                "recipes": ("asset-view",),
                "parties": (self.provider.address, self.partner.address, self.consumer.address),
                "enrollers": (self.enroller.address,),
                "salt": secrets.token_bytes(32),
                **changes,
            }
        )

    def own(self) -> DatasetInfo:
        """A table of the institution's own, with the same rows."""
        if all(info.name != "own" for info in self.tables.infos()):
            cells = {
                "customer": list(self.customers),
                "balance": [1000 + i for i in range(len(self.customers))],
                "remark": ["own"] * len(self.customers),
            }
            self.tables.save("own", SCHEMA, cells, personal=False)
        return self.tables.named("own")

    def make_offer(self, scope: Scope, provider: bytes | None = None, **changes: Any) -> Offer:
        """An offer on chain, over a dataset that was registered as its scope says."""
        offer = Offer(
            **{
                "dataset": (self.dataset if scope.personal else self.own()).dataset,
                "consumer": self.consumer.address,
                "purpose": purpose_id(PURPOSE),
                "operations": 3,
                "scope": scope.hash,
                **changes,
            }
        )
        subjects = Subjects.of(scope.personal)
        facts = OfferFacts(offer, provider or self.provider.address, epoch=bytes(24), openings=0, subjects=subjects)
        self.chain.offers[offer.id] = facts
        return offer

    def consent(self, subject: str, **changes: Any) -> tuple[Consent, Submission]:
        """A person's good consent in full and in the form that is handed in, except for `changes`."""
        owner = changes.pop("owner", None) or Key()
        enroller = changes.pop("enroller", self.enroller)
        scope, offer = changes.pop("scope", self.scope), changes.pop("offer", self.offer)
        opening = EnrolmentOpening(subject=subject, salt=secrets.token_bytes(32))
        named = changes.pop("named", False)
        fields = {
            "not_before": self.now - 10_000,
            "not_after": self.now + 10_000,
            "first_opening": 0,
            "uses": 5,
            "enrolment": NO_ENROLMENT if named else opening.commitment,
            "salt": secrets.token_bytes(32),
            **changes,
        }
        consent = derive(ConsentFields(owner.address, **fields), offer, scope, self.trust.name)
        domain = self.deployment.consents
        signature = enroller.sign(domain.digest(enrolment_hash(owner.address, NAMESPACE, opening.commitment)))
        enrolment = Enrolment(enroller=enroller.address, subject=opening.commitment, signature=signature)
        return consent, Submission(
            consent=CompactConsent.of(consent),
            signature=owner.sign(domain.digest(consent.id)),
            enrolment=None if named else enrolment,
            opening=None if named else opening,
        )

    def accept(self, *subjects: str, **changes: Any) -> list[bytes]:
        """Good consents of these subjects, accepted."""
        made = [self.consent(subject, **changes) for subject in subjects]
        outcomes = self.vault.admit_many(self.offer, self.scope, [submission for _, submission in made])
        assert outcomes == [consent.id for consent, _ in made]
        return [consent.id for consent, _ in made]

    def anchor(self, consents: list[bytes], block: int = 50) -> bytes:
        leaves = sorted(consents)
        root = batch_root(leaves)
        self.vault.note_batch(self.offer.id, root, leaves)
        self.chain.anchored.setdefault(self.offer.id, {})[root] = block
        return root

    def lawful(self, deadline: int | None = None, block: int = 60) -> LawfulSet:
        """What the vault would bring, kept as for a plan that is signed."""
        until = self.now + 1000 if deadline is None else deadline
        brought = self.vault.lawful(self.offer.id, block, until)
        return self.vault.lawful(self.offer.id, block, until, to_sign(brought))

    def without(self, root: bytes) -> LawfulSet:
        """What is left of a kept set, kept as for an amendment that is signed."""
        left = self.vault.without(self.offer.id, root)
        return self.vault.without(self.offer.id, root, to_sign(left))

    def state(self, **changes: Any) -> None:
        """Change the offer's state on chain."""
        self.chain.offers[self.offer.id] = replace(self.chain.offers[self.offer.id], **changes)

    def agree(self, root: bytes, **changes: Any) -> RowRequest:
        """A plan of two providers and a consumer, and what the vault's node asks for: input 0, its lawful set; or,
        under a consent that the plan names (`named`), input 2, its own list as the consumer. `others` are the inputs
        of the other parties by their place, where the chain must know them."""
        terms = Terms(
            **{
                "recipe": "asset-view",
                "recipe_version": 1,
                "engine": "embedded",
                "parameters": {"identifier": "customer", "namespace": NAMESPACE, "value": "balance"},
                "roles": ("provider", "provider", "consumer"),
                "inputs": ("accounts", "accounts", "customers"),
                "block": 60,
                "consumer_key": secrets.token_bytes(32),
                "on_withdrawal": "drop",
                **{name: changes.pop(name) for name in Terms.model_fields if name in changes and name != "inputs"},
            }
        )
        named = changes.pop("named", None)
        offer = changes.pop("offer", self.offer.id)
        second = changes.pop("second", self.partner.address)
        if named is None:
            first, consumer = changes.pop("signer", self.provider.address), changes.pop("consumer", None)
            own, number = plan_input(offer, lawful_root=root), 0
        else:
            first, consumer = self.consumer.address, changes.pop("signer", self.provider.address)
            own, number = plan_input(offer, consent=named), 2
        consumer = consumer or self.consumer.address
        inputs = [plan_input(lawful_root=PARTNER), plan_input(lawful_root=PARTNER), plan_input(consent=PARTNER)]
        for place, brought in changes.pop("others", {}).items():
            inputs[place] = brought
        inputs[number] = own
        plan = Plan(
            **{
                "terms": terms.hash,
                "consumer": consumer,
                "purpose": purpose_id(PURPOSE),
                "operations": 3,
                "sponsor": consumer,
                "open_by": self.now + 100,
                "deadline": self.now + 1000,
                "settle_by": self.now + 2000,
                "salt": secrets.token_bytes(32),
                "parties": tuple(
                    _party(signer, chosen, output=place < 2)
                    for place, (signer, chosen) in enumerate(zip((first, second, consumer), inputs, strict=True))
                ),
                **changes,
            }
        )
        return RowRequest(plan.job(self.deployment.jobs), plan, terms, attempt=1, input=number)

    def open(self, asked: RowRequest, **changes: Any) -> RowRequest:
        """Put the job on the chain as opened."""
        facts = JobFacts(
            open=True,
            attempt=1,
            terms=asked.plan.terms,
            openings=(0, 0, 0),
            amendments=(),
            opened_block=90,
            attempt_block=90,
            opened_at=self.now,
        )
        self.chain.jobs[asked.job] = replace(facts, **changes)
        return asked

    def opened(self, root: bytes, **changes: Any) -> RowRequest:
        return self.open(self.agree(root, **changes))


@pytest.fixture
def make_environment() -> type[VaultEnvironment]:
    return VaultEnvironment


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[VaultEnvironment]:
    made = VaultEnvironment(tmp_path)
    yield made
    made.engine.dispose()
