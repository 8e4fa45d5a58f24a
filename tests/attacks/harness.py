"""What the attacks share: consents, plans and jobs on the real contracts, the bank's vault process, and eyes on all of
it: `untouched` sees every change of the contracts' storage, of what the vault keeps, of rows handed out, and every
transaction of the institutions."""

from __future__ import annotations

import contextlib
import functools
import secrets
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import create_engine
from tests.node.conftest import PURPOSE, NodeEnvironment, dev_key
from tests.vault.conftest import to_sign

from declaring import CUSTOMER
from placet.chain.calls import Call, Calls
from placet.chain.client import Chain
from placet.chain.deploy import deploy_token
from placet.chain.index import Index
from placet.chain.states import JobStatus
from placet.core.consent import CompactConsent, Consent, ConsentFields, derive
from placet.core.enrolment import NO_ENROLMENT, Enrolment, EnrolmentOpening, enrolment_hash
from placet.core.errors import PlacetError, Reverted
from placet.core.ids import JobId
from placet.core.merkle import batch_levels, batch_proof
from placet.core.offers import Offer, Scope, Subjects
from placet.core.plan import Amendment, Input, Party, Plan, Seal, Terms, key_hash
from placet.core.purposes import Operation, purpose_id
from placet.core.signatures import Key, P256Key
from placet.core.values import ZERO32, to_hex
from placet.core.withdrawal import FIRST_EPOCH, withdrawal_hash, withdrawal_head
from placet.jobs.agreement import Agreement
from placet.jobs.answers import PeerAnswers
from placet.jobs.attempts import Attempts
from placet.jobs.certificates import tls_key
from placet.jobs.context import EnginePorts, JobContext
from placet.jobs.messages import PrepareRequest, PrepareResponse
from placet.jobs.store import JobStore
from placet.node.service import Node
from placet.recipes.runs import RUNS
from placet.vault.admission import Submission
from placet.vault.client import VaultClient
from placet.vault.lawful import NEVER
from placet.vault.responses import LawfulSet, SetToSign

T = TypeVar("T")
GAS = hex(8_000_000)
MARKETING = "https://w3id.org/dpv#DirectMarketing"
CUSTOMERS = 3


@dataclass
class Person:
    """An owner's consent as it is handed in, and the key that signed it."""

    key: Key | P256Key
    consent: Consent
    submission: Submission

    @property
    def id(self) -> bytes:
        return self.consent.id


@dataclass
class OfferFixture:
    """An offer of the bank to the lender, who consented to it, their batch, and what the bank would bring to a job."""

    offer: Offer
    scope: Scope
    people: list[Person]
    batch: bytes
    block: int
    brought: PrepareResponse
    deadline: int

    @property
    def leaves(self) -> list[bytes]:
        return sorted(person.id for person in self.people)

    def proof(self, person: Person) -> list[bytes]:
        return batch_proof(batch_levels(self.leaves), self.leaves.index(person.id))


@dataclass
class Agreed:
    """A plan with its terms and everybody's signature."""

    plan: Plan
    terms: Terms
    job: bytes
    signatures: list[bytes] = field(repr=False)


def recorded(agreed: Agreed) -> list[list[bytes]]:
    """For a seal of a job whose trails are all on chain: of no party a step is left to it."""
    return [[] for _ in agreed.plan.parties]


def tables(node: Node | None) -> dict[str, list[Any]]:
    """What a node keeps: its tables but for limits and nonces, with the outbox of its sender."""
    if node is None:
        return {}
    names = ("node_consents", "node_batches", "node_withdrawals", "node_uses", "sender_intents")
    with node.engine.connect() as connection:
        return {name: list(map(tuple, connection.exec_driver_sql(f"SELECT * FROM {name}"))) for name in names}  # noqa: S608


def body_of(person: Person) -> dict[str, Any]:
    """A consent as `POST /v1/consents` takes it."""
    handed = person.submission.to_json()
    enrolment = None if handed["enrolment"] is None else handed["enrolment"] | {"opening": handed["opening"]}
    return {"consent": person.consent.to_json(), "signature": handed["signature"], "enrolment": enrolment}


def epoch_after(*consents: bytes) -> bytes:
    """The epoch of an offer of which these consents have ended and were proven, in this order."""
    return functools.reduce(withdrawal_head, consents, FIRST_EPOCH)


