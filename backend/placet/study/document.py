"""`study.toml`: one file that says a study. It is parsed once, into a typed value, and all its errors are told at once.

A study names institutions with their files, what is computed and what for, who consents, and what is paid. Roles follow
from the order of the institutions: providers as they stand there, then the consumer.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from placet.core.errors import ConfigError
from placet.core.namespace import Namespace
from placet.core.offers import MAX_DECIMALS, DataLifeDays
from placet.core.purposes import PURPOSES, purpose_iri
from placet.core.row import MAX_COLUMNS
from placet.core.toml_file import read_toml
from placet.core.values import U96, Name, Text, Value
from placet.vault.schema import Column, ColumnType

STUDY = "study.toml"
MAX_STUDY = 256 << 10
MAX_INSTITUTIONS = 16
MAX_ERRORS = 20
REMEDY = "docs/how-to/studies.md says what a study file has"
Source = Annotated[str, Field(min_length=1, max_length=200)]
File = Annotated[str, Field(pattern=r"^[^\x00]{1,1000}$")]
"""A path, from the folder of the data on."""


class StudyColumn(Value):
    """A column that an institution brings: `source` is its name in the file, the study's own name unless given.

    The rest is for models. `feature` false keeps the column out of the model; a number is cut into at most `bins` bins,
    a category has a bin for each of so many values.
    """

    type: ColumnType = "integer"
    source: Source | None = None
    decimals: Annotated[int, Field(ge=0, le=MAX_DECIMALS, strict=True)] = 0
    feature: bool = True
    kind: Literal["number", "category"] | None = None
    bins: Annotated[int, Field(ge=2, le=64, strict=True)] | None = None
    monotone: Literal["rising", "falling"] | None = None

    def column(self, name: str) -> Column:
        """Where it comes from and what it holds, as the vault has it."""
        return Column.of(self.source or name, self.type, self.decimals)


def _short(given: object) -> object:
    """A column's type alone stands for the column."""
    return {"type": given} if isinstance(given, str) else given


class PersonList(Value):
    """A column of identifiers in a file."""

    file: File
    identifier: Source


class StudyInstitution(Value):
    """An institution that takes part: its table and what it gets. `consents` says who consents to its using their rows,
    where that is not as for all."""

    name: Annotated[Text, Field(max_length=100)]
    role: Literal["provider", "consumer"] = "provider"
    file: File
    identifier: Source
    columns: Annotated[
        dict[Name, Annotated[StudyColumn, BeforeValidator(_short)]], Field(max_length=MAX_COLUMNS - 1)
    ] = Field(default_factory=dict)
    reward: U96 = 0
    title: Text | None = None
    consents: Literal["all"] | PersonList | None = None


class StudyConsents(Value):
    """Who consents: all persons of whom there is a row, the consumer's customers, or those whom a file lists. Each
    consent is for so many days and uses."""

    persons: Literal["all", "customers"] | PersonList = "all"
    days: Annotated[int, Field(ge=1, le=3_650, strict=True)] = 365
    uses: Annotated[int, Field(ge=1, le=2**31, strict=True)] = 1


AuditorName = Annotated[Text, Field(max_length=100, pattern="^[^,]*$")]
"""`placet offer make` takes several, with commas between them."""


class StudyBounds(Value):
    """What all offers allow at the most, beside purpose, columns, recipe and parties. `auditors`: to whom random audits
    may open rows that the chain draws, as the trust list names them; owners are told. `data_life`: for how many days
    the consumer may keep the result, from the job's end on."""

    smallest_group: Annotated[int, Field(ge=1, lt=2**32, strict=True)] | None = None
    smallest_change: Annotated[int, Field(ge=1, lt=2**32, strict=True)] | None = None
    smallest_gap: Annotated[int, Field(ge=1, lt=2**63, strict=True)] | None = None
    data_life: DataLifeDays | None = None
    auditors: Annotated[tuple[AuditorName, ...], Field(max_length=16)] = ()


Probability = Annotated[float, Field(ge=0, le=1)]


