"""`placet audit replay`: a party runs its side of a job again, in front of an auditor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placet.cli.inputs import AsJson, demand_url, read_job
from placet.cli.output import emit, say, table, write_line
from placet.core.errors import NotFoundError

if TYPE_CHECKING:
    from placet.core.ids import JobId
    from placet.jobs.replay_report import Outcome, ReplayReport, SignedReplay, StepReplay
    from placet.node.config import NodeSettings

EXIT: dict[Outcome, int] = {"same": 0, "differs": 3, "not-covered": 5}
WORDS: dict[Outcome, str] = {
    "same": "the same came out",
    "differs": "computed something else",
    "not-covered": "not all of it is covered",
}


def replay(
    job: Annotated[str, typer.Argument(help="The job's id.")],
    config: Annotated[
        Path | None, typer.Option("--config", envvar="PLACET_NODE_CONFIG", help="The party's node.toml.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every party of a sandbox, one after another.")] = False,
    sandbox: Annotated[Path, typer.Option("--sandbox", help="The sandbox's folder, with --all.")] = Path(
        "placet-sandbox"
    ),
    url: Annotated[
        str | None,
        typer.Option("--url", help="The auditor's own chain endpoint in place of the node's.", callback=demand_url),
    ] = None,
    deployment: Annotated[Path | None, typer.Option(help="The auditor's own copy of the deployment file.")] = None,
    trust: Annotated[Path | None, typer.Option(help="The auditor's own copy of the trust list.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run a party's side of a sealed job again and compare it with its trail, step by step. Exit code 0 all the same,
    3 something differs, 5 something is not covered. Runs beside node and vault; sends and changes nothing."""
    if config is None and not all_:
        raise typer.BadParameter("give --config NODE.toml, or --all and a sandbox's folder")
    files = _of_sandbox(sandbox) if all_ or config is None else [config]
    own = {"chain_url": url, "deployment": deployment, "trust": trust}
    changes = {name: value.absolute() if isinstance(value, Path) else value for name, value in own.items() if value}
    replays = _replays(files, read_job(job), changes)
    outcomes = {one.report.outcome for one in replays}
    outcome: Outcome = next((one for one in ("differs", "not-covered") if one in outcomes), "same")
    if as_json:
        emit({"outcome": outcome, "replays": [one.to_json() for one in replays]})
    else:
        for one in replays:
            show_replay(one.report)
    if EXIT[outcome]:
        raise typer.Exit(EXIT[outcome])


def _of_sandbox(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*/node.toml"))
    if not files:
        raise NotFoundError("there is no sandbox", found=folder, remedy="--sandbox FOLDER")
    return files


def _replays(files: list[Path], job: JobId, changes: dict[str, Any]) -> list[SignedReplay]:
    """Of each institution that took part. `changes`: of the nodes' settings. NotFoundError where none did."""
    from placet.node.config import NodeSettings

    replays: list[SignedReplay] = []
    absent: NotFoundError | None = None
    for file in files:
        settings = NodeSettings.load(file).model_copy(update=changes)
        try:
            replays.append(_replayed(settings, job))
        except NotFoundError as error:
            absent = error
            say(f"{settings.institution.name}: {error.message}")
    if absent is not None and not replays:
        raise absent
    return replays


def _replayed(settings: NodeSettings, job: JobId) -> SignedReplay:
    import asyncio

    from placet.jobs.replay import replay, signed
    from placet.jobs.store import JobStore
    from placet.node.lifetime import job_context
    from placet.node.service import open_node
    from placet.recipes.runs import RUNS

    node = open_node(settings)
    try:
        node.chain.check()
        context = job_context(node)
        return signed(context, asyncio.run(replay(context, JobStore(node.engine), RUNS, job)))
    finally:
        node.engine.dispose()


def show_replay(report: ReplayReport) -> None:
    """On stdout."""
    from placet.core.values import to_hex

    whose = f"{report.name} ({report.role}, {to_hex(report.institution)})"
    bound = report.outcome == "differs" and report.first is None
    write_line(f"{whose}: {'holds something else than it is bound to' if bound else WORDS[report.outcome]}")
    rows = [
        (what, one.outcome, one.why or "")
        for what, one in (("trail", report.trail), ("seed", report.seed), ("received", report.received))
    ]
    rows += [(f"{one.index} {one.name}", one.outcome, one.why or "") for one in report.steps]
    table(
        f"attempt {report.attempt} of {report.recipe}, again by Placet {report.release}", ("", "outcome", "why"), rows
    )
    if report.first is not None:
        _show_step(whose, report.first)
    write_line()


def _show_step(whose: str, step: StepReplay) -> None:
    from placet.core.values import to_hex

    write_line(f"{whose} differs first in step {step.index}, {step.name}; what comes after may follow from it:")
    for one in step.differences:
        recorded, replayed = ("nothing" if d is None else to_hex(d) for d in (one.recorded, one.replayed))
        write_line(f"  {one.what}: trail {recorded}, replay {replayed}")
    if step.more:
        write_line(f"  and {step.more} more")
