"""The node as one value: what every route and every loop works with, and how it is put together from settings."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from pydantic import BaseModel

from placet.chain.blocks import BlockHeader
from placet.chain.calls import Calls
from placet.chain.client import Chain
from placet.chain.event_tables import DeadConsent
from placet.chain.events import OfferMade
from placet.chain.finality import is_late
from placet.chain.heads import Heads
from placet.chain.index import Index
from placet.chain.keystore import load_secrets, read_passphrase, read_secret_file
from placet.chain.lineage import lineage_at
from placet.chain.migrations import upgrade
from placet.chain.sender import Sender
from placet.chain.signals import Signal
from placet.chain.states import DatasetState
from placet.chain.storage import demand_space, space_error
from placet.core.at_rest import JOBS, AtRest
from placet.core.encodings import text_of
from placet.core.errors import ChainError, ConfigError, ConsentError, NotFoundError, PlacetError, StorageError
from placet.core.ids import ConsentId, DatasetId, OfferId
from placet.core.lineage import Lineage
from placet.core.lookalikes import doubts_of
from placet.core.offers import Offer, Scope
from placet.core.signatures import Key
from placet.core.trust import Deployment, TrustList
from placet.core.values import parse, to_hex
from placet.node.block_days import BlockDays
from placet.node.config import NodeSettings
from placet.node.consents.queue import AdmissionQueue
from placet.node.consents.scopes import Scopes
from placet.node.contract_signers import ContractSigners
from placet.node.http.limits import ClientRates, Reservations, SubjectKey
from placet.node.http.metrics import Counts
from placet.node.http.sessions import Sessions, SessionStore
from placet.node.http.shared_limits import SharedReservations
from placet.node.jobs.cards import Cards
from placet.node.migrations import NODE
from placet.node.state import counters, open_engine
from placet.vault.client import VaultClient
from placet.vault.schema import DatasetInfo

_MAX_TRUST = 8 << 20
_VAULT_SECONDS = 5.0
_LOOKUP_SECONDS = 10.0
log = logging.getLogger("placet.node")
T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True)
class Keys:
    """`signer` agrees to plans, `recorder` sends transactions and signs messages, `hpke` opens results (32 bytes), and
    `earlier_hpke` those that were made for keys before it."""

    signer: Key
    recorder: Key
    hpke: bytes = field(repr=False)
    earlier_hpke: tuple[bytes, ...] = field(default=(), repr=False)

    @cached_property
    def at_rest(self) -> AtRest:
        """What the node keeps of its jobs."""
        return AtRest(JOBS, self.hpke, self.earlier_hpke)


@dataclass
class Health:
    """What the loops last saw, as codes: anybody may read it.

    `chain_error` is None while the endpoint answers and is the right chain; `vault`, `storage` and `loops` are "ok" if
    all is well. `counts` is the last block that counts for good; `is_late` while the chain names later ones too slowly.
    """

    checked: bool = False
    chain_error: str | None = "unseen"
    vault: str = "unseen"
    head: int | None = None
    indexed: int | None = None
    counts: int | None = None
    is_late: bool = False
    storage: str = "ok"
    loops: dict[str, str] = field(default_factory=dict)

    def lag(self) -> int | None:
        """Blocks that the index is behind the chain."""
        return None if self.head is None or self.indexed is None else max(self.head - self.indexed, 0)


@dataclass
class _Seen:
    """What was asked of index and chain since the last block."""

    mark: Hashable = None
    ended: dict[OfferId, Mapping[ConsentId, DeadConsent]] = field(default_factory=dict)
    offers: Mapping[OfferId, OfferMade] | None = None
    openings: dict[OfferId, int] = field(default_factory=dict)
    datasets: dict[DatasetId, DatasetState | None] = field(default_factory=dict)


@dataclass
class Node:
    """Everything that belongs to one institution's node.

    `moved` is sent when the chain was read, so that there may be new events of ours, or deeper ones; `relaying` when
    the database has something new for the relay, `erasing` when it has an erasure. `withdrawing` has threads for
    withdrawals alone: they wait for no other request's. `signers` asks contracts about signatures, which keeps no other
    request waiting. `lookups` asks the vault for those who ask about their consents: two at a time, which keep no job
    waiting.
    """

    settings: NodeSettings
    deployment: Deployment
    trust: TrustList
    keys: Keys
    engine: sa.Engine
    chain: Chain
    index: Index
    heads: Heads
    sender: Sender
    calls: Calls
    vault: VaultClient
    lookups: VaultClient
    admissions: AdmissionQueue
    scopes: Scopes
    cards: Cards
    signers: ContractSigners
    block_days: BlockDays
    credential: bytes = field(repr=False)
    subjects: SubjectKey = field(repr=False)
    clients: ClientRates = field(default_factory=ClientRates)
    sessions: SessionStore = field(default_factory=Sessions, repr=False)
    reservations: Reservations | SharedReservations = field(default_factory=Reservations)
    health: Health = field(default_factory=Health)
    counts: Counts = field(default_factory=Counts)
    moved: Signal = field(default_factory=Signal)
    relaying: Signal = field(default_factory=Signal)
    erasing: Signal = field(default_factory=Signal)
    withdrawing: Executor = field(default_factory=lambda: ThreadPoolExecutor(4, "withdrawing"), repr=False)
    _seen: _Seen = field(default_factory=_Seen, repr=False)
    _taken_back: int = field(default=0, repr=False)
    _tables: asyncio.Task[list[DatasetInfo]] | None = field(default=None, repr=False)

    @property
    def address(self) -> bytes:
        """The institution's address on chain."""
        return self.settings.institution.address

    def demand_chain(self) -> None:
        """ChainError (503) while the endpoint is lost: nothing is promised that can't be kept."""
        if self.health.chain_error is not None:
            raise ChainError(
                "the node has no chain at the moment",
                found=self.health.chain_error,
                remedy="try again later; withdrawals may go to any other node",
            )

    def sync(self) -> None:
        """Follow the chain to its latest block. ChainError, DeploymentError for another chain; `health` tells too."""
        try:
            if not self.health.checked:
                self.chain.check()
                self.health.checked = True
            head = self.chain.head()
            self.health.indexed = self.index.sync(head)
        except ChainError as error:
            self.health.chain_error = error.code
            # After a silence it may be another chain that answers.
            self.health.checked = False
            raise
        if self.index.taken_back != self._taken_back:
            self._taken_back = self.index.taken_back
            self.sender.reorganised()
        self.health.counts = self.index.counts
        self.health.is_late = is_late(self.deployment, head.number, self.health.counts)
        self.health.head = max(head.number, self.health.indexed)
        self.health.chain_error = None
        mark = self.index.mark(head, self.health.indexed)
        if mark != self._seen.mark:
            self._seen = _Seen(mark)

    def skip(self, headers: Sequence[BlockHeader]) -> bool:
        """Pushed blocks that change nothing for this node need no reading. False where there are none, or the chain
        has to be read."""
        if not headers or self.health.chain_error is not None or not all(map(self.index.skip, headers)):
            return False
        self.health.head = self.health.indexed = headers[-1].head.number
        return True

    async def probe_vault(self) -> None:
        """Ask the vault for a sign of life; `health` tells how that went."""
        try:
            async with asyncio.timeout(_VAULT_SECONDS):
                await self.vault.datasets()
            self.health.vault = "ok"
        except TimeoutError:
            self.health.vault = "slow"
        except PlacetError as error:
            self.health.vault = error.code

    async def probe_storage(self) -> None:
        """Can the node's folder and database be written to? Asks the file system; after a failure the database too."""
        error = await asyncio.to_thread(space_error, self.settings.folder)
        if error is None and self.health.storage != "ok":
            error = await asyncio.to_thread(self._unwritable)
        self.health.storage = "ok" if error is None else error.code

    def _unwritable(self) -> StorageError | None:
        probe = {"key": "storage:probe", "window": 0, "count": 0, "expiry": 0}
        try:
            with self.engine.begin() as connection:
                connection.execute(counters.insert().values(**probe))
                connection.execute(counters.delete().where(counters.c.key == probe["key"]))
        except StorageError as error:
            return error
        return None

    def ended(self, offer: OfferId) -> Mapping[ConsentId, DeadConsent]:
        """An offer's withdrawn and revoked consents, as of the last `sync`."""
        seen = self._seen
        if offer not in seen.ended:
            seen.ended[offer] = self.index.dead(offer)
        return seen.ended[offer]

    def openings(self, offer: OfferId) -> int:
        """How many jobs had opened on an offer by the last `sync`."""
        seen = self._seen
        if offer not in seen.openings:
            seen.openings[offer] = self.chain.offer(offer).openings
        return seen.openings[offer]

    def dataset(self, dataset: DatasetId) -> DatasetState | None:
        """What the chain said of a dataset by the last `sync`; None if it is not registered."""
        seen = self._seen
        if dataset not in seen.datasets:
            try:
                seen.datasets[dataset] = self.chain.dataset(dataset)
            except NotFoundError:
                seen.datasets[dataset] = None
        return seen.datasets[dataset]

    def lineage(self, dataset: DatasetId) -> Lineage | None:
        """Of a model, now: who has withdrawn since it was made. None where the chain does not show it to be one."""
        self.index.sync()
        return lineage_at(self.chain, self.index, dataset)

    async def tables(self) -> Sequence[DatasetInfo]:
        """The vault's tables. Who asks while the vault is being asked shares its answer. PlacetError as it says."""
        if self._tables is None or self._tables.done():
            self._tables = asyncio.ensure_future(self.vault.datasets())
        return await asyncio.shield(self._tables)

    def offers(self) -> Mapping[OfferId, OfferMade]:
        """All offers on chain by id, as of the last `sync`."""
        seen = self._seen
        if seen.offers is None:
            seen.offers = {event.offer: event for event in self.index.offers()}
        return seen.offers

    def own_offer(self, offer: Offer) -> Scope:
        """The scope of one of this institution's offers that is on chain. ConsentError names whose it is otherwise."""
        self.offer(offer.id)
        return self.scopes.of(offer)

    def offer(self, offer: OfferId) -> Offer:
        """One of this institution's offers, by id. ConsentError if it is unknown, or another institution's."""
        event = self.offers().get(offer)
        if event is None:
            raise ConsentError(
                "no such offer on chain",
                found=to_hex(offer),
                remedy="GET /v1/offers lists this institution's",
                code="consent.unknown-offer",
            )
        if event.provider != self.address:
            raise self._elsewhere(event.provider)
        return event.terms

    def _elsewhere(self, provider: bytes) -> ConsentError:
        try:
            whose = self.trust.institution(provider)
        except NotFoundError:
            found = to_hex(provider)
        else:
            found = f"{whose.name} ({to_hex(provider)}), {whose.api}"
        return ConsentError(
            "the offer is another institution's",
            expected=f"{self.settings.institution.name} ({to_hex(self.address)})",
            found=found,
            remedy="send it to that institution's node",
            code="consent.elsewhere",
        )


