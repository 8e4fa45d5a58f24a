"""Institutions with real keys, certificates, signatures and stores around a chain and vaults that a test sets."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import secrets
import selectors
import shutil
import tempfile
import weakref
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from placet.chain.events import Event, JobOpened
from placet.chain.states import ConsentState, DatasetState, JobState, JobStatus, OfferState
from placet.cli import certificates
from placet.core.consent import Status
from placet.core.errors import NotFoundError, PeerError
from placet.core.masking import public_key
from placet.core.offers import Offer, Scope, Subjects
from placet.core.plan import Input, Party, Plan, Terms
from placet.core.purposes import Operation, purpose_id
from placet.core.signatures import Key, Verifiers
from placet.core.trust import Contract, Deployment, Institution, TrustList
from placet.core.values import ZERO20, ZERO32, to_hex
from placet.core.withdrawal import FIRST_EPOCH
from placet.jobs.answers import PeerAnswers
from placet.jobs.certificates import tls_key
from placet.jobs.context import EnginePorts, JobContext
from placet.jobs.messages import JobRequest, StandingRequest
from placet.jobs.peer_client import PeerClient
from placet.jobs.randomness import seed_commitment
from placet.jobs.records import JobRecord
from placet.jobs.standing_proposal import propose_opening, stand
from placet.jobs.standing_store import StandingRecord
from placet.jobs.store import JobStore
from placet.node.state import open_engine
from placet.recipes.runs import RUNS
from placet.vault.responses import DeadLeaves, LawfulSet, SetToSign

T = TypeVar("T")
NOW = 1_800_000_000
NAMESPACE = "urn:example:person"
PURPOSE = "https://w3id.org/dpv#CreditChecking"
NAMES = ("Bank North", "Bank South", "Fund House", "Family Office")
CONSUMER = len(NAMES) - 1
EVENT: dict[str, Any] = {"block": 90, "log_index": 0, "transaction": ZERO32, "block_hash": ZERO32}


class _Impatient:
    """A selector that never waits: the clock jumps to what would be waited for."""

    def __init__(self, loop: Unhurried) -> None:
        self._loop, self._real = loop, selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> Any:
        found = self._real.select(0)
        if not found:
            if timeout is None:
                raise RuntimeError("everybody waits for everybody")
            self._loop.now += max(timeout, 0.0)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class Unhurried(asyncio.SelectorEventLoop):
    """An event loop in which a minute of waiting takes no time. What would run in a thread runs at once."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Impatient(self))  # type: ignore[arg-type]

    def time(self) -> float:
        return self.now

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end without waiting for any clock."""
    with asyncio.Runner(loop_factory=Unhurried) as runner:
        return runner.run(work)


@dataclass
class Ledger:
    """All that institutions see of the chain, and of its index."""

    time: int = NOW
    head: int = 100
    offers: dict[bytes, OfferState] = field(default_factory=dict)
    datasets: dict[bytes, DatasetState] = field(default_factory=dict)
    consents: dict[bytes, Status] = field(default_factory=dict)
    jobs: dict[bytes, JobState] = field(default_factory=dict)
    trails: dict[tuple[bytes, int, int], tuple[bytes, int]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    ended: dict[bytes, int] = field(default_factory=dict)
    balances: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    verifiers: Verifiers = field(default_factory=lambda: Verifiers())
    taken_back: int = 0
    """How often a reorganisation took events back."""

    def balance_of(self, token: bytes, account: bytes) -> int:
        return self.balances.get((token, account), 0)

    def now(self) -> int:
        return self.time

    def confirmed(self) -> int:
        return self.head - 2

    def offer(self, offer: bytes) -> OfferState:
        if offer not in self.offers:
            raise NotFoundError("no such offer on chain", found=to_hex(offer))
        return self.offers[offer]

    def dataset(self, dataset: bytes) -> DatasetState:
        return self.datasets[dataset]

    def consent(self, consent: bytes) -> ConsentState:
        return ConsentState(self.consents.get(consent, Status.NONE), False, 0, 0, 2**40, 0, 1000)

    def job(self, job: bytes) -> JobState:
        return self.jobs.get(job, JobState(JobStatus.NONE, False, 0, 0, 0, 0, 0, 0, 0))

    def trail(self, job: bytes, attempt: int, party: int) -> tuple[bytes, int]:
        return self.trails.get((job, attempt, party), (ZERO32, 0))

    def sync(self) -> None:
        pass

    def ended_mark(self, offer: bytes) -> tuple[int, int]:
        return 0, self.ended.get(offer, 0)

    def job_events(self, job: bytes) -> list[Event]:
        return [event for event in self.events if getattr(event, "job", None) == job]

    def opened(self, job: bytes) -> JobOpened | None:
        return next((event for event in self.job_events(job) if isinstance(event, JobOpened)), None)

    @property
    def counts(self) -> int:
        return self.confirmed()

    def put(self, plan: Plan, job: bytes, status: JobStatus = JobStatus.OPEN, attempt: int = 1) -> None:
        """A job in some state; its opening is deep."""
        self.jobs[job] = JobState(status, False, len(plan.parties), 0, attempt, NOW, plan.deadline, plan.settle_by, 0)
        if not self.job_events(job):
            self.events.append(
                JobOpened(
                    **EVENT,
                    job=job,
                    consumer=plan.consumer,
                    sponsor=plan.sponsor,
                    terms=plan.terms,
                    open_by=plan.open_by,
                    deadline=plan.deadline,
                    settle_by=plan.settle_by,
                    openings=(0,) * len(plan.inputs),
                )
            )


@dataclass
class Shelf:
    """A vault's answers about lawful sets: `root` now, `left` of a root after withdrawals, `ended` in a root, and the
    roots of those that it was to keep (`kept`)."""

    root: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    epoch: bytes = FIRST_EPOCH
    opens_before: int = 1000
    left: dict[bytes, bytes] = field(default_factory=dict)
    ended: dict[bytes, list[bytes]] = field(default_factory=dict)
    asked: list[tuple[bytes, int, int]] = field(default_factory=list)
    kept: list[bytes] = field(default_factory=list)

    def _set(self, root: bytes, sign: SetToSign | None) -> LawfulSet:
        lawful = LawfulSet(root=root, count=3, epoch=self.epoch, opens_before=self.opens_before)
        if sign is not None and sign.is_of(lawful):
            self.kept.append(root)
        return lawful

    async def lawful(self, offer: bytes, block: int, deadline: int, sign: SetToSign | None = None) -> LawfulSet:
        self.asked.append((offer, block, deadline))
        return self._set(self.root, sign)

    async def without(self, offer: bytes, root: bytes, sign: SetToSign | None = None) -> LawfulSet:
        return self._set(self.left.get(root, root), sign)

    async def dead(self, offer: bytes, root: bytes) -> DeadLeaves:
        return DeadLeaves(epoch=self.epoch, consents=tuple(self.ended.get(root, [])))


class Wires:
    """In-memory peers: `handlers` by address, each (asker, what, body) → answer. Fails as a link that is down."""

    def __init__(self) -> None:
        self.handlers: dict[bytes, Any] = {}

    def of(self, asker: bytes) -> _End:
        return _End(self, asker)


@dataclass
class _End:
    wires: Wires
    asker: bytes

    async def call(self, to: Institution, what: str, body: bytes, *, limit: int) -> bytes:
        if to.address not in self.wires.handlers:
            raise PeerError("a peer can't be reached", found=to.name, code="peer.unreachable")
        answer: bytes = await self.wires.handlers[to.address](self.asker, what, body)
        assert len(answer) <= limit
        return answer


@functools.cache
def _certificate(name: str) -> str:
    return certificates.make(name, ["127.0.0.1"], "only for tests")[1].decode()


def _contract() -> Contract:
    return Contract(address=secrets.token_bytes(20), code_hash=secrets.token_bytes(32))


def changed(scope: Scope, **changes: Any) -> Scope:
    """Another scope, with a hash of its own: a copy would keep the old one's."""
    return Scope(**({name: getattr(scope, name) for name in Scope.model_fields} | changes))


