"""Of several processes of an institution one leads, whatever the others believe: each promise on a real PostgreSQL."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from forked import forked
from placet.chain.calls import Call
from placet.chain.migrations import upgrade
from placet.chain.outbox import Outbox, SignedTransaction
from placet.core.errors import ConfigError, LimitError, StateError, StorageError
from placet.core.ids import OfferId
from placet.node import leadership as module
from placet.node.__main__ import main
from placet.node.config import ProcessRole
from placet.node.http import sessions as sessions_module
from placet.node.http.limits import Budget, SubjectKey, TooOften, count, used
from placet.node.http.sessions import SharedSessions
from placet.node.http.shared_limits import SharedRates, SharedReservations
from placet.node.leadership import Leadership, Presence, call, leader
from placet.node.migrations import NODE
from placet.node.processes import run_api, run_leading
from placet.node.state import leadership, now, open_engine, reading

from .conftest import NodeEnvironment

ACCOUNT = bytes(range(20))
CALL = Call(bytes(20), b"data", "what")


def presence(port: int = 1) -> Presence:
    return Presence(port, port + 1, lambda: 7)


def within(seconds: float, holds: Callable[[], Any]) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def signed(number: int, nonce: int) -> SignedTransaction:
    return SignedTransaction(bytes([number]) * 32, nonce, 21_000, 2, 1, b"raw")


@pytest.mark.parametrize("run", [run_api, lambda settings: run_leading(settings, ProcessRole.WORKER)])
def test_a_role_on_sqlite_is_refused(environment: NodeEnvironment, tmp_path: Path, run: Callable[[Any], None]) -> None:
    with pytest.raises(ConfigError) as refusal:
        run(environment.settings(tmp_path / "node"))
    assert refusal.value.code == "role.database"
    assert not (tmp_path / "node" / "state.db").exists()


def test_the_program_says_so(
    environment: NodeEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = environment.settings(tmp_path / "node")
    monkeypatch.setattr("placet.node.__main__.NodeSettings.load", lambda file: settings)
    monkeypatch.setattr("sys.argv", ["node", "--config", "node.toml", "--role", "worker"])
    assert main() == 1
    assert "only PostgreSQL serves several processes" in capsys.readouterr().err


@pytest.fixture
def database(postgres_database: str) -> Iterator[str]:
    engine = open_engine(postgres_database)
    upgrade(engine, NODE)
    engine.dispose()
    yield postgres_database


@pytest.mark.slow
def test_who_waits_leads_once_the_leader_has_ended(database: str) -> None:
    first, second = Leadership(database), Leadership(database)
    assert first.wait() == 1
    first.hold(presence(), lambda: None, lambda: None)
    watcher = open_engine(database)
    within(5, lambda: leader(watcher) is not None)
    current = leader(watcher)
    assert current is not None and (current.term, current.api_port, current.peer_port) == (1, 1, 2)
    waiting = threading.Thread(target=second.wait)
    waiting.start()
    time.sleep(2 * module.LOOK_SECONDS)
    assert second.term == 0
    first.end()
    waiting.join(5)
    assert second.term == 2
    second.end()
    watcher.dispose()


@pytest.mark.slow
def test_a_leader_that_is_held_up_is_taken_over_and_writes_nothing_more(database: str) -> None:
    """It holds the lock, shows no sign of life, and has a transaction open: all of its connections are ended."""
    first, second = Leadership(database), Leadership(database)
    first.wait()
    outbox = Outbox(first.database)
    outbox.add("before", CALL, ACCOUNT)
    held_up = first.database.connect()
    held_up.execute(sa.update(leadership).values(peer_port=9))  # has the row's lock
    began = time.monotonic()
    second.wait()
    assert second.term == 2 and time.monotonic() - began < 30
    with pytest.raises((StorageError, sa.exc.DBAPIError)):
        held_up.commit()
    held_up.close()
    (intent,) = outbox.queued(ACCOUNT, 9)
    for write in (
        lambda: outbox.add("after", CALL, ACCOUNT),
        lambda: outbox.store(intent, signed(1, 0)),
        lambda: outbox.requeue(intent),
        lambda: outbox.replace(intent, signed(2, 0)),
    ):
        with pytest.raises(StateError) as refusal:
            write()
        assert refusal.value.code == "leadership.lost"
    follower = Outbox(second.database)
    assert [one.name for one in follower.queued(ACCOUNT, 9)] == ["before"]
    follower.store(intent, signed(3, 0))
    assert [one.signed[0].hash for one in outbox.sent(ACCOUNT)] == [bytes([3]) * 32]
    second.end()
    first.end()


@pytest.mark.slow
@pytest.mark.parametrize(("what", "hangs"), [("nothing", True), ("computing", False), ("asking", False)])
def test_a_silent_leader_hangs_where_it_neither_computes_nor_waits_for_the_database(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, hangs: bool
) -> None:
    """What hangs is taken over long before what is silent for another reason."""
    monkeypatch.setattr(module, "SILENT_SECONDS", 3_600.0)
    log, program = tmp_path / "leader.log", Path(__file__).parents[1] / "silent_leader.py"
    leading, waiting = forked(program, [database, what], tmp_path, log), Leadership(database)
    try:
        within(120, lambda: "leads" in log.read_text())
        if hangs:
            os.kill(leading.pid, signal.SIGSTOP)
            assert waiting.wait() == 2
        else:
            end = time.monotonic() + 2 * module.HUNG_SECONDS
            while time.monotonic() < end:
                assert waiting._try() == 0
                time.sleep(module.LOOK_SECONDS)
    finally:
        leading.end()
        waiting.end()


@pytest.mark.slow
def test_a_transaction_that_is_under_way_ends_before_the_next_term_begins(database: str) -> None:
    """Two who believe that they lead: what the first commits, it committed before the second's term was raised."""
    first, second = Leadership(database), Leadership(database)
    first.wait()
    outbox = Outbox(first.database)
    outbox.add("one", CALL, ACCOUNT)
    (intent,) = outbox.queued(ACCOUNT, 9)
    with open_engine(database).connect() as other:  # raises the term as a new leader does, and has not committed
        other.execute(sa.update(leadership).values(term=leadership.c.term + 1))
        outcome: list[BaseException | None] = []

        def store() -> None:
            try:
                outbox.store(intent, signed(1, 0))
                outcome.append(None)
            except StateError as error:
                outcome.append(error)

        writer = threading.Thread(target=store)
        writer.start()
        time.sleep(0.5)
        assert outcome == []  # waits for who raises the term
        other.commit()
        writer.join(10)
    assert isinstance(outcome[0], StateError) and outcome[0].code == "leadership.lost"
    assert outbox.sent(ACCOUNT) == []
    first.end()
    second.end()


