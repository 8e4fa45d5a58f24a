"""`placet sandbox …`: a chain, institutions, an enroller and owners on this machine, for trying out."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placet.cli.inputs import AsJson
from placet.cli.output import Commands, console, emit, say, stop, table, write_line

if TYPE_CHECKING:
    from placet.sandbox.consents import Tell
    from placet.sandbox.founding import Say
    from placet.sandbox.lifecycle import SandboxState, SandboxStatus

commands = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    help="Institutions on this machine, for trying out: chain, nodes, vaults, an enroller, persons who consented.",
)
Folder = Annotated[Path, typer.Argument(help="The sandbox's folder.")]
DEFAULT = Path("placet-sandbox")


@commands.command()
def up(
    folder: Folder = DEFAULT,
    institutions: Annotated[
        int | None, typer.Option(min=2, help="How many: the bank, which gets results, and its providers. 4 by default.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Your own tables: a folder of CSV or Parquet files and mapping.toml.")
    ] = None,
    block_time: Annotated[float, typer.Option(min=0.1, max=60, help="Seconds between blocks.")] = 1.0,
    detach: Annotated[bool, typer.Option("--detach", help="Leave it running; `placet sandbox down` ends it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Found a sandbox in a new folder and start it, or start the one that is there. Ctrl-C ends it, not its data."""
    if institutions is not None and data is not None:
        raise typer.BadParameter("give --institutions N or --data DIR, whose mapping.toml names the institutions")

    from placet.sandbox import lifecycle, setup

    def wanted() -> setup.Setup:
        return setup.generated(institutions or setup.DEFAULT) if data is None else setup.of_files(data)

    signal.signal(signal.SIGTERM, _terminate)
    try:
        with _progress() as (announce, tell):
            state = lifecycle.up(folder, wanted, block_time=block_time, say=announce, tell=tell)
    except RuntimeError as error:
        raise stop(f"the sandbox did not start, and nothing of it runs: {error}") from None
    try:
        if as_json:
            emit(_document(folder, state))
            sys.stdout.flush()
        else:
            _show(folder, state)
        if detach:
            return
        say("Ctrl-C ends it")
        lifecycle.watch(folder, lambda name: say(f"{name} has ended: see {folder / name}.log"))
    except KeyboardInterrupt:
        say("ending")
    except BaseException:
        lifecycle.down(folder)
        raise
    lifecycle.down(folder)


@commands.command()
def down(folder: Folder = DEFAULT, as_json: AsJson = False) -> None:
    """End all processes of a sandbox. Its data and its chain stay: `up` goes on with them."""
    from placet.sandbox import lifecycle

    ended = lifecycle.down(folder)
    if as_json:
        emit({"folder": str(folder.absolute()), "ended": ended})
    else:
        write_line(f"ended {len(ended)} processes" if ended else "nothing was running")


@commands.command()
def status(folder: Folder = DEFAULT, as_json: AsJson = False) -> None:
    """Say what lives. Exit code 0 only if all of it does."""
    from placet.sandbox import lifecycle

    state = lifecycle.status(folder)
    if as_json:
        emit(_status(state))
    else:
        rows = [(one.name, one.state, "" if one.pid is None else str(one.pid)) for one in state.servers]
        table(f"{folder}: {state.phase}", ("process", "state", "id"), rows)
    if state.phase != "up":
        raise typer.Exit(1)


def _terminate(*_: object) -> None:
    sys.exit(143)


@contextlib.contextmanager
def _progress() -> Iterator[tuple[Say, Tell]]:
    """What happens, on stderr: with a bar and the time on a terminal, else a line for each step."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    shown = console(stderr=True)
    if not shown.is_terminal:
        yield say, lambda number, all_: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, MofNCompleteColumn(), console=shown) as bar:
        task = bar.add_task("starting", total=None)

        def told(text: str) -> None:
            bar.update(task, description=text)

        def tell(number: int, all_: int) -> None:
            bar.update(task, total=all_, completed=number)

        yield told, tell


def _document(folder: Path, state: SandboxState) -> dict[str, Any]:
    """Everything that a program needs to go on."""
    from placet.sandbox.lifecycle import REQUEST

    home = folder.absolute()
    return {
        "folder": str(home),
        "chain": {"url": state.url, "chain_id": 31337},
        "deployment": str(home / "deployment.json"),
        "trust": str(home / "trust.json"),
        "passphrase_file": str(home / "passphrase"),
        "auditor": {"address": state.auditor, "key": str(home / "auditor.json")},
        "enroller": {"url": state.enroller, "codes": str(home / "codes.csv")},
        "consumer": state.consumer,
        "institutions": {
            one.key: {
                "name": one.name,
                "address": one.address,
                "api": one.api,
                "config": str(home / one.key / "node.toml"),
                "credential": str(home / one.key / "credential"),
                "vault": str(home / f"{one.key}-vault" / "vault.toml"),
                "offer": one.offer,
            }
            for one in state.institutions
        },
        "recipe": state.recipe,
        "consents": state.consents,
        "request": str(home / REQUEST),
    }


def _show(folder: Path, state: SandboxState) -> None:
    from placet.sandbox.lifecycle import REQUEST

    table(
        f"sandbox in {folder}: {len(state.institutions)} institutions, {state.consents} consents",
        ("institution", "API", "settings", "credential"),
        [
            (one.name, one.api, str(folder / one.key / "node.toml"), str(folder / one.key / "credential"))
            for one in state.institutions
        ],
    )
    rows = (
        ("chain", state.url),
        ("enroller", state.enroller),
        ("deployment file", folder / "deployment.json"),
        ("trust list", folder / "trust.json"),
        ("access codes of persons", folder / "codes.csv"),
        ("passphrase of all keys", folder / "passphrase"),
        ("key of the auditor", folder / "auditor.json"),
        ("a job to begin with", folder / REQUEST),
        ("pages for people", f"each API in a browser, as {state.institutions[-1].api}/"),
    )
    for what, where in rows:
        write_line(f"{what + ':':<25}{where}")
    write_line(
        f"""
To start a job at {state.consumer}, to audit it, and to see what runs:
  export PLACET_PASSPHRASE_FILE={folder.absolute() / "passphrase"}
  placet job start --config {folder / state.consumer / "node.toml"} --file {folder / REQUEST} --watch
  placet audit 0x…job --url {state.url} --deployment {folder / "deployment.json"} \\
    --trust {folder / "trust.json"} --key {folder / "auditor.json"}
  placet sandbox status {folder}"""
    )


def _status(state: SandboxStatus) -> dict[str, Any]:
    return {
        "folder": str(state.folder.absolute()),
        "phase": state.phase,
        "processes": {one.name: {"state": one.state, "pid": one.pid} for one in state.servers},
    }
