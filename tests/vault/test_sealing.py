"""At rest: nothing readable, nothing that can be altered or swapped unnoticed, and erased means gone."""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from placet.core.at_rest import context
from placet.core.errors import DataError, StateError
from placet.core.evidence import ErasedLeaf
from placet.core.leaves import decode_leaves
from placet.core.merkle import dataset_root
from placet.core.row import row_commitment
from placet.core.values import to_hex
from placet.vault import tables as tables_module
from placet.vault.database import CONSENTS


def folder_bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def test_row_commitment_writes_integers_as_strings() -> None:
    salt = bytes(range(32))
    one = row_commitment(salt, {"b": 2**60, "a": "x"})
    assert one == row_commitment(salt, {"a": "x", "b": 2**60})
    assert one != row_commitment(salt, {"a": "x", "b": 2**60 + 1})
    assert one != row_commitment(bytes(32), {"a": "x", "b": 2**60})


def test_dataset_commitment_is_over_the_rows(environment) -> None:
    subjects = environment.tables.subjects("accounts")
    assert dataset_root(list(subjects.values())) == environment.dataset.commitment
    assert len(subjects) == environment.dataset.rows == 8


def test_nothing_of_a_table_is_readable(environment) -> None:
    stored = folder_bytes(environment.folder)
    for word in (b"customer-00003", b"remark 3", b"balance"):
        assert word not in stored
    assert len(stored) > 1000


@pytest.fixture
def chunked(environment, monkeypatch) -> list[Path]:
    """The table in four chunks of two rows."""
    monkeypatch.setattr(tables_module, "CHUNK_ROWS", 2)
    columns = ("customer", "balance", "remark")
    environment.tables.save(
        "accounts", environment.dataset.table, environment.tables.rows("accounts", None, columns).lists()
    )
    files = sorted((environment.folder / "tables").glob("*.sealed"))
    assert [file.name for file in files] == [f"accounts@2.{i}.sealed" for i in range(4)]
    assert list(environment.tables.rows("accounts", None, ["customer"])["customer"]) == environment.customers
    return files


def tampered(environment) -> None:
    environment.restart()
    with pytest.raises(StateError) as caught:
        environment.tables.rows("accounts", None, ["balance"])
    assert caught.value.code == "vault.tampered"
    with pytest.raises(StateError):
        environment.tables.subjects("accounts")


