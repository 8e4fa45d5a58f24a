"""The vault on a real chain, and as a real process."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
import stat
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from tests.vault.conftest import NAMESPACE, PARTNER, plan_input, to_sign

from faulty_endpoint import faulty_endpoint
from forked import forked
from placet.chain.calls import Call, Calls
from placet.chain.client import Chain
from placet.chain.deploy import deploy
from placet.chain.index import Index
from placet.chain.local import LocalChain, dev_account
from placet.chain.sender import Sender
from placet.chain.states import OfferState
from placet.core.consent import Consent
from placet.core.errors import ChainError, ConfigError, DeploymentError, StateError, WarrantError
from placet.core.ids import OfferId
from placet.core.merkle import batch_levels, batch_proof
from placet.core.offers import Offer, Subjects
from placet.core.plan import Amendment, Input, Plan
from placet.core.signatures import Key
from placet.core.trust import Contract, Deployment
from placet.core.values import ZERO32
from placet.core.withdrawal import FIRST_EPOCH, withdrawal_hash, withdrawal_head
from placet.sandbox.forking import Forked
from placet.vault import endpoint
from placet.vault.assembly import open_vault
from placet.vault.client import VaultClient
from placet.vault.config import VaultSettings
from placet.vault.endpoint import Endpoint
from placet.vault.gate import RowRequest
from placet.vault.responses import DeadLeaves
from placet.vault.schema import Column, DatasetInfo
from placet.vault.setup import import_table, init_vault
from shown import leaves_of

CONFIRMATIONS = 2
OPEN_SECONDS = 30.0


def dev_key(index: int) -> Key:
    return Key(bytes(dev_account(index).key))


def registration(calls: Calls, info: DatasetInfo) -> Call:
    return calls.register(info.dataset, Subjects.of(info.personal), info.schema_hash, info.commitment)


class Anvil:
    """The other tests' environment, its vault on a real chain. The provider sends everything of its own."""

    def __init__(self, local: LocalChain, environment: Any, engine: Engine) -> None:
        self.local, self.environment = local, environment
        self.chain = Chain(local.url, environment.deployment)
        self.calls = Calls(environment.deployment)
        self._engine = engine
        quick = environment.deployment.model_copy(update={"confirmations": 0})
        self._sender = Sender(
            engine, Chain(local.url, quick), (environment.provider, environment.partner, environment.consumer)
        )
        self._sent = 0
        self.see(self.chain)
        self.send(registration(self.calls, environment.dataset))
        self.send(self.calls.offer(environment.offer))

    def see(self, chain: Chain) -> None:
        """Have the vault look through this chain."""
        index = Index(self._engine, chain)
        self.environment.chain = Endpoint(
            chain, index, lambda block: self.environment.records.highest("confirmed", block)
        )
        self.environment.restart()

    def send(self, call: Call, key: Key | None = None) -> None:
        self._sent += 1
        intent = f"sent-{self._sent}"
        self._sender.submit(intent, call, (key or self.environment.provider).address)
        while self._sender.step():
            time.sleep(0.005)
        outcome = self._sender.outcome(intent)
        if isinstance(outcome, Exception):
            raise outcome

    def anchor(self, consents: list[Consent]) -> bytes:
        leaves = sorted(consent.id for consent in consents)
        root = batch_levels(leaves)[-1][0]
        self.environment.vault.note_batch(self.environment.offer.id, root, leaves)
        self.send(self.calls.anchor(self.environment.offer.id, root))
        self.local.mine(CONFIRMATIONS)
        return root

    def open(self, root: bytes, **changes: Any) -> RowRequest:
        """Open a job on a lawful root, or on a consent that the plan names; not at depth yet."""
        environment, named = self.environment, "named" in changes
        consumer, other = (
            (environment.provider, environment.consumer) if named else (environment.consumer, environment.provider)
        )
        others = {1: self.brought(environment.partner, consumer)}
        others |= {0: self.brought(other, consumer)} if named else {2: self.brought(consumer, consumer)}
        asked: RowRequest = environment.agree(root, block=self.chain.confirmed(), others=others, **changes)
        self.send(self.calls.open(asked.plan, [*self.signed(asked.plan, asked.job), b"", b""]))
        return asked

    def brought(self, party: Key, consumer: Key) -> Input:
        """What a party whose vault this is not brings, under an offer on chain: a root, or as the consumer its own
        consent to its own data."""
        environment, persons = self.environment, party is not consumer
        scope, dataset = environment.a_scope(provider=party.address, personal=persons), secrets.token_bytes(32)
        changed = {"dataset": dataset, "consumer": consumer.address, "scope": scope.hash}
        offer = Offer(**(environment.offer.model_dump() | changed))
        schema, commitment = secrets.token_bytes(32), secrets.token_bytes(32)
        self.send(self.calls.register(dataset, Subjects.of(persons), schema, commitment), party)
        self.send(self.calls.offer(offer), party)
        if persons:
            return plan_input(offer.id, lawful_root=PARTNER)
        consent, submission = environment.consent("-", named=True, owner=party, scope=scope, offer=offer)
        self.send(self.calls.grant(consent, submission.signature), party)
        return plan_input(offer.id, consent=consent.id)

    def signed(self, plan: Plan, digest: bytes) -> list[bytes]:
        """Each party's signature, in the plan's order."""
        keys = {
            key.address: key for key in (self.environment.provider, self.environment.partner, self.environment.consumer)
        }
        return [keys[party.signer].sign(digest) for party in plan.parties]

    def withdraw(self, consent: Consent, owner: Key, leaves: list[bytes] | None = None) -> None:
        signature = owner.sign(self.environment.deployment.consents.digest(withdrawal_hash(consent.id)))
        if leaves is None:
            self.send(self.calls.withdraw(consent.grant(), signature))
            return
        levels = batch_levels(sorted(leaves))
        proof = batch_proof(levels, sorted(leaves).index(consent.id))
        self.send(self.calls.withdraw_batched(consent.grant(), signature, levels[-1][0], proof))

    def amend(self, asked: RowRequest, root: bytes, epoch: bytes) -> RowRequest:
        roots, epochs = (root, PARTNER, ZERO32), (epoch, FIRST_EPOCH, FIRST_EPOCH)
        amendment = Amendment(job=asked.job, attempt=asked.attempt + 1, roots=roots, epochs=epochs)
        digest = self.environment.deployment.jobs.digest(amendment.struct_hash())
        self.send(self.calls.amend(asked.plan, amendment, self.signed(asked.plan, digest)))
        return RowRequest(asked.job, asked.plan, asked.terms, amendment.attempt, asked.input)


