"""`placet audit`: decide alone whether a job was lawful, live from the chain or from a saved bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placet.cli.audit_certificate import certificate
from placet.cli.audit_institution import institution
from placet.cli.audit_replay import replay
from placet.cli.audit_sample import sample
from placet.cli.inputs import (
    AsJson,
    PassphraseFile,
    demand_url,
    passphrase,
    read,
    read_address,
    read_job,
    replace,
)
from placet.cli.output import Commands, emit, say, write_line
from placet.cli.trusted import (
    BlockOption,
    CheckpointOption,
    OwnFiles,
    QuorumOption,
    WitnessesOption,
    own_files,
    trusted_hashes,
)
from placet.core.errors import InputError

if TYPE_CHECKING:
    from placet.audit.outcome import AuditReport
    from placet.cli.confined import ElsewhereEvidence
    from placet.core.signatures import Key
    from placet.core.trust import TrustList


class AuditCommands(Commands):
    """`placet audit JOB`, and commands under `placet audit` whose names are no job's."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.allow_interspersed_args = not (args and args[0] in self.commands)
        return super().parse_args(ctx, args)

    def get_params(self, ctx: Any) -> list[Any]:
        params = super().get_params(ctx)
        return params if ctx.allow_interspersed_args else [one for one in params if one.param_type_name == "option"]


commands = typer.Typer(cls=AuditCommands, invoke_without_command=True)
commands.command("institution")(institution)
commands.command("replay")(replay)
commands.command("sample")(sample)
commands.command("certificate")(certificate)
EXIT = {"intact": 0, "tampered": 3, "disputed": 4, "incomplete": 5, "lawfully-erased": 6, "breached": 7}


@commands.callback()
def audit(
    context: typer.Context,
    job: Annotated[str | None, typer.Argument(help="The job's id; left out with --bundle.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="Check a saved bundle instead, without any network.")] = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            envvar="PLACET_CHAIN_URL",
            help="Your own chain endpoint.",
            callback=demand_url,
        ),
    ] = None,
    deployment: Annotated[
        Path | None, typer.Option(envvar="PLACET_DEPLOYMENT", help="Your own copy of the deployment file.")
    ] = None,
    trust: Annotated[Path | None, typer.Option(envvar="PLACET_TRUST", help="Your own copy of the trust list.")] = None,
    key: Annotated[Path | None, typer.Option(help="Keystore of an auditor whom the trust lists name.")] = None,
    evidence: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS=URL|FILE",
            help="Where a party's evidence is, if not at the trust list's URL: another API, or a file that holds what "
            "its GET /v1/jobs/{job}/trail answered. Repeatable.",
        ),
    ] = None,
    noise: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="What a party handed you of its noise (placet job noise), which your --key opens: it is drawn again. "
            "Repeatable; a party that adds noise and is left out makes the verdict incomplete.",
        ),
    ] = None,
    block: BlockOption = None,
    checkpoint: CheckpointOption = None,
    witness: WitnessesOption = None,
    quorum: QuorumOption = None,
    save: Annotated[Path | None, typer.Option(help="Keep the bundle in this file.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as one HTML file.")] = None,
    page: Annotated[
        bool, typer.Option("--page", help="Serve the auditor's page to this machine's browser instead, until Ctrl-C.")
    ] = False,
    port: Annotated[int, typer.Option(help="The port of --page; a free one by default.", min=0, max=65_535)] = 0,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Audit a job. Exit code 0 intact, 3 tampered, 4 disputed, 5 incomplete, 6 lawfully erased, 7 breached."""
    if context.invoked_subcommand is not None:
        return
    if page:
        if job is not None or bundle is not None:
            raise typer.BadParameter("--page takes neither a job nor a bundle: the page asks for the file")
        from placet.cli.audit_page import serve

        return serve(port)
    if (job is None) == (bundle is None):
        raise typer.BadParameter("give a job's id, or --bundle FILE")
    from placet.audit import report as drawn

    own = own_files(deployment, trust)
    trusted = trusted_hashes(block or [], checkpoint or [], witness or [], quorum, own)
    if bundle is not None:
        if evidence:
            raise typer.BadParameter("--evidence is for a live audit: a bundle brings its own")
        handed = _opened(noise or [], key, passphrase_file) | {"trusted": trusted}
        report = _saved(bundle, url, own, save, handed)
    else:
        if job is None or url is None or own.deployment is None or own.trust is None:
            raise typer.BadParameter("a live audit needs --url, --deployment and --trust")
        from placet.cli.confined import AuditRequest, LiveAudit, judge

        elsewhere = _elsewhere(evidence or [], own.trust)
        signs = auditor_key(key, passphrase_file)
        live = LiveAudit(job=read_job(job), key=signs.secret, elsewhere=elsewhere)
        target = None if save is None else str(save)
        handed = _handed(noise or [], None if key is None else signs.secret) | {"trusted": trusted}
        report = judge(
            AuditRequest(live=live, url=url, deployment=own.deployment, trust=own.trust, save=target, **handed)
        )
    if html is not None:
        replace(html, drawn.html(report).encode())
    if as_json:
        emit(drawn.to_json(report))
    else:
        for line in drawn.text(report):
            write_line(line)
    if report.verdict != "intact":
        raise typer.Exit(EXIT[report.verdict])


def _elsewhere(given: list[str], trust: TrustList) -> tuple[ElsewhereEvidence, ...]:
    """URLs and files by institution. InputError for what is neither, twice, or no institution's."""
    from placet.cli.confined import ElsewhereEvidence

    evidence: dict[bytes, ElsewhereEvidence] = {}
    for one in given:
        address, equals, place = one.partition("=")
        if not equals or not place:
            raise InputError("not a place of evidence", expected="ADDRESS=URL or ADDRESS=FILE", found=one[:100])
        whose = trust.institution(read_address(address)).address
        if whose in evidence:
            raise InputError("two places for one party's evidence", found=address)
        web = place.startswith(("http://", "https://"))
        if not web and not Path(place).is_file():
            raise InputError("there is no such file of evidence", expected="ADDRESS=URL or ADDRESS=FILE", found=place)
        where = {"url": place} if web else {"file": place}
        evidence[whose] = ElsewhereEvidence(institution=whose, **where)
    return tuple(evidence.values())


