"""A folder of a user's own files, read whole and checked before anything is started: mapping, balances, consents.

`mapping.toml` says which file and column is what. Tables go through the vault's own reader; what it refuses is refused
here, with the file's name. Amounts of all providers are in one currency and become integers in one minor unit. Errors
name file, row (counted from 1, without the header) and column, never a value.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from placet.catalogue.asset_view import MAX_ROWS
from placet.core.damage import damages, nearly_alike
from placet.core.errors import ConfigError, DataError, InputError
from placet.core.offers import MAX_DECIMALS
from placet.core.purposes import PURPOSES
from placet.core.toml_file import read_toml
from placet.core.values import Value, parse
from placet.vault import files
from placet.vault.cells import MAX_INTEGER
from placet.vault.schema import Column

MAPPING = "mapping.toml"
MAX_MAPPING = 32 << 10
DPV = "https://w3id.org/dpv#"
_REMEDIES = {
    "data.file": f"put it there as .csv or .parquet, or correct {MAPPING}",
    "data.column": f"correct the column's name in {MAPPING}; a CSV file needs a header and commas",
    "data.decimals": f"round the amount, or raise `decimals` in {MAPPING}",
    "data.large": "split the file into several runs",
}

_ALIKE = "if case, separators and leading zeros were written alike in both files"

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
    decimals: Annotated[int, Field(ge=0, le=MAX_DECIMALS, strict=True)] = 0


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
class Meeting:
    """How many of a provider's rows meet the other files: those of persons who consent, and of these the consumer's."""

    provider: str
    rows: int
    consenting: int
    matched: int


@dataclass(frozen=True)
class Data:
    """What a run needs. Balances and totals are integers of 10^-`decimals` of the files' unit. `damaged`: a line for
    each file of which identifiers look damaged."""

    names: dict[str, str]
    purpose: str
    balances: dict[str, dict[str, int]]
    customers: list[str]
    consenting: frozenset[str]
    decimals: int
    damaged: tuple[str, ...] = ()

    def consents(self) -> dict[str, list[str]]:
        """By provider, the consenting persons whom it knows."""
        return {key: sorted(self.consenting.intersection(rows)) for key, rows in self.balances.items()}

    def meetings(self) -> list[Meeting]:
        """For each provider, what of its rows comes together with whom."""
        listed = set(self.customers)
        return [
            Meeting(self.names[key], len(self.balances[key]), len(willing), len(listed.intersection(willing)))
            for key, willing in self.consents().items()
        ]

    def counts(self) -> list[str]:
        """What comes together, a line each."""
        known = set().union(*self.balances.values())
        listed = len(self.customers)
        return [
            *(
                f"{one.provider}: {one.rows} rows, {one.consenting} of persons who consent, {one.matched} of these are "
                "customers"
                for one in self.meetings()
            ),
            f"{self.names['consumer']}: {listed} customers, {len(self.consenting.intersection(self.customers))} of "
            f"them consent, {len(known.intersection(self.customers))} of them have a row somewhere",
            f"{len(self.consenting)} persons consent, {len(self.consenting - known)} of them have no row anywhere",
        ]

    def warnings(self) -> list[str]:
        """What looks wrong although it can be computed, a line each: damaged identifiers, files that do not meet."""
        lines = list(self.damaged)
        for key, meeting in zip(self.balances, self.meetings(), strict=True):
            if not meeting.matched:
                lines.append(f"{meeting.provider}: no row of a person who consents is a customer's")
            if near := nearly_alike(self.customers, self.balances[key]):
                lines.append(f"{meeting.provider}: {near} more customers would have a row there {_ALIKE}")
        if near := nearly_alike(self.consenting, set().union(*self.balances.values())):
            lines.append(f"consents: {near} more persons would have a row {_ALIKE}")
        return lines


def read(folder: Path) -> Data:
    """All of a folder, or InputError, DataError, ConfigError for the first thing that is not right."""
    mapping = _mapping(folder)
    decimals = max(provider.decimals for provider in mapping.providers)
    customers = _identifiers(folder, mapping.consumer)
    damaged = _damaged(mapping.consumer, customers)
    balances = {
        f"provider{number}": _balances(folder, provider, decimals)
        for number, provider in enumerate(mapping.providers, start=1)
    }
    for provider, persons in zip(mapping.providers, balances.values(), strict=True):
        damaged += _damaged(provider, list(persons))
    consents = customers if mapping.consent == "all" else _identifiers(folder, mapping.consent)
    if mapping.consent != "all":
        damaged += _damaged(mapping.consent, consents)
    consenting = frozenset(consents)
    for provider, persons in zip(mapping.providers, balances.values(), strict=True):
        if consenting.isdisjoint(persons):
            raise DataError(
                "no customer of this provider consents, so it has nothing to bring",
                expected=f"at least one consenting person in {provider.file}",
                found=f"none, for {provider.name}",
                remedy=f"leave the provider out of {MAPPING}; or are the identifiers written differently?",
                code="data.consent",
                details=[*damaged, *_near(consents, persons)],
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
        damaged=tuple(damaged),
    )


def _damaged(listed: Listed, identifiers: Sequence[str]) -> list[str]:
    return [f"{listed.file}: {one.words}" for one in damages(identifiers, listed.identifier)]


def _near(consents: Sequence[str], persons: Collection[str]) -> list[str]:
    near = nearly_alike(consents, persons)
    return [f"{near} would be there {_ALIKE}"] if near else []


def _mapping(folder: Path) -> Mapping:
    remedy = "docs/how-to/own-files.md shows one"
    try:
        return parse(Mapping, read_toml(folder / MAPPING, MAPPING, limit=MAX_MAPPING), what=MAPPING)
    except (ConfigError, InputError) as error:
        raise type(error)(
            error.message,
            expected=error.expected,
            found=error.found,
            remedy=remedy,
            code="config.mapping" if isinstance(error, ConfigError) else "input.mapping",
        ) from None


@contextlib.contextmanager
def _in(file: str) -> Iterator[None]:
    """The reader's errors, with the file's name and what to do."""
    try:
        yield
    except DataError as error:
        raise DataError(
            error.message,
            expected=error.expected,
            found=file if error.found in (None, file) else f"{file}: {error.found}",
            remedy=_REMEDIES.get(error.code, error.remedy),
            code=error.code,
            details=error.details,
        ) from None


def _identifiers(folder: Path, listed: Listed) -> list[str]:
    with _in(listed.file):
        columns = {"customer": Column(source=listed.identifier, type="text")}
        _, cells = files.read(folder / listed.file, "customer", columns)
        return _demand_persons(cells["customer"], listed.identifier)


def _balances(folder: Path, provider: Provider, decimals: int) -> dict[str, int]:
    columns = {
        "customer": Column(source=provider.identifier, type="text"),
        "value": Column(source=provider.value, type="integer", decimals=provider.decimals),
    }
    with _in(provider.file):
        _, cells = files.read(folder / provider.file, "customer", columns)
        persons = _demand_persons(cells["customer"], provider.identifier)
        return dict(zip(persons, _in_common(cells["value"], provider, decimals), strict=True))


def _demand_persons(cells: Sequence[Any], source: str) -> list[str]:
    if len(cells) > MAX_ROWS:
        raise DataError("too many rows", expected=f"at most {MAX_ROWS}", found=len(cells), code="data.large")
    for row, cell in enumerate(cells, start=1):
        if not cell.isprintable():
            raise DataError(
                "an identifier with characters that can't be printed",
                expected="one line of letters, digits, signs",
                found=f"row {row}, column {source!r}",
                remedy="correct the cell, or name another column",
                code="data.type",
            )
    return list(cells)


def _in_common(amounts: Sequence[Any], provider: Provider, decimals: int) -> list[int]:
    """Amounts in the provider's minor unit as integers of 10^-`decimals`; DataError for one that becomes too large."""
    common = [amount * 10 ** (decimals - provider.decimals) for amount in amounts]
    for row, amount in enumerate(common, start=1):
        if abs(amount) > MAX_INTEGER:
            raise DataError(
                "an amount out of range",
                expected=f"at most 2^62 in size, in units of 10^-{decimals}",
                found=f"row {row}, column {provider.value!r}",
                remedy="leave it out, or give the files fewer decimals",
                code="data.overflow",
            )
    return common
