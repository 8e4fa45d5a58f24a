"""Files in: good ones exactly, bad ones refused with row and column, never with a value."""

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from placet.core.errors import DataError
from placet.vault import files
from placet.vault.schema import Column

COLUMNS = {
    "customer": Column(source="ID", type="text"),
    "balance": Column(source="Saldo €", type="integer"),
    "rate": Column(source="Rate", type="number"),
}
CREDIT = Path(__file__).resolve().parents[3] / "shared" / "data" / "credit" / "uci_credit_card.csv"


def csv(folder: Path, *rows: str, header: str = "Rate,ID,Saldo €,Other") -> Path:
    path = folder / "table.csv"
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


def parquet(folder: Path, **changes: object) -> Path:
    columns = {"ID": ["a", "b", "c"], "Saldo €": [1, 2, 3], "Rate": [0.5, 1.5, 2.5], **changes}
    path = folder / "table.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def refused(path: Path, code: str, *found: str) -> None:
    with pytest.raises(DataError) as caught:
        files.read(path, "customer", COLUMNS)
    assert caught.value.code == code
    for word in found:
        assert word in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_csv(tmp_path: Path) -> None:
    schema, cells = files.read(csv(tmp_path, "0.5,007,-12,x", f"1e3,b,{2**62},y"), "customer", COLUMNS)
    assert schema.names == ("customer", "balance", "rate")
    assert files.read(csv(tmp_path, "1,a,-1e+05,", "1,b,10e3,"), "customer", COLUMNS)[1]["balance"] == [
        -100_000,
        10_000,
    ]
    assert cells == {"customer": ["007", "b"], "balance": [-12, 2**62], "rate": [0.5, 1000.0]}


def test_parquet(tmp_path: Path) -> None:
    _, cells = files.read(parquet(tmp_path, ID=[7, 8, 9]), "customer", COLUMNS)
    assert cells == {"customer": ["7", "8", "9"], "balance": [1, 2, 3], "rate": [0.5, 1.5, 2.5]}


@pytest.mark.parametrize(
    ("bad", "code", "column"),
    [
        ("1,s3cr3t,x1,", "data.type", "Saldo €"),
        ("1,s3cr3t,1.5,", "data.decimals", "Saldo €"),
        ("1,s3cr3t,.,", "data.type", "Saldo €"),
        ('1,s3cr3t,"1,5",', "data.type", "Saldo €"),
        ("1,s3cr3t,٣,", "data.type", "Saldo €"),
        ("1,s3cr3t,+1,", "data.type", "Saldo €"),
        ("1,s3cr3t,1e-5,", "data.decimals", "Saldo €"),
        ("1,s3cr3t,1e99,", "data.overflow", "Saldo €"),
        ("1,s3cr3t,,", "data.null", "Saldo €"),
        ("1,s3cr3t,NaN,", "data.null", "Saldo €"),
        (f"1,s3cr3t,{2**62 + 1},", "data.overflow", "Saldo €"),
        (f"1,s3cr3t,-{2**62 + 1},", "data.overflow", "Saldo €"),
        (f"1,s3cr3t,{2**64},", "data.overflow", "Saldo €"),
        (f"1,s3cr3t,{'9' * 5000},", "data.overflow", "Saldo €"),
        ("nan,s3cr3t,1,", "data.null", "Rate"),
        ("inf,s3cr3t,1,", "data.overflow", "Rate"),
        ("1e999,s3cr3t,1,", "data.overflow", "Rate"),
        ("s3cr3t,c,1,", "data.type", "Rate"),
        ("1,,1,", "data.null", "ID"),
        ("1,null,1,", "data.null", "ID"),
        ("1, s3cr3t,1,", "data.type", "ID"),
        (f"1,{'s3cr3t' * 50},1,", "data.large", "ID"),
    ],
)
def test_bad_cell(tmp_path: Path, bad: str, code: str, column: str) -> None:
    refused(csv(tmp_path, "1,a,1,", "1,b,2,", bad, "1,d,3,"), code, "row 3", repr(column))


def test_duplicate_identifier(tmp_path: Path) -> None:
    refused(csv(tmp_path, "1,s3cr3t,1,", "1,b,2,", "1,s3cr3t,3,"), "data.duplicate", "rows 1 and 3", "'ID'")


def test_missing_and_doubled_columns(tmp_path: Path) -> None:
    refused(csv(tmp_path, "1,a", header="Rate,ID"), "data.column", "Saldo €")
    refused(csv(tmp_path, "1,a,1,2", header="Rate,ID,Saldo €,ID"), "data.column", "'ID'")
    path = tmp_path / "other.parquet"
    pq.write_table(pa.table({"ID": ["a"]}), path)
    refused(path, "data.column", "Saldo €")


