"""One institution of five processes on a real PostgreSQL, three that answer and two that may lead: whichever is killed,
what was accepted reaches the chain once, and a job ends as it would have.

North is that institution, behind one address for people and one for other institutions; the others have one process
each. Its database shows who leads.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import sqlalchemy as sa

from balancer import Balancer
from follow import ended_everywhere, settled_once, until
from live import LASTING, LiveConsortium, live
from placet.chain.local import free_port
from placet.chain.migrations import upgrade
from placet.chain.outbox import intents, transactions
from placet.core.errors import PlacetError
from placet.core.values import from_hex
from placet.jobs.tables import moments
from placet.node.config import NodeSettings
from placet.node.leadership import Leader, leader
from placet.node.migrations import NODE
from placet.node.state import batches, consents, open_engine
from placet.sandbox.consortium import wait

pytestmark = pytest.mark.slow
TIMES = {"open_seconds": 600, "deadline_seconds": 1200, "settle_seconds": 1500}
"""Five processes more than elsewhere share this machine, and a job must not end by the clock before it computes."""
API, WORKERS = ("north-api-1", "north-api-2", "north-api-3"), ("north-worker-1", "north-worker-2")


class Several:
    """North's processes, and what its database says of them."""

    def __init__(self, consortium: LiveConsortium, url: str) -> None:
        self.consortium = consortium
        self.made = consortium.made
        self.database = open_engine(url)
        upgrade(self.database, NODE)
        self.file = self.made.members["north"].folder / "node.toml"
        self.settings = NodeSettings.load(self.file)
        self.ports = {name: (free_port(), free_port()) for name in API}
        plain = f'database_url = "{url}"\n' + self.file.read_text()
        self.file.write_text(plain)
        for name, (api, peer) in self.ports.items():
            own = plain.replace(f"api_port = {self.settings.api_port}", f"api_port = {api}")
            own = own.replace(f"peer_port = {self.settings.peer_port}", f"peer_port = {peer}")
            assert own.count(str(api)) and own.count(str(peer))
            (self.file.parent / f"{name}.toml").write_text(own)

    def start(self, name: str) -> None:
        role = "api" if name in API else "worker"
        config = f"north/{name}.toml" if name in API else "north/node.toml"
        self.made.start(name, "node", "--role", role, "--config", config)

    def leads(self) -> Leader | None:
        return leader(self.database)

    def leader_beside_another(self) -> tuple[str, int]:
        """Which of the two workers leads, and in which term. Both run: a worker that was held up for so long that the
        other one leads has ended by itself, and is started again as whatever supervises it would."""

        for name in WORKERS:
            if self.made.processes[name].poll() is not None:
                self.start(name)
        found: list[tuple[str, int]] = []

        def looked() -> bool:
            current = self.leads()
            if current is not None:
                pids = {name: self.made.processes[name].pid for name in WORKERS}
                found.extend((name, current.term) for name, pid in pids.items() if _listens(pid, current.api_port))
            return bool(found)

        wait(looked, "a leader among the workers")
        return found[0]

    def wait_for_term_after(self, term: int) -> None:
        until(lambda: (now := self.leads()) is not None and now.term > term, 600)

    def kill_leader(self) -> float:
        """SIGKILL; seconds until the other one has the lead."""
        name, term = self.leader_beside_another()
        self.made.kill(name)
        began = time.monotonic()
        self.wait_for_term_after(term)
        took = time.monotonic() - began
        self.start(name)
        self.wait_for_jobs()
        return took

    def wait_for_jobs(self) -> None:
        """Until the leader answers, by any of the processes in front."""

        def answers() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return self.consortium.ask("north", "/v1/jobs").is_success
            return False

        wait(answers, "a leader that answers")

    def close(self) -> None:
        self.database.dispose()


