"""Sealed tables: one sealed row of bytes per chunk of rows, each row with its random salt and its commitment.

The sealing context of a chunk binds the table's name and dataset id, its version and the chunk's place, so that chunks
can't be swapped, dropped or taken from an older version or from a table that was removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from placet.core.at_rest import AtRest, context
from placet.core.column_table import ColumnTable, FixedColumn, Kind, column
from placet.core.errors import DataError, NotFoundError, StateError
from placet.core.ids import DatasetId
from placet.core.merkle import dataset_root
from placet.core.offers import Subjects
from placet.core.row import RowForm
from placet.core.sample import RowOpening
from placet.core.values import Bytes32, Value, parse, to_hex
from placet.vault.columns import Column32, RowSubjects, find_anywhere
from placet.vault.columns import column as column32
from placet.vault.database import DATASETS, MATCHES, forget
from placet.vault.leaves import split
from placet.vault.schema import (
    Cell,
    ColumnType,
    DatasetInfo,
    Schema,
    dataset_id,
    demand_name,
    demand_no_model,
)

CHUNK_ROWS = 65_536
_SALT, _COMMITMENT = "\0salt", "\0commitment"
_KINDS: dict[ColumnType, Kind] = {
    "integer": "integer",
    "number": "number",
    "text": "text",
    "optional-integer": "integer",
    "optional-number": "number",
    "optional-text": "text",
}


class _Manifest(Value):
    info: DatasetInfo
    salt: Bytes32
    chunks: int


class Tables:
    """All tables of one vault. Thread-safe."""

    def __init__(self, engine: sa.Engine, folder: Path, sealer: AtRest, institution: bytes) -> None:
        self._engine = engine
        self._folder = folder
        self._sealer = sealer
        self._institution = institution
        self._lock = threading.Lock()
        self._subjects: dict[str, tuple[bytes, RowSubjects]] = {}

    def save(
        self,
        name: str,
        schema: Schema,
        cells: Mapping[str, Sequence[Cell]],
        salt: bytes | None = None,
        *,
        personal: bool = True,
    ) -> DatasetInfo:
        """Seal a table under `name`, in place of an earlier one, whose dataset id it keeps; every row gets a new salt.

        `salt` (32 bytes) makes the dataset id; random by default. StateError if the table has another id already, or
        was imported as somebody else's rows (`data.subjects`): whose they are stands on chain for ever; or with another
        kind of identifiers (`data.namespace`): its consents are of the persons who have these.
        """
        demand_name(name)
        demand_no_model(name)
        with self._alone():
            earlier = self._manifests().get(name)
            if salt is None:
                salt = secrets.token_bytes(32) if earlier is None else earlier.salt
            if len(salt) != 32:
                raise DataError("a dataset's salt has 32 bytes", found=f"{len(salt)} bytes")
            identity = dataset_id(self._institution, name, salt)
            if earlier is not None:
                _demand_same(earlier.info, identity, personal, schema.namespace)
            table = _with_commitments(schema, cells)
            info = DatasetInfo(
                name=name,
                dataset=identity,
                table=schema,
                commitment=dataset_root(split(_commitments(table).tobytes(), 32)),
                rows=len(table),
                version=1 if earlier is None else earlier.info.version + 1,
                personal=personal,
            )
            manifest = _Manifest(info=info, salt=salt, chunks=-(-len(table) // CHUNK_ROWS))
            try:
                self._store(manifest, table)
            except OSError as error:
                raise StateError(
                    "the table can't be stored", found=error.strerror, remedy="make room", code="vault.storage"
                ) from None
            finally:
                self._sweep()
        return info

    def remove(self, name: str) -> DatasetInfo:
        """Delete a table's rows and what is known of it, who matched in jobs and its salt too: the dataset's id can't
        be served again."""
        with self._alone():
            info = self._manifest(name).info
            with self._engine.begin() as connection:
                connection.execute(sa.delete(DATASETS).where(DATASETS.c.name == name))
                connection.execute(sa.delete(MATCHES).where(MATCHES.c.dataset == info.dataset))
            forget(self._engine)
            self._sweep()
        return info

    def sweep(self) -> None:
        """Delete what an import left that was killed."""
        with self._alone():
            self._sweep()

    def _store(self, manifest: _Manifest, table: ColumnTable) -> None:
        info = manifest.info
        for index in range(manifest.chunks):
            plain = table.cut(index * CHUNK_ROWS, (index + 1) * CHUNK_ROWS).encode()
            _write(self._path(info, index), self._sealer.seal(plain, _chunk_context(manifest, index)))
        sealed = self._sealer.seal(manifest.model_dump_json().encode(), context("manifest", info.name))
        with self._engine.begin() as connection:
            connection.execute(sa.delete(DATASETS).where(DATASETS.c.name == info.name))
            connection.execute(sa.insert(DATASETS).values(name=info.name, sealed=sealed))

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process writes tables meanwhile."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(self._folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _sweep(self) -> None:
        """Delete the sealed chunks of no table as it is now."""
        current = {
            self._path(manifest.info, index)
            for manifest in self._manifests().values()
            for index in range(manifest.chunks)
        }
        for file in self._folder.glob("*.sealed"):
            if file not in current:
                file.unlink(missing_ok=True)

    def infos(self) -> list[DatasetInfo]:
        """All tables, by name."""
        return [manifest.info for _, manifest in sorted(self._manifests().items())]

    def named(self, name: str) -> DatasetInfo:
        """NotFoundError if there is no such table."""
        return self._manifest(name).info

    def by_id(self, dataset: DatasetId) -> DatasetInfo:
        """The table with this dataset id; NotFoundError if it isn't here."""
        for info in self.infos():
            if info.dataset == dataset:
                return info
        raise NotFoundError("no table here has this dataset id", found=to_hex(dataset), remedy="import the table")

    def tag(self, name: str, subject: str) -> bytes:
        """The keyed tag under which a subject of a table is found."""
        return self._sealer.tag(context("subject", name, subject))

    def subjects(self, name: str) -> RowSubjects:
        """Tag to row commitment, for every row of the table as it is now."""
        manifest = self._manifest(name)
        with self._lock:
            cached = self._subjects.get(name)
            if cached is None or cached[0] != manifest.info.commitment:
                table = self._load(manifest, (manifest.info.identifier,))
                tags = b"".join(self.tag(name, str(one)) for one in table[manifest.info.identifier])
                cached = (
                    manifest.info.commitment,
                    RowSubjects(column32(tags), _commitments(table)),
                )
                self._subjects[name] = cached
        return cached[1]

    def rows(
        self,
        name: str,
        commitments: Column32 | None,
        columns: Sequence[str],
        near: NDArray[np.intp] | None = None,
    ) -> ColumnTable:
        """`columns` of the rows with these commitments, in their order; of all rows for None. `near`: where these rows
        stood, which saves a search where they still do.

        StateError if a row is not in the table as it is now.
        """
        table = self._load(self._manifest(name), columns)
        return (table if commitments is None else _taken(name, table, commitments, near)).select(columns)

    def opened(self, name: str, commitments: Column32, columns: Sequence[str]) -> list[RowOpening]:
        """Of the rows with these commitments `columns` and no others, in their order. StateError as `rows`."""
        manifest = self._manifest(name)
        names = manifest.info.table.names
        table = _taken(name, self._load(manifest, (*names, _SALT)), commitments)
        rows = zip(*(table[name] for name in names), strict=True)
        return [
            RowOpening.of(salt, dict(zip(names, row, strict=True)), columns)
            for salt, row in zip(table[_SALT], rows, strict=True)
        ]

    def _manifests(self) -> dict[str, _Manifest]:
        with self._engine.connect() as connection:
            stored = connection.execute(sa.select(DATASETS.c.name, DATASETS.c.sealed)).all()
        return {name: parse(_Manifest, self._sealer.open(sealed, context("manifest", name))) for name, sealed in stored}

    def _manifest(self, name: str) -> _Manifest:
        try:
            return self._manifests()[name]
        except KeyError:
            raise NotFoundError("no such table", found=name, remedy="import it") from None

    def _load(self, manifest: _Manifest, columns: Sequence[str]) -> ColumnTable:
        info = manifest.info
        parts = []
        for index in range(manifest.chunks):
            try:
                sealed = self._path(info, index).read_bytes()
            except OSError as error:
                raise StateError(
                    f"chunk {index} of the table {info.name} can't be read",
                    found=error.strerror,
                    remedy="import the table again",
                    code="vault.tampered",
                ) from None
            plain = self._sealer.open(sealed, _chunk_context(manifest, index))
            parts.append(ColumnTable.decode(plain)[0].select([*columns, _COMMITMENT]))
        return ColumnTable.joined(parts)

    def _path(self, info: DatasetInfo, chunk: int) -> Path:
        return self._folder / f"{info.name}@{info.version}.{chunk}.sealed"


