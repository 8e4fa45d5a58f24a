"""`placet study …`: one file that says who computes what on whose data: judge it, run it on this machine, or make the
requests of it for real nodes."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placet.cli.inputs import AsJson
from placet.cli.output import Commands, emit, say, write_line

if TYPE_CHECKING:
    from placet.study.judgement import StudyJudgement
    from placet.study.tables import StudyData

commands = typer.Typer(
    cls=Commands, no_args_is_help=True, help="Studies: who computes what on whose files, in one study.toml."
)
StudyFile = Annotated[Path, typer.Argument(metavar="FILE", help="The study, as in study.toml.")]
DataFolder = Annotated[
    Path | None, typer.Option("--data", help="The folder that the study's files are named from; the study's own.")
]


@commands.command()
def check(file: StudyFile, data: DataFolder = None, as_json: AsJson = False) -> None:
    """Read and judge a study and its files: what comes together, what looks wrong, how long a run will be. Nothing is
    started. Exit code 1 if it can't run."""
    judgement = _judged(_read(file, data), write_line if not as_json else lambda line: None)
    if as_json:
        emit(judgement.to_json())
    else:
        say("the study can run")


@commands.command()
def run(
    file: StudyFile,
    out: Annotated[Path, typer.Option("--out", help="A new folder for result, report, evidence and audit.")],
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Run a study on a consortium of this machine, which ends with it. The exit code is that of `placet audit`."""
    from placet.cli import study_files, study_run
    from placet.cli.audit import EXIT

    study_files.demand_free(out)
    tables = _read(file, data)
    judgement = _judged(tables, say)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    outcome = study_run.run(tables, say=say, tell=_bar)
    names = study_files.write(out, tables, judgement, outcome, file)
    if as_json:
        emit(study_files.summary(tables, judgement, outcome))
    else:
        write_line(f"{outcome.verdict}: {', '.join(names)} in {out}")
    if outcome.verdict != "intact":
        raise typer.Exit(EXIT[outcome.verdict])


@commands.command()
def plan(
    file: StudyFile,
    out: Annotated[Path, typer.Option("--out", help="A new folder for the requests.")],
    trust: Annotated[
        Path | None, typer.Option("--trust", help="Trust list in which all institutions stand by the study's names.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="The consumer's node.toml: makes job.json, once all institutions have offered."),
    ] = None,
    token: Annotated[str | None, typer.Option("--token", help="The ERC-20 contract that rewards are paid in.")] = None,
) -> None:
    """Make a study's requests for real nodes. With --trust a script for each institution, which imports its table and
    makes its offer; with --config the consumer's job.json, for `placet job start --file`. Nothing is sent."""
    from placet.cli import study_files, study_plan
    from placet.study.document import read_study
    from placet.study.terms import terms_of

    if (trust is None) == (config is None):
        raise typer.BadParameter("give --trust FILE for the scripts, or --config FILE for job.json")
    terms = terms_of(read_study(file))
    if config is not None:
        files = study_plan.job(terms, config, token)
    else:
        assert trust is not None  # noqa: S101 - one of the two was given
        files = study_plan.scripts(terms, trust)
    study_files.demand_free(out)
    study_files.write_all(out, files)
    write_line(f"{', '.join(sorted(files))} in {out}")


def _read(file: Path, data: Path | None) -> StudyData:
    from placet.study.document import read_study
    from placet.study.tables import read_tables
    from placet.study.terms import terms_of

    return read_tables(terms_of(read_study(file)), data or file.parent)


def _judged(data: StudyData, tell: Callable[[str], object]) -> StudyJudgement:
    """Said: what comes together, then what looks wrong."""
    from placet.study.judgement import judge

    judgement = judge(data)
    for line in judgement.lines():
        tell(line)
    for warning in judgement.warnings:
        say(f"warning: {warning}")
    return judgement


def _bar(what: str) -> Callable[[int, int], None]:
    """What tells how many of all are done, each tenth."""
    last = 0

    def tell(number: int, all_: int) -> None:
        nonlocal last
        if number == all_ or number - last >= max(1_000, all_ // 10):
            last = number
            say(f"{number:,} of {all_:,} {what}")

    return tell
