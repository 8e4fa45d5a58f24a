"""The files of a study, read whole through the vault's own reader, so that what the vault would refuse is refused here.

All files are read before an error is raised, which names what is wrong with each. Errors name file, row (from 1 on,
without the header) and column, never a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from placet.catalogue.asset_view import MAX_ROWS
from placet.catalogue.spec import CONSUMER
from placet.core.damage import damages, nearly_alike
from placet.core.errors import DataError
from placet.study.document import PersonList
from placet.study.terms import StudyPart, StudyTerms
from placet.vault import files
from placet.vault.cells import MAX_INTEGER
from placet.vault.schema import Cell, Column

_REMEDIES = {
    "data.file": "put it there as .csv or .parquet, or correct the study",
    "data.column": "correct the column's name in the study; a CSV file needs a header and commas",
    "data.decimals": "round the amount, or raise the column's `decimals` in the study",
    "data.large": "split the file into several runs",
}
ALIKE = "if case, separators and leading zeros were written alike in both files"


@dataclass(frozen=True)
class StudyTable:
    """What one institution brings. `cells`: by column, in the order of the identifiers; `willing`: the persons with a
    row here who consent."""

    part: StudyPart
    identifiers: Sequence[str]
    cells: dict[str, list[Cell]]
    willing: frozenset[str]

    @cached_property
    def known(self) -> frozenset[str]:
        """All persons with a row."""
        return frozenset(self.identifiers)

    @cached_property
    def usable(self) -> frozenset[str]:
        """Those whose rows a job may use: of persons' rows the consenting ones', else all."""
        return self.willing if self.part.personal else self.known

    def missing(self, column: str) -> int:
        """In how many rows the column is empty."""
        return sum(cell is None or cell == "" for cell in self.cells[column])


@dataclass(frozen=True)
class StudyData:
    """All tables of a study, by key, and lists of persons, by file and column. `damaged`: a line for each file of which
    identifiers look damaged."""

    terms: StudyTerms
    folder: Path
    tables: dict[str, StudyTable]
    lists: dict[tuple[str, str], list[str]]
    damaged: tuple[str, ...]

    @property
    def consumer(self) -> StudyTable:
        return self.tables[CONSUMER]

    @property
    def providers(self) -> list[StudyTable]:
        return [table for key, table in self.tables.items() if key != CONSUMER]

    def willing(self) -> dict[str, list[str]]:
        """By key, the consenting persons of whom there is a row, where rows are persons'."""
        return {key: sorted(table.willing) for key, table in self.tables.items() if table.part.personal}


def read_tables(terms: StudyTerms, folder: Path) -> StudyData:
    """All files of a study, named from `folder` on. DataError for what is not right with them."""
    problems: list[DataError] = []
    damaged: list[str] = []
    cells: dict[str, dict[str, list[Cell]]] = {}
    for key, part in terms.parts.items():
        try:
            cells[key] = _table(terms, part, folder)
            damaged += _damaged(part.institution.file, cells[key][terms.study.identifier], part.institution.identifier)
        except DataError as error:
            problems.append(error)
    lists: dict[tuple[str, str], list[str]] = {}
    for listed in _lists(terms):
        try:
            lists[listed.file, listed.identifier] = _listed(listed, folder)
            damaged += _damaged(listed.file, lists[listed.file, listed.identifier], listed.identifier)
        except DataError as error:
            problems.append(error)
    if problems:
        raise _all(problems)
    customers = [str(cell) for cell in cells[CONSUMER][terms.study.identifier]]
    tables = {key: _joined(terms, terms.parts[key], own, customers, lists, damaged) for key, own in cells.items()}
    return StudyData(terms, folder, tables, lists, tuple(dict.fromkeys(damaged)))


def _lists(terms: StudyTerms) -> list[PersonList]:
    own = [part.institution.consents for part in terms.parts.values()]
    return [one for one in (terms.study.consents.persons, *own) if isinstance(one, PersonList)]


