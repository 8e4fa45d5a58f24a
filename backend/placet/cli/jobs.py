"""`placet job …`: start, list, follow and cancel jobs at the own node, and fetch a result."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placet.cli import job_plan, job_stakes
from placet.cli.inputs import AsJson, NodeConfig, read_job, read_name, read_text, when, write_new
from placet.cli.operator import Operator
from placet.cli.output import console, emit, say, stop, table, write_line
from placet.cli.random_audit import audit_words
from placet.core.errors import PeerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpx_sse import ServerSentEvent

MAX_REQUEST = 1 << 20
ENDED = frozenset({"completed", "closed", "aborted", "cancelled", "expired", "refused"})
_TELL = 2.0
_SILENT = 5.0
"""Seconds without a word of the node, which speaks every three, after which it is asked again."""
_ATTEMPTS = 30
"""How often in a row a broken stream of events is asked for again, a second apart: a node's restart takes less."""
commands = typer.Typer(no_args_is_help=True, help="Jobs at the own node.")
commands.command()(job_plan.plan)
commands.command()(job_stakes.stakes)
commands.command()(job_stakes.report)
commands.command()(job_stakes.answer)
commands.command()(job_stakes.certificate)
Job = Annotated[str, typer.Argument(help="The job's id.")]
By = Annotated[str | None, typer.Option("--by", help="Who decides; this system's user unless given.")]


@commands.command()
def start(
    config: NodeConfig,
    file: Annotated[Path, typer.Option("--file", help="The job as JSON, as `POST /v1/jobs` takes it; - is stdin.")],
    follow: Annotated[bool, typer.Option("--watch", help="Follow the job until it ends.")] = False,
    as_json: AsJson = False,
) -> None:
    """Propose a job to the parties. The answer has its id once all have signed the plan, or wait for a person to."""
    from placet.core.json_text import read_json

    given = (
        sys.stdin.read(MAX_REQUEST).removeprefix("\ufeff")
        if str(file) == "-"
        else read_text(file, "job", limit=MAX_REQUEST)
    )
    body = read_json(given, f"the job {file}")
    operator = Operator(config)
    with _telling_who_signs(operator):
        job = operator.ask("POST", "/v1/jobs", body)
    if job["status"] == "held":
        say(f"the plan waits for {_waits(job['waits'])}")
    if as_json:
        emit(job)
    else:
        write_line(job["id"])
    if follow:
        watch_job(operator, job["id"])


@commands.command("list")
def listing(config: NodeConfig, as_json: AsJson = False) -> None:
    """The jobs that this institution takes part in, newest first."""
    jobs = Operator(config).ask_all("/v1/jobs", "jobs")
    if as_json:
        emit(jobs)
        return
    rows = [
        (job["id"], job["recipe"], job["status"], str(job["attempt"]), when(job["deadline"]), job["ended"] or "")
        for job in jobs
    ]
    table("Jobs", ("job", "recipe", "status", "attempt", "deadline", "ended"), rows)


@commands.command()
def show(config: NodeConfig, job: Job) -> None:
    """What the node knows of a job, as JSON; `why` says what ended one that was refused or aborted."""
    emit(Operator(config).ask("GET", f"/v1/jobs/{_id(job)}"))


@commands.command()
def watch(config: NodeConfig, job: Job) -> None:
    """Follow a job until it ends; exit code 0 only if it completed."""
    watch_job(Operator(config), _id(job))


@commands.command()
def result(config: NodeConfig, job: Job) -> None:
    """The result of a job that completed, as JSON; at the consumer's node."""
    emit(Operator(config).ask("GET", f"/v1/jobs/{_id(job)}/result"))


@commands.command("held")
def held_plans(config: NodeConfig, as_json: AsJson = False) -> None:
    """Plans that wait for a person of this institution, and those decided last."""
    plans = Operator(config).ask("GET", "/v1/plans")["plans"]
    if as_json:
        emit(plans)
        return
    rows = [
        (
            plan["job"],
            plan["recipe"],
            plan["consumer"]["name"],
            "" if plan["rows"] is None else str(plan["rows"]),
            plan["reward"],
            when(plan["open_by"]),
            f"{plan['state']}{': ' if plan['reason'] else ''}{plan['reason'] or ''}",
        )
        for plan in plans
    ]
    table("Plans", ("job", "recipe", "asked by", "rows", "reward", "until", "state"), rows)
    for plan in plans:
        if plan["state"] == "waiting":
            _tell_plan(plan)