def _chunk_context(manifest: _Manifest, index: int) -> bytes:
    info = manifest.info
    return context("table", info.name, to_hex(info.dataset), info.version, index, manifest.chunks)


def _demand_same(earlier: DatasetInfo, identity: bytes, personal: bool, namespace: str | None) -> None:
    """StateError where a table is to take another dataset's place: its id and whose rows it holds stand on chain."""
    if identity != earlier.dataset:
        raise StateError(
            f"the table {earlier.name} has another dataset id",
            expected=to_hex(earlier.dataset),
            found=to_hex(identity),
            remedy="leave the salt out, or choose another name",
        )
    if personal is not earlier.personal:
        raise StateError(
            f"the table {earlier.name} holds other people's rows than before, under an id that was registered once",
            expected=Subjects.of(earlier.personal).words,
            found=Subjects.of(personal).words,
            remedy="import it under another name: whose rows a dataset holds never changes",
            code="data.subjects",
        )
    if earlier.table.namespace is not None and namespace != earlier.table.namespace:
        raise StateError(
            f"the table {earlier.name} finds its rows by another kind of identifier than before",
            expected=earlier.table.namespace,
            found=namespace,
            remedy="give --namespace as before, or another name: consents are kept by these identifiers",
            code="data.namespace",
        )


