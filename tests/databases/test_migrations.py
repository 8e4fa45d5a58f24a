"""Databases are made and upgraded by revisions, whole or not at all, and nothing in them is lost."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import json
import os
import re
import secrets
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from placet.chain.findings import examined
from placet.chain.intents import next_try
from placet.chain.migrations import VERSION_TABLE, DatabaseSchema, upgrade
from placet.chain.outbox import Mined, Outbox
from placet.cli import doctor
from placet.cli.operator import Operator
from placet.core.at_rest import JOBS, AtRest
from placet.core.at_rest import VAULT as SEALED
from placet.core.errors import ConfigError, StateError
from placet.jobs.store import JobStore
from placet.node.migrations import NODE
from placet.node.state import batches, consents, open_engine, withdrawals
from placet.vault.database import open_engine as open_vault_engine
from placet.vault.migrations import VAULT
from placet.vault.records import Records
from placet.vault.tables import Tables

HERE = Path(__file__).parent
FACTS = json.loads((HERE / "facts.json").read_text())
FILLED = {"node": NODE, "consumer": NODE, "vault": VAULT}
SCHEMAS = [pytest.param(NODE, id="node"), pytest.param(VAULT, id="vault")]

Rows = dict[str, list[dict[str, Any]]]
UNNUMBERED = re.compile(r"anchor:[0-9a-f]{64}:[0-9a-f]{64}|(grant|withdraw|prove):[0-9a-f]{64}")
"""The relay's first tries, as they were called before node_0003."""


def opened(file: Path, schema: DatabaseSchema) -> sa.Engine:
    """As the program opens it."""
    return open_engine(f"sqlite:///{file}") if schema.name == "node" else open_vault_engine(file)


def filled(folder: Path, name: str) -> Path:
    """A database as the version without revisions left it."""
    file = folder / f"{name}.db"
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.executescript(gzip.decompress((HERE / f"{name}.sql.gz").read_bytes()).decode())
    return file


def upgraded(before: Rows) -> Rows:
    """The rows as the revisions leave them."""
    intents = before.get("sender_intents", [])
    bare = [row["intent"] for row in intents if UNNUMBERED.fullmatch(row["intent"])]
    assert bare or not intents
    numbered = [row | {"intent": row["intent"] + ":0"} if row["intent"] in bare else row for row in intents]
    after = {name: rows for name, rows in before.items() if name != "index_checkpoints"}
    fresh: Rows = {"index_read": []} if after != before else {}
    if "node_runs" in before:
        fresh["node_runs"] = [row | {"offer": None, "nth": None} for row in before["node_runs"]]
        fresh["node_consents"] = [row | {"language": "en"} for row in before["node_consents"]]
        fresh |= {"job_standing": [], "job_openings": [], "job_held": [], "job_samples": []}
        fresh |= {"node_leadership": [], "node_sessions": [], "node_reservations": []}
        fresh |= {"node_proof_tags": [], "job_data_lives": [], "node_erasures": [], "node_erasure_notices": []}
    if "lawful" in before:
        fresh |= {"matches": [], "models": [], "enrolments": [], "erased": []}
        batch_of = {leaf: row["root"] for row in before["batches"] for leaf in _leaves(row["leaves"])}
        places = [row | {"owner": None, "batch": batch_of.get(row["consent"])} for row in before["consents"]]
        fresh["consents"] = places
        kept = [{name: row[name] for name in ("offer", "root")} for row in before["lawful"]]
        fresh["signed"] = [row | {"job": bytes(32), "open_by": None} for row in kept]
    return after | fresh | ({"sender_intents": numbered} if intents else {})


def _leaves(joined: bytes) -> list[bytes]:
    return [joined[at : at + 32] for at in range(0, len(joined), 32)]