def test_ragged_row(tmp_path: Path) -> None:
    refused(csv(tmp_path, "1,a,1,", "1,s3cr3t"), "data.malformed", "row 2")
    refused(csv(tmp_path, "1,a,1,", "1,b,1,", "1,b,2,3,s3cr3t"), "data.malformed", "row 3")


def test_empty(tmp_path: Path) -> None:
    refused(csv(tmp_path), "data.empty")
    (tmp_path / "nothing.csv").touch()
    refused(tmp_path / "nothing.csv", "data.empty")
    refused(parquet(tmp_path, ID=pa.array([], "string"), Rate=[], **{"Saldo €": []}), "data.empty")


def test_not_a_table(tmp_path: Path) -> None:
    refused(tmp_path / "absent.csv", "data.file")
    refused(tmp_path, "data.file")
    (tmp_path / "table.xlsx").write_bytes(b"s3cr3t")
    refused(tmp_path / "table.xlsx", "data.file")
    for name in ("a.parquet", "b.csv"):
        (tmp_path / name).write_bytes(b"\xff\xfes3cr3t\0\0\xff" * 9)
        with pytest.raises(DataError) as caught:
            files.read(tmp_path / name, "customer", COLUMNS)
        assert "s3cr3t" not in str(caught.value)


def test_not_utf8(tmp_path: Path) -> None:
    path = csv(tmp_path, "1,a,1,")
    path.write_bytes(path.read_bytes() + b"1,s3cr3t\xff,1,\n")
    refused(path, "data.malformed")


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = csv(tmp_path, *(f"1,{i},1," for i in range(20))), parquet(tmp_path)
    monkeypatch.setattr(files, "MAX_ROWS", 19)
    refused(path, "data.large")
    monkeypatch.setattr(files, "MAX_ROWS", 2)
    refused(other, "data.large")
    monkeypatch.setattr(files, "MAX_BYTES", 100)
    refused(path, "data.large")


@pytest.mark.parametrize(
    ("column", "values", "code"),
    [
        ("ID", [None, "b", "c"], "data.null"),
        ("Saldo €", [None, 2, 3], "data.null"),
        ("Saldo €", [Decimal("1.5"), Decimal(2), Decimal(3)], "data.decimals"),
        ("Rate", [float("nan"), 1.0, 2.0], "data.null"),
        ("Rate", [float("inf"), 1.0, 2.0], "data.overflow"),
        ("Rate", [None, 1.0, 2.0], "data.null"),
    ],
)
def test_bad_parquet_cell(tmp_path: Path, column: str, values: list[object], code: str) -> None:
    refused(parquet(tmp_path, **{column: values}), code, "row 1", repr(column))


@pytest.mark.parametrize(
    ("column", "values", "name"),
    [
        ("ID", [1.5, 2.5, 3.5], "double"),
        ("ID", [b"a", b"b", b"c"], "binary"),
        ("Saldo €", [1.0, 2.0, 3.0], "double"),
        ("Saldo €", [True, False, True], "bool"),
        ("Saldo €", [[1], [2], [3]], "list"),
        ("Saldo €", pa.array([1, 2, 3], pa.timestamp("ns")), "timestamp[ns]"),
        ("Rate", pa.array([1, 2, 3], pa.date32()), "date32"),
    ],
)
def test_parquet_column_of_another_type(tmp_path: Path, column: str, values: object, name: str) -> None:
    refused(parquet(tmp_path, **{column: values}), "data.type", f"{column!r} of type {name}")


def test_parquet_integer_beyond_int64(tmp_path: Path) -> None:
    path = parquet(tmp_path, **{"Saldo €": pa.array([1, 2, 2**63], pa.uint64())})
    refused(path, "data.overflow", "row 3", "'Saldo €'")


def test_mapping() -> None:
    assert Column.from_text("BILL_AMT1") == Column(source="BILL_AMT1", type="integer")
    assert Column.from_text("a:b:text") == Column(source="a:b", type="text")
    with pytest.raises(DataError):
        Column.from_text("a:money")


def test_identifier_must_be_a_mapped_text(tmp_path: Path) -> None:
    path = csv(tmp_path, "1,a,1,")
    for identifier in ("balance", "absent"):
        with pytest.raises(DataError):
            files.read(path, identifier, COLUMNS)
    with pytest.raises(DataError):
        files.read(path, "customer", {"customer": COLUMNS["customer"], "Bad Name": COLUMNS["balance"]})


@pytest.mark.skipif(not CREDIT.is_file(), reason="the UCI credit card file is not on this machine")
def test_real_file() -> None:
    columns = {"customer": Column(source="ID", type="text"), "balance": Column(source="BILL_AMT1", type="integer")}
    _, cells = files.read(CREDIT, "customer", columns)
    assert len(cells["customer"]) == 30_000
    assert cells["balance"][:2] == [3913, 2682]
    assert cells["balance"][12_828] == 100_000
