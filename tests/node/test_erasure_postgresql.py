"""On PostgreSQL a deleted row's bytes stay in files and log. What the operator is told to do takes them away.

What is run is what the how-to says (`docs/how-to/maintain.md`), over the server's whole data folder.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.jobs.test_data_life import END, GONE, Ended
from tests.node.conftest import NodeEnvironment, Owner, Running, node_at

from parties import JobEnvironment
from placet.chain.migrations import upgrade
from placet.core.signatures import Key
from placet.core.values import from_hex, to_hex
from placet.jobs.tables import jobs
from placet.node.consents import erasing
from placet.node.migrations import NODE
from placet.node.state import consents, open_engine

pytestmark = pytest.mark.slow
HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "maintain.md"


@pytest.fixture(scope="module")
def told() -> tuple[list[str], list[str]]:
    """The statements of the how-to: once, and as often as an erasure is to be done."""
    section = HOW_TO.read_text().partition("### On PostgreSQL")[2].partition("\n## ")[0]
    once, often = re.findall(r"```sql\n(.*?)```", section, re.DOTALL)
    return [one.strip() for one in once.split(";")[:-1]], [one.strip() for one in often.split(";")[:-1]]


class Server:
    """The run's PostgreSQL, as its superuser; all that it has on disk can be searched."""

    def __init__(self, url: str) -> None:
        plain = sa.make_url(url).set(drivername="postgresql+psycopg")
        self.engine = sa.create_engine(plain, isolation_level="AUTOCOMMIT")

    def run(self, *statements: str) -> None:
        with self.engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def found(self, values: dict[str, bytes]) -> set[str]:
        """Which of the values stand in any file of the data folder, each after what is in memory is written."""
        self.run("CHECKPOINT")
        with self.engine.connect() as connection:
            folder = Path(connection.exec_driver_sql("SHOW data_directory").scalar_one())
        there = set()
        for file in (path for path in folder.rglob("*") if path.is_file()):
            content = file.read_bytes()
            there |= {name for name, value in values.items() if value in content}
        return there


@pytest.fixture
def server(postgres_database: str, told: tuple[list[str], list[str]]) -> Iterator[Server]:
    made = Server(postgres_database)
    made.run(*told[0])
    try:
        yield made
    finally:
        made.engine.dispose()


async def test_who_was_erased_is_in_no_file_once_the_operator_did_as_he_is_told(
    environment: NodeEnvironment,
    tmp_path: Path,
    postgres_database: str,
    server: Server,
    told: tuple[list[str], list[str]],
) -> None:
    settings = environment.settings(tmp_path / "node", database_url=postgres_database)
    async with node_at(environment, settings) as node:
        offer, _ = node.offer()
        erased, stays = (Owner(environment, next(environment.customers), Key()) for _ in range(2))
        given = [await node.give(owner, offer) for owner in (erased, stays)]
        await node.turn()
        values, others = (_values(node, consent) for consent in given)
        server.run("ANALYZE")  # as autovacuum does, which then has a copy
        answer = await node.client.post(f"/v1/consents/{given[0]}/withdrawal", json=erased.withdrawal(given[0]))
        assert answer.is_success
        await node.turn()
        path = f"/v1/owners/{to_hex(erased.signer)}/erasure"
        answer = await node.client.post(path, headers=erased.headers("POST", path))
        assert answer.json()["erasures"][0]["state"] == erasing.ERASED
        server.run("VACUUM")
        assert server.found(values) == values.keys(), "what is only deleted is still there"
        server.run(*told[1])
        assert server.found(values) == set()
        assert server.found(others) == others.keys()
        assert (await node.get(stays, f"/v1/consents/{given[1]}")).json()["status"] == "given"


def _values(node: Running, consent: str) -> dict[str, bytes]:
    with node.node.engine.connect() as connection:
        row = connection.execute(sa.select(consents).where(consents.c.id == from_hex(consent))).mappings().one()
    return {"salt": bytes(row["salt"]), "signature": bytes(row["signature"])}


def test_a_result_whose_data_life_is_over_is_in_no_file_either(
    tmp_path: Path, postgres_database: str, server: Server, told: tuple[list[str], list[str]]
) -> None:
    engine = open_engine(postgres_database)
    upgrade(engine, NODE)
    ended = Ended(JobEnvironment(), tmp_path, engine=engine)
    ended.note()
    output = secrets.token_bytes(5000)
    ended.store.keep(ended.job, 1, output=output)
    with engine.connect() as connection:
        result = bytes(connection.execute(sa.select(jobs.c.result).where(jobs.c.job == ended.job)).scalar_one())
    values = {"result": result, "masked output": output[:500]}
    server.run("ANALYZE")
    assert server.found(values) == values.keys()
    ended.sweep(END + 1)
    assert ended.left == GONE
    server.run(*told[1])
    assert server.found(values) == set()
    assert ended.store.deletion(ended.job) is not None
    engine.dispose()