def _listens(pid: int, port: int) -> bool:
    """Does the process hold the socket that listens there? Of Linux's /proc."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {row[9] for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port}
    with contextlib.suppress(FileNotFoundError):  # it has ended
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(descriptor.readlink())
                if target.startswith("socket:[") and target[8:-1] in inodes:
                    return True
    return False


@pytest.fixture(scope="module")
def several(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Several]:
    with contextlib.ExitStack() as ends:
        consortium = ends.enter_context(live(tmp_path_factory.mktemp("several")))
        consortium.made.kill("north-node")
        north = Several(consortium, postgres_url.replace("+psycopg", ""))
        ends.callback(north.close)
        at = urlsplit(consortium.made.members["north"].api).port
        assert at is not None
        api, peers = ([ports[which] for ports in north.ports.values()] for which in (0, 1))
        for port, targets in ((at, api), (north.settings.peer_port, peers)):
            ends.callback(Balancer(port, targets).close)
        for name in (*WORKERS, *API):
            north.start(name)
        wait(lambda: north.leads() is not None, "a leader")
        wait(lambda: consortium.made.offers["north"] in _offers(consortium), "the offers at north")
        try:
            yield north
        finally:
            consortium.made.end(*(name for name in (*API, *WORKERS) if name in consortium.made.processes))


def _offers(consortium: LiveConsortium) -> str:
    with contextlib.suppress(httpx.TransportError):
        return consortium.ask("north", "/v1/offers").text
    return ""


def test_nothing_is_lost_or_doubled_under_load(several: Several) -> None:
    """People consent while an api process and then the leader are killed. What was accepted is given, each once."""
    consortium, north = several.consortium, several
    people = sorted({one.subject for one in consortium.given if one.provider == "north"})
    accepted: list[bytes] = []
    ended = threading.Event()

    def consent(mine: int) -> None:
        number = mine
        while not ended.is_set():
            one = ("north", people[number % len(people)], 1000, LASTING)
            number += 4
            with contextlib.suppress(PlacetError, httpx.HTTPError):
                accepted.extend(new.id for new in asyncio.run(consortium._give([one])))
            time.sleep(0.2)

    threads = [threading.Thread(target=consent, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: len(accepted) >= 8)
        north.made.kill("north-api-2")
        count = len(accepted)
        until(lambda: len(accepted) >= count + 6)
        north.start("north-api-2")
        took = north.kill_leader()
        count = len(accepted)
        until(lambda: len(accepted) >= count + 6)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    print(f"{len(accepted)} consents, the lead was taken over in {took:.1f} s")

    def open_rows() -> int:
        with north.database.connect() as connection:
            waits = consents.c.status.in_(("pending", "anchoring"))
            return int(connection.execute(sa.select(sa.func.count()).select_from(consents).where(waits)).scalar_one())

    wait(lambda: open_rows() == 0, "all consents on chain")
    with north.database.connect() as connection:
        given = Counter(bytes(one) for one in connection.execute(sa.select(consents.c.id)).scalars())
        stored = connection.execute(sa.select(batches.c.offer, batches.c.root, batches.c.leaves)).all()
    assert set(accepted) <= given.keys()
    leaves = Counter(bytes(joined)[at : at + 32] for _, _, joined in stored for at in range(0, len(joined), 32))
    assert leaves.keys() == given.keys() and set(leaves.values()) == {1}
    for offer, root, _ in stored:
        assert consortium.chain.batch(bytes(offer), bytes(root)) > 0
    _sent_once(north)


def test_a_job_survives_the_death_of_the_leader(several: Several) -> None:
    """North's leader is killed while it computes: the other one agrees with the parties on a new attempt."""
    consortium, north = several.consortium, several
    with settled_once(consortium) as jobs:
        jobs.append(consortium.made.begin(consortium.made.request(**TIMES)))
        until(lambda: _noted(north, jobs[0], "computing"), 900)
        north.kill_leader()
        assert ended_everywhere(consortium, jobs[0], 1200) == "completed"
    assert consortium.done(jobs[0]).totals == consortium.expected()
    assert consortium.audited(jobs[0])["verdict"] == "intact"
    _sent_once(north)


def test_a_leader_that_is_stopped_and_goes_on_sends_nothing_more(several: Several) -> None:
    """SIGSTOP: it closes nothing. The other one takes over by its silence; what goes on afterwards finds itself out."""
    consortium, north = several.consortium, several
    with settled_once(consortium) as jobs:
        jobs.append(consortium.made.begin(consortium.made.request(**TIMES)))
        until(lambda: _noted(north, jobs[0], "computing"), 900)
        name, term = north.leader_beside_another()
        process = north.made.processes[name]
        os.kill(process.pid, signal.SIGSTOP)
        try:
            north.wait_for_term_after(term)
        finally:
            os.kill(process.pid, signal.SIGCONT)
        assert process.wait(300) == 1  # it ended itself
        north.made.processes.pop(name)
        north.start(name)
        north.wait_for_jobs()
        assert ended_everywhere(consortium, jobs[0], 1200) == "completed"
    assert consortium.done(jobs[0]).totals == consortium.expected()
    _sent_once(north)


def _noted(north: Several, job: str, status: str) -> bool:
    with north.database.connect() as connection:
        query = sa.select(moments.c.status).where(moments.c.job == from_hex(job))
        return bool({status, "completed", "aborted"} & set(connection.execute(query).scalars()))


def _sent_once(north: Several) -> None:
    """Each intent has one transaction on chain, and none of the account's nonces is another's."""
    with north.database.connect() as connection:
        mined = connection.execute(
            sa.select(intents.c.account, intents.c.nonce).where(intents.c.state == "mined")
        ).all()
        signed = connection.execute(
            sa.select(intents.c.account, transactions.c.nonce, sa.func.count(transactions.c.intent.distinct()))
            .join_from(transactions, intents)
            .group_by(intents.c.account, transactions.c.nonce)
        ).all()
    assert len(mined) == len(set(mined))
    assert {count for _, _, count in signed} == {1}
