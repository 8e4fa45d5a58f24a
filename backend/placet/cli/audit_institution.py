"""`placet audit institution`: is every job of an institution there, and of each job evidence that stands?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placet.cli.inputs import (
    AsJson,
    PassphraseFile,
    TrustFile,
    demand_url,
    read,
    read_address,
    replace,
)
from placet.cli.output import emit, say, write_line
from placet.cli.trusted import BlockOption, CheckpointOption, QuorumOption, WitnessesOption, own_files, trusted_hashes
from placet.core.errors import ConfigError, InputError, PlacetError
from placet.core.values import to_hex

if TYPE_CHECKING:
    from placet.audit.institution import UnreadBundle
    from placet.audit.job_list import InstitutionJobs
    from placet.audit.outcome import AuditReport
    from placet.cli.confined import AuditRequest
    from placet.core.trust import Deployment

LIST = "job-list.json"
"""The list's file among the bundles of a folder."""


def institution(
    address: Annotated[str, typer.Argument(help="The institution's address.")],
    trust: TrustFile,
    deployment: Annotated[
        Path | None,
        typer.Option(envvar="PLACET_DEPLOYMENT", help="Your own copy of the deployment file; a signed list has it."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", envvar="PLACET_CHAIN_URL", help="Your own chain endpoint.", callback=demand_url),
    ] = None,
    list_: Annotated[
        Path | None,
        typer.Option("--list", help="Take the list of jobs from this file instead of the chain, without any network."),
    ] = None,
    bundles: Annotated[
        Path | None,
        typer.Option(help="Take evidence from the bundles in this folder instead of the parties' nodes."),
    ] = None,
    key: Annotated[Path | None, typer.Option(help="Keystore of an auditor whom the trust lists name.")] = None,
    block: BlockOption = None,
    checkpoint: CheckpointOption = None,
    witness: WitnessesOption = None,
    quorum: QuorumOption = None,
    save: Annotated[Path | None, typer.Option(help="Keep the list and the bundles in this folder.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as one HTML file.")] = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Audit all jobs of an institution: each number that the ledger gave it, and the evidence of each job. Exit code
    0 complete, 3 tampered, 4 disputed, 5 something is missing, 6 complete but for what was lawfully erased, 7 a promise
    was breached."""
    from placet.audit.institution import judge_institution
    from placet.audit.institution_report import html as drawn
    from placet.audit.institution_report import lines
    from placet.cli.audit import EXIT, auditor_key
    from placet.cli.confined import AuditRequest

    who, files = read_address(address), own_files(deployment, trust)
    own, known = files.deployment, files.trust
    if own is None or known is None:
        raise typer.BadParameter("give --deployment, or a signed list as --trust")
    if list_ is None and url is None:
        raise typer.BadParameter("give --url, or --list FILE")
    if bundles is None and url is None:
        raise typer.BadParameter("give --url, or --bundles FOLDER")
    if save is not None:
        _make(save)
    hashes = trusted_hashes(block or [], checkpoint or [], witness or [], quorum, files)
    shown = (
        _list(who, list_)
        if list_ is not None
        else _live(who, url or "", own, None if hashes is None else hashes.highest)
    )
    request = AuditRequest(deployment=own, trust=known, trusted=hashes, url=url)
    if bundles is not None:
        requests = _of_files(request if list_ is None else request.model_copy(update={"url": None}), bundles, list_)
    else:
        requests = _of_parties(request, shown, auditor_key(key, passphrase_file).secret, save)
    if save is not None:
        replace(save / LIST, shown.model_dump_json().encode())
    reports, unread = _judged(requests)
    trusted = None if hashes is None else hashes.known()
    report = judge_institution(shown, reports, unread, own, known, trusted=trusted, live=list_ is None)
    if html is not None:
        replace(html, drawn(report).encode())
    if as_json:
        emit(report.to_json())
    else:
        for line in lines(report):
            write_line(line)
    if EXIT[report.verdict]:
        raise typer.Exit(EXIT[report.verdict])


def _live(who: bytes, url: str, deployment: Deployment, at: int | None) -> InstitutionJobs:
    from placet.audit.job_list_collect import collect_list
    from placet.chain.client import Chain

    return collect_list(Chain(url, deployment), who, at)


def _list(who: bytes, file: Path) -> InstitutionJobs:
    """From a file. InputError for another institution's."""
    from placet.audit.job_list import MAX_LIST, parse_list

    shown = parse_list(read(file, "list of jobs", limit=MAX_LIST))
    if shown.institution != who:
        raise InputError("a list of another institution's jobs", expected=to_hex(who), found=to_hex(shown.institution))
    return shown


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ConfigError("the folder can't be made", found=f"{folder}: {error.strerror}") from None


def _files(folder: Path, list_: Path | None) -> list[Path]:
    """All files of a folder but the list, by name."""
    try:
        files = sorted(file for file in folder.iterdir() if file.is_file())
    except OSError as error:
        raise ConfigError("the folder can't be read", found=f"{folder}: {error.strerror}") from None
    return [file for file in files if file.name != LIST and (list_ is None or not file.samefile(list_))]


def _of_files(request: AuditRequest, folder: Path, list_: Path | None) -> list[tuple[str, AuditRequest]]:
    """By each file's name, what to judge: the bundle in it."""
    return [(file.name, request.model_copy(update={"file": str(file)})) for file in _files(folder, list_)]


def _of_parties(
    request: AuditRequest, shown: InstitutionJobs, secret: bytes, save: Path | None
) -> list[tuple[str, AuditRequest]]:
    """By each job's id, what to judge: what its parties hand out, and the chain as of the list's block."""
    from placet.cli.confined import LiveAudit

    requests = []
    for job in (one.job for one in shown.jobs):
        target = None if save is None else str(save / f"{to_hex(job)}.bundle")
        live = LiveAudit(job=job, key=secret, at=shown.head.block)
        requests.append((to_hex(job), request.model_copy(update={"live": live, "save": target})))
    return requests


def _judged(requests: Iterable[tuple[str, AuditRequest]]) -> tuple[list[AuditReport], list[UnreadBundle]]:
    """Each in a process of its own, one after another. What can't be judged is told, and never ends the audit."""
    from placet.audit.institution import UnreadBundle
    from placet.cli import confined

    reports, unread = [], []
    for name, request in requests:
        say(f"{name}: is judged")
        try:
            reports.append(confined.judge(request))
        except PlacetError as error:
            job = None if request.live is None else request.live.job
            unread.append(UnreadBundle(job=job, name=name[:300], words=str(error)[:1500]))
    return reports, unread