def rows(file: Path) -> Rows:
    """Everything in all tables, as SQLite holds it."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: [dict(row) for row in connection.execute(f'SELECT * FROM "{name}" ORDER BY rowid')]  # noqa: S608
            for name in names
            if name != VERSION_TABLE
        }


def layout(file: Path) -> list[tuple[str, str, str]]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return sorted(connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


def version(file: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return [row[0] for row in connection.execute(f"SELECT version_num FROM {VERSION_TABLE}")]  # noqa: S608


def with_revision(folder: Path, schema: DatabaseSchema, body: str) -> DatabaseSchema:
    """The same revisions and one more, whose `upgrade` has this body."""
    copy, last = folder / "more", schema.revisions[-1]
    shutil.copytree(schema.folder, copy, ignore=shutil.ignore_patterns("__pycache__"))
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    name = f"{schema.name}_9999"
    (copy / "versions" / f"{name}.py").write_text(
        "import pathlib, time\nimport sqlalchemy as sa\nfrom alembic import op\n\n"
        f"revision = {name!r}\ndown_revision = {last!r}\n\n\ndef upgrade():\n{lines}"
    )
    return replace(schema, folder=copy)


def up_to(folder: Path, schema: DatabaseSchema, last: str) -> DatabaseSchema:
    """The same revisions without those after `last`: the program of an earlier version."""
    copy = folder / f"until-{last}"
    shutil.copytree(schema.folder, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for name in schema.revisions:
        if name > last:
            (copy / "versions" / f"{name}.py").unlink()
    return replace(schema, folder=copy)


def differences(engine: sa.Engine, schema: DatabaseSchema) -> str:
    """What a revision would have to do so that the database has the tables of the code, as alembic would write it."""
    with engine.connect() as connection:
        options = {"compare_type": True, "include_name": lambda name, *_: name != VERSION_TABLE}
        context = MigrationContext.configure(connection, opts=options)
        metadata: Any = list(schema.metadata)
        if not compare_metadata(context, metadata):
            return ""
        operations = produce_migrations(context, metadata).upgrade_ops
        assert operations is not None
        return f"write a revision in {schema.folder / 'versions'}:\n" + render_python_code(operations)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_revisions_make_the_tables_of_the_code(tmp_path: Path, schema: DatabaseSchema) -> None:
    engine = opened(tmp_path / "new.db", schema)
    upgrade(engine, schema)
    assert differences(engine, schema) == ""
    names = {name for metadata in schema.metadata for name in metadata.tables}
    assert set(sa.inspect(engine).get_table_names()) == {*names, VERSION_TABLE}
    engine.dispose()


@pytest.mark.parametrize("change", ["column", "table", "index", "type"])
def test_a_changed_table_without_a_revision_is_seen(tmp_path: Path, change: str) -> None:
    changed = sa.MetaData()
    for metadata in VAULT.metadata:
        for table in metadata.tables.values():
            table.to_metadata(changed)
    if change == "column":
        changed.tables["seen"].append_column(sa.Column("more", sa.Text))
    elif change == "table":
        sa.Table("more", changed, sa.Column("id", sa.Integer, primary_key=True))
    elif change == "index":
        sa.Index("ix_more", changed.tables["seen"].c.number)
    else:
        changed.tables["seen"].c.number.type = sa.Text()
    engine = opened(tmp_path / "vault.db", VAULT)
    upgrade(engine, VAULT)
    assert "op." in differences(engine, replace(VAULT, metadata=(changed,)))
    engine.dispose()


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_revisions_are_one_line_and_their_files_have_their_names(schema: DatabaseSchema) -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.folder))
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())
    names = [script.revision for script in reversed(scripts)]
    assert names == schema.revisions
    assert [script.down_revision for script in reversed(scripts)] == [None, *names[:-1]]


@pytest.mark.parametrize("name", FILLED)
def test_the_first_revision_is_what_was_there_before(tmp_path: Path, name: str) -> None:
    schema = FILLED[name]
    engine = opened(tmp_path / "new.db", schema)
    upgrade(engine, up_to(tmp_path, schema, schema.revisions[0]))
    engine.dispose()
    made = [entry for entry in layout(tmp_path / "new.db") if entry[1] != VERSION_TABLE]
    assert made == layout(filled(tmp_path, name))


@pytest.mark.parametrize("name", FILLED)
def test_nothing_is_lost(tmp_path: Path, name: str) -> None:
    schema, file = FILLED[name], filled(tmp_path, name)
    before = rows(file)
    assert sum(map(len, before.values())) > 10
    engine = opened(file, schema)
    upgrade(engine, schema)
    assert differences(engine, schema) == ""
    upgrade(engine, schema)
    engine.dispose()
    assert rows(file) == upgraded(before)
    assert version(file) == schema.revisions[-1:]


def test_consents_jobs_and_outbox_go_on(tmp_path: Path) -> None:
    """What the code of today reads in what the code of then wrote."""
    engine = open_engine(f"sqlite:///{filled(tmp_path, 'node')}")
    upgrade(engine, NODE)
    account = bytes.fromhex(FACTS["institution"][2:])
    outbox = Outbox(engine)
    assert [intent.name for intent in outbox.queued(account, 10)] == ["left-queued"]
    (sent,) = outbox.sent(account)
    assert (sent.name, sent.nonce, [one.raw for one in sent.signed]) == ("left-sent", 77, [b"\x02raw"])
    with engine.connect() as connection:
        given = {"0x" + row.id.hex(): row.status for row in connection.execute(sa.select(consents))}
        assert given == dict.fromkeys(FACTS["consents"], "given")
        assert set(connection.execute(sa.select(batches.c.state)).scalars()) == {"anchored"}
        (withdrawal,) = connection.execute(sa.select(withdrawals)).all()
        assert ("0x" + withdrawal.consent.hex(), withdrawal.state) == (FACTS["withdrawn"], "mined")
        (batch,) = connection.execute(sa.select(batches.c.root)).scalars()
    for name in (f"withdraw:{FACTS['withdrawn'][2:]}", f"anchor:{FACTS['offer'][2:]}:{batch.hex()}"):
        due = next_try(outbox, name)
        assert isinstance(outbox.outcome(due.intent), Mined), "would be sent a second time"
    engine.dispose()


JOB_TABLES = ("jobs", "job_agreements", "job_attempts", "job_messages", "job_moments", "job_steps")


def job_rows(engine: sa.Engine, columns: Mapping[str, Sequence[str]]) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of the tables that hold what an auditor is shown of jobs, in these columns of each."""
    with engine.connect() as connection:
        rows = {}
        for name in JOB_TABLES:
            names = ", ".join(f'"{column}"' for column in columns[name])
            chosen = sa.text(f'SELECT {names} FROM "{name}" ORDER BY rowid')  # noqa: S608 - names of our own tables
            rows[name] = [tuple(row) for row in connection.execute(chosen)]
        return rows


