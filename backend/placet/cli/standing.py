"""`placet standing …`: agree on a plan once, and open it for each application."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from placet.cli.inputs import AsJson, NodeConfig, read_job, read_text, when
from placet.cli.jobs import MAX_REQUEST, watch_job
from placet.cli.operator import Operator
from placet.cli.output import emit, say, table, write_line

commands = typer.Typer(no_args_is_help=True, help="Standing plans: agreed once, opened many times.")
Plan = Annotated[str, typer.Argument(help="The standing plan's id.")]


@commands.command()
def propose(
    config: NodeConfig,
    file: Annotated[Path, typer.Option("--file", help="The job as JSON, as `POST /v1/jobs` takes it.")],
    openings: Annotated[int, typer.Option("--openings", min=1, help="How often it may be opened.")],
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="For how many days from now.")],
    as_json: AsJson = False,
) -> None:
    """Propose a standing plan to the parties of a job. Its id is the answer."""
    from placet.core.json_text import read_json

    job = read_json(read_text(file, "job", limit=MAX_REQUEST), f"the job {file}")
    body = {"job": job, "openings": openings, "seconds": days * 86_400}
    answer = Operator(config).ask("POST", "/v1/standing", body)
    if answer["missing"]:
        say(
            f"not signed yet by all of {', '.join(answer['missing'])}: where a person decides, he agrees by placet "
            "standing agree, and the next opening asks again"
        )
    if as_json:
        emit(answer)
    else:
        write_line(answer["id"])


@commands.command("list")
def listing(config: NodeConfig, as_json: AsJson = False) -> None:
    """The standing plans that this institution is a party of, newest first."""
    plans = Operator(config).ask("GET", "/v1/standing")["standing"]
    if as_json:
        emit(plans)
        return
    rows = [
        (one["id"], one["recipe"], f"{one['used']} of {one['openings']}", when(one["not_after"]), _state(one))
        for one in plans
    ]
    table("Standing plans", ("standing plan", "recipe", "opened", "until", "state"), rows)


def _state(plan: dict[str, Any]) -> str:
    if plan["ended"]:
        return "ended here"
    if not plan["agreed"]:
        return "waits for this institution to agree"
    return f"waits for {', '.join(plan['missing'])}" if plan["missing"] else "agreed"


@commands.command()
def agree(config: NodeConfig, plan: Plan, as_json: AsJson = False) -> None:
    """Agree to a standing plan that waits for this institution: from then on its node signs the openings."""
    _told(Operator(config).ask("POST", f"/v1/standing/{_id(plan)}/agree"), as_json)


@commands.command()
def end(config: NodeConfig, plan: Plan, as_json: AsJson = False) -> None:
    """Sign no opening of a standing plan any more, for ever."""
    _told(Operator(config).ask("POST", f"/v1/standing/{_id(plan)}/end"), as_json)


def _told(plan: dict[str, Any], as_json: bool) -> None:
    """How a standing plan stands, in a line or as JSON."""
    if as_json:
        return emit(plan)
    used = f"opened {plan['used']} of {plan['openings']} times, until {when(plan['not_after'])}"
    write_line(f"{plan['id']} ({plan['recipe']}): {_state(plan)}; {used}")


@commands.command("open")
def open_one(
    config: NodeConfig,
    plan: Plan,
    follow: Annotated[bool, typer.Option("--watch", help="Follow the job, and print its result.")] = False,
) -> None:
    """Open a standing plan once more, over those who consent now: one applicant, or the day's. The job's id is the
    answer, or its result."""
    operator = Operator(config)
    job = operator.ask("POST", f"/v1/standing/{_id(plan)}/openings")["id"]
    if not follow:
        return write_line(job)
    watch_job(operator, job)
    emit(operator.ask("GET", f"/v1/jobs/{job}/result"))


def _id(text: str) -> str:
    from placet.core.values import to_hex

    return to_hex(read_job(text))
