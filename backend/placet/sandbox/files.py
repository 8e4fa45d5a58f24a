"""A folder of a user's own files, read whole and checked before anything is started: mapping, balances, consents.

`mapping.toml` says which file and column is what. Tables go through the vault's own reader; what it refuses is refused
here, with the file's name. Amounts of all providers are in one currency and become integers in one minor unit. Errors
name file, row (counted from 1, without the header) and column, never a value.
"""

from __future__ import annotations

import contextlib
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
import pyarrow.parquet as pa_parquet
from pydantic import Field, model_validator

from placet.core.errors import ConfigError, DataError, InputError
from placet.core.purposes import PURPOSES
from placet.core.values import Value, parse
from placet.recipes.asset_view.run import MAX_ROWS
from placet.vault import files
from placet.vault.schema import Column

MAPPING = "mapping.toml"
MAX_MAPPING = 32 << 10
DPV = "https://w3id.org/dpv#"
_AMOUNT = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?", re.ASCII)
_EXPECTED = {
    "data.file": "a file that can be read",
    "data.malformed": "a table in UTF-8 with as many cells in each row",
}
_REMEDIES = {
    "data.file": f"put it there as .csv or .parquet, or correct {MAPPING}",
    "data.column": f"correct the column's name in {MAPPING}; a CSV file needs a header and commas",
    "data.duplicate": "leave one row for each person",
    "data.null": "fill it in, or leave the row out",
    "data.type": "correct the cell, or name another column",
    "data.decimals": f"round the amount, or raise `decimals` in {MAPPING}",
    "data.overflow": "is it an amount? The vault takes no larger one",
    "data.large": "split the file into several runs",
    "data.empty": "was the file written to its end?",
    "data.malformed": "write it anew as CSV in UTF-8 or as Parquet",
}

File = Annotated[str, Field(pattern=r"^[^/\\\x00]{1,200}$")]
Source = Annotated[str, Field(min_length=1, max_length=200)]
InstitutionName = Annotated[str, Field(pattern=r"^\S([^\x00-\x1f\x7f]{0,98}\S)?$")]


class Listed(Value):
    """A column of identifiers in a file of the folder."""

    file: File
    identifier: Source


class Consumer(Listed):
    """Who gets the totals, and the file of its customers."""

    name: InstitutionName


class Provider(Listed):
    """Who holds balances. `decimals`: how many digits its amounts may have after the point."""

    name: InstitutionName
    value: Source
    decimals: Annotated[int, Field(ge=0, le=18, strict=True)] = 0


class Mapping(Value):
    """`mapping.toml`. `consent` names the persons who consent; "all" are the consumer's customers."""

    purpose: str = "CreditChecking"
    consumer: Consumer
    providers: Annotated[tuple[Provider, ...], Field(min_length=2, max_length=15)]
    consent: Listed | Literal["all"]

    @model_validator(mode="after")
    def _sound(self) -> Mapping:
        if DPV + self.purpose not in PURPOSES:
            raise ValueError("purpose is one of " + ", ".join(sorted(iri.removeprefix(DPV) for iri in PURPOSES)))
        if len({self.consumer.name, *(provider.name for provider in self.providers)}) != len(self.providers) + 1:
            raise ValueError("each institution has a name of its own")
        return self


@dataclass(frozen=True)
class Data:
    """What a run needs. Balances and totals are integers of 10^-`decimals` of the files' unit."""

    names: dict[str, str]
    purpose: str
    balances: dict[str, dict[str, int]]
    customers: list[str]
    consenting: frozenset[str]
    decimals: int

    def consents(self) -> dict[str, list[str]]:
        """By provider, the consenting persons whom it knows."""
        return {key: sorted(self.consenting.intersection(rows)) for key, rows in self.balances.items()}


def read(folder: Path) -> Data:
    """All of a folder, or InputError, DataError, ConfigError for the first thing that is not right."""
    mapping = _mapping(folder)
    decimals = max(provider.decimals for provider in mapping.providers)
    customers = _identifiers(folder, mapping.consumer)
    balances = {
        f"provider{number}": _balances(folder, provider, decimals)
        for number, provider in enumerate(mapping.providers, start=1)
    }
    consenting = frozenset(customers if mapping.consent == "all" else _identifiers(folder, mapping.consent))
    for provider, held in zip(mapping.providers, balances.values(), strict=True):
        if consenting.isdisjoint(held):
            raise DataError(
                "no customer of this provider consents, so it has nothing to bring",
                expected=f"at least one consenting person in {provider.file}",
                found=f"none, for {provider.name}",
                remedy=f"leave the provider out of {MAPPING}; or are the identifiers written differently?",
                code="data.consent",
            )
    return Data(
        names={
            **{key: p.name for key, p in zip(balances, mapping.providers, strict=True)},
            "consumer": mapping.consumer.name,
        },
        purpose=mapping.purpose,
        balances=balances,
        customers=customers,
        consenting=consenting,
        decimals=decimals,
    )