class Sending:
    """Transactions of accounts that the local chain signs for."""

    def __init__(self, chain: Chain) -> None:
        self.chain, self.calls = chain, Calls(chain.deployment)

    def mined(self, call: Call, key: Key) -> dict[str, Any]:
        """The receipt of a transaction that succeeds."""
        receipt = self._sent(call, key)
        assert receipt["status"] == "0x1", f"{call.what}: {self.why(call, key)}"
        return receipt

    def why(self, call: Call, key: Key) -> Reverted | None:
        """The contract's refusal of a call, without sending it."""
        try:
            self.chain.rpc.call("eth_call", self._request(call, key), "latest")
        except Reverted as refusal:
            return refusal
        return None

    def send(self, call: Call, key: Key) -> str:
        """Put a transaction into the pool; its hash."""
        return str(self.chain.rpc.call("eth_sendTransaction", self._request(call, key)))

    def receipt(self, transaction: str) -> dict[str, Any]:
        end = time.monotonic() + 120
        while (receipt := self.chain.rpc.call("eth_getTransactionReceipt", transaction)) is None:
            assert time.monotonic() < end, "the transaction is not mined"
            time.sleep(0.003)
        return dict(receipt)

    @contextlib.contextmanager
    def reorganised(self) -> Iterator[None]:
        """The blocks that are mined within are taken back at the end: others may take their place."""
        snapshot = self.chain.rpc.call("evm_snapshot")
        yield
        assert self.chain.rpc.call("evm_revert", snapshot) is True

    def _sent(self, call: Call, key: Key) -> dict[str, Any]:
        return self.receipt(self.send(call, key))

    def _request(self, call: Call, key: Key) -> dict[str, str]:
        return {"from": to_hex(key.address), "to": to_hex(call.to), "data": to_hex(call.data), "gas": GAS}


async def _steady(
    ask: Callable[[], Awaitable[tuple[T, SetToSign]]], keep: Callable[[SetToSign], Awaitable[LawfulSet]]
) -> T:
    """What is asked for, of which the vault has kept what a node would sign; asked once more where the epoch moves
    between the two questions: a node would say `plan.stale`."""
    for _ in range(20):
        answer, sign = await ask()
        if sign.is_of(await keep(sign)):
            return answer
    raise AssertionError("the epoch moves all the time")


async def _kept(ask: Callable[[SetToSign | None], Awaitable[LawfulSet]]) -> LawfulSet:
    async def first() -> tuple[LawfulSet, SetToSign]:
        lawful = await ask(None)
        return lawful, to_sign(lawful)

    return await _steady(first, ask)