@pytest.mark.parametrize("name", ["node", "consumer"])
def test_the_evidence_of_a_job_stays(tmp_path: Path, name: str) -> None:
    """All that an auditor is shown: plan, signatures, steps, messages with signatures, seal. Byte for byte: what a
    version reads of them is a matter of the contracts that the job was of, which were deployed anew since."""
    engine = open_engine(f"sqlite:///{filled(tmp_path, name)}")
    columns = {table: [column["name"] for column in sa.inspect(engine).get_columns(table)] for table in JOB_TABLES}
    before = job_rows(engine, columns)
    upgrade(engine, NODE)
    assert job_rows(engine, columns) == before
    assert len(before["job_steps"]) > 1 and len(before["job_messages"]) > 1
    if name == "consumer":
        assert len(before["job_agreements"]) == 1
        job = dict(zip(columns["jobs"], before["jobs"][0], strict=True))
        at_rest = AtRest(JOBS, bytes.fromhex(FACTS["hpke"]))
        assert len(at_rest.open(job["seed"], b"seed")) == 32
        assert at_rest.open(job["result"], b"result")
    engine.dispose()


def test_a_vault_opens_what_it_sealed(tmp_path: Path) -> None:
    engine = open_vault_engine(filled(tmp_path, "vault"))
    upgrade(engine, VAULT)
    sealer = AtRest(SEALED, bytes.fromhex(FACTS["master"]))
    records, offer = Records(engine, sealer), bytes.fromhex(FACTS["offer"][2:])
    ids = [bytes.fromhex(consent[2:]) for consent in FACTS["consents"]]
    assert set(records.records(offer, ids)) == set(ids)
    assert {*records.candidates(offer)} == set(ids)
    bound = records.bound(offer)  # its id was of an earlier format of offers
    assert bound.offer.scope == bound.scope.hash
    for one in (records.one(consent, None) for consent in ids):  # owners find what they gave before their keys had tags
        assert one.id in {other.id for other in records.of_owner(one.record.consent.owner, bytes(32))}
        assert one.batch is not None and one.leaves > 0
    tables = Tables(engine, tmp_path / "tables", sealer, bytes.fromhex(FACTS["institution"][2:]))
    assert [info.name for info in tables.infos()] == ["accounts"]
    with engine.connect() as connection:
        sets = connection.execute(sa.text("SELECT offer, root FROM lawful")).all()
    records.sets.drop(2**40, lambda job: False)  # for which jobs they were signed is not known
    assert sets and all(records.sets.packed(bytes(row.offer), bytes(row.root)) for row in sets)
    engine.dispose()


