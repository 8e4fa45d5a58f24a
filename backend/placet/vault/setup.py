"""Making a vault and filling it, which needs no chain."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from placet.chain.keystore import load_secret, read_passphrase, save_secret
from placet.chain.migrations import upgrade
from placet.core import at_rest
from placet.core.at_rest import AtRest
from placet.core.damage import Damage, damages
from placet.core.errors import NotFoundError, StateError
from placet.core.namespace import own_namespace
from placet.core.values import to_hex
from placet.vault.config import VaultSettings
from placet.vault.database import open_engine
from placet.vault.files import read
from placet.vault.migrations import VAULT
from placet.vault.models import KeptModels
from placet.vault.records import Records
from placet.vault.released import demand_unreleased
from placet.vault.schema import Column, DatasetInfo, Schema, demand_name
from placet.vault.tables import Tables


def init_vault(
    folder: Path,
    *,
    institution: bytes,
    chain_url: str,
    deployment: Path,
    trust: Path,
    passphrase_file: Path,
    socket: Path | None = None,
    node_uid: int | None = None,
) -> VaultSettings:
    """A new vault in `folder`: master key and `vault.toml`. StateError if there is one already."""
    file = folder / "vault.toml"
    if file.exists():
        raise StateError("there is a vault already", found=folder, remedy="choose another folder")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    settings: dict[str, str | int | None] = {
        "folder": str(folder.absolute()),
        "institution": to_hex(institution),
        "chain_url": chain_url,
        "deployment": str(deployment.absolute()),
        "trust": str(trust.absolute()),
        "passphrase_file": str(passphrase_file.absolute()),
        "socket": None if socket is None else str(socket.absolute()),
        "node_uid": node_uid,
    }
    save_secret(folder / "keys" / "master.json", secrets.token_bytes(32), read_passphrase(passphrase_file))
    # A JSON string is a TOML string.
    content = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items() if value is not None)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(content)
    return VaultSettings.load(file)


def import_table(
    settings: VaultSettings,
    name: str,
    path: Path,
    identifier: str,
    columns: Mapping[str, Column],
    *,
    personal: bool = True,
    namespace: str | None = None,
    warn: Callable[[Damage], None] = lambda _: None,
) -> DatasetInfo:
    """Seal a CSV or Parquet file as table `name`; DataError if it is not right. The vault may be running.

    `columns`: new name to where it comes from; `identifier`: the new name of the text column that names a row's
    subject; `personal` false: the institution's own rows; `namespace`: what kind of identifier it is, by default the
    institution's own; `warn` is told of identifiers that look damaged. A model that a job made is no rows of its own
    (`data.model`).
    """
    demand_name(name)
    schema, cells = read(path, identifier, columns)
    for damage in damages([str(cell) for cell in cells[identifier]], identifier):
        warn(damage)
    kind = namespace or own_namespace(settings.institution, identifier)
    schema = Schema(identifier=identifier, namespace=kind, columns=schema.columns)
    with opened(settings) as store:
        if not personal:
            demand_unreleased(cells, store.models.released())
        return store.tables.save(name, schema, cells, personal=personal)


def list_tables(settings: VaultSettings) -> list[DatasetInfo]:
    """All tables by name, and behind them parts of models; what an import left that was killed is deleted."""
    with opened(settings) as store:
        store.tables.sweep()
        return [*store.tables.infos(), *store.models.infos()]


def named_table(settings: VaultSettings, name: str) -> DatasetInfo:
    """NotFoundError if there is no such table."""
    with opened(settings) as store:
        return _named(settings, store, name)


def remove_table(settings: VaultSettings, name: str, *, anyway: bool = False) -> DatasetInfo:
    """Delete a table, or a part of a model, which nobody can bring back. StateError (`vault.consents`) if consents to
    it are kept, unless `anyway`: they can serve no job any more, since the dataset's id is gone with it. The vault may
    be running."""
    with opened(settings) as store:
        info = _named(settings, store, name)
        consents = store.records.consents_to(info.dataset)
        if consents and not anyway:
            raise StateError(
                f"the vault keeps consents to rows of {name}, which could serve no job any more",
                expected="a table without consents",
                found=consents,
                remedy="erase them first (placet erase), or give --anyway",
                code="vault.consents",
            )
        return store.tables.remove(name) if info.origin is None else store.models.remove(name)


def _named(settings: VaultSettings, store: VaultStore, name: str) -> DatasetInfo:
    """A table, or a part of a model. NotFoundError."""
    try:
        return store.tables.named(name)
    except NotFoundError as missing:
        try:
            return store.models.named(name).info(settings.institution)
        except NotFoundError:
            raise missing from None


@dataclass(frozen=True)
class VaultStore:
    """What a vault keeps on disk."""

    tables: Tables
    records: Records
    models: KeptModels


@contextlib.contextmanager
def opened(settings: VaultSettings) -> Iterator[VaultStore]:
    """The store of a vault's folder; ConfigError if its key does not open."""
    sealer = AtRest(at_rest.VAULT, load_secret(settings.master_key, settings.read_passphrase()))
    engine = open_engine(settings.folder / "vault.db")
    try:
        upgrade(engine, VAULT)
        tables = Tables(engine, settings.folder / "tables", sealer, settings.institution)
        yield VaultStore(tables, Records(engine, sealer), KeptModels(engine, sealer, settings.institution))
    finally:
        engine.dispose()
