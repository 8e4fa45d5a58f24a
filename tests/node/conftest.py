"""A chain, a provider with a real vault process and a real node, and owners who are enrolled by a register."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import json
import secrets
import signal
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from forked import forked
from placet.chain import keystore
from placet.chain.calls import Call, Calls
from placet.chain.client import Chain
from placet.chain.deploy import deploy
from placet.chain.local import LocalChain, dev_account
from placet.chain.sender import Sender
from placet.cli import certificates
from placet.core.consent import Consent
from placet.core.enrolment import EnrolmentOpening, enrolment_hash
from placet.core.offers import Offer, Scope, Subjects
from placet.core.purposes import Operation, purpose_id
from placet.core.requests import Credential, request_hash
from placet.core.signatures import Key, P256Key
from placet.core.trust import Auditor, Deployment, Enroller, Institution, TrustList
from placet.core.values import from_hex, parse, to_hex
from placet.core.withdrawal import withdrawal_hash
from placet.node.app import create_app
from placet.node.config import NodeSettings
from placet.node.consents import relay
from placet.node.service import Node, write_credential
from placet.node.state import open_engine
from placet.vault.config import VaultSettings
from placet.vault.schema import Column, DatasetInfo
from placet.vault.setup import import_table, init_vault

from ..passkeys import Passkey

NAMESPACE = "urn:example:person"
PURPOSE = "https://w3id.org/dpv#CreditChecking"
PASSPHRASE = "only for tests"
CUSTOMERS = 400


def dev_key(index: int) -> Key:
    return Key(bytes(dev_account(index).key))


@dataclass
class NodeEnvironment:
    """Everything around a node. Keys: the provider's signer and recorder have funds."""

    anvil: LocalChain
    folder: Path
    deployment: Deployment
    trust: TrustList
    provider: Key
    recorder: Key
    consumer: Key
    second: Key
    enroller: Key
    stranger: Key
    auditor: Key
    dataset: DatasetInfo
    own: DatasetInfo
    sender: Sender
    calls: Calls
    chain: Chain
    customers: Iterator[str]
    socket: Path
    sent: int = field(default=0)

    def send(self, call: Call, key: Key) -> None:
        """Send and wait until it is mined."""
        self.sent += 1
        intent = f"test:{self.sent}"
        self.sender.submit(intent, call, key.address)
        for _ in range(3000):
            self.sender.step()
            outcome = self.sender.outcome(intent)
            if outcome is not None:
                assert not isinstance(outcome, Exception), outcome
                return
            time.sleep(0.02)
        raise AssertionError(f"{call.what} was not mined")

    def scope(self, **changes: Any) -> Scope:
        values: dict[str, Any] = {
            "title": "Current accounts",
            "provider": self.provider.address,
            "purpose": PURPOSE,
            "columns": ("balance",),
            "identifier": "customer",
            "namespace": NAMESPACE,
            "output": "total",
            "recipes": ("asset-view",),
            "parties": (self.provider.address, self.consumer.address),
            "enrollers": (self.enroller.address,),
            "salt": secrets.token_bytes(32),
        }
        return Scope(**(values | changes))

    def offer(self, scopes: Path, **changes: Any) -> tuple[Offer, Scope]:
        """A new offer of the provider, on chain, its scope in the folder."""
        scope = self.scope(**changes)
        offer = Offer(
            dataset=(self.dataset if scope.personal else self.own).dataset,
            consumer=self.consumer.address,
            purpose=purpose_id(PURPOSE),
            operations=Operation.PSI | Operation.MPC,
            scope=scope.hash,
        )
        self.send(self.calls.offer(offer), self.provider)
        scopes.mkdir(exist_ok=True)
        (scopes / f"{scope.hash.hex()}.json").write_text(json.dumps(scope.to_json()))
        return offer, scope

    def settings(self, folder: Path, **changes: Any) -> NodeSettings:
        """A provider's node in a new folder."""
        (folder / "keys").mkdir(parents=True, exist_ok=True)
        if not (folder / "credential").exists():
            for name, secret in (
                ("signer", self.provider.secret),
                ("recorder", self.recorder.secret),
                ("hpke", secrets.token_bytes(32)),
            ):
                keystore.save_secret(folder / "keys" / f"{name}.json", secret, PASSPHRASE)
            write_credential(folder / "credential")
            key, certificate = certificates.make("First Bank", ["127.0.0.1"], PASSPHRASE)
            (folder / "keys" / "tls.key").write_bytes(key)
            (folder / "keys" / "tls.crt").write_bytes(certificate)
        values: dict[str, Any] = {
            "folder": folder,
            "institution": {"address": self.provider.address, "name": "First Bank"},
            "chain_url": self.anvil.url,
            "deployment": self.folder / "deployment.json",
            "trust": self.folder / "trust.json",
            "vault_socket": self.socket,
            "passphrase_file": self.folder / "passphrase",
            "batch_seconds": 0.3,
            "sync_seconds": 0.1,
            "peer_port": 0,
            "datasets": {"accounts": {"visible": "public"}},
        }
        return NodeSettings.build(**(values | changes))