@pytest.mark.slow
def test_a_leader_whose_lock_is_gone_ends(database: str) -> None:
    first = Leadership(database)
    first.wait()
    lost = threading.Event()
    first.hold(presence(), lambda: None, lost.set)
    watcher = open_engine(database)
    within(5, lambda: leader(watcher) is not None)
    with watcher.begin() as connection:
        holder = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        assert connection.exec_driver_sql(holder).scalar() is True
    assert lost.wait(10)
    watcher.dispose()
    first.end()


@pytest.mark.slow
def test_another_process_wakes_the_leader(database: str) -> None:
    first = Leadership(database)
    first.wait()
    woken = threading.Event()
    first.hold(presence(), woken.set, lambda: None)
    other = open_engine(database)
    within(5, lambda: leader(other) is not None)
    call(other)
    assert woken.wait(10)
    other.dispose()
    first.end()


@pytest.mark.slow
def test_institutions_of_one_database_have_a_leader_each(database: str) -> None:
    base = open_engine(database)
    with base.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA another")
    base.dispose()
    theirs = f"{database}?options=-csearch_path%3Danother"
    engine = open_engine(theirs)
    upgrade(engine, NODE)
    engine.dispose()
    one, other = Leadership(database), Leadership(theirs)
    assert (one.wait(), other.wait()) == (1, 1)
    one.end()
    other.end()