def _with_commitments(schema: Schema, cells: Mapping[str, Sequence[Cell]]) -> ColumnTable:
    form = RowForm(schema.names)
    salts = [secrets.token_bytes(32) for _ in cells[schema.identifier]]
    commitments = [
        form.commitment(salt, row)
        for salt, row in zip(salts, zip(*(cells[name] for name in schema.names), strict=True), strict=True)
    ]
    columns = {one.name: column(_KINDS[one.type], cells[one.name]) for one in schema.columns}
    return ColumnTable(
        {**columns, _SALT: FixedColumn.of("bytes32", salts), _COMMITMENT: FixedColumn.of("bytes32", commitments)}
    )


def _commitments(table: ColumnTable) -> Column32:
    rows = table[_COMMITMENT]
    if not isinstance(rows, FixedColumn):
        raise StateError("a table's commitments are no hashes", code="vault.tampered")
    return rows.values


def _taken(name: str, table: ColumnTable, commitments: Column32, near: NDArray[np.intp] | None = None) -> ColumnTable:
    """The rows of the table `name` with these commitments, in their order."""
    present = _commitments(table)
    if near is not None and _stand(present, commitments, near):
        return table.take(near)
    places, there = find_anywhere(present, commitments)
    if not there.all():
        raise StateError(
            f"{int((~there).sum())} lawful rows are no longer in the table {name}",
            remedy="it was imported again since; make a new plan",
            code="vault.stale",
        )
    return table.take(places)


def _stand(present: Column32, commitments: Column32, places: NDArray[np.intp]) -> bool:
    """Does each of these commitments stand at its place?"""
    if len(places) != len(commitments) or (len(places) and places.max() >= len(present)):
        return False
    return bool((present[places] == commitments).all())


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
