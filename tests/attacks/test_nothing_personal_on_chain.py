"""Promise 6: nothing personal on chain, and nothing anywhere else that the documents don't name.

One story runs through real processes and real HTTP: people enrol, consent, withdraw; one is revoked, one erased; a job
opens and gets rows. Then everything is read that a stranger, or who finds a log, could read.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import uvicorn
from fastapi import FastAPI
from tests.attacks.harness import AttackHarness, OfferFixture
from tests.node.conftest import NAMESPACE, PURPOSE, NodeEnvironment, Owner, Running

from placet.chain.local import free_port
from placet.cli.erasure import erase
from placet.core.errors import NotFoundError, StateError
from placet.core.hashing import keccak, sha256
from placet.core.offers import Offer, Scope
from placet.core.values import from_hex, to_hex
from placet.identity.app import create_app as create_identity
from placet.identity.register import Register, add_persons
from placet.identity.service import Enrolling
from placet.node.__main__ import server_options
from placet.node.app import create_app
from placet.node.config import NodeSettings
from placet.owner.client import OwnerClient
from placet.owner.drafts import Offered, SignedConsent
from placet.owner.keys import KeyKind, OwnerKey
from shown import leaves_of

SECONDS = 180


@dataclass
class Somebody:
    """A customer of the bank, and all that would lead to him or her. `alone`: the only leaf of a batch."""

    subject: str
    code: str
    key: OwnerKey = field(repr=False)
    signed: SignedConsent = field(repr=False)
    alone: bool = False

    @property
    def id(self) -> bytes:
        return self.signed.consent.id

    def identifiers(self) -> dict[str, bytes]:
        """What names the person, also to who guesses and hashes."""
        plain = self.subject.encode()
        found = {"subject": plain, "in UTF-16": self.subject.encode("utf-16-le"), "as hex": plain.hex().encode()}
        for name, digest in (("SHA-256", sha256(plain)), ("Keccak-256", keccak(plain))):
            found |= {name: digest, f"{name} as hex": digest.hex().encode()}
        return found

    def openings(self) -> dict[str, bytes]:
        """What ties the key to the person."""
        opening, enrolment = self.signed.opening, self.signed.enrolment
        secret = {
            "salt of the opening": opening.salt,
            "commitment": opening.commitment,
            "enrolment": enrolment.signature,
            "salt of the consent": self.signed.consent.details.salt,
            "code": self.code.encode(),
        }
        return secret | {f"{name} as hex": value.hex().encode() for name, value in secret.items() if name != "code"}

    def names(self) -> dict[str, bytes]:
        """The key that was made for this consent, and the consent's id."""
        owner = self.signed.consent.owner
        return {"key": owner, "key as hex": owner.hex().encode(), "id": self.id, "id as hex": self.id.hex().encode()}


@dataclass
class Story:
    """What happened, and what it left."""

    people: dict[str, Somebody]
    offer: Offer
    calldata: list[bytes]
    logs: list[bytes]
    lines: list[str]
    urls: list[str]
    vault_log: str
    folder: Path
    root: bytes
    told: dict[str, Any]

    @property
    def on_chain(self) -> bytes:
        return b"\0".join([*self.calldata, *self.logs])

    @property
    def written(self) -> bytes:
        """All that processes logged."""
        return "\n".join([*self.lines, self.vault_log]).encode()