class JobEnvironment:
    """Three providers and a consumer (the last), each with a context, a store and an agreement."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="placet-parties-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.signers = [Key() for _ in NAMES]
        self.recorders = [Key() for _ in NAMES]
        self.ledger = Ledger()
        self.shelves = [Shelf() for _ in NAMES]
        self.wires = Wires()
        self.deployment = Deployment(
            chain_id=31337,
            block=0,
            genesis=ZERO32,
            confirmations=2,
            finality="blocks",
            evm="osaka",
            dataset_registry=_contract(),
            consent_registry=_contract(),
            job_ledger=_contract(),
            reward_escrow=_contract(),
            p256_verifier=_contract(),
            webauthn_verifier=_contract(),
            enclave_registry=_contract(),
            ceremonies=_contract(),
            groth16_verifier=_contract(),
            statements=_contract(),
            statement_escrow=_contract(),
            audit_stakes=_contract(),
            consent_trees=_contract(),
        )
        self.trust = TrustList(
            institutions=tuple(
                Institution(
                    address=key.address,
                    name=name,
                    api="http://127.0.0.1:1",
                    peer="https://127.0.0.1:2",
                    certificate=_certificate(name),
                )
                for key, name in zip(self.signers, NAMES, strict=True)
            )
        )
        self.scopes = [self._scope(i) for i in range(len(NAMES))]
        self.offers = [self._offer(i) for i in range(len(NAMES))]
        self.consent = secrets.token_bytes(32)
        self.ledger.consents[self.consent] = Status.GIVEN
        self.contexts = [self._context(i) for i in range(len(NAMES))]
        self.stores = [JobStore(context.engine) for context in self.contexts]
        self.answers = [
            PeerAnswers(context, store, RUNS) for context, store in zip(self.contexts, self.stores, strict=True)
        ]
        self.agreements = [answers.agreement for answers in self.answers]
        self.attempts = [answers.attempts for answers in self.answers]

    def address(self, party: int) -> bytes:
        return self.signers[party].address

    @property
    def consumer(self) -> bytes:
        return self.address(CONSUMER)

    def _scope(self, party: int) -> Scope:
        """Persons' accounts at the providers; the consumer's own list."""
        own = party == CONSUMER
        return Scope(
            title="Customers" if own else "Accounts",
            provider=self.address(party),
            purpose=PURPOSE,
            columns=("customer",) if own else ("customer", "balance"),
            identifier="customer",
            namespace=NAMESPACE,
            output="total",
            recipes=("asset-view",),
            parties=tuple(self.address(i) for i in range(len(NAMES))),
            enrollers=() if own else (secrets.token_bytes(20),),
            personal=not own,
            salt=secrets.token_bytes(32),
        )

    def _offer(self, party: int) -> bytes:
        scope, dataset = self.scopes[party], secrets.token_bytes(32)
        offer = Offer(
            dataset=dataset,
            consumer=self.consumer,
            purpose=purpose_id(PURPOSE),
            operations=Operation.PSI | Operation.MPC,
            scope=scope.hash,
        )
        subjects = Subjects.of(scope.personal)
        self.ledger.datasets[dataset] = DatasetState(self.address(party), subjects, 0, 0, ZERO32, ZERO32, ZERO32)
        self.ledger.offers[offer.id] = OfferState(offer, self.address(party), FIRST_EPOCH, 0, FIRST_EPOCH)
        return offer.id

    def rescope(self, party: int, **changes: Any) -> None:
        """The same party under an offer with another scope, in place of its own."""
        self.scopes[party] = changed(self.scopes[party], **changes)
        self.offers[party] = self._offer(party)

    def _context(self, party: int) -> JobContext:
        fakes: dict[str, Any] = {
            "chain": self.ledger,
            "index": self.ledger,
            "sender": None,
            "calls": None,
            "rows": self.shelves[party],
            "consents": self.shelves[party],
            "peers": self.wires.of(self.address(party)),
        }
        return JobContext(
            signer=self.signers[party],
            recorder=self.recorders[party],
            hpke=secrets.token_bytes(32),
            tls_key=tls_key(_certificate(NAMES[party])),
            # A file: threads that share one connection in memory undo each other's writes.
            engine=open_engine(f"sqlite:///{self.folder / f'{party}.db'}"),
            trust=self.trust,
            deployment=self.deployment,
            engine_ports=EnginePorts("127.0.0.1", (0, 0), b"", Path()),
            scope=self._opened,
            recipes=tuple(RUNS),
            purposes=(PURPOSE,),
            note_uses=lambda job, attempt, offer, consents: None,
            **fakes,
        )

    def _opened(self, offer: Offer) -> Scope:
        return next(scope for scope in self.scopes if scope.hash == offer.scope)

    def terms(self, **changes: Any) -> Terms:
        values: dict[str, Any] = {
            "recipe": "asset-view",
            "recipe_version": 1,
            "engine": "embedded",
            "parameters": {"identifier": "customer", "namespace": NAMESPACE, "value": "balance"},
            "roles": ("provider", "provider", "provider", "consumer"),
            "inputs": ("accounts", "accounts", "accounts", "customers"),
            "block": 90,
            "consumer_key": public_key(self.contexts[CONSUMER].hpke),
            "on_withdrawal": "drop",
        }
        return Terms(**(values | changes))

    def party(self, number: int, **changes: Any) -> Party:
        own = number == CONSUMER
        brought = {"consent": self.consent} if own else {"lawful_root": self.shelves[number].root}
        values: dict[str, Any] = {
            "signer": self.address(number),
            "recorder": self.recorders[number].address,
            "payee": self.address(number),
            "tls_key": self.contexts[number].tls_key,
            "seed": seed_commitment(bytes([number]) * 32),
            "output": not own,
            "inputs": (Input(offer=self.offers[number], epoch=FIRST_EPOCH, opens_before=1000, **brought),),
        }
        return Party(**(values | changes))

    def plan(self, terms: Terms, **changes: Any) -> Plan:
        values: dict[str, Any] = {
            "terms": terms.hash,
            "consumer": self.consumer,
            "purpose": purpose_id(PURPOSE),
            "operations": int(Operation.PSI | Operation.MPC),
            "sponsor": self.consumer,
            "token": ZERO20,
            "open_by": NOW + 100,
            "deadline": NOW + 1000,
            "settle_by": NOW + 2000,
            "salt": secrets.token_bytes(32),
            "parties": tuple(self.party(i) for i in range(len(NAMES))),
        }
        return Plan(**(values | changes))

    def agreed(self, plan: Plan | None = None, terms: Terms | None = None) -> bytes:
        """A job that all have signed and kept; its id. It is not on the ledger yet."""
        terms = terms or self.terms()
        plan = plan or self.plan(terms)
        job = plan.job(self.deployment.jobs)
        signatures = (*(key.sign(job) for key in self.signers), b"", b"")
        for party, store in enumerate(self.stores):
            seed = self.agreements[party].at_rest.seal(bytes([party]) * 32, b"seed")
            store.add(JobRecord(job, plan, terms, signatures, party, seed, None, None, NOW))
        return job


@dataclass
class LinkedParties:
    """An environment whose parties are linked, and the consumer's client."""

    environment: JobEnvironment

    def __post_init__(self) -> None:
        self.link()

    @property
    def client(self) -> PeerClient:
        return PeerClient(self.environment.answers[CONSUMER])

    def link(self) -> None:
        for party in range(4):

            async def answer(asker: bytes, what: str, body: bytes, party: int = party) -> bytes:
                return (await self.environment.answers[party].answer(asker, what, body)).model_dump_json().encode()

            self.environment.wires.handlers[self.environment.address(party)] = answer

    def request(self, **changes: Any) -> JobRequest:
        environment = self.environment
        values: dict[str, Any] = {
            "recipe": "asset-view",
            "purpose": PURPOSE,
            "parameters": environment.terms().parameters,
            "providers": [
                {"address": environment.address(party), "offer": environment.offers[party]} for party in range(CONSUMER)
            ],
            "own": {"offer": environment.offers[CONSUMER], "consent": environment.consent},
        }
        return JobRequest.model_validate(values | changes)

    async def stand(self, openings: int = 3, seconds: int = 86_400, **changes: Any) -> StandingRecord:
        return await stand(
            self.client, StandingRequest(job=self.request(**changes), openings=openings, seconds=seconds)
        )

    async def open(self, record: StandingRecord) -> JobRecord:
        return await propose_opening(self.client, record.plan.hash)

    def by_hand(self, party: int) -> None:
        """This party serves the recipe under standing plans alone."""
        self.policy(party, standing_recipes=("asset-view",))

    def policy(self, party: int, **changes: Any) -> None:
        """Another policy of this party, after a restart."""
        environment = self.environment
        context = environment.contexts[party] = dataclasses.replace(environment.contexts[party], **changes)
        environment.answers[party] = PeerAnswers(context, environment.stores[party], RUNS)
        environment.agreements[party] = environment.answers[party].agreement
        environment.attempts[party] = environment.answers[party].attempts

    def new_roots(self) -> None:
        for shelf in self.environment.shelves:
            shelf.root = secrets.token_bytes(32)