def open_node(settings: NodeSettings, database: sa.Engine | None = None) -> Node:
    """Read keys, files and database (that of the settings, unless one is given). ConfigError for what is missing or
    does not fit; does not touch the chain."""
    deployment = _document(Deployment, settings.path(settings.deployment), "deployment file")
    trust = _document(TrustList, settings.path(settings.trust), "trust list")
    for doubt in doubts_of(trust.names):
        log.warning("trust list: %s", doubt)
    keys = _keys(settings)
    demand_space(settings.folder)
    engine = open_engine(settings.database) if database is None else database
    upgrade(engine, NODE)
    chain = Chain(settings.chain_url, deployment)
    heads = Heads(settings.chain_url)
    socket = settings.path(settings.vault_socket)
    return Node(
        settings=settings,
        deployment=deployment,
        trust=trust,
        keys=keys,
        engine=engine,
        chain=chain,
        index=Index(engine, chain),
        heads=heads,
        sender=Sender(
            engine,
            chain,
            [keys.signer, keys.recorder],
            institution=settings.institution.address,
            pushed=lambda: heads.pushed,
        ),
        calls=Calls(deployment),
        vault=VaultClient(socket),
        lookups=VaultClient(socket, _LOOKUP_SECONDS, at_once=2),
        admissions=AdmissionQueue(),
        scopes=Scopes(settings.path(settings.scopes)),
        cards=Cards(settings.cards),
        signers=ContractSigners(settings.chain_url, deployment.verifiers),
        block_days=BlockDays(chain),
        credential=read_credential(settings.folder / "credential"),
        subjects=SubjectKey(keys.signer.secret),
    )