@dataclass
class Owner:
    """A data owner with one key, enrolled as one customer."""

    environment: NodeEnvironment
    customer: str
    key: Key | P256Key | Passkey
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    @property
    def signer(self) -> bytes:
        return self.key.address if isinstance(self.key, Key) else self.key.signer

    @property
    def opening(self) -> EnrolmentOpening:
        return EnrolmentOpening(subject=self.customer, salt=self.salt)

    def enrolment(self, enroller: Key | None = None) -> dict[str, Any]:
        by = enroller or self.environment.enroller
        subject = self.opening.commitment
        digest = self.environment.deployment.consents.digest(enrolment_hash(self.signer, NAMESPACE, subject))
        return {
            "enroller": to_hex(by.address),
            "subject": to_hex(subject),
            "signature": to_hex(by.sign(digest)),
            "opening": {"subject": self.customer, "salt": to_hex(self.salt)},
        }

    def draft_request(self, offer: Offer, **changes: Any) -> dict[str, Any]:
        at = int(time.time())
        return {
            "owner": to_hex(self.signer),
            "offer": to_hex(offer.id),
            "not_before": at - 60,
            "not_after": at + 86_400,
            "uses": 3,
            "enrolment": to_hex(self.opening.commitment),
        } | changes

    def submission(self, draft: dict[str, Any], **changes: Any) -> dict[str, Any]:
        consent = parse(Consent, draft["consent"])
        digest = self.environment.deployment.consents.digest(consent.id)
        return {
            "consent": draft["consent"],
            "signature": to_hex(self.key.sign(digest)),
            "enrolment": self.enrolment(),
        } | changes

    def withdrawal(self, consent: str) -> dict[str, Any]:
        digest = self.environment.deployment.consents.digest(withdrawal_hash(from_hex(consent)))
        return {"signature": to_hex(self.key.sign(digest))}

    def headers(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        expires: int = 60,
        nonce: bytes | None = None,
        signer: bytes | None = None,
    ) -> dict[str, str]:
        """A signed request's Authorization header, in the name of `signer` where that is another one."""
        whose = self.signer if signer is None else signer
        return {"Authorization": signed(self.environment, self.key, whose, method, path, body, expires, nonce)}


def signed(
    environment: NodeEnvironment,
    key: Key | P256Key,
    signer: bytes,
    method: str,
    path: str,
    body: bytes = b"",
    expires: int = 60,
    nonce: bytes | None = None,
    receiver: bytes | None = None,
) -> str:
    nonce = nonce or secrets.token_bytes(32)
    expiry = int(time.time()) + expires
    digest = environment.deployment.consents.digest(
        request_hash(receiver or environment.provider.address, method, path, body, nonce, expiry)
    )
    return Credential(signer=signer, nonce=nonce, expiry=expiry, signature=key.sign(digest)).header()


def _institution(key: Key, name: str, port: int) -> Institution:
    return Institution(
        address=key.address,
        name=name,
        api=f"http://127.0.0.1:{port}",
        peer=f"https://127.0.0.1:{port + 1}",
        certificate=certificates.make(name, ["127.0.0.1"], PASSPHRASE)[1].decode(),
    )