class AttackHarness(Sending):
    """Sends, refuses, watches. The bank is the environment's provider, the lender its consumer; thieves send as
    `thief`."""

    def __init__(self, environment: NodeEnvironment) -> None:
        super().__init__(environment.chain)
        self.environment = environment
        self.bank, self.lender, self.second = environment.provider, environment.consumer, environment.second
        self.thief = environment.stranger
        self.vault = VaultClient(environment.socket)
        self.engine = create_engine(f"sqlite:///{environment.folder / 'harness.db'}")
        self.scopes: dict[bytes, Scope] = {}
        self.token = deploy_token(environment.anvil.url, dev_key(0), {self.lender.address: 10**6})
        self.seconds_offer = self.offer_of(self.second)
        self.list_offer = self.offer_of(self.lender, Subjects.OWN)
        self.list_consent = self.own_consent()
        self.mined(self.calls.grant(self.list_consent, self.signed(self.list_consent, self.lender)), self.thief)

    @property
    def auditor(self) -> bytes:
        """Whom the trust list names."""
        return self.environment.trust.auditors[0].address

    # ------------------------------------------------------------------- the eyes

    def refused(self, call: Call, key: Key | None = None) -> tuple[Any, ...]:
        """The name and arguments of the contract's error. The call goes into a block all the same, fails there, and
        changes nothing."""
        sender = key or self.thief
        with self.untouched(but=sender):
            refusal = self.why(call, sender)
            assert refusal is not None, f"{call.what} got through"
            receipt = self._sent(call, sender)
            assert (receipt["status"], receipt["logs"]) == ("0x0", [])
        return (refusal.name, *refusal.arguments)

    def pass_time(self, seconds: int) -> None:
        """For the chain's clock; tests take their times from it."""
        self.environment.anvil.rpc("evm_increaseTime", hex(seconds))
        self.environment.anvil.mine()

    @contextlib.contextmanager
    def untouched(self, node: Node | None = None, *, but: Key | None = None) -> Iterator[None]:
        """Nothing changes within: no storage on chain, no row handed out, nothing kept by vault or node, no institution
        sends (`but` may)."""
        before = self.seen(but), tables(node)
        yield
        assert (self.seen(but), tables(node)) == before

    def seen(self, but: Key | None = None) -> dict[str, Any]:
        deployment = self.environment.deployment
        contracts = (
            deployment.dataset_registry,
            deployment.consent_registry,
            deployment.job_ledger,
            deployment.reward_escrow,
        )
        roots = [
            self.chain.rpc.call("eth_getProof", to_hex(contract.address), [], "latest")["storageHash"]
            for contract in contracts
        ]
        senders = [
            k for k in (self.bank, self.environment.recorder, self.lender) if but is None or k.address != but.address
        ]
        nonces = [self.chain.rpc.call("eth_getTransactionCount", to_hex(k.address), "pending") for k in senders]
        purse = self.chain.balance_of(self.token, self.lender.address)
        return {
            "storage": roots,
            "transactions": nonces,
            "purse": purse,
            "vault": self.kept(),
            "rows": self.log().count("handed out"),
        }

    def kept(self) -> dict[str, list[Any]]:
        """What the vault has taken in, as its file holds it. That it knows an offer, and sets that it computes whenever
        a peer asks, are no harm."""
        file = self.environment.folder / "vault" / "vault.db"
        asked = {
            "consents": "select consent, offer from consents order by 1, 2",
            "batches": "select offer, root, leaves from batches order by 1, 2",
        }
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=60)) as database:
            return {name: database.execute(query).fetchall() for name, query in asked.items()}

    def log(self) -> str:
        """All that the vault process has logged."""
        return (self.environment.folder / "vault.log").read_text()

    # ------------------------------------------------------------ offers, consents

    def offer_of(
        self, institution: Key, subjects: Subjects = Subjects.PERSONS, *, consumer: Key | None = None
    ) -> bytes:
        """Another institution's offer, of a table that no vault here holds."""
        dataset, personal = secrets.token_bytes(32), subjects is Subjects.PERSONS
        self.mined(self.calls.register(dataset, subjects, ZERO32, ZERO32), institution)
        own = {} if personal else {"personal": False, "enrollers": (), "columns": ("customer",)}
        scope = self.scope(provider=institution.address, **own)
        offer = Offer(
            dataset=dataset,
            consumer=(consumer or self.lender).address,
            purpose=purpose_id(PURPOSE),
            operations=Operation.PSI | Operation.MPC,
            scope=scope.hash,
        )
        self.mined(self.calls.offer(offer), institution)
        return offer.id

    @property
    def shown(self) -> dict[str, Any]:
        """What a scope must show its owners for the plans of this harness."""
        return {
            "columns": ("customer", "balance"),
            "parties": (self.bank.address, self.second.address, self.lender.address),
        }

    def scope(self, **changes: Any) -> Scope:
        return self.environment.scope(**(self.shown | changes))

    def offer(self, scope: Scope | None = None, **changes: Any) -> tuple[Offer, Scope]:
        """An offer of the bank, on chain."""
        scope = scope or self.scope()
        fields: dict[str, Any] = {
            "dataset": (self.environment.dataset if scope.personal else self.environment.own).dataset,
            "consumer": self.lender.address,
            "purpose": purpose_id(scope.purpose),
            "operations": Operation.PSI | Operation.MPC,
            "scope": scope.hash,
        }
        offer = Offer(**(fields | changes))
        self.mined(self.calls.offer(offer), self.bank)
        self.scopes[offer.scope] = scope
        return offer, scope

    def signed(self, consent: Consent, key: Key | P256Key) -> bytes:
        return key.sign(self.environment.deployment.consents.digest(consent.id))

    def withdrawal(self, person: Person) -> bytes:
        return person.key.sign(self.environment.deployment.consents.digest(withdrawal_hash(person.id)))

    def withdraw(self, offer_fixture: OfferFixture, person: Person) -> None:
        """The owner's withdrawal with the proof that it touches a batch."""
        call = self.calls.withdraw_batched(
            person.consent.grant(), self.withdrawal(person), offer_fixture.batch, offer_fixture.proof(person)
        )
        self.mined(call, self.thief)

    def own_consent(self, **changes: Any) -> Consent:
        """The lender's consent for its own list; the words of its offer play no part here."""
        now = self.chain.head().timestamp
        state = self.chain.offer(changes["offer"].id if "offer" in changes else self.list_offer)
        words = {
            "dataset": "d",
            "consumer": "c",
            "purpose": "p",
            "columns": "x",
            "output": "o",
            "parties": "p",
            "language": "en",
        }
        details = words | {"notice": ZERO32, "enrolment": ZERO32, "salt": secrets.token_bytes(32)}
        fields: dict[str, Any] = {
            "owner": self.lender.address,
            "offer": state.offer,
            "not_before": now - 1000,
            "not_after": now + 10**8,
            "first_opening": state.openings,
            "uses": 10**6,
            "details": details,
        }
        return Consent(**(fields | changes))

    def person(self, offer: Offer, scope: Scope, **changes: Any) -> Person:
        """A customer's good consent with a fresh key, but for `changes`."""
        key = changes.pop("key", None) or Key()
        owner = key.address if isinstance(key, Key) else key.signer
        enroller: Key = changes.pop("enroller", self.environment.enroller)
        customer = changes.pop("customer", None) or next(self.environment.customers)
        opening = EnrolmentOpening(subject=customer, salt=secrets.token_bytes(32))
        namespace = changes.pop("namespace", scope.namespace)
        named, names = changes.pop("named", False), changes.pop("names", self.environment.trust.name)
        now = self.chain.now()
        fields: dict[str, Any] = {
            "not_before": now - 1000,
            "not_after": now + 86_400,
            "first_opening": self.chain.offer(offer.id).openings,
            "uses": 5,
            "enrolment": NO_ENROLMENT if named else opening.commitment,
            "salt": secrets.token_bytes(32),
        }
        consent = derive(ConsentFields(owner, **(fields | changes)), offer, scope, names)
        digest = self.environment.deployment.consents.digest(enrolment_hash(owner, namespace, opening.commitment))
        enrolment = Enrolment(enroller=enroller.address, subject=opening.commitment, signature=enroller.sign(digest))
        submission = Submission(
            consent=CompactConsent.of(consent),
            signature=self.signed(consent, key),
            enrolment=None if named else enrolment,
            opening=None if named else opening,
        )
        return Person(key, consent, submission)

    async def accept(self, offer: Offer, scope: Scope, people: Sequence[Person]) -> list[str]:
        """Hand consents to the vault: for each "ok", or the code of its refusal."""
        outcomes = await self.vault.admit_many(offer, scope, [person.submission for person in people])
        return [outcome.code if isinstance(outcome, PlacetError) else "ok" for outcome in outcomes]

    async def anchor(self, offer: Offer, people: Sequence[Person]) -> bytes:
        """A batch of these consents, at the vault and on chain."""
        leaves = sorted(person.id for person in people)
        root = batch_levels(leaves)[-1][0]
        await self.vault.note_batch(offer.id, root, leaves)
        self.mined(self.calls.anchor(offer.id, root), self.bank)
        return root

    # ----------------------------------------------------------------------- jobs

    @functools.cached_property
    def answers(self) -> PeerAnswers:
        """The bank as a peer: its own endpoint, its vault, its policy."""
        environment = self.environment
        certificate = environment.trust.institution(self.bank.address).certificate
        context = JobContext(
            signer=self.bank,
            recorder=environment.recorder,
            hpke=secrets.token_bytes(32),
            tls_key=tls_key(certificate),
            engine=self.engine,
            chain=self.chain,
            index=Index(self.engine, self.chain),
            sender=environment.sender,
            calls=self.calls,
            rows=self.vault,
            consents=self.vault,
            trust=environment.trust,
            deployment=environment.deployment,
            peers=None,  # type: ignore[arg-type]  # nobody is asked here
            scope=lambda offer: self.scopes[offer.scope],
            recipes=("asset-view", "match-statistics", "joint-statistics"),
            purposes=(PURPOSE, MARKETING),
            engine_ports=EnginePorts("127.0.0.1", (0, 0), b"", Path()),
            note_uses=lambda job, attempt, offer, consents: None,
        )
        return PeerAnswers(context, JobStore(self.engine), RUNS)

    @property
    def agreement(self) -> Agreement:
        """The bank's word on plans."""
        return self.answers.agreement

    @property
    def attempts(self) -> Attempts:
        """The bank's part in attempts."""
        return self.answers.attempts

    async def offer_fixture(self, people: int = CUSTOMERS, scope: Scope | None = None, **changes: Any) -> OfferFixture:
        """A new offer whose people have consented; their consents are changed by `changes`."""
        return await self.offer_fixture_on(*self.offer(scope), people, **changes)

    async def offer_fixture_on(
        self,
        offer: Offer,
        scope: Scope,
        people: int = CUSTOMERS,
        wanted: dict[str, Any] | None = None,
        asked: bool = True,
        customers: Sequence[str] = (),
        **changes: Any,
    ) -> OfferFixture:
        """The same on an offer that is there: batched, and what the bank prepared for a job on it, `wanted` of it; not
        `asked`, what it would have, had it not said no. The people are these `customers`, or any."""
        self.scopes[offer.scope] = scope
        named = [{"customer": customer} for customer in customers] or [{}] * people
        made = [self.person(offer, scope, **one, **changes) for one in named]
        assert await self.accept(offer, scope, made) == ["ok"] * len(made)
        batch = await self.anchor(offer, made)
        deadline, block = self.chain.now() + 600, self.chain.confirmed()
        if asked:
            brought = await self.prepare(offer, deadline, **(wanted or {}))
        else:
            lawful = await self.brought(offer, deadline)
            entry = await self.agreement.entries.fresh([(offer.id, lawful.root)])
            rows = Input(offer=offer.id, lawful_root=lawful.root, epoch=lawful.epoch, opens_before=lawful.opens_before)
            brought = PrepareResponse(**dict(entry), inputs=(rows,))
        return OfferFixture(offer, scope, made, batch, block, brought, deadline)

    async def brought(self, offer: Offer, deadline: int | None = None) -> LawfulSet:
        """What the bank's vault would bring now, kept as for a plan that the bank signs."""
        block, until = self.chain.confirmed(), self.chain.now() + 600 if deadline is None else deadline
        return await _kept(lambda sign: self.vault.lawful(offer.id, block, until, sign))

    async def without(self, offer_fixture: OfferFixture) -> LawfulSet:
        """What is left of what the bank brought, kept as for an amendment that the bank signs."""
        root = offer_fixture.brought.inputs[0].lawful_root
        return await _kept(lambda sign: self.vault.without(offer_fixture.offer.id, root, sign))

    def question(self, offer: Offer, deadline: int, **changes: Any) -> PrepareRequest:
        """What the lender asks the bank before it plans an asset-view."""
        terms = {name: changes.pop(name) for name in set(changes) & set(Terms.model_fields)}
        fields: dict[str, Any] = {
            "offer": offer.id,
            "parties": (self.bank.address, self.second.address, self.lender.address),
            "purpose": offer.purpose,
            **changes,
        }
        return PrepareRequest(terms=self.terms(**terms), deadline=deadline, **fields)

    def terms(self, **changes: Any) -> Terms:
        """Of an asset-view over two banks."""
        fields: dict[str, Any] = {
            "recipe": "asset-view",
            "recipe_version": 1,
            "engine": "embedded",
            "parameters": {**CUSTOMER, "value": "balance"},
            "roles": ("provider", "provider", "consumer"),
            "inputs": ("accounts", "accounts", "customers"),
            "block": self.chain.confirmed(),
            "consumer_key": secrets.token_bytes(32),
            "on_withdrawal": "drop",
            **changes,
        }
        return Terms(**fields)

    async def prepare(self, offer: Offer, deadline: int, **changes: Any) -> PrepareResponse:
        """What the bank would bring, in its vault as if the bank had signed a plan with it."""
        question = self.question(offer, deadline, **changes)

        async def ask() -> tuple[PrepareResponse, SetToSign]:
            brought = await self.agreement.prepare(self.lender.address, question)
            rows = brought.inputs[0]
            epoch, ends = rows.epoch, rows.opens_before
            return brought, SetToSign(job=JobId(bytes(32)), root=rows.lawful_root, epoch=epoch, opens_before=ends)

        block = question.terms.block
        return await _steady(ask, lambda sign: self.vault.lawful(offer.id, block, question.deadline, sign))

    def plan(
        self,
        offer_fixture: OfferFixture,
        *,
        lender: Key | None = None,
        reward: int = 0,
        input: dict[str, Any] | None = None,
        terms: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Agreed:
        """An asset-view over the bank and the second bank, as honest as `changes`, signed by everybody."""
        lender, other = lender or self.lender, self.second if lender is None else self.lender
        document = self.terms(**({"block": offer_fixture.block} | (terms or {})))
        chosen = Input(**(offer_fixture.brought.inputs[0].model_dump() | (input or {})))
        mine = {k: v for k, v in offer_fixture.brought.model_dump().items() if k != "inputs"}
        now = self.chain.now()
        fields: dict[str, Any] = {
            "terms": document.hash,
            "consumer": lender.address,
            "purpose": purpose_id(offer_fixture.scope.purpose),
            "operations": Operation.PSI | Operation.MPC,
            "sponsor": lender.address,
            "token": self.token if reward else bytes(20),
            "open_by": now + 300,
            "deadline": offer_fixture.deadline,
            "settle_by": offer_fixture.deadline + 600,
            "salt": secrets.token_bytes(32),
            "parties": (
                Party(**mine, signer=self.bank.address, output=True, reward=reward, inputs=(chosen,)),
                self._party(other, Input(offer=self.seconds_offer, lawful_root=b"\1" * 32, **self._state(0))),
                self._party(lender, Input(offer=self.list_offer, consent=self.list_consent.id, **self._state(1))),
            ),
        }
        plan = Plan(**(fields | changes))
        return self.agreed(plan, document)

    def paired(self, offer: Offer, accomplice: Key, parameters: dict[str, Any] = CUSTOMER, **input: Any) -> Agreed:
        """A `match` of nobody but the bank, whose signing key is stolen, and somebody who goes along. With a lawful
        root the bank is its provider; with a consent of its own it is the consumer, whose list that is."""
        mine = Input(**({"offer": offer.id, "epoch": bytes(24), "opens_before": NEVER} | input))
        bank = self._party(self.bank, mine)
        if mine.named:
            table = self.offer_of(accomplice, consumer=self.bank)
            theirs = Input(offer=table, lawful_root=b"\1" * 32, epoch=bytes(24), opens_before=NEVER)
            parties = (self._party(accomplice, theirs), bank)
        else:
            own_list = self.offer_of(accomplice, Subjects.OWN, consumer=accomplice)
            consent = self.own_consent(owner=accomplice.address, offer=self.chain.offer(own_list).offer)
            self.mined(self.calls.grant(consent, self.signed(consent, accomplice)), self.thief)
            theirs = Input(offer=own_list, consent=consent.id, epoch=bytes(24), opens_before=consent.opens_before)
            parties = (bank, self._party(accomplice, theirs))
        return self.matched(parties, parameters)

    def matched(self, parties: tuple[Party, ...], parameters: dict[str, Any] = CUSTOMER) -> Agreed:
        """A `match` of these parties, the last of them its consumer, signed by all."""
        document = Terms(
            recipe="match",
            recipe_version=1,
            engine="embedded",
            parameters={**parameters, "receiver": "consumer", "psi": "ecdh"},
            roles=("provider", "consumer")[: len(parties)],
            inputs=("accounts", "customers")[: len(parties)],
            block=self.chain.confirmed(),
            consumer_key=secrets.token_bytes(32),
            on_withdrawal="drop",
        )
        now = self.chain.now()
        plan = Plan(
            terms=document.hash,
            consumer=parties[-1].signer,
            purpose=purpose_id(PURPOSE),
            operations=Operation.PSI,
            sponsor=parties[-1].signer,
            open_by=now + 300,
            deadline=now + 600,
            settle_by=now + 1200,
            salt=secrets.token_bytes(32),
            parties=parties,
        )
        return self.agreed(plan, document)

    def agreed(self, plan: Plan, terms: Terms) -> Agreed:
        """Signed by everybody whom the plan names, whatever it says."""
        job = plan.job(self.environment.deployment.jobs)
        return Agreed(plan, terms, job, self.signatures(plan, plan.signers, job))

    def signatures(self, plan: Plan, signers: Sequence[bytes], digest: bytes) -> list[bytes]:
        keys = {key.address: key for key in (self.bank, self.lender, self.second, self.thief)}
        return [keys[signer].sign(digest) for signer in signers]

    def _state(self, which: int) -> dict[str, Any]:
        offer = (self.seconds_offer, self.list_offer)[which]
        end = NEVER if which == 0 else self.list_consent.opens_before
        return {"epoch": self.chain.offer(offer).epoch, "opens_before": end}

    def _party(self, key: Key, chosen: Input) -> Party:
        return Party(
            signer=key.address,
            recorder=key.address,
            payee=key.address,
            tls_key=self._tls_key(key),
            seed=secrets.token_bytes(32),
            output=not chosen.named,
            inputs=(chosen,),
        )

    def _tls_key(self, key: Key) -> bytes:
        """As the trust list has it; a stranger makes its own."""
        if key.address == self.thief.address:
            return secrets.token_bytes(32)
        return tls_key(self.environment.trust.institution(key.address).certificate)

    def open_call(self, agreed: Agreed) -> Call:
        return self.calls.open(agreed.plan, agreed.signatures)

    def open(self, agreed: Agreed) -> Agreed:
        self.mined(self.open_call(agreed), self.thief)
        return agreed

    async def rows(self, agreed: Agreed, *, attempt: int = 1) -> list[str]:
        """The customers whose rows the vault hands out for the bank's input."""
        own = agreed.plan.input_offset(agreed.plan.party_of(self.bank.address))
        rows = await self.vault.rows(agreed.job, agreed.plan, agreed.terms, attempt, own)
        return [str(name) for name in rows.columns.get("customer", [])]

    def status(self, agreed: Agreed) -> JobStatus:
        return self.chain.job(agreed.job).status

    def epochs(self, agreed: Agreed) -> tuple[bytes, ...]:
        return tuple(self.chain.offer(chosen.offer).epoch for chosen in agreed.plan.inputs)

    def amend_call(self, agreed: Agreed, root: bytes, epochs: tuple[bytes, ...] | None = None) -> Call:
        """A new attempt in which the bank uses the set under `root`, signed by all parties."""
        plan, attempt = agreed.plan, self.chain.job(agreed.job).attempt + 1
        roots = (root, *(chosen.lawful_root for chosen in plan.inputs[1:]))
        amendment = Amendment(job=agreed.job, attempt=attempt, roots=roots, epochs=epochs or self.epochs(agreed))
        digest = self.environment.deployment.jobs.digest(amendment.struct_hash())
        return self.calls.amend(plan, amendment, self.signatures(plan, plan.signers[: len(plan.parties)], digest))

    def record_all(self, agreed: Agreed) -> None:
        """One step of each party in the current attempt, on chain."""
        attempt = self.chain.job(agreed.job).attempt
        recorders = {key.address: key for key in (self.environment.recorder, self.second, self.lender)}
        for number, party in enumerate(agreed.plan.parties):
            call = self.calls.record(agreed.job, attempt, number, 0, [secrets.token_bytes(32)])
            self.mined(call, recorders[party.recorder])

    def seal_call(self, agreed: Agreed, keys: Sequence[bytes], epochs: tuple[bytes, ...] | None = None) -> Call:
        """The seal of the current attempt over these release keys, signed by all parties and the consumer."""
        plan, attempt = agreed.plan, self.chain.job(agreed.job).attempt
        parties = range(len(plan.parties))
        seal = Seal(
            job=agreed.job,
            attempt=attempt,
            heads=tuple(self.chain.trail(agreed.job, attempt, number)[0] for number in parties),
            outputs=tuple(b"\2" * 32 if plan.parties[number].output else ZERO32 for number in parties),
            keys=tuple(key_hash(keys[number]) if plan.parties[number].output else ZERO32 for number in parties),
            epochs=epochs or self.epochs(agreed),
            payouts=(0,) * len(plan.parties),
        )
        digest = self.environment.deployment.jobs.digest(seal.struct_hash())
        return self.calls.seal(plan, seal, recorded(agreed), self.signatures(plan, plan.signers[:-1], digest))
