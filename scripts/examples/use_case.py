"""What the scripts of the use cases share: from a folder of public data or a small sample to a study's run."""

from __future__ import annotations

import argparse
import csv
import json
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcome import Teller, complain, finish

from placet.cli import study_files, study_run
from placet.core.csv_file import written
from placet.core.errors import ConfigError, PlacetError
from placet.study.document import read_study
from placet.study.judgement import judge
from placet.study.tables import StudyData, read_tables
from placet.study.terms import terms_of

Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Table:
    """One institution's part of a public file: its column of identifiers, then columns as they are there."""

    file: str
    identifier: str
    columns: Mapping[str, Callable[[dict[str, str]], str]]


@dataclass(frozen=True)
class UseCase:
    """A study and how a public file, which may lie in `folder`, is divided among its institutions. `customer`: what
    names a row, by its number."""

    name: str
    study: Path
    folder: str
    source: str
    customer: Callable[[int, dict[str, str]], str]
    tables: Sequence[Table]

    def file(self, data: Path) -> Path | None:
        """The public file, if it is there."""
        places = (data / self.source, data / self.folder / self.source)
        return next((place for place in places if place.is_file()), None)

    def divide(self, data: Path, folder: Path, rows: int | None) -> None:
        """Write the institutions' files. ConfigError where the public file is not there."""
        source = self.file(data)
        if source is None:
            raise ConfigError(
                "the data are not there", expected=self.source, found=f"none in {data}", remedy="name another folder"
            )
        with source.open(newline="", encoding="utf-8") as stream:
            read: Rows = [row for _, row in zip(range(rows or sys.maxsize), csv.DictReader(stream), strict=False)]
        names = [self.customer(number, row) for number, row in enumerate(read, start=1)]
        for table in self.tables:
            lines: Iterable[Sequence[str]] = (
                [name, *(cell(row) for cell in table.columns.values())] for name, row in zip(names, read, strict=True)
            )
            (folder / table.file).write_bytes(written([[table.identifier, *table.columns], *lines]))


def as_is(*names: str) -> dict[str, Callable[[dict[str, str]], str]]:
    """Columns under their own names, in small letters."""

    def cell(name: str) -> Callable[[dict[str, str]], str]:
        return lambda row: row[name]

    return {name.lower(): cell(name) for name in names}


def tables_of(case: UseCase, data: Path | None, rows: int | None, scratch: Path) -> StudyData:
    """The study's tables: of the public file in `data`, else of the sample beside the study."""
    folder = case.study.parent
    if data is not None:
        folder = scratch / case.name
        folder.mkdir()
        case.divide(data, folder, rows)
    elif (folder / case.name).is_dir():
        folder /= case.name
    return read_tables(terms_of(read_study(case.study)), folder)


def main(words: Sequence[str] | None, about: str, cases: Sequence[UseCase]) -> int:
    """0 if the job of each study completed and its trail is intact; 1 refused or failed, else as `placet audit`."""
    options = _options(words, about, cases)
    teller = Teller(sys.stderr if options.json else sys.stdout)
    chosen = [case for case in cases if options.case in (None, case.name)]
    if options.data is not None and (there := [case for case in chosen if case.file(options.data)]):
        for case in chosen:
            if case not in there:
                teller.say(f"{case.name}: left out, since {case.source} is not in {options.data}")
        chosen = there
    for case in chosen:
        code = _one(case, options, teller, options.out / case.name if len(cases) > 1 else options.out)
        if code:
            return code
    return 0


def _options(words: Sequence[str] | None, about: str, cases: Sequence[UseCase]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=about)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="DIR", help="folder with the public file")
    source.add_argument("--sample", action="store_true", help="a small made-up sample instead")
    parser.add_argument("--rows", type=int, metavar="N", help="the file's first N rows alone")
    parser.add_argument(
        "--out", type=Path, default=Path("study"), metavar="DIR", help="a new folder for what comes out"
    )
    parser.add_argument("--json", action="store_true", help="one JSON line a study on stdout")
    parser.add_argument("--check", action="store_true", help="read and judge the files, and end; nothing is started")
    if len(cases) > 1:
        parser.add_argument("--case", choices=[case.name for case in cases], help="this one alone")
    else:
        parser.set_defaults(case=None)
    return parser.parse_args(words)


def _one(case: UseCase, options: argparse.Namespace, teller: Teller, out: Path) -> int:
    teller.say(f"{case.name}:")
    with tempfile.TemporaryDirectory(prefix="placet-study-") as scratch:
        if options.check:
            return _check(case, options, teller, Path(scratch))

        names: list[str] = []

        def work() -> dict[str, Any]:
            out.parent.mkdir(parents=True, exist_ok=True)
            study_files.demand_free(out)
            data = tables_of(case, options.data, options.rows, Path(scratch))
            judgement = judge(data)
            for line in (*judgement.lines(), *(f"warning: {one}" for one in judgement.warnings)):
                teller.say(line)
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
            outcome = study_run.run(data, say=teller.say, tell=teller.bar)
            names.extend(study_files.write(out, data, judgement, outcome, case.study))
            return study_files.summary(data, judgement, outcome)

        return finish(
            work,
            teller,
            report=out / "report.html",
            result=lambda summary: f"{', '.join(names)} in {out}",
            as_json=options.json,
        )


def _check(case: UseCase, options: argparse.Namespace, teller: Teller, scratch: Path) -> int:
    try:
        judgement = judge(tables_of(case, options.data, options.rows, scratch))
    except PlacetError as error:
        complain(error)
        return 1
    for line in (*judgement.lines(), *(f"warning: {one}" for one in judgement.warnings)):
        teller.say(line)
    if options.json:
        print(json.dumps(judgement.to_json()))
    return 0