@pytest.fixture(scope="module")
def contracts(anvil: LocalChain) -> Deployment:
    return deploy(anvil.url, dev_key(0), CONFIRMATIONS)


@pytest.fixture
def anvil_environment(
    contracts: Deployment, fresh_anvil: LocalChain, make_environment: Any, tmp_path: Path
) -> Iterator[Anvil]:
    now = Chain(fresh_anvil.url, contracts).now()
    environment = make_environment(tmp_path, keys=(dev_key(1), dev_key(3), dev_key(2)), deployment=contracts, now=now)
    engine = create_engine(f"sqlite:///{tmp_path / 'chain.db'}")
    yield Anvil(fresh_anvil, environment, engine)
    environment.engine.dispose()
    engine.dispose()


@pytest.fixture
def people(anvil_environment: Anvil) -> list[tuple[Key, Consent]]:
    """Three customers whose consents the vault has accepted."""
    environment = anvil_environment.environment
    owners = [Key() for _ in range(3)]
    made = [environment.consent(f"customer-0000{i}", owner=owner) for i, owner in enumerate(owners)]
    accepted = environment.vault.admit_many(
        environment.offer, environment.scope, [submission for _, submission in made]
    )
    assert accepted == [consent.id for consent, _ in made]
    return [(owner, consent) for owner, (consent, _) in zip(owners, made, strict=True)]