def test_flipped_bit(environment, chunked) -> None:
    content = bytearray(chunked[1].read_bytes())
    content[len(content) // 2] ^= 1
    chunked[1].write_bytes(content)
    tampered(environment)


def test_swapped_chunks(environment, chunked) -> None:
    first, second = chunked[0].read_bytes(), chunked[1].read_bytes()
    chunked[0].write_bytes(second)
    chunked[1].write_bytes(first)
    tampered(environment)


def test_missing_chunk(environment, chunked) -> None:
    chunked[3].unlink()
    tampered(environment)


def test_chunk_of_an_older_version(environment, chunked) -> None:
    old = chunked[0].read_bytes()
    columns = ("customer", "balance", "remark")
    environment.tables.save(
        "accounts", environment.dataset.table, environment.tables.rows("accounts", None, columns).lists()
    )
    (environment.folder / "tables" / "accounts@3.0.sealed").write_bytes(old)
    tampered(environment)


def test_chunk_of_another_table(environment) -> None:
    columns = ("customer", "balance", "remark")
    environment.tables.save(
        "others", environment.dataset.table, environment.tables.rows("accounts", None, columns).lists()
    )
    folder = environment.folder / "tables"
    (folder / "accounts@1.0.sealed").write_bytes((folder / "others@1.0.sealed").read_bytes())
    tampered(environment)


@pytest.mark.parametrize(
    ("table", "key"), [("datasets", "name"), ("offers", "offer"), ("consents", "consent"), ("lawful", "root")]
)
def test_altered_record(environment, table: str, key: str) -> None:
    environment.anchor(environment.accept("customer-00001", "customer-00002"))
    lawful = environment.lawful()
    asked = environment.opened(lawful.root)
    environment.engine.dispose()
    connection = sqlite3.connect(environment.folder / "vault.db")
    with connection:
        name, sealed = connection.execute(f"select {key}, sealed from {table}").fetchone()  # noqa: S608
        wrong = sealed[:-1] + bytes([sealed[-1] ^ 1])
        connection.execute(f"update {table} set sealed = ? where {key} = ?", (wrong, name))  # noqa: S608
    connection.close()
    environment.start()
    with pytest.raises(StateError) as caught:
        environment.vault.rows(asked)
    assert caught.value.code == "vault.tampered"


def test_a_record_is_sealed_under_its_consent_and_offer(environment) -> None:
    consent, submission = environment.consent("customer-00001")
    environment.vault.admit_many(environment.offer, environment.scope, [submission])
    with environment.engine.connect() as connection:
        sealed, owner = connection.execute(sa.select(CONSENTS.c.sealed, CONSENTS.c.owner)).one()
    under = context("consent", to_hex(consent.id), to_hex(environment.offer.id))
    assert to_hex(consent.owner) in environment.records._sealer.open(sealed, under).decode()
    assert owner == environment.records._sealer.tag(context("owner", to_hex(consent.owner)))


def test_record_moved_to_another_consent(environment) -> None:
    first, second = environment.accept("customer-00001", "customer-00002")
    environment.engine.dispose()
    connection = sqlite3.connect(environment.folder / "vault.db")
    with connection:
        (sealed,) = connection.execute("select sealed from consents where consent = ?", (first,)).fetchone()
        connection.execute("update consents set sealed = ? where consent = ?", (sealed, second))
    connection.close()
    environment.start()
    with pytest.raises(StateError):
        environment.lawful()


def test_a_record_that_cannot_be_opened_any_more_is_erased_too(environment) -> None:
    """Its person has the right to that all the same."""
    (consent,) = environment.accept("customer-00001")
    with environment.engine.begin() as connection:
        connection.execute(sa.update(CONSENTS).values(sealed=bytes(200)))
    assert environment.vault.erase(consent)
    assert not environment.vault.erase(consent)


def test_erase_leaves_nothing(environment) -> None:
    made = [environment.consent("customer-00001"), environment.consent("customer-00002")]
    environment.vault.admit_many(environment.offer, environment.scope, [submission for _, submission in made])
    environment.anchor([consent.id for consent, _ in made])
    lawful = environment.lawful()
    (consent, submission), (other, _) = made
    connection = sqlite3.connect(environment.folder / "vault.db")
    (sealed,) = connection.execute("select sealed from consents where consent = ?", (consent.id,)).fetchone()
    connection.close()
    assert sealed in folder_bytes(environment.folder)
    assert environment.vault.erase(consent.id)
    assert not environment.vault.erase(consent.id)
    stored = folder_bytes(environment.folder)
    secret = {
        "subject": submission.opening.subject.encode(),
        "opening": submission.opening.salt,
        "salt": consent.details.salt,
        "signature": submission.signature,
        "owner": consent.owner,
        "enrolment": submission.enrolment.signature,
        "sealed record": sealed,
        "part of the sealed record": sealed[100:164],
    }
    for what, value in secret.items():
        assert value not in stored, what
        assert value.hex().encode() not in stored, what
    (leaf,) = [
        f for f in environment.records.sets.stored(environment.offer.id, lawful.root).leaves if f.consent == consent.id
    ]
    environment.restart()
    shown = environment.vault.leaves(environment.offer.id, lawful.root, 0)
    assert shown.erased == (ErasedLeaf(consent=consent.id, row=leaf.row, batch=leaf.batch),)
    assert [record.subject for record in decode_leaves(shown.leaves)] == [other.details.enrolment]
    assert list(environment.records.candidates(environment.offer.id)) == [other.id]
    assert environment.lawful().count == 1


def test_imported_again_keeps_its_id_but_no_commitment(environment) -> None:
    before = environment.tables.subjects("accounts")
    columns = ("customer", "balance", "remark")
    again = environment.tables.save(
        "accounts", environment.dataset.table, environment.tables.rows("accounts", None, columns).lists()
    )
    assert again.dataset == environment.dataset.dataset
    assert again.version == 2
    after = environment.tables.subjects("accounts")
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())
    with pytest.raises(StateError):
        environment.tables.save(
            "accounts",
            environment.dataset.table,
            environment.tables.rows("accounts", None, columns).lists(),
            bytes(32),
        )


def test_short_salt_is_refused(environment) -> None:
    with pytest.raises(DataError):
        environment.tables.save(
            "others", environment.dataset.table, {"customer": ["a"], "balance": [1], "remark": ["b"]}, b"short"
        )
    assert [info.name for info in environment.tables.infos()] == ["accounts"]


def test_whose_rows_a_table_holds_never_changes(environment) -> None:
    """What the registry says of the dataset's id would be no longer true of its rows."""
    rows = environment.tables.rows("accounts", None, ("customer", "balance", "remark")).lists()
    with pytest.raises(StateError) as caught:
        environment.tables.save("accounts", environment.dataset.table, rows, personal=False)
    assert caught.value.code == "data.subjects"
    assert environment.tables.named("accounts") == environment.dataset
