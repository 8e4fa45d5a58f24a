"""A user's own files: good ones exactly, bad ones refused with file, row and column before anything is started."""

from __future__ import annotations

import csv
import json
import re
import sys
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import asset_view
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import examples
from placet.core.errors import PlacetError
from placet.sandbox import files as asset_view_files
from placet.sandbox.files import MAPPING, Data, Meeting, read
from placet.study import tables
from placet.study.results import totals
from placet.vault import files

ROOT = Path(__file__).resolve().parents[2]
QUIET = settings(max_examples=examples(60), deadline=None, derandomize=True, database=None)
GOOD = """
[consumer]
name = "Family Office"
file = "customers.csv"
identifier = "ID"

[[providers]]
name = "Bank North"
file = "north.csv"
identifier = "ID"
value = "BALANCE"

[[providers]]
name = "Bank South"
file = "south.parquet"
identifier = "CLIENT"
value = "AMOUNT"
decimals = 2

[consent]
file = "consents.csv"
identifier = "ID"
"""
SECRET = "s3cr3t"


def write(path: Path, header: str, *rows: str) -> None:
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which everything is right."""
    return fill(tmp_path)


def fill(path: Path) -> Path:
    (path / MAPPING).write_text(GOOD)
    write(path / "customers.csv", "ID", "a", "b", "c")
    write(path / "north.csv", "ID,BALANCE", "a,10", "b,-20", "x,5")
    south = {"CLIENT": ["b", "c", "y"], "AMOUNT": ["1.25", "-3", "4e1"]}
    pq.write_table(pa.table(south), path / "south.parquet")
    write(path / "consents.csv", "ID", "b", "c", "x", "nobody")
    return path


def refused(folder: Path, code: str, *found: str) -> PlacetError:
    with pytest.raises(PlacetError) as caught:
        read(folder)
    error = caught.value
    assert error.code == code, str(error)
    for word in found:
        assert word in str(error.found), str(error)
    assert error.expected and error.found, str(error)
    assert SECRET not in str(error)
    return error


def remap(folder: Path, old: str, new: str) -> None:
    text = (folder / MAPPING).read_text()
    assert old in text
    (folder / MAPPING).write_text(text.replace(old, new, 1))


def test_good_files(folder: Path) -> None:
    data = read(folder)
    assert data == Data(
        names={"provider1": "Bank North", "provider2": "Bank South", "consumer": "Family Office"},
        purpose="CreditChecking",
        balances={
            "provider1": {"a": 1000, "b": -2000, "x": 500},
            "provider2": {"b": 125, "c": -300, "y": 4000},
        },
        customers=["a", "b", "c"],
        consenting=frozenset(("b", "c", "x", "nobody")),
        decimals=2,
    )
    assert data.consents() == {"provider1": ["b", "x"], "provider2": ["b", "c"]}


def test_what_comes_together_is_told(folder: Path) -> None:
    data = read(folder)
    assert data.meetings() == [Meeting("Bank North", 3, 2, 1), Meeting("Bank South", 3, 2, 2)]
    assert data.counts() == [
        "Bank North: 3 rows, 2 of persons who consent, 1 of these are customers",
        "Bank South: 3 rows, 2 of persons who consent, 2 of these are customers",
        "Family Office: 3 customers, 2 of them consent, 3 of them have a row somewhere",
        "4 persons consent, 1 of them have no row anywhere",
    ]
    assert data.warnings() == []


def test_rows_that_meet_nobody_and_damaged_identifiers_are_warned_of(folder: Path) -> None:
    write(folder / "customers.csv", "ID", "00812345", "00812346", "12345678")
    write(folder / "north.csv", "ID,BALANCE", "812345,10", "812346,-20", "62345678,5", "72345678,5", "82345678,5")
    write(folder / "consents.csv", "ID", "812345", "b")
    data = read(folder)
    assert data.meetings()[0] == Meeting("Bank North", 5, 1, 0)
    [zeros, alone, near, south] = data.warnings()
    assert zeros.startswith("north.csv: ") and '"kind": "digits"' in zeros
    assert alone == "Bank North: no row of a person who consents is a customer's"
    assert near.startswith("Bank North: 2 more customers would have a row there")
    assert south == "Bank South: no row of a person who consents is a customer's"
    write(folder / "consents.csv", "ID", "00812345", "b")
    details = refused(folder, "data.consent", "Bank North").details
    assert any("digits" in line for line in details) and any(line.startswith("1 would be there") for line in details)


def test_check_judges_the_sample_and_starts_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(asset_view, "run", lambda *_: pytest.fail("started"))
    page = (ROOT / "docs" / "how-to" / "own-files.md").read_text()
    sample = ROOT / "scripts" / "examples" / "own-files"
    assert f"```toml\n{(sample / MAPPING).read_text()}```" in page
    assert f"--data {sample.relative_to(ROOT)} --check" in page
    assert asset_view.main(["--data", str(sample), "--check", "--json"]) == 0
    said = capfd.readouterr()
    assert json.loads(said.out)["meetings"][0] == {
        "provider": "Bank North",
        "rows": 4,
        "consenting": 3,
        "matched": 2,
    }
    assert "warning" not in said.err and said.err.endswith("the files are right\n")
    write(folder / "north.csv", "ID,BALANCE", f"{SECRET},ten")
    assert asset_view.main(["--data", str(folder), "--check"]) == 1
    assert "data.type" in capfd.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [MAPPING, "customers.csv", "north.csv", "south.parquet", "consents.csv"]
    )


def test_all_means_the_consumers_customers(folder: Path) -> None:
    text = (folder / MAPPING).read_text()
    (folder / MAPPING).write_text(
        'consent = "all"\npurpose = "FraudPreventionAndDetection"\n' + text.split("[consent]")[0]
    )
    data = read(folder)
    assert (data.consenting, data.purpose) == (frozenset("abc"), "FraudPreventionAndDetection")


@pytest.mark.parametrize(
    ("kind", "amounts"),
    [
        (pa.decimal128(12, 2), [Decimal("1.25"), Decimal("-3.00"), Decimal("40.00")]),
        (pa.decimal128(20, 5), [Decimal("1.25000"), Decimal("-3"), Decimal("40")]),
        (pa.string(), ["1.25", "-3.000", "40"]),
        (pa.string(), ["1.25", "-3e0", "0.4e+2"]),
    ],
)
def test_exact_decimals_of_parquet(folder: Path, kind: pa.DataType, amounts: list[Any]) -> None:
    table = pa.table({"CLIENT": ["b", "c", "y"], "AMOUNT": pa.array(amounts, kind)})
    pq.write_table(table, folder / "south.parquet")
    assert read(folder).balances["provider2"] == {"b": 125, "c": -300, "y": 4000}


def test_integers_of_parquet_with_decimals(folder: Path) -> None:
    table = pa.table({"CLIENT": ["b", "c", "y"], "AMOUNT": pa.array([1, -3, 40], pa.int32())})
    pq.write_table(table, folder / "south.parquet")
    assert read(folder).balances["provider2"] == {"b": 100, "c": -300, "y": 4000}


def test_integers_without_decimals_are_the_vaults_own(folder: Path) -> None:
    remap(folder, "decimals = 2", "")
    remap(folder, "south.parquet", "south.csv")
    write(folder / "south.csv", "CLIENT,AMOUNT", "b,1e+05", f"c,{2**62}", "y,-7")
    data = read(folder)
    assert (data.balances["provider2"], data.decimals) == ({"b": 100_000, "c": 2**62, "y": -7}, 0)


def test_what_spreadsheets_write(folder: Path) -> None:
    (folder / "north.csv").write_bytes(b'\xef\xbb\xbf"ID","BALANCE"\r\n"a","10"\r\n"b","-20"\r\n"x","5"\r\n')
    assert read(folder).balances["provider1"] == {"a": 1000, "b": -2000, "x": 500}


@pytest.mark.parametrize(
    ("bad", "code", "column"),
    [
        (f"{SECRET},", "data.null", "BALANCE"),
        (f"{SECRET},NaN", "data.null", "BALANCE"),
        (f"{SECRET},null", "data.null", "BALANCE"),
        (f"{SECRET},1.5", "data.decimals", "BALANCE"),
        (f"{SECRET},inf", "data.type", "BALANCE"),
        (f"{SECRET},ten", "data.type", "BALANCE"),
        (f"{SECRET},{2**63}", "data.overflow", "BALANCE"),
        (f"{SECRET},-{2**64}", "data.overflow", "BALANCE"),
        (f"{SECRET},{2**62 // 100 + 1}", "data.overflow", "BALANCE"),
        (",5", "data.null", "ID"),
        (" ,5", "data.null", "ID"),
        (f" {SECRET},5", "data.type", "ID"),
        (f'"{SECRET}\nb",5', "data.type", "ID"),
        (f'"{SECRET}\u2028b",5', "data.type", "ID"),
        (f"{SECRET * 50},5", "data.large", "ID"),
    ],
)
def test_a_bad_cell(folder: Path, bad: str, code: str, column: str) -> None:
    write(folder / "north.csv", "ID,BALANCE", "a,10", "b,20", bad, "c,30")
    assert refused(folder, code, "north.csv", "row 3", repr(column)).remedy


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ("1.255", "data.decimals"),
        ("1e-3", "data.decimals"),
        ("", "data.null"),
        (" nan ", "data.null"),
        ("0x10", "data.type"),
        ("1,25", "data.type"),
        ("+1", "data.type"),
        ("1_0", "data.type"),
        ("٣", "data.type"),
        ("Infinity", "data.type"),
        ("1e999", "data.overflow"),
        ("1e99", "data.overflow"),
        (f"{2**62}", "data.overflow"),
        ("9" * 41, "data.overflow"),
        (None, "data.null"),
    ],
)
def test_a_bad_amount_with_decimals(folder: Path, bad: str | None, code: str) -> None:
    pq.write_table(pa.table({"CLIENT": ["b", "c"], "AMOUNT": ["1.00", bad]}), folder / "south.parquet")
    assert refused(folder, code, "south.parquet", "row 2", "'AMOUNT'").remedy


@pytest.mark.parametrize(
    ("amounts", "code"),
    [
        (pa.array([None, Decimal("1.00")], pa.decimal128(9, 2)), "data.null"),
        (pa.array([Decimal("1.001"), Decimal("1.00")], pa.decimal128(9, 3)), "data.decimals"),
        (pa.array([Decimal(10**30), Decimal(1)], pa.decimal128(38, 2)), "data.overflow"),
    ],
)
def test_a_bad_parquet_amount(folder: Path, amounts: pa.Array, code: str) -> None:
    pq.write_table(pa.table({"CLIENT": ["b", "c"], "AMOUNT": amounts}), folder / "south.parquet")
    refused(folder, code, "south.parquet", "row 1", "'AMOUNT'")


@pytest.mark.parametrize(
    ("amounts", "name"),
    [
        (pa.array([1.0, 2.5]), "double"),
        (pa.array([1.0, 2.5], pa.float32()), "float"),
        (pa.array([True, False]), "bool"),
        (pa.array([b"1.00", b"2.00"]), "binary"),
        (pa.array([1_700_000_000_000_000_001, 0], pa.timestamp("ns")), "timestamp[ns]"),
    ],
)
def test_a_parquet_column_of_another_type(folder: Path, amounts: pa.Array, name: str) -> None:
    pq.write_table(pa.table({"CLIENT": ["b", "c"], "AMOUNT": amounts}), folder / "south.parquet")
    error = refused(folder, "data.type", "south.parquet", f"'AMOUNT' of type {name}")
    assert ("CAST" in str(error.remedy)) is pa.types.is_floating(amounts.type)


@pytest.mark.parametrize("name", ["customers.csv", "north.csv", "consents.csv"])
def test_an_identifier_twice_or_missing(folder: Path, name: str) -> None:
    tail = ",1" if name == "north.csv" else ""
    header = "ID,BALANCE" if tail else "ID"
    write(folder / name, header, f"{SECRET}{tail}", f"b{tail}", f"{SECRET}{tail}")
    assert refused(folder, "data.duplicate", name, "rows 1 and 3", "'ID'").remedy
    write(folder / name, header, f"b{tail}", f'""{tail}')
    refused(folder, "data.null", name, "row 2", "'ID'")


@pytest.mark.parametrize("name", ["customers.csv", "north.csv", "south.parquet", "consents.csv"])
def test_a_missing_file_column_or_row(folder: Path, name: str) -> None:
    path = folder / name
    path.rename(folder / "elsewhere")
    assert refused(folder, "data.file", name).remedy
    path.touch()
    refused(folder, "data.empty", name)
    path.write_bytes(b"\xff\xfe\x00" + SECRET.encode() * 9)
    assert refused(folder, "data.malformed", name).remedy
    other = pa.table({"OTHER": [SECRET]})
    pq.write_table(other, path) if name.endswith("parquet") else write(path, "OTHER", SECRET)
    assert refused(folder, "data.column", name).remedy


def test_files_of_other_kinds(folder: Path) -> None:
    (folder / "north.csv").write_bytes((folder / "north.csv").read_bytes() + b"s3cr3t\xff,1\n")
    refused(folder, "data.malformed", "north.csv")
    write(folder / "north.csv", "ID,BALANCE", "a,1", f"{SECRET},2,3")
    refused(folder, "data.malformed", "north.csv", "row 2")
    remap(folder, "north.csv", "north.xlsx")
    (folder / "north.xlsx").write_bytes(SECRET.encode())
    assert "csv" in str(refused(folder, "data.file", "north.xlsx").remedy)


def test_too_large(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_ROWS", 2)
    error = refused(folder, "data.large", "north.csv", "3")
    assert "customers.csv: 3: too many rows" in error.details
    monkeypatch.setattr(files, "MAX_BYTES", 5)
    refused(folder, "data.large", "north.csv")


def test_nobody_consents_at_a_provider(folder: Path) -> None:
    write(folder / "consents.csv", "ID", "c")
    assert "Bank North" in str(refused(folder, "data.consent", "Bank North"))


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('"ID"', "7", "consumer.identifier"),
        ('"ID"', '""', "consumer.identifier"),
        ('"customers.csv"', '"../customers.csv"', "consumer.file"),
        ('"customers.csv"', '"/etc/passwd"', "consumer.file"),
        ('"customers.csv"', r'"a\u0000.csv"', "consumer.file"),
        ('name = "Bank North"', "", "providers.0.name"),
        ('"Bank North"', r'"Bank\nNorth"', "providers.0.name"),
        ('"Bank North"', '" Bank North"', "providers.0.name"),
        ('"Bank North"', '"Bank South"', "the whole"),
        ('"Bank North"', '"Family Office"', "the whole"),
        ("decimals = 2", 'decimals = "2"', "providers.1.decimals"),
        ("decimals = 2", "decimals = -1", "providers.1.decimals"),
        ("decimals = 2", "decimals = 19", "providers.1.decimals"),
        ("decimals = 2", "decimals = true", "providers.1.decimals"),
        ("decimals = 2", "colour = 2", "providers.1.colour"),
        ('[consent]\nfile = "consents.csv"', "[consent]", "consent"),
        ("\n[consumer]", 'purpose = "WorldDomination"\n[consumer]', "the whole"),
        ("\n[consumer]", "uses = 3\n[consumer]", "uses"),
        ("[[providers]]", "[[others]]", "providers"),
    ],
)
def test_a_bad_mapping(folder: Path, old: str, new: str, where: str) -> None:
    remap(folder, old, new)
    assert refused(folder, "input.mapping", where).remedy


@pytest.mark.parametrize("raw", [b"[consumer", b"\xff", b"a = " + b"[" * 30_000, b"a = " + b"{a = " * 6_000])
@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_a_mapping_that_is_no_toml(folder: Path, raw: bytes, depth: int) -> None:
    (folder / MAPPING).write_bytes(raw)
    before = sys.getrecursionlimit()  # which eth-account raises
    sys.setrecursionlimit(depth)
    try:
        refused(folder, "config.mapping", MAPPING)
    finally:
        sys.setrecursionlimit(before)


def test_a_mapping_that_is_too_large(folder: Path) -> None:
    (folder / MAPPING).write_text(GOOD + "#" * asset_view_files.MAX_MAPPING)
    assert "too large" in str(refused(folder, "config.mapping", MAPPING))


def test_no_mapping(tmp_path: Path) -> None:
    refused(tmp_path, "config.mapping", MAPPING)
    refused(tmp_path / "nowhere", "config.mapping", MAPPING)


BAD_CELLS = {
    "": "data.null",
    "NaN": "data.null",
    SECRET: "data.type",
    "1.5.1": "data.type",
    "0.005": "data.decimals",
    "9" * 20: "data.overflow",
}
PERSON = st.text("bcdäß 0123-_,;'\"", min_size=1, max_size=8).map(str.strip).filter(bool)


@QUIET
@given(
    persons=st.lists(PERSON, min_size=2, max_size=30, unique=True),
    bad=st.sampled_from(sorted(BAD_CELLS)),
    place=st.integers(min_value=0),
)
def test_one_bad_cell_anywhere_is_found(persons: list[str], bad: str, place: int) -> None:
    place %= len(persons)
    with tempfile.TemporaryDirectory() as name:
        folder = fill(Path(name))
        remap(folder, "south.parquet", "south.csv")
        rows = [(person, bad if number == place else "1.25") for number, person in enumerate(persons)]
        with (folder / "south.csv").open("w", newline="", encoding="utf-8") as sink:
            csv.writer(sink).writerows([("CLIENT", "AMOUNT"), *rows])
        refused(folder, BAD_CELLS[bad], f"south.csv: row {place + 1} (line {place + 2}),")


AMOUNT = st.integers(min_value=-(2**62), max_value=2**62)


@QUIET
@given(amounts=st.lists(AMOUNT, min_size=1, max_size=20), decimals=st.integers(0, 18), as_text=st.booleans())
def test_amounts_are_exact_through_reading_and_writing(amounts: list[int], decimals: int, as_text: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = fill(Path(name))
        remap(folder, "decimals = 2", f"decimals = {decimals}")
        remap(folder, "north.csv", "none.csv")
        write(folder / "none.csv", "ID,BALANCE", "b,0")
        persons = [f"p{number}" for number in range(len(amounts))]
        exact = [Decimal(f"{amount}e-{decimals}") for amount in amounts]
        if as_text:
            remap(folder, "south.parquet", "south.csv")
            rows = [f"{person},{amount:f}" for person, amount in zip(persons, exact, strict=True)]
            write(folder / "south.csv", "CLIENT,AMOUNT", *rows)
        else:
            column = pa.array(exact, pa.decimal128(38, decimals))
            pq.write_table(pa.table({"CLIENT": persons, "AMOUNT": column}), folder / "south.parquet")
        write(folder / "consents.csv", "ID", "b", *persons)
        data = read(folder)
    assert data.balances["provider2"] == dict(zip(persons, amounts, strict=True))
    shown = rows_of([{"customer": p, "total": str(a)} for p, a in zip(persons, amounts, strict=True)], data)
    assert [(customer, consents, Decimal(total)) for customer, consents, total in shown] == [
        (person, "yes", amount) for person, amount in zip(persons, exact, strict=True)
    ]


def rows_of(rows: Sequence[dict[str, str]], data: Data) -> list[list[str]]:
    header, *written = csv.reader(totals(rows, data.consenting, data.decimals).decode().splitlines())
    assert header == ["customer", "consents", "total"]
    return written


def test_nothing_starts_before_all_files_are_read(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    started: list[object] = []
    monkeypatch.setattr(asset_view, "run", lambda *arguments: started.append(arguments))
    write(folder / "consents.csv", "ID", "b", SECRET, SECRET)
    out = tmp_path / "out"
    out.mkdir()
    assert asset_view.main(["--data", str(folder), "--out", str(out), "--json"]) == 1
    said = capfd.readouterr()
    assert (started, said.out, list(out.iterdir())) == ([], "", [])
    assert re.fullmatch(
        r"refused: .*\[data\.duplicate\]\n  expected: .*\n  found: consents\.csv: .*\n  remedy: .*\n", said.err
    )


def test_a_result_is_never_written_over(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(asset_view, "run", lambda *_: pytest.fail("started"))
    (tmp_path / asset_view.RESULT).write_text("mine")
    assert asset_view.main(["--data", str(folder), "--out", str(tmp_path)]) == 1
    assert "there is a result already" in capfd.readouterr().err
    assert asset_view.main(["--data", str(folder), "--out", str(tmp_path / "nowhere")]) == 1
    assert "no such folder" in capfd.readouterr().err
    assert (tmp_path / asset_view.RESULT).read_text() == "mine"


def test_what_goes_wrong_later_is_said_in_plain_words(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no node provider1 within 60 s")

    monkeypatch.setattr(asset_view, "run", fails)
    out = tmp_path / "out"
    out.mkdir()
    assert asset_view.main(["--data", str(folder), "--out", str(out)]) == 1
    said = capfd.readouterr()
    assert said.err == "failed: RuntimeError: no node provider1 within 60 s\n"
    assert list(out.iterdir()) == []