@contextlib.contextmanager
def serving(vault: VaultSettings, log: Path) -> Iterator[None]:
    """The vault's process, from when it can be asked; ended by its pid at the end."""
    ready, child = (
        vault.socket_path,
        forked("placet.vault", ["--config", vault.folder / "vault.toml"], vault.folder, log),
    )
    try:
        for _ in range(2400):
            if ready.exists():
                break
            assert child.poll() is None, log.read_text()
            time.sleep(0.05)
        else:
            raise AssertionError(log.read_text())
        yield
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(60)
        except TimeoutExpired:
            child.end()


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeEnvironment]:
    """One chain, one provider and one vault process for all of the node's tests; each test makes offers of its own."""
    folder = tmp_path_factory.mktemp("environment")
    cost, keystore.SCRYPT_N = keystore.SCRYPT_N, 2**4
    provider, recorder, consumer, enroller, auditor = (dev_key(i) for i in range(1, 6))
    second = dev_key(7)
    try:
        with LocalChain() as anvil:
            deployment = deploy(anvil.url, dev_key(0), 0)
            trust = TrustList(
                institutions=(
                    _institution(provider, "First Bank", 8601),
                    _institution(consumer, "Credit House", 8611),
                    _institution(second, "Second Bank", 8621),
                ),
                enrollers=(Enroller(address=enroller.address, name="Register", namespaces=(NAMESPACE,)),),
                auditors=(Auditor(address=auditor.address, name="Auditor"),),
            )
            (folder / "deployment.json").write_text(deployment.model_dump_json())
            (folder / "trust.json").write_text(trust.model_dump_json())
            (folder / "passphrase").touch(0o600)
            (folder / "passphrase").write_text(PASSPHRASE + "\n")
            with (folder / "accounts.csv").open("w") as sink:
                table = csv.writer(sink)
                table.writerow(["customer", "balance"])
                table.writerows([f"C{number:05}", number * 100] for number in range(CUSTOMERS))
            vault = init_vault(
                folder / "vault",
                institution=provider.address,
                chain_url=anvil.url,
                deployment=folder / "deployment.json",
                trust=folder / "trust.json",
                passphrase_file=folder / "passphrase",
            )
            columns = {
                "customer": Column(source="customer", type="text"),
                "balance": Column(source="balance", type="integer"),
            }
            dataset = import_table(vault, "accounts", folder / "accounts.csv", "customer", columns, namespace=NAMESPACE)
            own = import_table(
                vault, "branches", folder / "accounts.csv", "customer", columns, personal=False, namespace=NAMESPACE
            )
            engine = open_engine(f"sqlite:///{folder / 'test-sender.db'}")
            chain = Chain(anvil.url, deployment)
            made = NodeEnvironment(
                anvil=anvil,
                folder=folder,
                deployment=deployment,
                trust=trust,
                provider=provider,
                recorder=recorder,
                consumer=consumer,
                second=second,
                enroller=enroller,
                stranger=dev_key(6),
                auditor=auditor,
                dataset=dataset,
                own=own,
                sender=Sender(engine, chain, [provider, consumer]),
                calls=Calls(deployment),
                chain=chain,
                customers=(f"C{number:05}" for number in range(CUSTOMERS)),
                socket=vault.socket_path,
            )
            for info in (dataset, own):
                made.send(
                    made.calls.register(info.dataset, Subjects.of(info.personal), info.schema_hash, info.commitment),
                    provider,
                )
            made.send(made.calls.appoint(recorder.address), provider)
            with serving(vault, folder / "vault.log"):
                yield made
            engine.dispose()
    finally:
        keystore.SCRYPT_N = cost


@pytest.fixture
def owner(environment: NodeEnvironment) -> Owner:
    """A customer with a fresh key."""
    return Owner(environment, next(environment.customers), Key())


@dataclass
class Running:
    """A node in this process: its app over ASGI, its loops not running; `turn` does by hand what they do."""

    environment: NodeEnvironment
    app: FastAPI
    node: Node
    client: httpx.AsyncClient
    settings: NodeSettings

    def offer(self, **changes: Any) -> tuple[Offer, Scope]:
        made = self.environment.offer(self.settings.path(self.settings.scopes), **changes)
        self.node.sync()
        return made

    @property
    def credential(self) -> dict[str, str]:
        return {"Authorization": "Bearer " + self.node.credential.decode()}

    async def draft(self, owner: Owner, offer: Offer, **changes: Any) -> dict[str, Any]:
        answer = await self.client.post("/v1/consents/draft", json=owner.draft_request(offer, **changes))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def give(self, owner: Owner, offer: Offer) -> str:
        """Draft and submit; the id."""
        answer = await self.client.post("/v1/consents", json=owner.submission(await self.draft(owner, offer)))
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def get(self, owner: Owner, path: str) -> httpx.Response:
        return await self.client.get(path, headers=owner.headers("GET", path))

    async def turn(self, times: int = 1) -> None:
        """What the loops do, `times` over, each time until nothing is under way."""
        for _ in range(times):
            await relay.tick(self.node)
            await asyncio.to_thread(self.settle)
            await relay.tick(self.node)

    def settle(self) -> None:
        for _ in range(3000):
            if not self.node.sender.step():
                break
            time.sleep(0.02)
        self.node.sync()


@contextlib.asynccontextmanager
async def node_at(environment: NodeEnvironment, settings: NodeSettings) -> AsyncIterator[Running]:
    app = create_app(settings)
    node: Node = app.state.node
    node.sync()
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
        yield Running(environment, app, node, client, settings)
    node.engine.dispose()


@pytest.fixture
async def node(environment: NodeEnvironment, tmp_path: Path) -> AsyncIterator[Running]:
    """A fresh node of the provider."""
    async with node_at(environment, environment.settings(tmp_path / "node")) as running_node:
        yield running_node