def _opened(files: list[Path], key: Path | None, passphrase_file: Path | None) -> dict[str, Any]:
    """As `_handed`, of a saved bundle, which may hold openings: the key is read where there is one."""
    return _handed(files, None if key is None else auditor_key(key, passphrase_file).secret)


def _handed(files: list[Path], secret: bytes | None) -> dict[str, Any]:
    """What a request says of noise. InputError for files that are none, or without a key that opens them."""
    from placet.core.auditor_sealing import auditor_secret
    from placet.core.noise_opening import SealedNoise
    from placet.core.values import parse

    if files and secret is None:
        raise InputError("an opening of noise needs the key that it is for", expected="--key", found="none")
    noise = tuple(parse(SealedNoise, read(file, "opening of noise"), what="opening of noise") for file in files)
    if len({one.party for one in noise}) < len(noise):
        raise InputError("two openings of one party's noise", expected="one a party", found=len(noise))
    return {"noise": noise, "secret": None if secret is None else auditor_secret(secret)}


def auditor_key(key: Path | None, passphrase_file: Path | None) -> Key:
    """The auditor's, or a stranger's."""
    from placet.core.signatures import Key

    if key is None:
        say("note: without --key the parties' nodes take you for a stranger and may hand out nothing")
        return Key()
    from placet.chain.keystore import load_secret

    return Key(load_secret(key, passphrase(passphrase_file)))


def _saved(
    file: Path,
    url: str | None,
    own: OwnFiles,
    save: Path | None,
    more: dict[str, Any],
) -> AuditReport:
    """A bundle from a file, judged in a process of its own."""
    from placet.cli.confined import AuditRequest, judge

    if own.deployment is None or own.trust is None:
        say("note: give your own --deployment and --trust: against the bundle's own nothing is called intact")
    if url is None and more["trusted"] is None:
        say("note: what the chain says is the bundle's word; give --url, or hashes of blocks (--block, --checkpoint)")
    request = AuditRequest(
        file=_name(file),
        url=url,
        deployment=own.deployment,
        trust=own.trust,
        save=None if save is None else _name(save),
        **more,
    )
    return judge(request)


def _name(path: Path) -> str:
    """A path as the verifier's process is told it. InputError for a name that is no text."""
    name = str(path)
    if name.encode(errors="ignore").decode() != name:
        raise InputError("a file's name is no text in UTF-8", expected="UTF-8", found=name, remedy="rename it")
    return name
