"""What lies at a path: folders of parts, files that are not what their names say; and all errors of a table at once."""

from __future__ import annotations

import contextlib
import gzip
import io
import random
import zipfile
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from placet.core.errors import DataError
from placet.vault import files
from placet.vault.problems import MAX_TOLD
from placet.vault.schema import Cell, Column, ColumnType

COLUMNS = {
    "customer": Column(source="ID", type="text"),
    "balance": Column(source="BALANCE", type="integer", decimals=2),
}
CSV = "ID,BALANCE\na,1\nb,2.5\n"
CELLS = {"customer": ["a", "b"], "balance": [100, 250]}


def read(path: Path) -> dict[str, list[Cell]]:
    return files.read(path, "customer", COLUMNS)[1]


def refused(path: Path, code: str, *words: str) -> DataError:
    with pytest.raises(DataError) as caught:
        read(path)
    error = caught.value
    assert error.code == code, error
    for word in words:
        assert word in str(error)
    assert error.expected and error.found and error.remedy
    assert "s3cr3t" not in str(error) and "Arrow" not in str(error) and "Error" not in str(error)
    return error


def zipped() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("xl/workbook.xml", "s3cr3t")
    return sink.getvalue()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (zipped(), "a ZIP archive, as .xlsx workbooks are"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 9, "as .xls workbooks are"),
        (gzip.compress(CSV.encode(), mtime=0), "compressed with gzip"),
        (CSV.encode("utf-16"), "text in UTF-16"),
        (CSV.encode("utf-16-le"), "text in UTF-16"),
        (CSV.encode("utf-16-be"), "text in UTF-16"),
        (CSV.encode("utf-32"), "text in UTF-32"),
        (b'[{"ID": "s3cr3t", "BALANCE": 1}]', "JSON"),
        (b"\n<!DOCTYPE html><table><td>s3cr3t</td></table>", "HTML or XML"),
        (b"SQLite format 3\0" + bytes(99), "an SQLite database"),
        (b"ID;BALANCE\ns3cr3t;1,5\n", "parted by semicolons"),
        (b'"ID";"BALANCE"\n"s3cr3t";"1,5"\n', "parted by semicolons"),
        (b"ID\tBALANCE\ns3cr3t\t1,5\n", "parted by tabs"),
        (b"ID|BALANCE|A, B\ns3cr3t|1|2,3\n", "parted by bars"),
        (b"sep=,\nID,BALANCE\ns3cr3t,1\n", "a spreadsheet's own"),
        (b"ID,BALANCE\ns3cr3t,\xfc\n", "not UTF-8; expected: UTF-8; found: line 2"),
        (b"ID,BALANCE\na,1\ns3cr3t\0,2\n", "a zero byte in the text; expected: text; found: line 3"),
        (b'ID,BALANCE\na,1\nb,"s3cr3t\nc,2\n', "never closed; expected: a closing quote"),
    ],
)
def test_what_is_no_csv_is_said_in_a_sentence(tmp_path: Path, raw: bytes, words: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(raw)
    refused(path, "data.malformed", words)


def test_what_spreadsheets_write_is_read(tmp_path: Path) -> None:
    path = tmp_path / "table.CSV"
    path.write_bytes(CSV.replace("\n", "\r\n").encode("utf-8-sig") + b"\r\n\r\n")
    assert read(path) == CELLS


def test_what_is_no_parquet(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    path.write_text(CSV)
    refused(path, "data.malformed", "not Parquet")
    pq.write_table(pa.table({"ID": ["s3cr3t"] * 100, "BALANCE": [1] * 100}), path)
    whole = path.read_bytes()
    for raw in (whole[:-20], whole[:40] + bytes(20) + whole[60:], whole[:4] + whole[-4:]):
        path.write_bytes(raw)
        refused(path, "data.malformed", "damaged")
    renamed = tmp_path / "renamed.csv"
    renamed.write_bytes(whole)
    assert "name it .parquet" in str(refused(renamed, "data.malformed", "Parquet").remedy)


def test_columns_that_are_there_are_named(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("Id,Saldo\na,1\n")
    refused(path, "data.column", "columns 'ID', 'BALANCE'", "columns 'Id', 'Saldo'")
    pq.write_table(pa.table({"ID": ["a"], "Saldo": [1]}), tmp_path / "table.parquet")
    refused(tmp_path / "table.parquet", "data.column", "a column 'BALANCE'", "columns 'ID', 'Saldo'")


def test_a_first_line_that_may_be_a_row_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("s3cr3t,12.50\nb,1\n")
    refused(path, "data.column", "is the first line a row, and no header?")


def test_all_errors_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text('ID,BALANCE\na,s3cr3t\nb,1,2\n\n"c\nc"\n,5\nd,1.255\na,1\n1.2E+15,1\n1.2E+15,2\ne,"s3cr3t\n')
    error = refused(path, "data.type", "row 1 (line 2), column 'BALANCE'")
    assert error.details == (
        "row 2 (line 3): a row has too many cells",
        "row 3 (line 5): a row has too few cells",
        "row 4 (line 7), column 'ID': a value is missing",
        "row 5 (line 8), column 'BALANCE': an amount with too many decimals",
        "rows 1 and 6 (line 9), column 'ID': an identifier stands in the table twice",
        "rows 7 and 8 (line 11), column 'ID': two rows have one identifier, which a spreadsheet rounded",
        "the row that begins on line 12: a quote is opened and never closed",
    )


def test_more_errors_than_are_told_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("ID,BALANCE\n" + "".join(f"{number},x\n" for number in range(10_000)))
    error = refused(path, "data.type", "row 1 (line 2)")
    assert len(error.details) == MAX_TOLD
    assert error.details[-1] == f"and {10_000 - MAX_TOLD} more"


@pytest.mark.parametrize("rounded", ["1.23457E+15", "1.23457e15", '"1,23457E+15"', "-1.2E+17", "123456789012345000"])
def test_rows_that_a_spreadsheet_rounded_are_never_to_be_left_out(tmp_path: Path, rounded: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"ID,BALANCE\n{rounded},1\n{rounded},2\n")
    error = refused(path, "data.duplicate", "rows 1 and 2", "a spreadsheet rounded")
    assert "export the column as text" in str(error.remedy) and "leave one row" not in str(error)


def spark(folder: Path) -> Path:
    path = folder / "table.parquet"
    for year, table in (("2024", {"ID": ["a"], "BALANCE": [1]}), ("2025", {"ID": ["b"], "BALANCE": [Decimal("2.5")]})):
        (path / f"year={year}").mkdir(parents=True)
        pq.write_table(pa.table(table), path / f"year={year}" / "part-0.snappy.parquet")
    (path / "_SUCCESS").touch()
    (path / "year=2024" / ".part-0.snappy.parquet.crc").touch()
    return path


def test_a_folder_of_parts_is_a_table(tmp_path: Path) -> None:
    path = spark(tmp_path)
    assert read(path) == CELLS
    columns = {**COLUMNS, "year": Column(source="year", type="integer")}
    assert files.read(path, "customer", columns)[1] == {**CELLS, "year": [2024, 2025]}
    plain = tmp_path / "plain"
    plain.mkdir()
    for number, text in enumerate(("ID,BALANCE\na,1\n", "BALANCE,ID\n2.5,b\n")):
        (plain / f"part-{number}.csv").write_text(text)
    assert read(plain) == CELLS


def test_errors_in_a_folder_name_the_part(tmp_path: Path) -> None:
    path = spark(tmp_path)
    pq.write_table(pa.table({"ID": ["c", "a"], "BALANCE": ["1.255", "1"]}), path / "year=2025" / "part-1.parquet")
    error = refused(path, "data.decimals", "year=2025/part-1.parquet: row 1, column 'BALANCE'")
    assert error.details[0].startswith("year=2024/part-0.snappy.parquet: row 1 and year=2025/part-1.parquet: row 2,")
    pq.write_table(pa.table({"ID": ["c"]}), path / "year=2025" / "part-1.parquet")
    refused(path, "data.column", "year=2025/part-1.parquet: columns 'ID', 'year'")


@pytest.mark.parametrize("name", ["_temporary/", "_delta_log/", ".hoodie/", "metadata/", "notes.txt", "a.csv", "old/"])
def test_a_folder_that_is_more_than_its_parts_is_refused(tmp_path: Path, name: str) -> None:
    path = spark(tmp_path)
    beside = path / name
    beside.mkdir() if name.endswith("/") else beside.touch()
    refused(path, "data.file")


def test_a_folder_without_parts(tmp_path: Path) -> None:
    refused(tmp_path, "data.file", "no table")


def test_parquet_that_grows_when_unpacked_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.parquet"
    dictionary = pa.array(["x" * 4000] * 1000).dictionary_encode()
    pq.write_table(pa.table({"ID": [str(n) for n in range(1000)], "NOTE": dictionary}), path)
    columns = {"customer": COLUMNS["customer"], "note": Column(source="NOTE", type="text")}
    assert len(files.read(path, "customer", columns)[1]["note"]) == 1000
    monkeypatch.setattr(files, "MAX_BYTES", 1 << 20)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(DataError) as caught:
        files.read(path, "customer", columns)
    assert caught.value.code == "data.large"


@pytest.mark.parametrize(
    ("text", "decimals", "value"),
    [
        ("3913.0", 0, 3913),
        ("1.5e+10", 0, 15 * 10**9),
        ("1.50", 1, 15),
        ("-.5", 2, -50),
        ("5.", 0, 5),
        ("00012", 0, 12),
        ("-0.0", 0, 0),
        ("12345e-3", 3, 12345),
        (f"{2**62}", 0, 2**62),
        ("4.611686018427387904e18", 0, 2**62),
    ],
)
def test_a_number_is_read_by_one_rule(tmp_path: Path, text: str, decimals: int, value: int) -> None:
    (tmp_path / "t.csv").write_text(f"ID,B\na,{text}\n")
    pq.write_table(pa.table({"ID": ["a"], "B": [text]}), tmp_path / "t.parquet")
    exact = pa.array([Decimal(text)], pa.decimal128(38, 9))
    pq.write_table(pa.table({"ID": ["a"], "B": exact}), tmp_path / "d.parquet")
    columns = {"id": COLUMNS["customer"], "b": Column(source="B", type="integer", decimals=decimals)}
    for name in ("t.csv", "t.parquet", "d.parquet"):
        assert files.read(tmp_path / name, "id", columns)[1]["b"] == [value], name


def test_text_may_be_empty_where_the_schema_says_so(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('ID,MAIL\na,\nb,""\nc,c@x\n')
    pq.write_table(pa.table({"ID": ["a", "b", "c"], "MAIL": [None, "", "c@x"]}), tmp_path / "t.parquet")
    for name in ("t.csv", "t.parquet"):
        columns = {"id": COLUMNS["customer"], "mail": Column(source="MAIL", type="optional-text")}
        schema, cells = files.read(tmp_path / name, "id", columns)
        assert cells["mail"] == ["", "", "c@x"]
        assert schema.to_json()["columns"][1] == {"name": "mail", "type": "optional-text"}
        with pytest.raises(DataError) as caught:
            files.read(tmp_path / name, "id", columns | {"mail": Column(source="MAIL", type="text")})
        assert caught.value.code == "data.null" and "optional-text" in str(caught.value.expected)


@pytest.mark.parametrize("word", ["", "NaN", "null", "N/A", " none "])
def test_numbers_may_be_missing_where_the_schema_says_so(tmp_path: Path, word: str) -> None:
    (tmp_path / "t.csv").write_text(f"ID,INCOME,AGE\na,1.5,30\nb,{word},{word}\nc,0,0\n")
    kinds: dict[str, ColumnType] = {"income": "optional-number", "age": "optional-integer"}
    columns = {"id": COLUMNS["customer"]} | {n: Column(source=n.upper(), type=kind) for n, kind in kinds.items()}
    schema, cells = files.read(tmp_path / "t.csv", "id", columns)
    assert cells["income"] == [1.5, None, 0.0] and cells["age"] == [30, None, 0]
    assert [one["type"] for one in schema.to_json()["columns"]] == ["text", "optional-number", "optional-integer"]
    with pytest.raises(DataError, match="missing") as caught:
        files.read(tmp_path / "t.csv", "id", columns | {"age": Column(source="AGE", type="integer")})
    assert caught.value.code == "data.null" and "optional-number" in str(caught.value.expected)


def test_parquet_has_nulls_and_nan_for_missing_numbers(tmp_path: Path) -> None:
    floats, whole = pa.array([None, float("nan"), 0.1]), pa.array([None, 0, 7], pa.int64())
    pq.write_table(pa.table({"ID": ["a", "b", "c"], "F": floats, "I": whole}), tmp_path / "t.parquet")
    columns = {"id": COLUMNS["customer"], "f": Column(source="F", type="optional-number")}
    columns["i"] = Column(source="I", type="optional-integer", decimals=2)
    cells = files.read(tmp_path / "t.parquet", "id", columns)[1]
    assert cells["f"] == [None, None, 0.1] and cells["i"] == [None, 0, 700]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 40))])
@pytest.mark.parametrize("compression", ["none", "snappy"])
def test_damaged_parquet_is_read_or_refused(tmp_path: Path, seed: int, compression: str) -> None:
    luck, path = random.Random(seed), tmp_path / "table.parquet"
    table = pa.table({"ID": [f"p{number}" for number in range(200)], "BALANCE": [str(n) for n in range(200)]})
    pq.write_table(table, path, compression=compression, use_dictionary=compression != "none")
    whole = path.read_bytes()
    for _ in range(100):
        damaged = bytearray(whole)
        for _ in range(luck.randrange(1, 4)):
            damaged[luck.randrange(len(damaged))] = luck.randrange(256)
        path.write_bytes(damaged)
        with contextlib.suppress(DataError):
            read(path)
