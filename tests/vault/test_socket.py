"""The vault's door: frames, limits, who may knock, and how errors travel."""

import asyncio
import contextlib
import json
import logging
import os
import socket
import stat
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.vault.conftest import to_sign

from placet.chain.findings import examined
from placet.cli import doctor
from placet.core.errors import (
    AccessError,
    ConfigError,
    ConsentError,
    LimitError,
    Reverted,
    SignatureError,
    StateError,
    WarrantError,
)
from placet.vault import client, frames, server
from placet.vault.client import VaultClient
from placet.vault.responses import EndpointFinding, EndpointFindings, LawfulSet
from placet.vault.schema import DatasetInfo
from placet.vault.server import Server


@pytest.fixture
async def door(environment) -> AsyncIterator[VaultClient]:
    path = environment.folder / "vault.sock"
    async with Server(environment.vault, path).listening():
        yield VaultClient(path)
    assert not path.exists()


async def raw(environment, content: bytes) -> dict:
    reader, writer = await asyncio.open_unix_connection(environment.folder / "vault.sock")
    writer.write(content)
    answer = json.loads(await frames.read_frame(reader, 1 << 20))
    writer.close()
    return answer


def frame(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


async def test_every_call(environment, door) -> None:
    (info,) = await door.datasets()
    assert info == environment.dataset
    assert (info.columns, info.identifier, info.rows) == (("customer", "balance", "remark"), "customer", 8)
    consent, submission = environment.consent("customer-00001")
    opened = (submission.signature, submission.enrolment, submission.opening)
    assert await door.admit(consent, environment.scope, *opened) == consent.id
    more = [environment.consent("customer-00002"), environment.consent("nobody"), environment.consent("customer-00003")]
    outcomes = await door.admit_many(environment.offer, environment.scope, [s for _, s in more])
    assert [outcomes[0], outcomes[2]] == [more[0][0].id, more[2][0].id]
    assert isinstance(outcomes[1], ConsentError)
    assert outcomes[1].code == "consent.subject"
    ids = sorted([consent.id, outcomes[0], outcomes[2]])
    root = environment.anchor(ids)
    await door.note_batch(environment.offer.id, root, ids)
    lawful = await _kept(door, environment)
    assert lawful.count == 3
    asked = environment.opened(lawful.root)
    rows = await door.rows(asked.job, asked.plan, asked.terms, 1, 0)
    assert sorted(rows.columns["balance"]) == [1001, 1002, 1003]
    assert all(isinstance(balance, int) for balance in rows.columns["balance"])
    environment.chain.ended[environment.offer.id] = {consent.id}
    assert (await door.dead(environment.offer.id, lawful.root)).consents == (consent.id,)
    with pytest.raises(WarrantError) as caught:
        await door.rows(asked.job, asked.plan, asked.terms, 1, 0)
    assert caught.value.code == "warrant.withdrawn"
    assert (await door.without(environment.offer.id, lawful.root)).count == 2
    evidence = await door.leaves(environment.offer.id, lawful.root, 0)
    assert evidence == environment.vault.leaves(environment.offer.id, lawful.root, 0)
    assert (await door.batch(environment.offer.id, root)).joined == b"".join(ids)
    assert await door.erase(consent.id)
    assert not await door.erase(consent.id)


async def test_named_evidence(environment, door) -> None:
    scope = environment.a_scope(personal=False)
    offer = environment.make_offer(scope)
    consent, submission = environment.consent("-", named=True, owner=environment.provider, scope=scope, offer=offer)
    assert await door.admit(consent, scope, submission.signature) == consent.id
    assert (await door.named_evidence(consent.id)).signature == submission.signature


async def test_errors_keep_their_kind_and_words(environment, door) -> None:
    consent, submission = environment.consent("customer-00001")
    with pytest.raises(SignatureError) as caught:
        await door.admit(consent, environment.scope, bytes(65), submission.enrolment, submission.opening)
    assert caught.value.remedy is not None
    assert str(caught.value.expected).startswith(f"0x{consent.owner.hex()} over 0x")
    assert isinstance(frames.Failure.of(Reverted("Nope", (1,))).error(), Exception)
    assert frames.Failure(kind="Unheard", code="x", message="m").error().code == "x"


async def test_malformed(environment, door) -> None:
    for content, code in (
        (b"", "input"),
        (b"not json", "input"),
        (b"[]", "input"),
        (b'{"call":"datasets"}', "input"),
        (b'{"call":"open_sesame","arguments":{}}', "not-found"),
        (b'{"call":"erase","arguments":{"consent":"0x12"}}', "input"),
        (b'{"call":"erase","arguments":{"consent":"0x' + b"0" * 64 + b'","more":1}}', "input"),
        (b'{"call":"rows","arguments":{}}', "input"),
        (b"[" * 100_000, "input"),
    ):
        assert (await raw(environment, frame(content)))["failure"]["code"] == code
    assert (await raw(environment, (frames.MAX_REQUEST + 1).to_bytes(4, "big")))["failure"]["code"] == "limit"
    assert len(await door.datasets()) == 1


async def test_peer_that_stops_in_the_middle(environment, door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "READ_SECONDS", 0.05)
    for content in (b"", b"\0\0", (100).to_bytes(4, "big") + b"abc"):
        _, writer = await asyncio.open_unix_connection(environment.folder / "vault.sock")
        writer.write(content)
        await writer.drain()
        writer.close()
    reader, writer = await asyncio.open_unix_connection(environment.folder / "vault.sock")
    assert await reader.read() == b""
    writer.close()
    assert len(await door.datasets()) == 1


async def test_too_many_connections(environment, door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 2)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(2):
            _, writer = await asyncio.open_unix_connection(environment.folder / "vault.sock")
            stack.callback(writer.close)
        assert (await raw(environment, b""))["failure"]["code"] == "vault.busy"
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(LimitError):  # until the vault has seen that they are gone
                assert len(await door.datasets()) == 1
                break


async def test_one_client_never_fills_the_vault(environment, door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", client.AT_ONCE)
    answers = await asyncio.gather(*(door.datasets() for _ in range(200)))
    assert [len(answer) for answer in answers] == [1] * 200


async def test_bug_inside_says_nothing_of_data(
    environment, door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise KeyError("customer-00003")

    monkeypatch.setattr(environment.vault, "datasets", fail)
    with caplog.at_level(logging.DEBUG), pytest.raises(StateError) as caught:
        await door.datasets()
    assert caught.value.code == "vault.internal"
    assert "customer" not in str(caught.value) + caplog.text
    assert "KeyError" in caplog.text


async def test_the_doctor_asks_the_vault_about_its_own_endpoint(environment, door) -> None:
    settings = SimpleNamespace(path=lambda path: path, vault_socket=environment.folder / "vault.sock")
    office = SimpleNamespace(settings=settings)

    async def found(*findings: tuple[str, str, str, str | None]) -> tuple[str, str, str | None]:
        names = ("check", "state", "detail", "remedy")
        told = tuple(EndpointFinding(**dict(zip(names, one, strict=True))) for one in findings)
        environment.chain.examine = lambda: EndpointFindings(shown="http://vault.example", findings=told)
        checks = (("vault's endpoint", doctor._vault_endpoint),)
        (finding,) = await asyncio.to_thread(examined, (), checks, office, 60.0)
        return finding.state, finding.detail, finding.remedy

    fine, slow = ("chain", "ok", "block 7", None), ("logs", "warning", "slow", None)
    lost = ("x", "wrong", "401", "do it")
    assert await found(fine) == ("ok", "http://vault.example: chain", None)
    assert await found(fine, slow) == ("warning", "http://vault.example: logs: slow", "see the vault's log")
    state, detail, remedy = await found(fine, slow, lost)
    assert (state, remedy) == ("wrong", "do it") and "http://vault.example: x: 401" in detail


async def _kept(door: VaultClient, environment) -> LawfulSet:
    """What the vault would bring, kept as for a plan that is signed."""
    brought = await door.lawful(environment.offer.id, 60, 1_800_001_000)
    return await door.lawful(environment.offer.id, 60, 1_800_001_000, to_sign(brought))


async def test_logs_name_no_person(environment, door, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        made = [environment.consent("customer-00001"), environment.consent("nobody-at-all")]
        await door.admit_many(environment.offer, environment.scope, [s for _, s in made])
        environment.anchor([made[0][0].id])
        asked = environment.opened((await _kept(door, environment)).root)
        assert (await door.rows(asked.job, asked.plan, asked.terms, 1, 0)).count == 1
    assert "handed out 1 rows" in caplog.text
    for word in ("customer-0", "nobody", made[0][1].opening.salt.hex(), made[0][0].owner.hex()):
        assert word not in caplog.text


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="this system can't tell who connects")
def test_only_known_users(monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = socket.socketpair()
    with here, there:
        server._demand_peer(here, {os.getuid()})
        with pytest.raises(AccessError) as caught:
            server._demand_peer(here, {os.getuid() + 1})
    assert caught.value.code == "access.user"


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="this system can't tell who connects")
async def test_stranger_is_refused_before_he_is_heard(environment, monkeypatch: pytest.MonkeyPatch) -> None:
    path = environment.folder / "vault.sock"
    door = Server(environment.vault, path)
    door._uids = {os.getuid() + 1}
    async with door.listening():
        with pytest.raises(AccessError):
            await VaultClient(path).datasets()


async def test_file_modes(environment) -> None:
    path = environment.folder / "vault.sock"
    async with Server(environment.vault, path).listening():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(StateError):
            async with Server(environment.vault, path).listening():
                pytest.fail("two vaults on one socket")
        assert path.exists()
    async with Server(environment.vault, path, node_uid=os.getuid() + 1).listening():
        assert stat.S_IMODE(path.stat().st_mode) == 0o666


async def test_stale_socket_is_replaced(environment) -> None:
    path = environment.folder / "vault.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    async with Server(environment.vault, path).listening():
        assert len(await VaultClient(path).datasets()) == 1


async def test_long_path(environment) -> None:
    with pytest.raises(ConfigError):
        async with Server(environment.vault, Path("/tmp") / ("x" * 120)).listening():
            pytest.fail("bound")


async def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(StateError) as caught:
        await VaultClient(tmp_path / "vault.sock").datasets()
    assert caught.value.code == "vault.unreachable"


async def test_answer_that_is_too_large(environment, door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_ANSWER", 300)
    answer = await raw(environment, frame(b'{"call":"datasets","arguments":{}}'))
    assert answer["failure"]["code"] == "limit"


async def test_stopping_finishes_what_is_under_way(environment, monkeypatch: pytest.MonkeyPatch) -> None:
    path = environment.folder / "vault.sock"
    begun, go_on = threading.Event(), threading.Event()
    datasets = environment.vault.datasets

    def slow() -> list[DatasetInfo]:
        begun.set()
        assert go_on.wait(60)
        return datasets()

    monkeypatch.setattr(environment.vault, "datasets", slow)
    serving = Server(environment.vault, path)
    async with serving.listening():
        answer = asyncio.create_task(VaultClient(path).datasets())
        await asyncio.to_thread(begun.wait, 60)
        asyncio.get_running_loop().call_later(0.05, go_on.set)
    assert not path.exists()
    assert serving._connections == set()
    assert await answer == [environment.dataset]