def _mapping(folder: Path) -> Mapping:
    path = folder / MAPPING
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_MAPPING + 1)
    except OSError as error:
        raise ConfigError(
            "there is no mapping to read",
            expected=f"a file {MAPPING}",
            found=f"{path}: {error.strerror}",
            remedy="docs/how-to/own-files.md shows one",
            code="config.mapping",
        ) from None
    if len(raw) > MAX_MAPPING:
        raise InputError(
            f"{MAPPING} is too large", expected=f"at most {MAX_MAPPING} bytes", found=path, code="input.mapping"
        )
    try:
        return parse(Mapping, tomllib.loads(raw.decode()), what=MAPPING)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        found = f"{path}: {error if isinstance(error, tomllib.TOMLDecodeError) else type(error).__name__}"
        raise InputError(
            f"{MAPPING} is not TOML", expected="TOML in UTF-8", found=found, code="input.mapping"
        ) from None
    except InputError as error:
        raise InputError(
            error.message,
            expected=error.expected,
            found=error.found,
            remedy="docs/how-to/own-files.md shows one",
            code="input.mapping",
        ) from None


@contextlib.contextmanager
def _in(file: str) -> Iterator[None]:
    """The reader's errors, with the file's name and what to do."""
    try:
        yield
    except DataError as error:
        raise DataError(
            error.message,
            expected=error.expected or _EXPECTED.get(error.code),
            found=file if error.found in (None, file) else f"{file}: {error.found}",
            remedy=error.remedy or _REMEDIES.get(error.code),
            code=error.code,
        ) from None


def _identifiers(folder: Path, listed: Listed) -> list[str]:
    with _in(listed.file):
        columns = {"customer": Column(source=listed.identifier, type="text")}
        _, cells = files.read(folder / listed.file, "customer", columns)
        return _demand_persons(cells["customer"], listed.identifier)


def _balances(folder: Path, provider: Provider, decimals: int) -> dict[str, int]:
    path, customer = folder / provider.file, Column(source=provider.identifier, type="text")
    with _in(provider.file):
        if _holds_decimals(path, provider.value):
            _, cells = files.read(path, "customer", {"customer": customer})
            amounts: Sequence[Any] = _decimals(path, provider.value)
        else:
            value = Column(source=provider.value, type="text" if provider.decimals else "integer")
            _, cells = files.read(path, "customer", {"customer": customer, "value": value})
            amounts = cells["value"]
        persons = _demand_persons(cells["customer"], provider.identifier)
        return {
            person: _minor(amount, provider.decimals, decimals, f"row {row}, column {provider.value!r}")
            for row, (person, amount) in enumerate(zip(persons, amounts, strict=True), start=1)
        }


def _holds_decimals(path: Path, column: str) -> bool:
    """Is it a Parquet column of exact decimals, which the vault's reader does not know?"""
    if path.suffix.lower() != ".parquet":
        return False
    try:
        schema = pa_parquet.read_schema(path)
    except (pa.ArrowException, OSError):
        return False
    return bool(schema.names.count(column) == 1 and pa.types.is_decimal(schema.field(column).type))


def _decimals(path: Path, column: str) -> list[Decimal | None]:
    with pa_parquet.ParquetFile(path) as file:
        cells: list[Decimal | None] = file.read(columns=[column]).column(column).to_pylist()
    return cells


def _demand_persons(cells: Sequence[Any], source: str) -> list[str]:
    if len(cells) > MAX_ROWS:
        raise DataError("too many rows", expected=f"at most {MAX_ROWS}", found=len(cells), code="data.large")
    for row, cell in enumerate(cells, start=1):
        if not cell.isprintable():
            raise DataError(
                "an identifier with characters that can't be printed",
                expected="one line of letters, digits, signs",
                found=f"row {row}, column {source!r}",
                code="data.type",
            )
    return list(cells)


def _minor(amount: int | str | Decimal | None, own: int, common: int, where: str) -> int:
    """An amount with at most `own` decimals as an integer of 10^-`common`, exactly; DataError otherwise."""
    if amount is None or (isinstance(amount, str) and amount.strip().lower() in ("", "nan", "null", "na")):
        raise DataError("a value is missing", expected="no nulls and no NaN", found=where, code="data.null")
    if isinstance(amount, str) and not _AMOUNT.fullmatch(amount):
        raise DataError(
            "a value of the wrong type", expected="a decimal number, as in -12.34", found=where, code="data.type"
        )
    scaled = Fraction(amount) * 10**own
    if scaled.denominator != 1:
        raise DataError(
            "an amount with too many decimals", expected=f"at most {own}", found=where, code="data.decimals"
        )
    minor: int = scaled.numerator * 10 ** (common - own)
    if abs(minor) > files.MAX_INTEGER:
        raise DataError(
            "an amount out of range",
            expected=f"at most 2^62 in size, in units of 10^-{common}",
            found=where,
            code="data.overflow",
        )
    return minor