def refused(anvil_environment: Anvil, asked: RowRequest, code: str) -> None:
    with pytest.raises(WarrantError) as caught:
        anvil_environment.environment.vault.rows(asked)
    assert caught.value.code == code


def lawful(anvil_environment: Anvil) -> Any:
    return anvil_environment.environment.lawful(block=anvil_environment.chain.confirmed())


def test_from_consent_to_rows_withdrawal_and_second_attempt(
    anvil_environment: Anvil, people: list[tuple[Key, Consent]]
) -> None:
    a, vault = anvil_environment, anvil_environment.environment.vault
    ids = [consent.id for _, consent in people]
    assert lawful(a).count == 0
    a.anchor([consent for _, consent in people])
    first = lawful(a)
    assert (first.count, first.epoch, first.opens_before) == (3, FIRST_EPOCH, 5)
    refused(a, a.environment.agree(first.root), "warrant.unopened")
    asked = a.open(first.root)
    refused(a, asked, "warrant.unconfirmed")
    a.local.mine(CONFIRMATIONS)
    assert sorted(vault.rows(asked).columns["balance"]) == [1000, 1001, 1002]

    a.withdraw(people[1][1], people[1][0], ids)
    refused(a, asked, "warrant.withdrawn")
    epoch = withdrawal_head(FIRST_EPOCH, ids[1])
    assert vault.dead(a.environment.offer.id, first.root) == DeadLeaves(epoch=epoch, consents=(ids[1],))
    second = a.environment.without(first.root)
    assert (second.count, second.epoch) == (2, epoch)
    again = a.amend(asked, second.root, second.epoch)
    refused(a, asked, "warrant.attempt")
    refused(a, again, "warrant.unconfirmed")
    a.local.mine(CONFIRMATIONS)
    assert sorted(vault.rows(again).columns["balance"]) == [1000, 1002]

    a.send(a.calls.abort(asked.job, bytes(32)))
    refused(a, again, "warrant.closed")


def test_amendment_to_a_root_of_nobody(anvil_environment: Anvil, people: list[tuple[Key, Consent]]) -> None:
    a = anvil_environment
    a.anchor([consent for _, consent in people])
    asked = a.open(lawful(a).root)
    again = a.amend(asked, bytes(31) + b"\1", FIRST_EPOCH)
    a.local.mine(CONFIRMATIONS)
    refused(a, again, "warrant.root")


def test_unproven_withdrawal_and_revocation_bind_too(
    anvil_environment: Anvil, people: list[tuple[Key, Consent]]
) -> None:
    a = anvil_environment
    a.anchor([consent for _, consent in people])
    root = lawful(a).root
    a.withdraw(people[0][1], people[0][0])
    a.send(a.calls.revoke(people[1][1].grant(), bytes(32)))
    after = lawful(a)
    assert (after.count, after.epoch) == (1, FIRST_EPOCH)
    asked = a.open(root)
    a.local.mine(CONFIRMATIONS)
    refused(a, asked, "warrant.withdrawn")


