"""What lies at a path: one table in a file, or a folder of parts as Spark, Hive and DuckDB write one.

A folder's parts are files of one kind, `.parquet` or `.csv`, in folders `KEY=VALUE` if it is partitioned. Files whose
names begin with a dot, `_SUCCESS`, `_metadata` and `_common_metadata` say nothing of the rows. Anything else in it says
that the folder is more than its parts, a Delta or Iceberg table or one that is still being written, and is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from placet.core.errors import DataError
from placet.vault.cells import BadCell, Raw

SUFFIXES = (".csv", ".parquet")
MAX_PARTS = 10_000
MAX_DEPTH = 8
_BESIDE = frozenset({"_SUCCESS", "_metadata", "_common_metadata"})
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
_MAGIC = (
    (b"PK\x03\x04", "a ZIP archive, as .xlsx workbooks are"),
    (b"\xd0\xcf\x11\xe0", "an old Office file, as .xls workbooks are"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ\x00", "compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "compressed with Zstandard"),
    (b"PAR1", "Parquet"),
    (b"PARE", "encrypted Parquet"),
    (b"ARROW1", "an Arrow file"),
    (b"ORC", "ORC"),
    (b"Obj\x01", "Avro"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"%PDF", "a PDF"),
    (b"\xff\xfe\x00\x00", "text in UTF-32"),
    (b"\x00\x00\xfe\xff", "text in UTF-32"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
)


@dataclass(frozen=True)
class Part:
    """A file with rows. `name`: below the path that was asked for, empty for that path itself. `values`: what the
    folders above say of all its rows, None for nothing."""

    path: Path
    name: str = ""
    values: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def suffix(self) -> str:
        return self.path.suffix.lower()


@dataclass
class RowBatch:
    """Some rows: the cells of the columns that were asked for, by column, and the lines on which the rows begin where
    the file has lines. Rows at the places `uneven` have no cells."""

    columns: list[list[Raw]]
    lines: list[int] = field(default_factory=list)
    uneven: dict[int, BadCell] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.columns[0])

    def clear(self) -> None:
        """Make room for the next rows."""
        for cells in self.columns:
            cells.clear()
        self.lines.clear()
        self.uneven.clear()


def parts(path: Path) -> tuple[Part, ...]:
    """The parts of a table, in the order of their names; DataError (`data.file`) where there is no table."""
    try:
        if path.is_dir():
            return _parts_of(path)
        if path.is_file():
            return (_demand_known(Part(path)),)
        missing = not path.exists()
    except OSError as error:
        raise unreadable(error) from None
    raise DataError(
        "no such file" if missing else "not a file",
        expected="a file .csv or .parquet, or a folder of such",
        found=path.name[:200],
        code="data.file",
    )


def unreadable(error: OSError) -> DataError:
    """What the system says of a file that can't be read."""
    return DataError(
        "the file can't be read", expected="a file that can be read", found=error.strerror, code="data.file"
    )


def demand_kind(part: Part) -> None:
    """DataError (`data.malformed`) if the first bytes show something else than what the name says."""
    with part.path.open("rb") as file:
        begin = file.read(16)
    kind = "Parquet" if part.suffix == ".parquet" else "CSV"
    known = _known(begin)
    if (known or "CSV") == kind:
        return
    raise DataError(
        f"the file is not {kind}",
        expected=kind if kind == "Parquet" else "CSV in UTF-8",
        found=f"{known or 'something else'}, by its first bytes",
        remedy={
            "Parquet": "name it .parquet",
            "compressed": "unpack it",
        }.get((known or "").split(" ")[0], "save it as CSV in UTF-8 or as Parquet, under a name that says which"),
        code="data.malformed",
    )


def _known(begin: bytes) -> str | None:
    """What the first bytes of a file are known to begin."""
    if begin[:8:2] == bytes(4) or begin[1:8:2] == bytes(4):
        return "text in UTF-16"
    if begin.lstrip().startswith((b"{", b"[{")):
        return "JSON"
    if re.match(rb"\s*<[a-zA-Z!?]", begin):
        return "HTML or XML"
    return next((what for magic, what in _MAGIC if begin.startswith(magic)), None)


def _parts_of(folder: Path) -> tuple[Part, ...]:
    parts = []
    for part in _below(folder, folder, {}):
        parts.append(_demand_known(part))
        if len(parts) > MAX_PARTS:
            raise DataError("too many parts in the folder", expected=f"at most {MAX_PARTS}", code="data.large")
    kinds = {part.suffix for part in parts}
    if len(kinds) != 1:
        raise DataError(
            "the folder holds no table" if not kinds else "the folder holds parts of two kinds",
            expected="files .parquet, or files .csv",
            found=" and ".join(sorted(kinds)) or "no such file",
            code="data.file",
        )
    return tuple(parts)


def _below(folder: Path, top: Path, values: Mapping[str, str | None]) -> Iterator[Part]:
    for path in sorted(folder.iterdir()):
        name = str(path.relative_to(top))
        if path.is_dir():
            key, equals, value = path.name.partition("=")
            if not equals or not key or key in values or len(values) == MAX_DEPTH:
                raise _surplus(name)
            yield from _below(path, top, {**values, key: None if value == _NO_VALUE else unquote(value)})
        elif not path.name.startswith(".") and path.name not in _BESIDE:
            if path.suffix.lower() not in SUFFIXES:
                raise _surplus(name)
            yield Part(path, name, values)


def _surplus(name: str) -> DataError:
    return DataError(
        "the folder holds more than the parts of a table",
        expected="files .parquet or .csv, in folders KEY=VALUE if it is partitioned",
        found=repr(name[:200]),
        remedy="is it still being written, or a Delta or Iceberg table? Write its rows as one Parquet file",
        code="data.file",
    )


def _demand_known(part: Part) -> Part:
    if part.suffix not in SUFFIXES:
        raise DataError(
            "unknown kind of file",
            expected="a name in .csv or .parquet",
            found=part.path.suffix[:20] or "no suffix",
            code="data.file",
        )
    return part
