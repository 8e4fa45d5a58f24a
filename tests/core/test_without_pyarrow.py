"""pyarrow comes with the extra `parquet`: nothing but Parquet needs it, and where it is wanted, the words say how."""

from __future__ import annotations

import ast
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import placet
from placet.core.batch_columns import MAX_FOOTER, batch_writer, schema
from placet.core.batch_file import BatchHeader
from placet.core.errors import ConfigError
from placet.core.parquet_gate import read_footer
from placet.vault import files
from placet.vault.consent_table import TableWriter, read_consents
from placet.vault.schema import Column

PACKAGE = Path(placet.__file__).parent
BEHIND_A_DOOR = {"vault/parquet_parts.py", "protocols/spu/intersecting.py"}
"""The first is imported by `vault.files` where a table is Parquet, the second runs in the engine's own process, and the
extra `spu` brings pyarrow."""
EMPTY = b"PAR1" + b"\0\0\0\0" + b"PAR1"


def at_import(body: list[ast.stmt]) -> Iterator[str]:
    """The modules that are imported with these statements, but for types alone."""
    for statement in body:
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            yield from (f"{statement.module}.{alias.name}" for alias in statement.names)
        elif isinstance(statement, ast.If) and ast.unparse(statement.test) != "TYPE_CHECKING":
            yield from at_import([*statement.body, *statement.orelse])
        elif isinstance(statement, ast.ClassDef | ast.Try | ast.With):
            yield from at_import(statement.body)


def test_no_module_brings_it_along() -> None:
    seen = set()
    for file in PACKAGE.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if "pyarrow" in text or "parquet_parts" in text:
            needs = [
                one
                for one in at_import(ast.parse(text).body)
                if one.split(".")[0] == "pyarrow" or "parquet_parts" in one
            ]
            seen |= {file.relative_to(PACKAGE).as_posix()} if needs else set()
    assert seen == BEHIND_A_DOOR


def test_parquet_says_which_extra_it_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as if it were not installed
    schema.cache_clear()
    columns = {"customer": Column(source="customer", type="text")}
    (tmp_path / "a.parquet").write_bytes(EMPTY)
    (tmp_path / "a.csv").write_bytes(b"customer\nann\n")
    doors = (
        lambda: read_footer(io.BytesIO(EMPTY), MAX_FOOTER),
        lambda: list(read_consents(io.BytesIO(EMPTY))),
        lambda: batch_writer(io.BytesIO(), BatchHeader.model_construct()),
        lambda: TableWriter(tmp_path / "b.parquet"),
        lambda: files.read(tmp_path / "a.parquet", "customer", columns),
    )
    for door in doors:
        with pytest.raises(ConfigError) as caught:
            door()
        assert caught.value.code == "config.extra" and "placet[parquet]" in str(caught.value)
    assert files.read(tmp_path / "a.csv", "customer", columns)[1] == {"customer": ["ann"]}