def test_an_endpoint_that_keeps_a_withdrawal_back(
    anvil_environment: Anvil, people: list[tuple[Key, Consent]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its events do not lead to what the contract has counted: the vault works out no lawful set on them."""
    a = anvil_environment
    a.anchor([consent for _, consent in people])
    monkeypatch.setattr(Index, "_ends", lambda *_: [])
    assert lawful(a).count == 3
    a.withdraw(people[0][1], people[0][0])
    with pytest.raises(ChainError, match="not those that the contract has counted") as caught:
        lawful(a)
    assert caught.value.code == "chain.incomplete"


def test_an_end_after_the_block_that_was_looked_at_does_not_count(
    anvil_environment: Anvil, people: list[tuple[Key, Consent]], tmp_path: Path
) -> None:
    a, offer = anvil_environment, anvil_environment.environment.offer.id
    a.anchor([consent for _, consent in people])
    engine = create_engine(f"sqlite:///{tmp_path / 'seen.db'}")
    index = Index(engine, a.chain)
    seen = Endpoint(a.chain, index, lambda block: block)
    seen.look(thorough=False)
    a.withdraw(people[0][1], people[0][0], [consent.id for _, consent in people])
    index.sync()
    assert seen.offer(offer).epoch == FIRST_EPOCH
    assert people[0][1].id in seen.dead(offer)  # who ended it is heard at once all the same
    seen.look(thorough=False)
    assert seen.offer(offer).epoch == withdrawal_head(FIRST_EPOCH, people[0][1].id)
    engine.dispose()


def test_a_state_of_the_next_block_is_asked_for_again(
    anvil_environment: Anvil, people: list[tuple[Key, Consent]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Anvil answers while it seals a block: the newest block's state has what that one changes already."""
    a = anvil_environment
    a.anchor([consent for _, consent in people])
    asked, right = [], Chain.offer

    def early(chain: Chain, offer: OfferId, *, block: int | None = None) -> OfferState:
        asked.append(block)
        state = right(chain, offer, block=block)
        return replace(state, epoch=bytes(24)) if len(asked) == 1 else state

    monkeypatch.setattr(Chain, "offer", early)
    assert lawful(a).count == 3
    assert len(asked) == 2 and len(set(asked)) == 1


def test_used_up(anvil_environment: Anvil) -> None:
    a, environment = anvil_environment, anvil_environment.environment
    consent, submission = environment.consent("customer-00004", uses=1)
    assert environment.vault.admit_many(environment.offer, environment.scope, [submission]) == [consent.id]
    a.anchor([consent])
    a.open(lawful(a).root)
    assert lawful(a).count == 0


def test_reorganisation_takes_opening_and_batch_back(
    anvil_environment: Anvil, people: list[tuple[Key, Consent]]
) -> None:
    a = anvil_environment
    a.anchor([consent for _, consent in people])
    root = lawful(a).root
    with a.local.snapshot():
        asked = a.open(root)
        refused(a, asked, "warrant.unconfirmed")
    a.local.mine(CONFIRMATIONS + 10)  # until then it might be a machine that lags
    refused(a, asked, "warrant.unopened")


def test_endpoint_that_is_behind(anvil_environment: Anvil, people: list[tuple[Key, Consent]]) -> None:
    a = anvil_environment
    a.anchor([consent for _, consent in people])
    asked = a.open(lawful(a).root)
    with a.local.snapshot():
        a.local.mine(10)
        assert a.environment.vault.rows(asked).count == 3
    with pytest.raises(ChainError) as caught:
        a.environment.vault.rows(asked)
    assert caught.value.code == "chain.behind"
    a.environment.restart()
    with pytest.raises(ChainError):
        lawful(a)
    a.local.mine(10)
    assert a.environment.vault.rows(asked).count == 3


def test_other_contracts_and_lost_endpoint(
    anvil_environment: Anvil, people: list[tuple[Key, Consent]], free_port: int
) -> None:
    a = anvil_environment
    a.anchor([consent for _, consent in people])
    asked = a.open(lawful(a).root)
    a.local.mine(CONFIRMATIONS)
    named = a.environment.deployment.job_ledger
    wrong = a.environment.deployment.model_copy(
        update={"job_ledger": Contract(address=named.address, code_hash=bytes(32))}
    )
    a.see(Chain(a.local.url, wrong))
    with pytest.raises(DeploymentError):
        a.environment.vault.rows(asked)
    a.see(Chain(f"http://127.0.0.1:{free_port}", a.environment.deployment))
    with pytest.raises(ChainError):
        a.environment.vault.rows(asked)
    a.see(a.chain)
    assert a.environment.vault.rows(asked).count == 3


def test_institutions_own_data(anvil_environment: Anvil) -> None:
    a, environment = anvil_environment, anvil_environment.environment
    scope = environment.a_scope(personal=False)
    own = environment.own()
    a.send(registration(a.calls, own))
    offer = Offer(
        **{
            **environment.offer.model_dump(),
            "dataset": own.dataset,
            "consumer": environment.provider.address,
            "scope": scope.hash,
        }
    )
    a.send(a.calls.offer(offer))
    consent, submission = environment.consent("-", named=True, owner=environment.provider, scope=scope, offer=offer)
    assert environment.vault.admit_many(offer, scope, [submission]) == [consent.id]
    a.send(a.calls.grant(consent, submission.signature))
    asked = a.open(bytes(32), named=consent.id, offer=offer.id)
    a.local.mine(CONFIRMATIONS)
    assert environment.vault.rows(asked).count == 8
    a.withdraw(consent, environment.provider)
    refused(a, asked, "warrant.withdrawn")


@pytest.fixture
def settings(anvil_environment: Anvil, tmp_path: Path) -> VaultSettings:
    """A vault's folder as `placet init` makes it, with the environment's customers in a CSV file."""
    environment = anvil_environment.environment
    (tmp_path / "deployment.json").write_text(environment.deployment.model_dump_json())
    (tmp_path / "trust.json").write_text(environment.trust.model_dump_json())
    (tmp_path / "passphrase").write_text("correct horse\n")
    (tmp_path / "passphrase").chmod(0o600)
    return init_vault(
        tmp_path / "vault",
        institution=environment.provider.address,
        chain_url=anvil_environment.local.url,
        deployment=tmp_path / "deployment.json",
        trust=tmp_path / "trust.json",
        passphrase_file=tmp_path / "passphrase",
    )


def imported(settings: VaultSettings, environment: Any) -> Any:
    rows = "\n".join(f"{name},{1000 + i}" for i, name in enumerate(environment.customers))
    file = settings.folder.parent / "customers.csv"
    file.write_text(f"ID,BILL\n{rows}\n")
    columns = {"customer": Column(source="ID", type="text"), "balance": Column(source="BILL", type="integer")}
    return import_table(settings, "accounts", file, "customer", columns, namespace=NAMESPACE)


def test_folder(settings: VaultSettings, anvil_environment: Anvil, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stat.S_IMODE(settings.folder.stat().st_mode) == 0o700
    info = imported(settings, anvil_environment.environment)
    assert info.rows == 8
    for file in settings.folder.rglob("*"):
        if file.is_file():
            assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file.name
    with pytest.raises(StateError):
        init_vault(
            settings.folder,
            institution=bytes(20),
            chain_url=settings.chain_url,
            deployment=settings.deployment,
            trust=settings.trust,
            passphrase_file=settings.passphrase_file,
        )
    with open_vault(settings) as vault:
        assert vault.datasets() == [info]
    file = settings.folder / "vault.toml"
    monkeypatch.setenv("PLACET_VAULT_CHAIN_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("PLACET_VAULT_SOCKET", "door.sock")
    changed = VaultSettings.load(file)
    assert changed.chain_url == "http://127.0.0.1:9"
    assert changed.socket_path == settings.folder / "door.sock"
    monkeypatch.setenv("PLACET_VAULT_INSTITUTION", "0xs3cr3t")
    with pytest.raises(ConfigError) as caught:
        VaultSettings.load(file)
    assert "s3cr3t" not in str(caught.value)


def test_bad_settings(settings: VaultSettings, anvil_environment: Anvil, tmp_path: Path) -> None:
    file = settings.folder / "vault.toml"
    good = file.read_text()
    for bad in ("folder = ", good + "more = 1\n", good.replace("chain_url", "chain"), "\xff"):
        file.write_text(bad)
        with pytest.raises(ConfigError):
            VaultSettings.load(file)
    with pytest.raises(ConfigError):
        VaultSettings.load(tmp_path / "absent.toml")
    file.write_text(good)
    settings.passphrase_file.chmod(0o644)
    with pytest.raises(ConfigError):
        settings.read_passphrase()
    settings.passphrase_file.chmod(0o600)
    settings.passphrase_file.write_text("wrong horse\n")
    with pytest.raises(ConfigError):
        imported(settings, anvil_environment.environment)
    settings.passphrase_file.write_text("\n")
    with pytest.raises(ConfigError):
        settings.read_passphrase()


def start(settings: VaultSettings, log: Path) -> Forked:
    return forked("placet.vault", ["--config", settings.folder / "vault.toml"], settings.folder, log)


async def answering(process: Forked, client: VaultClient) -> None:
    deadline = time.monotonic() + OPEN_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "the vault has ended"
        try:
            await client.datasets()
            return
        except StateError:
            await asyncio.sleep(0.05)
    pytest.fail("the vault did not start")


async def test_process(settings: VaultSettings, anvil_environment: Anvil, tmp_path: Path) -> None:
    a, environment = anvil_environment, anvil_environment.environment
    info = imported(settings, environment)
    scope = environment.a_scope()
    offer = Offer(**{**environment.offer.model_dump(), "dataset": info.dataset, "scope": scope.hash})
    a.send(registration(a.calls, info))
    a.send(a.calls.offer(offer))
    client = VaultClient(settings.socket_path)
    consent, submission = environment.consent("customer-00003", scope=scope, offer=offer)
    log, other = tmp_path / "vault.log", tmp_path / "second.log"
    process = start(settings, log)
    try:
        await answering(process, client)
        assert stat.S_IMODE(settings.socket_path.stat().st_mode) == 0o600
        assert await client.admit_many(offer, scope, [submission]) == [consent.id]
        await client.note_batch(offer.id, consent.id, [consent.id])
        a.send(a.calls.anchor(offer.id, consent.id))
        a.local.mine(CONFIRMATIONS)
        set_of = partial(client.lawful, offer.id, a.chain.confirmed(), environment.now + 1000)
        lawful = await set_of(to_sign(await set_of()))
        assert lawful.count == 1
        asked = a.open(lawful.root, offer=offer.id)
        a.local.mine(CONFIRMATIONS)
        assert start(settings, other).wait(OPEN_SECONDS) == 1
        assert "another vault" in other.read_text()
        assert (await client.rows(asked.job, asked.plan, asked.terms, 1, 0)).columns["balance"] == [1003]
        process.send_signal(signal.SIGTERM)
        assert process.wait(OPEN_SECONDS) == 0
        assert not settings.socket_path.exists()

        process = start(settings, log)
        await answering(process, client)
        assert (await client.rows(asked.job, asked.plan, asked.terms, 1, 0)).columns["balance"] == [1003]
        process.kill()
        process.wait()
        process = start(settings, log)
        await answering(process, client)
        assert leaves_of(await client.leaves(offer.id, lawful.root, 0))[0].signature == submission.signature
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(OPEN_SECONDS) == 0
    logs = log.read_text()
    assert "handed out 1 rows" in logs
    for secret in ("correct horse", "customer-00003", submission.opening.salt.hex(), "Traceback"):
        assert secret not in logs
    assert os.fspath(settings.passphrase_file) not in logs


def test_a_vault_says_how_its_own_endpoint_is(anvil_environment: Anvil, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which may be another one than the node's: it tries what it needs there, and shows no credential of the URL."""
    a = anvil_environment
    monkeypatch.setattr(endpoint, "EXAMINE_SECONDS", 120.0)
    monkeypatch.setattr(endpoint, "ASKING_SECONDS", 60.0)
    with faulty_endpoint(a.local.url) as faulty:
        a.see(Chain(f"http://alice:s3cret@127.0.0.1:{faulty.port}/K3Y-in-the-path", a.environment.deployment))
        states = {}
        for mode in ("", "403", "without:eth_getLogs", "nobatch", "hang"):
            faulty.mode = mode
            if mode == "hang":
                monkeypatch.setattr(endpoint, "ASKING_SECONDS", 0.2)
            outcome = a.environment.vault.endpoint()
            assert outcome.shown == f"http://127.0.0.1:{faulty.port}"
            assert not re.search("alice|s3cret|K3Y", outcome.model_dump_json())
            states[mode] = {one.check: one.state for one in outcome.findings if one.state != "ok"}
        every = dict.fromkeys(("chain", "clock", "logs", "batches"), "wrong")
        assert states == {
            "": {},
            "403": every,
            "without:eth_getLogs": {"logs": "warning"},
            "nobatch": {"batches": "warning"},
            "hang": every,
        }
