"""`placet jobs …`: start, see, follow and cancel jobs at the own node."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from placet.cli.inputs import AsJson, NodeConfig, read
from placet.cli.operator import Operator
from placet.cli.output import console, emit, say, stop
from placet.core.errors import InputError, PeerError

MAX_EVENT = 1 << 20
ENDED = frozenset({"completed", "closed", "aborted", "cancelled", "expired", "refused"})
commands = typer.Typer(no_args_is_help=True, help="Jobs at the own node.")
Job = Annotated[str, typer.Argument(help="The job's id.")]


@commands.command()
def start(
    config: NodeConfig,
    file: Annotated[Path, typer.Option("--file", help="The job as JSON, as `POST /v1/jobs` takes it; - is stdin.")],
    follow: Annotated[bool, typer.Option("--watch", help="Follow the job until it ends.")] = False,
    as_json: AsJson = False,
) -> None:
    """Propose a job to the parties. The answer has its id once all have signed the plan."""
    try:
        body = json.loads(sys.stdin.read(MAX_EVENT) if str(file) == "-" else read(file, "job", limit=MAX_EVENT))
    except ValueError:
        raise InputError("the job is not JSON", found=file) from None
    office = Operator(config)
    answer = office.ask("POST", "/v1/jobs", body)
    if as_json:
        emit(answer)
    else:
        print(answer.get("id", answer.get("job", "")))
    if follow:
        _watch(office, str(answer.get("id", answer.get("job", ""))))


@commands.command()
def show(config: NodeConfig, job: Job) -> None:
    """What the node knows of a job, as JSON."""
    emit(Operator(config).ask("GET", f"/v1/jobs/{_id(job)}"))


@commands.command()
def watch(config: NodeConfig, job: Job) -> None:
    """Follow a job until it ends; exit code 0 only if it completed."""
    _watch(Operator(config), _id(job))


@commands.command()
def cancel(config: NodeConfig, job: Job) -> None:
    """Cancel a job before it opens."""
    emit(Operator(config).ask("POST", f"/v1/jobs/{_id(job)}/cancel"))


def _id(text: str) -> str:
    from placet.cli.inputs import read_id
    from placet.core.values import to_hex

    return to_hex(read_id(text))


def _watch(office: Operator, job: str) -> None:
    import httpx

    out = console(stderr=True)
    last: dict[str, Any] = {}
    try:
        with (
            out.status("waiting for the job") as shown,
            office.http.stream("GET", f"/v1/jobs/{job}/events", timeout=httpx.Timeout(120.0, connect=5.0)) as answer,
        ):
            if not answer.is_success:
                from placet.owner.wire import problem_of

                answer.read()
                raise problem_of(answer, office.api)
            for last in events(answer.iter_lines()):
                line = _words(last)
                out.print(line)
                shown.update(line)
                if status_of(last) in ENDED:
                    break
    except httpx.HTTPError as error:
        raise PeerError(
            "the node's events ended early", found=type(error).__name__, remedy=f"placet jobs watch {job}"
        ) from None
    ended = status_of(last)
    if ended != "completed":
        raise stop(f"the job ended: {ended or 'unknown'}")
    say("the job completed")


def status_of(event: dict[str, Any]) -> str:
    """The job's status in an event, if it tells one."""
    return str(event.get("status", event.get("event", "")))


def _words(event: dict[str, Any]) -> str:
    rest = {name: value for name, value in event.items() if name not in ("event", "status") and value is not None}
    shown = ", ".join(
        f"{name} {value if isinstance(value, str) else json.dumps(value)}" for name, value in rest.items()
    )
    return f"{status_of(event)}: {shown}" if shown else status_of(event)


def events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Server-sent events as JSON objects; the event's name goes in as `event` unless the object has one."""
    name, data = "", []
    for line in lines:
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
            if sum(map(len, data)) > MAX_EVENT:
                raise PeerError("an event of the node is too large", expected=f"at most {MAX_EVENT} characters")
        elif line.startswith("event:"):
            name = line[6:].strip()
        elif line == "" and data:
            try:
                value = json.loads("\n".join(data))
            except ValueError:
                raise PeerError("an event of the node is not JSON", found=name[:80]) from None
            yield ({"event": name} if name else {}) | (value if isinstance(value, dict) else {"value": value})
            name, data = "", []