def test_a_database_of_only_some_tables_is_completed(tmp_path: Path) -> None:
    """As a command left it that opened the outbox before the node's first start."""
    file = tmp_path / "state.db"
    engine = open_engine(f"sqlite:///{file}")
    Outbox(engine)
    upgrade(engine, NODE)
    assert differences(engine, NODE) == ""
    engine.dispose()


def test_who_works_beside_a_node_does_not_upgrade_its_database(tmp_path: Path) -> None:
    """A command needs the node's outbox, and the node that runs may be of another version than the command."""
    file = filled(tmp_path, "node")
    operator: Any = SimpleNamespace(settings=SimpleNamespace(database=f"sqlite:///{file}"))
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    before = layout(file), rows(file)
    with pytest.raises(ConfigError) as refusal:
        Operator.outbox.func(operator)
    assert refusal.value.code == "database.version"
    checks: Any = (("transactions", doctor._transactions),)
    assert examined(checks, (), operator)[0].state == "warning"
    assert (layout(file), rows(file)) == before
    engine = opened(file, NODE)
    upgrade(engine, NODE)
    assert Operator.outbox.func(operator).queued(bytes.fromhex(FACTS["institution"][2:]), 1) is not None
    assert examined(checks, (), operator)[0].state == "ok"
    engine.dispose()


@pytest.mark.parametrize("name", FILLED)
@pytest.mark.parametrize("change", ["ADD COLUMN more TEXT", "RENAME COLUMN {column} TO other"])
def test_tables_of_another_version_are_refused_whole(tmp_path: Path, name: str, change: str) -> None:
    schema, file = FILLED[name], filled(tmp_path, name)
    table, column = ("sender_intents", "what") if schema is NODE else ("consents", "sealed")
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute(f"ALTER TABLE {table} {change.format(column=column)}")
        connection.execute("DROP TABLE " + ("index_events" if schema is NODE else "seen"))
        connection.commit()
    demand_refused(file, schema, schema)


@pytest.mark.parametrize("name", FILLED)
def test_a_newer_database_is_refused(tmp_path: Path, name: str) -> None:
    schema, file = FILLED[name], filled(tmp_path, name)
    engine = opened(file, schema)
    upgrade(engine, with_revision(tmp_path, schema, "op.create_table('more', sa.Column('id', sa.Integer))"))
    engine.dispose()
    error = demand_refused(file, schema, schema)
    assert error.expected == f"revision {schema.revisions[-1]} or an earlier one"
    assert error.found == f"revision {schema.name}_9999"
    assert error.remedy