def _joined(
    terms: StudyTerms,
    part: StudyPart,
    own: dict[str, list[Cell]],
    customers: Sequence[str],
    lists: dict[tuple[str, str], list[str]],
    damaged: Sequence[str],
) -> StudyTable:
    identifiers = [str(cell) for cell in own[terms.study.identifier]]
    said = part.institution.consents or terms.study.consents.persons
    if isinstance(said, PersonList):
        consenting = lists[said.file, said.identifier]
    else:
        consenting = identifiers if said == "all" else list(customers)
    willing = frozenset(identifiers).intersection(consenting) if part.personal else frozenset()
    if part.personal and not willing:
        near = nearly_alike(consenting, frozenset(identifiers))
        raise DataError(
            "no customer of this institution consents, so it has nothing to bring",
            expected=f"at least one consenting person in {part.institution.file}",
            found=f"none, for {part.institution.name}",
            remedy="leave the institution out of the study; or are the identifiers written differently?",
            code="data.consent",
            details=[*damaged, *([f"{near} would be there {ALIKE}"] if near else [])],
        )
    columns = {name: cells for name, cells in own.items() if name != terms.study.identifier}
    return StudyTable(part, identifiers, columns, willing)


def _table(terms: StudyTerms, part: StudyPart, folder: Path) -> dict[str, list[Cell]]:
    institution = part.institution
    columns = {terms.study.identifier: Column(source=institution.identifier, type="text")}
    columns |= {name: one.column(name) for name, one in institution.columns.items()}
    cells = _read(institution.file, folder, terms.study.identifier, columns)
    _demand_persons(institution.file, cells[terms.study.identifier], institution.identifier)
    for name, digits in terms.scaled(part).items():
        _demand_range(institution.file, cells[name], columns[name], digits)
    return cells


def _listed(listed: PersonList, folder: Path) -> list[str]:
    cells = _read(listed.file, folder, "person", {"person": Column(source=listed.identifier, type="text")})["person"]
    _demand_persons(listed.file, cells, listed.identifier)
    return [str(cell) for cell in cells]


def _read(file: str, folder: Path, identifier: str, columns: dict[str, Column]) -> dict[str, list[Cell]]:
    """The reader's cells; its errors with the file's name and what to do."""
    try:
        return files.read(folder / file, identifier, columns)[1]
    except DataError as error:
        raise DataError(
            error.message,
            expected=error.expected,
            found=file if error.found in (None, Path(file).name) else f"{file}: {error.found}",
            remedy=_REMEDIES.get(error.code, error.remedy),
            code=error.code,
            details=error.details,
        ) from None


def _demand_persons(file: str, identifiers: Sequence[Cell], source: str) -> None:
    if len(identifiers) > MAX_ROWS:
        raise DataError(
            "too many rows", expected=f"at most {MAX_ROWS}", found=f"{file}: {len(identifiers)}", code="data.large"
        )
    for row, cell in enumerate(identifiers, start=1):
        if not str(cell).isprintable():
            raise DataError(
                "an identifier with characters that can't be printed",
                expected="one line of letters, digits, signs",
                found=f"{file}: row {row}, column {source!r}",
                remedy="correct the cell, or name another column",
                code="data.type",
            )


def _demand_range(file: str, amounts: Sequence[Cell], column: Column, digits: int) -> None:
    """DataError for an amount that is too large once it counts the unit in which amounts come together."""
    if column.type != "integer" or digits <= column.decimals:
        return
    scale = 10 ** (digits - column.decimals)
    for row, amount in enumerate(amounts, start=1):
        if isinstance(amount, int) and abs(amount * scale) > MAX_INTEGER:
            raise DataError(
                "an amount out of range",
                expected=f"at most 2^62 in size, in units of 10^-{digits}",
                found=f"{file}: row {row}, column {column.source!r}",
                remedy="leave it out, or give the files fewer decimals",
                code="data.overflow",
            )


def _damaged(file: str, identifiers: Sequence[Cell], source: str) -> list[str]:
    return [f"{file}: {one.words}" for one in damages([str(cell) for cell in identifiers], source)]


def _all(problems: Sequence[DataError]) -> DataError:
    """The first in full, the others a line each."""
    first, *others = problems
    details = [*first.details]
    for error in others:
        details += [f"{error.found}: {error.message}", *error.details]
    return DataError(
        first.message,
        expected=first.expected,
        found=first.found,
        remedy=first.remedy,
        code=first.code,
        details=details,
    )