@pytest.mark.slow
def test_sessions_are_every_processs(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engines = [open_engine(database) for _ in range(2)]
    one, other = (SharedSessions(engine) for engine in engines)
    token, session = one.open(b"owner")
    assert other.of(token) == session and other.of("x") is None
    tokens = [one.open(b"owner")[0] for _ in range(sessions_module.MOST_OF_ONE)]
    assert other.of(token) is None and all(other.of(each) for each in tokens)
    monkeypatch.setattr(sessions_module, "MOST", sessions_module.MOST_OF_ONE)
    with pytest.raises(LimitError):
        other.open(b"another")
    institutions, _ = other.open(None)
    one.close(institutions)
    assert other.of(institutions) is None
    later = time.time() + sessions_module.OWNER_SECONDS + 1
    monkeypatch.setattr(sessions_module.time, "time", lambda: later)
    assert one.of(tokens[-1]) is None
    for engine in engines:
        engine.dispose()


@pytest.mark.slow
def test_a_client_has_one_limit_at_all_processes(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placet.node.http.shared_limits.time.time", lambda: 1_000_000.0)  # within one minute
    engine, secret = open_engine(database), SubjectKey(b"s" * 32)
    one, other = (SharedRates(engine, secret) for _ in range(2))
    for _ in range(6):
        one.take("drafts", "192.0.2.1", 10)
    for rates in (one, other, one):
        rates.exchange()
    for _ in range(3):
        other.take("drafts", "192.0.2.1", 10)
    for rates in (other, one, other):
        rates.exchange()
    one.take("drafts", "192.0.2.1", 10)
    with pytest.raises(TooOften):
        one.take("drafts", "192.0.2.1", 10)
    one.exchange()
    other.exchange()
    with pytest.raises(TooOften):
        other.take("drafts", "192.0.2.1", 10)
    other.take("drafts", "192.0.2.2", 10)
    with reading(engine) as connection:
        kept = connection.exec_driver_sql("SELECT * FROM node_counters").all()
    assert kept and "192.0.2" not in str(kept)
    engine.dispose()


@pytest.mark.slow
def test_no_limit_of_consents_is_exceeded_by_processes_that_reserve_at_once(database: str) -> None:
    """Eight processes with a person's 40 submissions; five a day are allowed, whoever is asked."""
    engines = [open_engine(database) for _ in range(8)]
    budget = Budget("subject:x", "consents of one person", 5, 86_400)
    at, accepted = now(), list[int]()

    def submit(number: int) -> None:
        process = SharedReservations(engines[number], f"process {number}")

        def counted() -> dict[str, int]:
            with reading(engines[number]) as connection:
                return used(connection, at, [budget])

        for _ in range(5):
            (refusal,) = process.reserve(at, [[budget]], counted)
            if refusal is None:
                time.sleep(0.01)  # the vault judges
                with process.settle([[budget]]), engines[number].begin() as connection:
                    count(connection, at, [budget])
                accepted.append(number)

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(accepted) == 5
    with reading(engines[0]) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM node_reservations").scalar() == 0
    for engine in engines:
        engine.dispose()


@pytest.mark.slow
def test_what_a_killed_process_had_reserved_is_free_again_in_time(database: str) -> None:
    engine = open_engine(database)
    budget = Budget(f"owner:{OfferId(bytes(32)).hex()}", "consents of one key", 1, 86_400)
    killed, other = SharedReservations(engine, "killed"), SharedReservations(engine, "other")
    at = now()
    assert killed.reserve(at, [[budget]], dict) == [None]
    assert isinstance(other.reserve(at, [[budget]], dict)[0], TooOften)
    assert other.reserve(at + 181, [[budget]], dict) == [None]
    engine.dispose()