def test_the_other_program_s_database_is_refused(tmp_path: Path) -> None:
    for name, other in (("node", VAULT), ("vault", NODE)):
        file = filled(tmp_path, name)
        engine = opened(file, FILLED[name])
        upgrade(engine, FILLED[name])
        engine.dispose()
        demand_refused(file, FILLED[name], other)


def demand_refused(file: Path, schema: DatabaseSchema, by: DatabaseSchema) -> ConfigError:
    before = layout(file), rows(file)
    engine = opened(file, schema)
    with pytest.raises(ConfigError) as refusal:
        upgrade(engine, by)
    engine.dispose()
    assert refusal.value.code == "database.version"
    assert (layout(file), rows(file)) == before
    return refusal.value


BREAKS = """
with op.batch_alter_table({table!r}, recreate="always") as batch:
    batch.add_column(sa.Column("more", sa.Text))
op.execute("DELETE FROM {table}")
{then}
"""
TABLE = {"node": "sender_intents", "consumer": "node_batches", "vault": "consents"}


@pytest.mark.parametrize("name", FILLED)
def test_a_revision_that_fails_has_not_begun(tmp_path: Path, name: str) -> None:
    schema, file = FILLED[name], filled(tmp_path, name)
    before = layout(file), rows(file)
    engine = opened(file, schema)
    broken = with_revision(tmp_path, schema, BREAKS.format(table=TABLE[name], then='raise ValueError("broken")'))
    with pytest.raises(ValueError, match="broken"):
        upgrade(engine, broken)
    assert (layout(file), rows(file)) == before
    upgrade(engine, schema)
    assert (rows(file), version(file)) == (upgraded(before[1]), schema.revisions[-1:])
    engine.dispose()


STARTS = """
import sys
from dataclasses import replace
from pathlib import Path
from placet.chain.migrations import upgrade
from placet.node.migrations import NODE
from placet.node.state import open_engine
from placet.vault.database import open_engine as open_vault_engine
from placet.vault.migrations import VAULT
database, name, folder = sys.argv[1:]
schema = {"node": NODE, "vault": VAULT}[name]
engine = open_engine(database) if schema is NODE else open_vault_engine(Path(database))
print("ready", flush=True)
sys.stdin.readline()
upgrade(engine, replace(schema, folder=Path(folder)) if folder else schema)
print(*(name for name in sys.modules if name.startswith("alembic.")), flush=True)
"""