class Lines(logging.Handler):
    """Every record of every logger, as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.urls: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {self.format(record)}")
        if record.name == "uvicorn.access":
            self.urls.append(record.getMessage())


class Serving:
    """Apps on loopback, with the access log that a careless operator would keep."""

    def __init__(self) -> None:
        self._running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(self, app: FastAPI, **options: Any) -> None:
        config = uvicorn.Config(app, **{**options, "access_log": True, "log_config": None, "log_level": "debug"})
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        self._running.append((server, thread))
        until(lambda: server.started, "server")
        logging.getLogger("uvicorn.access").propagate = True

    def stop(self) -> None:
        for server, thread in self._running:
            server.should_exit = True
            thread.join(120)
            assert not thread.is_alive(), "the server goes on"


def until(ready: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + SECONDS
    while not ready():
        assert time.monotonic() < end, f"no {what}"
        time.sleep(0.02)


def settings_file(settings: NodeSettings) -> Path:
    """The node's settings as `placet init` writes them."""
    left = {"folder", "institution", "limits", "policy", "database_url", "enclaves", "passkeys", "datasets", "replay"}
    plain = settings.model_dump(mode="json", exclude=left, exclude_none=True)
    lines = [f"{name} = {json.dumps(value)}" for name, value in plain.items()]
    institution = {"address": to_hex(settings.institution.address), "name": settings.institution.name}
    lines += ["[institution]", *(f"{name} = {json.dumps(value)}" for name, value in institution.items())]
    file = settings.folder / "node.toml"
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.fixture(scope="module")
def story(harness: AttackHarness, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    environment, folder = harness.environment, tmp_path_factory.mktemp("story")
    heard, serving = Lines(), Serving()
    levels = {name: logging.getLogger(name).level for name in ("", "placet")}
    logging.getLogger().addHandler(heard)
    logging.getLogger().setLevel(logging.INFO)
    logging.getLogger("placet").setLevel(logging.DEBUG)
    first = environment.anvil.block_number() + 1
    before = len(harness.log())
    try:
        yield asyncio.run(_happen(harness, folder, serving, heard, first, before))
    finally:
        serving.stop()
        logging.getLogger().removeHandler(heard)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


async def _happen(
    harness: AttackHarness, folder: Path, serving: Serving, heard: Lines, first: int, before: int
) -> Story:
    environment = harness.environment
    subjects = {role: next(environment.customers) for role in ("stays", "withdraws", "revoked", "erased", "passkey")}
    codes = add_persons(folder / "register.csv", list(subjects.values()))
    verifiers = environment.deployment.verifiers
    enrolling = Enrolling(
        environment.enroller, Register(folder / "register.csv"), NAMESPACE, environment.deployment.consents, verifiers
    )
    ports = free_port(), free_port()
    registry, api = (f"http://127.0.0.1:{port}" for port in ports)
    settings = environment.settings(folder / "node", api_port=ports[1])
    file = settings_file(settings)
    offer, scope = _offered(harness, settings)
    serving.start(create_identity(enrolling, "Register"), host="127.0.0.1", port=ports[0])
    serving.start(create_app(settings), **server_options(settings))

    async with OwnerClient(environment.deployment, environment.trust) as client:
        offered = await client.offer(api, offer.id)
        people = dict(
            await asyncio.gather(
                *(_comes(client, offered, registry, role, who, codes[who]) for role, who in subjects.items())
            )
        )
        for one in people.values():
            await _until_status(client, api, one, "given")
            (shown,) = await client.consents(api, one.signed.provider, one.key)
            assert shown.id == one.id and shown.batch is not None
            one.alone = not shown.batch.proof
            assert await client.uses(api, one.signed.provider, one.key, one.id) == ()
        await _a_job(harness, offer, scope)
        gone = people["withdraws"]
        shown = await client.consent(api, gone.signed.provider, gone.key, gone.id)
        other = await client.consent(
            api, people["revoked"].signed.provider, people["revoked"].key, people["revoked"].id
        )
        assert shown.batch is not None and other.batch is not None
        await client.withdraw(api, gone.key, gone.signed.consent, shown.batch)
        await _until_status(client, api, gone, "withdrawn")
        harness.mined(
            harness.calls.revoke(people["revoked"].signed.consent.grant(), sha256(b"in person")), harness.bank
        )
        await _until_status(client, api, people["revoked"], "revoked")
        told = await _erased(harness, client, api, offer, people["erased"], file)
        told["proofs"] = {*shown.batch.proof, *other.batch.proof}
    calldata, logs = _read_chain(harness, first)
    return Story(
        people=people,
        offer=offer,
        calldata=calldata,
        logs=logs,
        lines=heard.lines,
        urls=heard.urls,
        vault_log=harness.log()[before:],
        folder=folder,
        root=told.pop("root"),
        told=told,
    )


def _offered(harness: AttackHarness, settings: NodeSettings) -> tuple[Offer, Scope]:
    scope = harness.scope(purpose=PURPOSE)
    parties = {"columns": scope.columns, "parties": scope.parties, "salt": scope.salt}
    return harness.environment.offer(settings.path(settings.scopes), **parties)


async def _comes(
    client: OwnerClient, offered: Offered, registry: str, role: str, subject: str, code: str
) -> tuple[str, Somebody]:
    """Enrols with the identity service, and consents."""
    kind = KeyKind.P256 if role == "passkey" else KeyKind.SECP256K1
    lasting = int(time.time()) + 86_400
    key, signed = await client.give(offered, subject, code, registry, not_after=lasting, uses=3, kind=kind)
    return role, Somebody(subject, code, key, signed)


async def _until_status(client: OwnerClient, api: str, one: Somebody, status: str) -> None:
    end = time.monotonic() + SECONDS
    while (found := (await client.consent(api, one.signed.provider, one.key, one.id)).status) != status:
        assert time.monotonic() < end, f"{status}: {found}"
        await asyncio.sleep(0.05)


async def _a_job(harness: AttackHarness, offer: Offer, scope: Scope) -> None:
    """Rows leave the vault, and every contract function of a job is told of it."""
    harness.scopes[offer.scope] = scope
    deadline = harness.chain.now() + 600
    brought = await harness.prepare(offer, deadline)
    agreed = harness.open(
        harness.plan(OfferFixture(offer, scope, [], b"", harness.chain.confirmed(), brought, deadline))
    )
    assert len(await harness.rows(agreed)) == 5
    harness.record_all(agreed)
    harness.mined(harness.seal_call(agreed, [bytes(32)] * 3), harness.thief)


async def _erased(
    harness: AttackHarness, client: OwnerClient, api: str, offer: Offer, one: Somebody, file: Path
) -> dict[str, Any]:
    """What is there before and after `placet erase`."""
    lawful = await harness.brought(offer)
    assert len(leaves_of(await harness.vault.leaves(offer.id, lawful.root, 0))) == 3
    held = _held(harness, file)
    await asyncio.to_thread(erase, file, to_hex(one.id))
    told: dict[str, Any] = {"held before": held, "held after": _held(harness, file), "root": lawful.root}
    try:
        await client.consent(api, one.signed.provider, one.key, one.id)
    except NotFoundError as error:
        told["shown"] = error.code
    part = await harness.vault.leaves(offer.id, lawful.root, 0)
    told["leaves"], told["numbers"] = part.count, [leaf.consent for leaf in part.erased]
    told["next"] = (await harness.vault.lawful(offer.id, harness.chain.confirmed(), harness.chain.now() + 600)).count
    return told


def _held(harness: AttackHarness, file: Path) -> tuple[bytes, list[Any]]:
    """All bytes of the node's database, and the ids of the consents that the vault has records of."""
    node = b"".join(part.read_bytes() for part in sorted(file.parent.glob("state.db*")))
    return node, harness.kept()["consents"]


def _read_chain(harness: AttackHarness, first: int) -> tuple[list[bytes], list[bytes]]:
    """Input of every transaction, and topics and data of every log, from a block on."""
    calldata: list[bytes] = []
    logs: list[bytes] = []
    for number in range(first, harness.environment.anvil.block_number() + 1):
        block = harness.chain.rpc.call("eth_getBlockByNumber", hex(number), True)
        calldata.extend(from_hex(transaction["input"]) for transaction in block["transactions"])
    for log in harness.chain.rpc.call("eth_getLogs", {"fromBlock": hex(first), "toBlock": "latest"}):
        logs.append(b"".join(map(from_hex, [*log["topics"], log["data"]])))
    return calldata, logs


def found(wanted: dict[str, bytes], where: bytes) -> list[str]:
    return [name for name, value in wanted.items() if value in where]


def test_the_story_is_on_the_chain_and_in_the_logs(story: Story) -> None:
    """Without this the searches below could be about nothing."""
    assert len(story.calldata) >= 8
    assert len(story.logs) >= 8
    assert story.offer.id in story.on_chain
    assert "handed out 5 rows" in story.vault_log
    assert any(line.startswith("placet.node") for line in story.lines)
    assert sum("POST /v1/consents HTTP" in url for url in story.urls) == 5
    assert sum("POST /v1/enrolments HTTP" in url for url in story.urls) == 5


def test_nobody_is_named_on_chain(story: Story) -> None:
    """Calldata and logs of every transaction: no identifier in any form, no hash of one that a guess could find."""
    for role, one in story.people.items():
        assert found(one.identifiers(), story.on_chain) == [], role


def test_nothing_on_chain_ties_a_key_to_a_person(story: Story) -> None:
    """No salt, commitment, enrolment or code."""
    for role, one in story.people.items():
        assert found(one.openings(), story.on_chain) == [], role


def test_who_does_nothing_but_consent_is_a_number_at_most(story: Story) -> None:
    """A leaf under a root: the key is nowhere. The id, a salted hash, is on chain only if it is a batch's one leaf, or
    stands beside somebody who ended, in the proof. Who withdraws, or is revoked, shows key and id and no more."""
    for role, one in story.people.items():
        shown = set(found(one.names(), story.on_chain))
        if role in ("withdraws", "revoked"):
            assert shown == {"key", "id"}, role
        else:
            assert shown <= ({"id"} if one.alone or one.id in story.told["proofs"] else set()), role


def test_nobody_is_named_in_a_log(story: Story) -> None:
    """Node, relay, identity service, HTTP server at their most talkative, the vault and all libraries as they run."""
    for role, one in story.people.items():
        secret = one.identifiers() | one.openings() | {k: v for k, v in one.names().items() if k.startswith("key")}
        assert found(secret, story.written) == [], role


def test_nobody_is_named_in_a_url(story: Story) -> None:
    """What a proxy's access log would hold: no identifier, no key, nothing that opens an enrolment."""
    urls = "\n".join(story.urls)
    assert "GET /v1/consents/0x" in urls
    for one in story.people.values():
        for word in (one.subject, quote(one.subject), one.code, *(v.hex() for v in (one.signed.consent.owner,))):
            assert word not in urls
        assert found(one.openings(), urls.encode()) == []


def test_an_erasure_leaves_a_number_that_leads_to_nobody(story: Story) -> None:
    """`placet erase`: record, key, salts, signature and enrolment are gone from node and vault; the id stays among
    its batch's leaves and of its lawful set's. The next set is without the row."""
    one = story.people["erased"]
    (before, recorded), (after, left) = story.told["held before"], story.told["held after"]
    consent = one.signed.consent
    gone = {
        "key": consent.owner,
        "salt": consent.details.salt,
        "signature": one.signed.signature,
        "commitment": consent.details.enrolment,
        "budget": consent.owner.hex().encode(),
    }
    assert found(gone, before) == list(gone)
    assert found(gone, after) == []
    assert one.id in after
    assert [row[0] for row in recorded if row not in left] == [one.id]
    told = {name: story.told[name] for name in ("shown", "leaves", "numbers", "next")}
    assert told == {"shown": "not-found.consent", "leaves": 2, "numbers": [one.id], "next": 2}


def test_an_erasure_touches_nobody_else(story: Story) -> None:
    """The others' records stay, at the node and in the vault."""
    after, left = story.told["held after"]
    for role, one in story.people.items():
        if role != "erased":
            assert one.signed.consent.owner in after
            assert one.id in {row[0] for row in left}


async def test_what_is_on_its_way_is_erased_by_neither(harness: AttackHarness, node: Running, owner: Owner) -> None:
    """The relay still needs the record: the erasure is refused before the vault is touched."""
    file = settings_file(node.settings)
    offer, _ = node.offer()
    consent = await node.give(owner, offer)
    with harness.untouched(node.node), pytest.raises(StateError, match="on its way"):
        await asyncio.to_thread(erase, file, consent)
    await node.turn()
    await asyncio.to_thread(erase, file, consent)
    assert from_hex(consent) not in {row[0] for row in harness.kept()["consents"]}


async def test_without_its_vault_nothing_is_half_erased(
    harness: AttackHarness,
    environment: NodeEnvironment,
    node: Running,
    owner: Owner,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The vault is down: the node's half stays too, until both can go."""
    file = settings_file(node.settings)
    offer, _ = node.offer()
    consent = await node.give(owner, offer)
    await node.turn()
    good = file.read_text()
    file.write_text(good.replace(str(environment.socket), str(file.parent / "nobody.sock")))
    with harness.untouched(node.node), pytest.raises(StateError) as caught:
        await asyncio.to_thread(erase, file, consent)
    assert caught.value.code == "vault.unreachable"
    file.write_text(good)
    for _ in range(2):
        await asyncio.to_thread(erase, file, consent)
    assert capsys.readouterr().out.split("\n") == ["erased", "there was nothing", ""]
