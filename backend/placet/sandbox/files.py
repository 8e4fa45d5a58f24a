"""A folder of a user's own files, read whole and checked before anything is started: mapping, balances, consents.

`mapping.toml` says which file and column is what; it is a short form of a study of `asset-view`. Amounts of all
providers are in one currency and become integers in one minor unit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from placet.core.damage import nearly_alike
from placet.core.errors import ConfigError, InputError
from placet.core.offers import MAX_DECIMALS
from placet.core.purposes import PURPOSES
from placet.core.toml_file import read_toml
from placet.core.values import Value, parse
from placet.sandbox.consortium import NAMESPACE, REWARD
from placet.study.document import study_of
from placet.study.tables import StudyData, read_tables
from placet.study.terms import terms_of

MAPPING = "mapping.toml"
MAX_MAPPING = 32 << 10
DPV = "https://w3id.org/dpv#"
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

    def study(self) -> dict[str, Any]:
        """The same as a study, in its plain form."""
        persons: Any = "customers" if self.consent == "all" else self.consent.model_dump()
        return {
            "title": f"Assets of the customers of {self.consumer.name}",
            "question": "What does each customer who consents hold at all of the institutions together?",
            "recipe": "asset-view",
            "purpose": self.purpose,
            "namespace": NAMESPACE,
            "parameters": {"value": "balance"},
            "consents": {"persons": persons},
            "institutions": [*map(_provider, self.providers), self.consumer.model_dump() | {"role": "consumer"}],
        }

    @model_validator(mode="after")
    def _sound(self) -> Mapping:
        if DPV + self.purpose not in PURPOSES:
            raise ValueError("purpose is one of " + ", ".join(sorted(iri.removeprefix(DPV) for iri in PURPOSES)))
        if len({self.consumer.name, *(provider.name for provider in self.providers)}) != len(self.providers) + 1:
            raise ValueError("each institution has a name of its own")
        return self


def _provider(provider: Provider) -> dict[str, Any]:
    column = {"type": "integer", "source": provider.value, "decimals": provider.decimals}
    fields = provider.model_dump(include={"name", "file", "identifier"})
    return fields | {"reward": REWARD, "columns": {"balance": column}}


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
    each file of which identifiers look damaged. `tables` are the same as a study's."""

    names: dict[str, str]
    purpose: str
    balances: dict[str, dict[str, int]]
    customers: list[str]
    consenting: frozenset[str]
    decimals: int
    damaged: tuple[str, ...] = ()
    tables: StudyData | None = field(default=None, compare=False)

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
    """All of a folder, or InputError, DataError, ConfigError for what is not right."""
    mapping = _mapping(folder)
    tables = read_tables(terms_of(study_of(mapping.study())), folder)
    scales = {table.part.key: table.part.institution.columns["balance"].decimals for table in tables.providers}
    decimals = tables.terms.decimals
    listed = None if mapping.consent == "all" else tables.lists[mapping.consent.file, mapping.consent.identifier]
    return Data(
        names={key: part.institution.name for key, part in tables.terms.parts.items()},
        purpose=mapping.purpose,
        balances={
            table.part.key: {
                person: int(amount or 0) * 10 ** (decimals - scales[table.part.key])
                for person, amount in zip(table.identifiers, table.cells["balance"], strict=True)
            }
            for table in tables.providers
        },
        customers=list(tables.consumer.identifiers),
        consenting=frozenset(tables.consumer.identifiers if listed is None else listed),
        decimals=decimals,
        damaged=tables.damaged,
        tables=tables,
    )


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