@contextlib.contextmanager
def start(database: str, schema: DatabaseSchema, folder: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """A process that upgrades a database as soon as it is told to."""
    command = [sys.executable, "-c", STARTS, database, schema.name, str(folder or "")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


one_program = pytest.mark.parametrize("name", ["node", pytest.param("vault", marks=pytest.mark.slow)])
"""Both are upgraded by the same code."""


@one_program
def test_a_killed_upgrade_has_not_begun(tmp_path: Path, name: str) -> None:
    schema, file, reached = FILLED[name], filled(tmp_path, name), tmp_path / "reached"
    before = layout(file), rows(file)
    waits = f"pathlib.Path({str(reached)!r}).touch()\ntime.sleep(600)"
    slow = with_revision(tmp_path, schema, BREAKS.format(table=TABLE[name], then=waits))
    url = f"sqlite:///{file}" if schema is NODE else str(file)
    with start(url, schema, slow.folder) as process:
        go(process)
        wait_for(reached.exists, process)
        process.kill()
        process.wait(120)
    assert (layout(file), rows(file)) == before
    engine = opened(file, schema)
    upgrade(engine, schema)
    engine.dispose()
    assert (rows(file), version(file)) == (upgraded(before[1]), schema.revisions[-1:])


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, "the process ended"
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize(("name", "empty"), [("node", False), ("vault", True)])
def test_processes_that_start_at_once_upgrade_once(tmp_path: Path, name: str, empty: bool) -> None:
    """A node that was just stopped, its next start and a command; a vault's first start beside an import."""
    schema, file = FILLED[name], tmp_path / "new.db" if empty else filled(tmp_path, name)
    before = {} if empty else rows(file)
    url = f"sqlite:///{file}" if schema is NODE else str(file)
    with contextlib.ExitStack() as ends:
        processes = [ends.enter_context(start(url, schema)) for _ in range(2)]
        for process in processes:
            go(process)
        answers = [process.communicate(timeout=180)[0] for process in processes]
        assert [process.returncode for process in processes] == [0, 0]
    assert sorted(map(bool, map(str.strip, answers))) == [False, True]
    assert version(file) == schema.revisions[-1:]
    assert empty or rows(file) == upgraded(before)


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux tells who waits for a lock")
@one_program
def test_an_upgrade_waits_for_another_before_it_touches_the_file(tmp_path: Path, name: str) -> None:
    """SQLite itself would refuse one of two that turn a new file to the write-ahead log at once."""
    schema, file = FILLED[name], tmp_path / "new.db"
    folder = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    with start(f"sqlite:///{file}" if schema is NODE else str(file), schema) as process:
        go(process)

        def waits() -> bool:
            locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
            return any("->" in line and str(process.pid) in line for line in locks)

        wait_for(waits, process)
        assert file.stat().st_size == 0
        os.close(folder)
        process.communicate(timeout=120)
    assert (process.returncode, version(file)) == (0, schema.revisions[-1:])


def test_a_table_that_others_point_to_is_made_anew_with_its_rows(tmp_path: Path) -> None:
    """Batch mode under foreign keys: these are not enforced while the table is away, and are afterwards."""
    file = filled(tmp_path, "node")
    before = rows(file)
    engine = open_engine(f"sqlite:///{file}")
    body = """
for table, column in (("sender_intents", "what"), ("node_batches", "error")):
    with op.batch_alter_table(table, recreate="always") as batch:
        batch.alter_column(column, new_column_name="other")
"""
    upgrade(engine, with_revision(tmp_path, NODE, body))
    after, before = rows(file), upgraded(before)
    for table, column in (("sender_intents", "what"), ("node_batches", "error")):
        before[table] = [{("other" if k == column else k): v for k, v in row.items()} for row in before[table]]
    assert after == before
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM sender_intents")
    engine.dispose()


def test_rows_that_would_point_to_none_are_refused(tmp_path: Path) -> None:
    file = filled(tmp_path, "node")
    before = rows(file)
    engine = open_engine(f"sqlite:///{file}")
    with pytest.raises(StateError) as refusal:
        upgrade(engine, with_revision(tmp_path, NODE, 'op.execute("DELETE FROM node_batches")'))
    engine.dispose()
    assert (refusal.value.code, rows(file)) == ("database.damaged", before)


@contextlib.contextmanager
def postgres_schema(url: str, *beside: str) -> Iterator[sa.Engine]:
    """An empty schema of its own, with `beside` after it on the search path."""
    name = f"migrations_{secrets.token_hex(8)}"
    whole = open_engine(url)
    with whole.begin() as connection:
        connection.execute(sa.schema.CreateSchema(name))
    engine = open_engine(f"{url}?options=-csearch_path%3D{','.join((name, *beside))}")
    try:
        yield engine
    finally:
        engine.dispose()
        with whole.begin() as connection:
            connection.execute(sa.schema.DropSchema(name, cascade=True))
        whole.dispose()


def first_tables(folder: Path) -> sa.MetaData:
    """The tables of the first revision, as SQLAlchemy reads them from a database that was made before revisions."""
    engine = open_engine(f"sqlite:///{filled(folder, 'node')}")
    metadata = sa.MetaData()
    metadata.reflect(engine)
    engine.dispose()
    return metadata


@pytest.mark.slow
def test_nothing_is_lost_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    typed, before = first_tables(tmp_path), rows(tmp_path / "node.db")
    made = sa.MetaData()
    for metadata in NODE.metadata:
        for table in metadata.tables.values():
            name = "index_checkpoints" if table.name == "index_read" else table.name
            if name not in typed.tables:  # a later revision's
                continue
            copy = table.to_metadata(made, name=name)
            old = typed.tables[copy.name]
            copy.indexes = {index for index in copy.indexes if index.name in {one.name for one in old.indexes}}
    with postgres_schema(postgres_url) as engine:
        with engine.begin() as connection:
            made.create_all(connection)
            for table in made.sorted_tables:
                for later in {column.name for column in table.columns} - set(typed.tables[table.name].columns.keys()):
                    connection.exec_driver_sql(f'ALTER TABLE "{table.name}" DROP COLUMN "{later}"')
                if before[table.name]:
                    connection.execute(sa.insert(table), before[table.name])

        def now() -> Rows:
            with engine.connect() as connection:
                inspector = sa.inspect(connection)
                there = {
                    table: [table.columns[column["name"]] for column in inspector.get_columns(table.name)]
                    for table in made.sorted_tables
                    if inspector.has_table(table.name)
                }
                return {
                    table.name: [
                        {k: bytes(v) if isinstance(v, memoryview) else v for k, v in row.items()}
                        for row in connection.execute(sa.select(*columns)).mappings()
                    ]
                    for table, columns in there.items()
                }

        def same(expected: Rows) -> bool:
            return all(sorted(map(repr, rows_)) == sorted(map(repr, expected[name])) for name, rows_ in now().items())

        assert same(before)
        broken = with_revision(
            tmp_path, NODE, BREAKS.format(table="sender_transactions", then="op.execute('nonsense')")
        )
        with pytest.raises(sa.exc.ProgrammingError):
            upgrade(engine, broken)
        assert same(before) and not sa.inspect(engine).has_table(VERSION_TABLE)
        upgrade(engine, NODE)
        assert same(upgraded(before)) and differences(engine, NODE) == ""
        with contextlib.ExitStack() as ends:
            url = engine.url.render_as_string(hide_password=False)
            process = ends.enter_context(start(url, NODE))
            go(process)
            assert process.communicate(timeout=120)[0] == "\n" and process.returncode == 0


@pytest.mark.slow
def test_postgresql_s_other_schemas_are_nobody_s_business(postgres_url: str) -> None:
    """Tables of these names, and even versions, that stand behind the own schema on the search path."""
    with postgres_schema(postgres_url) as foreign:
        with foreign.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE jobs (id integer)")
            connection.exec_driver_sql(f"CREATE TABLE {VERSION_TABLE} (version_num text)")
            connection.exec_driver_sql(f"INSERT INTO {VERSION_TABLE} VALUES ('theirs')")  # noqa: S608
            theirs = connection.exec_driver_sql("SELECT current_schema()").scalar()
        with postgres_schema(postgres_url, str(theirs)) as engine:
            upgrade(engine, NODE)
            upgrade(engine, NODE)
            assert JobStore(engine).all() == []
            inspector = sa.inspect(engine)
            names = {name for metadata in NODE.metadata for name in metadata.tables}
            assert {*names, VERSION_TABLE} == set(inspector.get_table_names(schema=inspector.default_schema_name))
        with foreign.connect() as connection:
            assert connection.execute(sa.select(sa.table(VERSION_TABLE, sa.column("version_num")))).scalars().all() == [
                "theirs"
            ]


@pytest.mark.slow
def test_processes_that_start_at_once_on_postgresql(postgres_url: str) -> None:
    with postgres_schema(postgres_url) as engine, contextlib.ExitStack() as ends:
        url = engine.url.render_as_string(hide_password=False)
        processes = [ends.enter_context(start(url, NODE)) for _ in range(3)]
        for process in processes:
            go(process)
        answers = [process.communicate(timeout=120)[0] for process in processes]
        assert [process.returncode for process in processes] == [0, 0, 0]
        assert sorted(map(bool, map(str.strip, answers))) == [False, False, True]
        assert differences(engine, NODE) == ""
