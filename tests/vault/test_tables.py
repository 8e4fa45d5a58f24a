"""Tables of a vault's folder: listed, removed for good, and nothing left of an import that failed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placet.chain import keystore
from placet.core.errors import DataError, NotFoundError, StateError
from placet.vault import setup, tables
from placet.vault.config import VaultSettings
from placet.vault.records import Records
from placet.vault.schema import Column
from placet.vault.setup import import_table, list_tables, named_table, remove_table

COLUMNS = {"customer": Column(source="ID", type="text"), "balance": Column(source="B", type="integer", decimals=2)}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VaultSettings:
    monkeypatch.setattr(keystore, "SCRYPT_N", 2**12)
    (tmp_path / "passphrase").touch(0o600)
    (tmp_path / "passphrase").write_text("of the tests\n")
    (tmp_path / "table.csv").write_text("ID,B\na,1.25\nb,2\nc,3\n")
    return setup.init_vault(
        tmp_path / "vault",
        institution=bytes(range(20)),
        chain_url="http://127.0.0.1:9",
        deployment=tmp_path / "deployment.json",
        trust=tmp_path / "trust.json",
        passphrase_file=tmp_path / "passphrase",
    )


def take(settings: VaultSettings, name: str, file: str = "table.csv") -> None:
    import_table(settings, name, settings.folder.parent / file, "customer", COLUMNS)


def sealed(settings: VaultSettings) -> list[str]:
    return sorted(path.name for path in settings.folder.parent.rglob("*.sealed"))


@pytest.mark.parametrize("name", ["", "Bad Name", "../outside", "a/b", "ä", "x" * 65, "a\n", ".a", "a@2"])
def test_a_bad_name_leaves_nothing(settings: VaultSettings, name: str) -> None:
    with pytest.raises(DataError) as caught:
        take(settings, name)
    assert caught.value.code == "data.name"
    assert sealed(settings) == [] and list_tables(settings) == []


def test_a_failed_import_leaves_the_table_as_it_was(settings: VaultSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    take(settings, "accounts")
    before = list_tables(settings)

    def full(*_words: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tables.Tables, "_store", lambda self, manifest, table: full())
        with pytest.raises(StateError) as caught:
            take(settings, "accounts")
        assert caught.value.code == "vault.storage" and "No space left" in str(caught.value)
    written = tables._write
    with monkeypatch.context() as patch:
        patch.setattr(tables, "CHUNK_ROWS", 1)
        patch.setattr(tables, "_write", lambda path, raw: full() if ".2." in path.name else written(path, raw))
        with pytest.raises(StateError):
            take(settings, "accounts")
    (settings.folder.parent / "bad.csv").write_text("ID,B\na,x\n")
    with pytest.raises(DataError):
        take(settings, "accounts", "bad.csv")
    assert list_tables(settings) == before
    assert sealed(settings) == ["accounts@1.0.sealed"]


def test_what_a_killed_import_left_is_swept(settings: VaultSettings) -> None:
    take(settings, "accounts")
    stray = settings.folder / "tables" / "accounts@2.0.sealed"
    stray.write_bytes(b"rows of persons")
    assert [info.name for info in list_tables(settings)] == ["accounts"]
    assert not stray.exists()


def test_a_removed_table_is_gone(settings: VaultSettings) -> None:
    take(settings, "accounts")
    take(settings, "others")
    info = named_table(settings, "accounts")
    assert (info.rows, info.version, info.personal, info.columns) == (3, 1, True, ("customer", "balance"))
    old = (settings.folder / "tables" / "accounts@1.0.sealed").read_bytes()
    assert remove_table(settings, "accounts") == info
    assert sealed(settings) == ["others@1.0.sealed"]
    for call in (named_table, remove_table):
        with pytest.raises(NotFoundError):
            call(settings, "accounts")
    take(settings, "accounts")
    again = named_table(settings, "accounts")
    assert again.version == 1 and again.dataset != info.dataset
    (settings.folder / "tables" / "accounts@1.0.sealed").write_bytes(old)
    with setup.opened(settings) as store, pytest.raises(StateError) as caught:
        store.tables.rows("accounts", None, ["customer"])
    assert caught.value.code == "vault.tampered"


def test_amounts_are_sealed_in_their_smallest_unit(settings: VaultSettings) -> None:
    take(settings, "accounts")
    with setup.opened(settings) as store:
        assert list(store.tables.rows("accounts", None, ["balance"])["balance"]) == [125, 200, 300]


def test_a_table_with_consents_is_removed_only_when_told(
    settings: VaultSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(settings, "accounts")
    monkeypatch.setattr(Records, "consents_to", lambda self, dataset: 3)
    with pytest.raises(StateError) as caught:
        remove_table(settings, "accounts")
    assert (caught.value.code, caught.value.found) == ("vault.consents", "3")
    remove_table(settings, "accounts", anyway=True)
    assert list_tables(settings) == []


def test_consents_are_counted_by_dataset(environment) -> None:
    environment.accept("customer-00001")
    assert environment.records.consents_to(environment.dataset.dataset) == 1
    assert environment.records.consents_to(bytes(32)) == 0


def test_an_offer_is_served_by_its_datasets_id(environment) -> None:
    environment.anchor(environment.accept("customer-00001"))
    environment.tables.remove("accounts")
    with pytest.raises(NotFoundError):
        environment.lawful()
    environment.tables.save(
        "accounts", environment.dataset.table, {"customer": ["customer-00001"], "balance": [1], "remark": ["x"]}
    )
    with pytest.raises(NotFoundError):
        environment.lawful()


@pytest.mark.parametrize("near", [[2, 0], [0, 2], [2, 1], [2], [2, 99], None])
def test_rows_are_those_of_their_commitments_wherever_they_are_looked_for_first(
    settings: VaultSettings, near: list[int] | None
) -> None:
    take(settings, "accounts")
    with setup.opened(settings) as store:
        held = store.tables.subjects("accounts")
        asked = held.rows[[list(held.places).index(place) for place in (2, 0)]]
        places = None if near is None else np.array(near)
        assert list(store.tables.rows("accounts", asked, ["customer"], places)["customer"]) == ["c", "a"]
    take(settings, "accounts")
    with setup.opened(settings) as store, pytest.raises(StateError) as caught:
        store.tables.rows("accounts", asked, ["customer"], places)
    assert caught.value.code == "vault.stale"