def write_credential(file: Path) -> None:
    """A new random bearer token in a file of mode 0600. ConfigError if there is one already."""
    try:
        file.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        raise ConfigError("the credential can't be made", found=f"{file}: {error.strerror}") from None
    file.write_text(secrets.token_urlsafe(32) + "\n")


def read_credential(file: Path) -> bytes:
    """The institution's bearer token. ConfigError if it is missing, short or open to others."""
    token = text_of(read_secret_file(file, "credential"), "credential").strip().encode()
    if not 24 <= len(token) <= 256:
        raise ConfigError("the credential has a strange length", expected="24 to 256 characters", found=len(token))
    return token


def _keys(settings: NodeSettings) -> Keys:
    passphrase = read_passphrase(settings.path(settings.passphrase_file))
    folder = settings.folder / "keys"
    earlier = list(reversed(earlier_hpke_files(folder)))
    files = [*(folder / f"{name}.json" for name in ("signer", "recorder", "hpke")), *earlier]
    signing, recording, opening, *before = load_secrets(files, passphrase)
    signer = Key(signing)
    if not settings.institution.account and signer.address != settings.institution.address:
        raise ConfigError(
            "the signing key is not the institution's",
            expected=to_hex(settings.institution.address),
            found=to_hex(signer.address),
        )
    return Keys(signer, Key(recording), opening, tuple(before))


def earlier_hpke_files(folder: Path) -> list[Path]:
    """Keystores of HPKE keys before the present one, the oldest first: `hpke-1.json`, `hpke-2.json` and so on."""
    numbered = ((file.stem.removeprefix("hpke-"), file) for file in folder.glob("hpke-*.json"))
    return [file for _, file in sorted((int(number), file) for number, file in numbered if number.isdecimal())]


def _document(model: type[T], file: Path, what: str) -> T:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"the {what} can't be read", found=f"{file}: {error.strerror}") from None
    return parse(model, text_of(raw, what), limit=_MAX_TRUST, what=what)