def _tell_plan(plan: dict[str, Any]) -> None:
    """What a person decides about who signs a plan, on standard error."""
    from placet.core.privacy import least_epsilon_hundredths

    say(f"\n{plan['job']}")
    say(f"{plan['does']} Purpose: {plan['purpose']}")
    if plan["budget"]:
        epsilon = f"epsilon {least_epsilon_hundredths(plan['budget']) / 100:.2f} at delta 0.000001 at the most"
        say(f"It spends {plan['budget']} nano-rho of privacy budgets, for ever: {epsilon}.")
    if plan["audit"]:
        say(audit_words(plan["audit"]))
    for role, learns in plan["learns"].items():
        say(f"the {role} learns: {learns}")
    say("placet job approve and its id signs it; placet job refuse with --reason ends it")


@commands.command()
def approve(config: NodeConfig, job: Job, by: By = None, as_json: AsJson = False) -> None:
    """Agree to a plan that waits for a person of this institution: it is checked again and signed."""
    _decided(Operator(config).ask("POST", f"/v1/plans/{_id(job)}/sign", {"by": _who(by)}), as_json)


@commands.command()
def refuse(
    config: NodeConfig,
    job: Job,
    reason: Annotated[str, typer.Option("--reason", help="Why, in one line: it goes to who proposed the plan.")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Refuse a plan that waits for a person of this institution, for ever."""
    body = {"reason": read_name(reason, "reason"), "by": _who(by)}
    _decided(Operator(config).ask("POST", f"/v1/plans/{_id(job)}/refuse", body), as_json)


def _decided(plan: dict[str, Any], as_json: bool) -> None:
    """What became of a plan, in a line or as JSON."""
    if as_json:
        return emit(plan)
    why = f": {plan['reason']}" if plan["reason"] else ""
    write_line(f"{plan['job']} ({plan['recipe']}, asked by {plan['consumer']['name']}) is {plan['state']}{why}")


@commands.command()
def cancel(config: NodeConfig, job: Job) -> None:
    """Cancel a job before it opens."""
    emit(Operator(config).ask("POST", f"/v1/jobs/{_id(job)}/cancel"))


@commands.command()
def noise(
    config: NodeConfig,
    job: Job,
    auditor: Annotated[str, typer.Option("--auditor", help="The auditor's key, as placet key show --noise prints it.")],
    out: Annotated[Path, typer.Option("--out", help="The new file, for the auditor.")],
) -> None:
    """Open this institution's noise of a job that has ended to one auditor, so that he can draw it again. Whoever has
    the auditor's key, the file and the noisy numbers has the exact numbers: open it to nobody who has these."""
    from placet.core.values import from_hex, to_hex

    key = to_hex(from_hex(auditor, size=32))
    sealed = Operator(config).ask("POST", f"/v1/jobs/{_id(job)}/noise", {"auditor": key})
    write_new(out, json.dumps(sealed).encode(), mode=0o600)
    say(f"{out}: only the auditor with the key {key} opens it.")
    say(
        "With it he draws this institution's noise of the job again, of all attempts. It tells no number and no person "
        "by itself. Taken from the noisy numbers, it leaves the exact ones, which no privacy budget has paid for: an "
        "auditor who has the result, or gets it later, has these too."
    )


def _who(by: str | None) -> str:
    if by is not None:
        return read_name(by)
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a system that has no name for this user
        return f"user {os.getuid()}"


def _id(text: str) -> str:
    from placet.core.values import to_hex

    return to_hex(read_job(text))


@contextlib.contextmanager
def _telling_who_signs(operator: Operator) -> Iterator[None]:
    """While a plan is proposed, whom it waits for, every few seconds."""
    done = threading.Event()

    def tell() -> None:
        while not done.wait(_TELL):
            with contextlib.suppress(Exception):  # the proposal itself says what is wrong
                say(f"the plan waits for {_waits(operator.ask('GET', '/v1/proposals')['waits'])}")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


def watch_job(operator: Operator, job: str) -> None:
    """Tell on standard error what happens, until the job ends; Exit unless it completed."""
    from placet.jobs.progress import PROGRESS

    out = console(stderr=True)
    ended = ""
    with out.status("waiting for the job") as status:
        for moment in _moments(operator, job):
            line = words_of(moment)
            if moment["status"] != PROGRESS or not out.is_terminal:
                out.print(line)
            status.update(line)
            if moment["status"] != PROGRESS:
                ended = str(moment["status"])
    if ended != "completed":
        raise stop(f"the job ended: {ended}")
    say("the job completed")


def _moments(operator: Operator, job: str) -> Iterator[dict[str, Any]]:
    """A job's moments until one ends it. A stream that breaks is asked for again from where it broke. PeerError if it
    does not come back."""
    import httpx

    last, broken = "0", 0
    while True:
        fault = "the stream ended"
        try:
            for event in _events(operator, job, last):
                moment = moment_of(event)
                last, broken = event.id, 0
                yield moment
                if moment["status"] in ENDED:
                    return
        except httpx.HTTPError as error:
            fault = type(error).__name__
        broken += 1
        say(f"no word of the node ({fault}): asking again")
        if broken > _ATTEMPTS:
            raise PeerError("the node's events ended early", found=fault, remedy=f"placet job watch {job}")
        time.sleep(1)


def _events(operator: Operator, job: str, last: str) -> Iterator[ServerSentEvent]:
    import httpx
    from httpx_sse import EventSource

    from placet.owner.wire import problem_of

    with operator.http.stream(
        "GET",
        f"/v1/jobs/{job}/events",
        headers={"Accept": "text/event-stream", "Last-Event-ID": last},
        timeout=httpx.Timeout(_SILENT, connect=5.0),
    ) as answer:
        if not answer.is_success:
            answer.read()
            raise problem_of(answer, operator.api)
        yield from (event for event in EventSource(answer).iter_sse() if event.data)


def moment_of(event: ServerSentEvent) -> dict[str, Any]:
    """A moment of a job, {status, at, …}, from an event of its stream. PeerError if it is none."""
    try:
        moment = json.loads(event.data)
    except ValueError:
        raise PeerError("an event of the node is not JSON", found=event.event[:80]) from None
    if not isinstance(moment, dict) or "status" not in moment:
        raise PeerError("an event of the node is no moment of a job", found=event.event[:80])
    return moment


def _waits(waits: list[dict[str, Any]]) -> str:
    """What is waited for, in words: for how long, rows done of all, why. None is there before the node has asked the
    other parties, and between two steps."""
    words = []
    for wait in waits:
        rows = wait.get("rows")
        more = [f"{wait.get('seconds')} s"]
        if isinstance(rows, list) and len(rows) == 2:
            more.append(f"{rows[0]} of {rows[1]} rows")
        if wait.get("why"):
            more.append(str(wait["why"]))
        words.append(f"{wait.get('for')} ({', '.join(more)})")
    return "; ".join(words) or "this node, which is at work on it"


def words_of(moment: dict[str, Any]) -> str:
    """A moment as a line: the clock's time, the status, and what else it says."""
    from placet.jobs.progress import PROGRESS

    if moment["status"] == PROGRESS:
        return f"{_clock(moment)}since {moment.get('after')}: waits for {_waits(moment.get('waits') or [])}"
    rest = {name: value for name, value in moment.items() if name not in ("status", "at") and value is not None}
    words = ", ".join(f"{name} {_plain(value)}" for name, value in rest.items())
    return f"{_clock(moment)}{moment['status']}{': ' if words else ''}{words}"


def _plain(value: Any) -> str:
    """Text as it is, several texts after one another, all else as JSON."""
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value)


def _clock(moment: dict[str, Any]) -> str:
    return time.strftime("%H:%M:%S UTC ", time.gmtime(float(moment["at"]))) if "at" in moment else ""
