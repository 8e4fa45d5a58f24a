"""`placet compare …`: have two versions of a contract compared in an enclave that neither side has to trust its host
with, and see what came out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placet.cli.inputs import AsJson, NodeConfig, Timeout, read_address, read_consent, read_job, read_span, replace
from placet.cli.jobs import words_of
from placet.cli.output import Commands, console, emit, say, stop
from placet.core.errors import InputError

if TYPE_CHECKING:
    from placet.company.acceptance import AcceptancePolicy
    from placet.company.company import Company
    from placet.company.own_document import OwnDocument
    from placet.core.ids import JobId
    from placet.jobs.records import JobRecord

commands = typer.Typer(
    cls=Commands, no_args_is_help=True, help="Compare two versions of a contract in an enclave; for the companies."
)
File = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, help="The own version: PDF, DOCX, Markdown or text.")
]
Role = Annotated[str, typer.Option("--role", help="before or after: which version the own one is.")]
Partner = Annotated[str, typer.Option("--with", help="Address of the other company.")]
Service = Annotated[str, typer.Option("--service", help="Address of the institution that runs the enclave.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for the result and the evidence.")]
Purpose = Annotated[str, typer.Option("--purpose", help="A DPV purpose: its IRI, or its last word.")]
Simulated = Annotated[
    bool, typer.Option("--simulated", help="Accept an enclave whose host's owner could read everything.")
]
Measurements = Annotated[
    list[str] | None, typer.Option("--measurement", help="Accept only this measurement, in hex; may be repeated.")
]
Until = Annotated[str, typer.Option("--until", help="How long the consent holds, as in 30d.")]
Patience = Annotated[str, typer.Option("--wait", help="How long to wait for the others, as in 10m.")]


@commands.command()
def start(
    file: File,
    config: NodeConfig,
    partner: Partner,
    service: Service,
    out: Out,
    role: Role = "before",
    purpose: Purpose = "FulfilmentOfContractualObligation",
    simulated: Simulated = False,
    measurement: Measurements = None,
    fee: Annotated[int, typer.Option(min=0, help="What the service gets, in the token's smallest unit.")] = 0,
    token: Annotated[str | None, typer.Option(help="Address of the token in which it is paid.")] = None,
    deadline: Annotated[str, typer.Option(help="How long the comparison may take, as in 15m.")] = "15m",
    until: Until = "30d",
    wait: Patience = "10m",
    as_json: AsJson = False,
) -> None:
    """Propose a comparison, as its sponsor, and stay until its end."""
    from placet.core.values import to_hex
    from placet.recipes.contract_compare.messages import ComparisonRequest

    wish = _wish(role, partner, service, purpose, simulated, measurement)
    document = _own(file)
    if fee and token is None:
        raise InputError("a fee needs a token", remedy="--token ADDRESS")

    async def begin(here: Company) -> JobRecord:
        record = await here.offer(
            document, wish, consumer=here.context.address, until=int(time.time()) + read_span(until)
        )
        say(f"consent {to_hex(record.id)} is on chain; waiting for the other company")
        request = ComparisonRequest.model_validate(
            {
                "consent": record.id,
                "role": wish.role,
                "partner": wish.partner,
                "service": wish.service,
                "purpose": wish.purpose,
                "reward": fee,
                **({"token": read_address(token)} if token else {}),
                "deadline_seconds": read_span(deadline),
            }
        )
        return await here.propose(request, patience=read_span(wait))

    _take_part(config, wish, begin, out, as_json)


@commands.command()
def join(
    file: File,
    config: NodeConfig,
    partner: Partner,
    service: Service,
    out: Out,
    role: Role = "after",
    purpose: Purpose = "FulfilmentOfContractualObligation",
    simulated: Simulated = False,
    measurement: Measurements = None,
    until: Until = "30d",
    wait: Patience = "10m",
    as_json: AsJson = False,
) -> None:
    """Offer a document for a comparison that the other company proposes, wait for it, and stay until its end."""
    from placet.core.values import to_hex

    wish = _wish(role, partner, service, purpose, simulated, measurement)
    document = _own(file)

    async def begin(here: Company) -> JobRecord:
        record = await here.offer(document, wish, consumer=wish.partner, until=int(time.time()) + read_span(until))
        say(f"consent {to_hex(record.id)} is on chain; waiting to be asked")
        return await here.invited(record.id, patience=read_span(wait))

    _take_part(config, wish, begin, out, as_json)


@commands.command()
def resume(
    job: Annotated[str, typer.Argument(help="The job's id.")], config: NodeConfig, out: Out, as_json: AsJson = False
) -> None:
    """Go on with a job after this client was ended or killed, or write its result and evidence again."""

    async def begin(here: Company) -> JobRecord:
        return await here.runner.store.threaded.job(read_job(job))

    _take_part(config, None, begin, out, as_json)


@commands.command()
def withdraw(
    consent: Annotated[str, typer.Argument(help="The consent's id, as `start` or `join` has said it.")],
    config: NodeConfig,
    timeout: Timeout = 120,
) -> None:
    """Withdraw the consent for an own document, for ever: no enclave gets its key any more, and a running job ends.

    Also while another client runs in this folder."""
    from placet.company.withdrawing import withdraw as sent
    from placet.node.config import NodeSettings

    asyncio.run(sent(NodeSettings.load(config), read_consent(consent), seconds=timeout))
    say("withdrawn")


def _wish(
    role: str, partner: str, service: str, purpose: str, simulated: bool, measurements: list[str] | None
) -> AcceptancePolicy:
    from placet.company.acceptance import AcceptancePolicy
    from placet.core.purposes import purpose_id, purpose_iri

    if role not in ("before", "after"):
        raise InputError("no such role", expected="before or after", found=role[:20])
    iri = purpose_iri(purpose)
    purpose_id(iri)
    try:
        named = frozenset(bytes.fromhex(one.removeprefix("0x")) for one in measurements or ())
    except ValueError:
        raise InputError("a measurement is hex", found=str(measurements)[:80]) from None
    return AcceptancePolicy(
        role="before" if role == "before" else "after",
        partner=read_address(partner),
        service=read_address(service),
        purpose=iri,
        classes=frozenset({"hardware", "simulated"} if simulated else {"hardware"}),
        measurements=named,
    )


def _own(file: Path) -> OwnDocument:
    """The own document, read before anything is offered; what its owner should know of it is said."""
    from placet.company.own_document import OwnDocument

    document = OwnDocument.of(file)
    for note in document.notes:
        say(f"{file.name}: {note}")
    return document


def _take_part(
    config: Path,
    wish: AcceptancePolicy | None,
    begin: Callable[[Company], Awaitable[JobRecord]],
    out: Path,
    as_json: bool,
) -> None:
    from rich.text import Text

    from placet.company.company import company
    from placet.core.values import to_hex
    from placet.jobs.progress import PROGRESS
    from placet.node.config import NodeSettings

    out.mkdir(parents=True, exist_ok=True)
    shown = console(stderr=True)

    moments: list[dict[str, Any]] = []

    async def go() -> tuple[bytes, str, list[str]]:
        async with company(NodeSettings.load(config), wish) as here:
            record = await begin(here)
            say(f"job {to_hex(record.job)}")
            with shown.status("the job is agreed upon") as status:

                def tell(moment: dict[str, Any]) -> None:
                    line = words_of(moment)
                    if moment["status"] != PROGRESS:
                        moments.append(moment)
                    if moment["status"] != PROGRESS or not shown.is_terminal:
                        shown.print(line)
                    status.update(Text(line))

                how = await here.ended(record.job, tell)
            files = [_write(out / "evidence.json", await here.evidence(record.job))]
            return record.job, how, files + (_result(here, record.job, out) if how == "completed" else [])

    job, how, files = asyncio.run(go())
    code = next((str(moment["code"]) for moment in reversed(moments) if moment["status"] == "abort-reason"), "")
    if as_json:
        why = {"code": code} if code else {}
        emit({"job": to_hex(job), "ended": how, **why, "files": files, "seconds": _seconds(moments)})
    for file in files:
        say(f"written: {file}")
    if how != "completed":
        raise stop(f"the job ended: {how}, {code}" if code else f"the job ended: {how}")


_PARTS = (
    *(("opened", "computing"), ("fixed", "anchored"), ("uploaded", "uploaded"), ("keys", "keys-given")),
    *(("compared", "computed"), ("sealed", "sealed"), ("released", "completed")),
)
"""What took how long: its name, and the moment with which it ends."""


def _seconds(moments: list[dict[str, Any]]) -> dict[str, float]:
    """By part, from the agreement on; of the last attempt."""
    at = {str(moment["status"]): float(moment["at"]) for moment in moments}
    parts, last = {}, at.get("agreed", 0.0)
    for name, status in _PARTS:
        if last <= at.get(status, -1.0):
            parts[name], last = round(at[status] - last, 3), at[status]
    return parts


def _result(here: Company, job: JobId, out: Path) -> list[str]:
    """The comparison as JSON and as one page. StateError where a completed job left this company none."""
    from placet.comparison.page import html
    from placet.comparison.result import Comparison
    from placet.core.values import parse
    from placet.protocols.enclave.sealed.sizes import MAX_RESULT

    result = here.runner.settlement.result(job).get("comparison")
    comparison = parse(Comparison, result, limit=MAX_RESULT, what="the comparison")  # type: ignore[arg-type]
    return [
        _write(out / "comparison.json", comparison.model_dump_json(indent=1).encode()),
        _write(out / "comparison.html", html(comparison).encode()),
    ]


def _write(file: Path, content: bytes) -> str:
    """For this user's eyes: a comparison holds both texts."""
    replace(file, content, mode=0o600)
    return str(file)