class Decision(Value):
    """What follows from the probability of label 1: ranges for yes and no, both ends included; what lies in neither is
    decided by hand. `words` are those for yes, no and by hand."""

    yes: tuple[Probability, Probability]
    no: tuple[Probability, Probability]
    words: tuple[Text, Text, Text] = ("yes", "no", "by hand")

    @model_validator(mode="after")
    def _apart(self) -> Decision:
        if self.yes[0] > self.yes[1] or self.no[0] > self.no[1]:
            raise ValueError("a range is [lower end, upper end]")
        if self.yes[0] <= self.no[1] and self.no[0] <= self.yes[1]:
            raise ValueError("the ranges for yes and no don't meet")
        return self


class Study(Value):
    """The whole file. `question` is what the study is to answer, for the report. `bins` is the number of bins of a
    feature that names none. `pot` is divided at the end by what each party contributed, beside the fixed rewards."""

    tells_all_faults = True

    title: Text
    question: Text | None = None
    recipe: Name
    engine: Name | None = None
    purpose: Annotated[str, BeforeValidator(lambda text: purpose_iri(text) if isinstance(text, str) else text)]
    namespace: Namespace
    identifier: Name = "customer"
    label: Name | None = None
    bins: Annotated[int, Field(ge=2, le=64, strict=True)] = 10
    seconds: Annotated[int, Field(ge=60, le=604_800, strict=True)] = 21_600
    parameters: dict[str, Any] = Field(default_factory=dict, max_length=64)
    offers: StudyBounds = Field(default_factory=StudyBounds)
    consents: StudyConsents = Field(default_factory=StudyConsents)
    pot: U96 = 0
    decision: Decision | None = None
    institutions: Annotated[tuple[StudyInstitution, ...], Field(max_length=MAX_INSTITUTIONS)]

    @model_validator(mode="after")
    def _sound(self) -> Study:
        if self.purpose not in PURPOSES:
            known = ", ".join(sorted(iri.rpartition("#")[2] for iri in PURPOSES))
            raise ValueError(f"purpose is one of {known}")
        if sum(one.role == "consumer" for one in self.institutions) != 1:
            raise ValueError("one institution has the role consumer, all others are providers")
        if len({one.name for one in self.institutions}) < len(self.institutions):
            raise ValueError("each institution has a name of its own")
        if len(set(self.offers.auditors)) < len(self.offers.auditors):
            raise ValueError("offers.auditors names each once")
        if set(self.offers.auditors) & {one.name for one in self.institutions}:
            raise ValueError("an auditor has a name that no institution has")
        for one in self.institutions:
            if self.identifier in one.columns:
                raise ValueError(f"{one.name}: {self.identifier} is the identifier, and no column besides")
        return self

    @property
    def consumer(self) -> StudyInstitution:
        """Who gets the result."""
        return next(one for one in self.institutions if one.role == "consumer")

    @property
    def providers(self) -> tuple[StudyInstitution, ...]:
        """All others, in the plan's order."""
        return tuple(one for one in self.institutions if one.role == "provider")

    @property
    def keys(self) -> dict[str, StudyInstitution]:
        """By a short name that folders and commands have: provider1, provider2 …, consumer."""
        providers = {f"provider{number}": one for number, one in enumerate(self.providers, start=1)}
        return {**providers, "consumer": self.consumer}


def read_study(file: Path) -> Study:
    """ConfigError, with a line for each thing that is not right, for a file that says no study."""
    return study_of(read_toml(file, file.name, limit=MAX_STUDY, remedy=REMEDY), file.name)


def study_of(document: Mapping[str, Any], what: str = STUDY) -> Study:
    """A study from its plain form. ConfigError as `read_study`."""
    try:
        return Study.model_validate(document)
    except ValidationError as error:
        raise _refusal(what, error) from None


def _refusal(what: str, error: ValidationError) -> ConfigError:
    lines = [
        (_where(one["loc"]), one["msg"].removeprefix("Value error, "))
        for one in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    (where, words), *others = lines
    more = [f"{place}: {text}" for place, text in others[:MAX_ERRORS]]
    if len(others) > MAX_ERRORS:
        more.append(f"and {len(others) - MAX_ERRORS} more")
    return ConfigError(
        f"{what} says no study", expected=words, found=where, remedy=REMEDY, code="config.study", details=more
    )


def _where(place: tuple[int | str, ...]) -> str:
    """`institutions[2].file`: lists count from 1, as people do."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        elif part.isidentifier() or "." in part or "-" in part:
            text += f".{part[:80]}" if text else part[:80]
    return text or "the whole file"
