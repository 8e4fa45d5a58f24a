"""`placet batch …`: consents by the million, in one file under one root."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from placet.cli.inputs import (
    AsJson,
    DeploymentFile,
    NodeConfig,
    TrustFile,
    demand_url,
    document,
    read_deployment,
    read_offer,
    read_trust,
    replace,
    when,
)
from placet.cli.operator import EnsureTransaction, Operator
from placet.cli.output import console, emit, say, write_line
from placet.core.errors import ConfigError, ConsentError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from placet.chain.client import Chain
    from placet.core.batch_file import BatchHeader
    from placet.core.enrolment_batch import Enrolments
    from placet.core.trust import Deployment

commands = typer.Typer(no_args_is_help=True, help="Batches: signed consents to one offer, in a file under one root.")
VaultConfig = Annotated[Path, typer.Option("--config", envvar="PLACET_VAULT_CONFIG", help="The vault's vault.toml.")]
File = Annotated[Path, typer.Argument(help="The batch file.")]
EnrolmentFiles = Annotated[
    list[Path] | None,
    typer.Option("--enrolments", help="An enroller's file of enrolments that consents rely on; may be given again."),
]


@commands.command()
def make(
    config: NodeConfig,
    table: Annotated[Path, typer.Argument(help="A table of signed consents, a row each, in Parquet; in any order.")],
    out: Annotated[Path, typer.Argument(help="The batch file; must not exist.")],
    offer: Annotated[str, typer.Option(help="The offer's id.")],
    as_json: AsJson = False,
) -> None:
    """Put signed consents to one offer into a batch file: in order, under their root. Signatures are not checked."""
    from placet.core.batch_check import RowCheck
    from placet.core.values import to_hex
    from placet.node.consents.scopes import Scopes
    from placet.vault.batch_making import make_batch
    from placet.vault.consent_table import read_consents

    office = Operator(config)
    terms = office.chain.offer(read_offer(offer)).offer
    scope = Scopes(office.settings.path(office.settings.scopes)).of(terms)
    deployment = office.deployment
    check = RowCheck(terms, scope, deployment.consents, deployment.verifiers, office.trust)
    with _reading(table) as source:
        header = make_batch(check, terms, scope, read_consents(source), out)
    if as_json:
        emit({"root": to_hex(header.root), "count": header.count, "offer": to_hex(terms.id)})
    else:
        write_line(f"{header.count} consents, root {to_hex(header.root)}")


@commands.command()
def check(
    file: File,
    deployment: DeploymentFile,
    trust: TrustFile,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            envvar="PLACET_CHAIN_URL",
            help="Also ask this JSON-RPC endpoint for offer and anchor.",
            callback=demand_url,
        ),
    ] = None,
    enrolments: EnrolmentFiles = None,
    processes: Annotated[int, typer.Option(min=0, help="Worker processes; all cores by default (0).")] = 0,
    as_json: AsJson = False,
) -> None:
    """Check every consent of a batch file and its root. May be interrupted at any time and given again: it goes on.

    How far it has come is in a small file beside it (.check).
    """
    from placet.chain.client import Chain
    from placet.core.values import to_hex
    from placet.vault.batches import BatchCheck, BatchReader, Progress

    contracts, trusted = read_deployment(deployment), read_trust(trust)
    beside = file.with_name(file.name + ".check")
    with _reading(file) as source:
        reader = BatchReader(source)
        header = reader.header
        with BatchCheck(reader, contracts, trusted, processes, _enrolments(enrolments, contracts)) as work:
            before = document(Progress, beside, "file of a check's progress") if beside.exists() else None
            if before is not None and before.under != work.under:
                say("the check began under another deployment or trust list: it starts anew")
                before = None
            with _bar(header.count, before.rows if before else 0) as tell:
                saved = float("-inf")
                for chunk in work.run(before):
                    tell(chunk.progress.rows)
                    if time.monotonic() - saved > _SAVE_SECONDS or chunk.progress.rows == header.count:
                        replace(beside, chunk.progress.model_dump_json().encode())
                        saved = time.monotonic()
    anchored = None
    if url is not None:
        chain = Chain(url, contracts)
        chain.check()
        anchored = demand_anchored(chain, header)
    if as_json:
        emit(
            {
                "root": to_hex(header.root),
                "offer": to_hex(header.offer.id),
                "count": header.count,
                "sha256": to_hex(reader.hash),
                "resumed_after": before.rows if before else 0,
                "anchored": anchored,
            }
        )
    else:
        write_line(f"{header.count} consents, root {to_hex(header.root)}")
        write_line("good" if anchored is None else f"good, anchored on {when(anchored)}")


_SAVE_SECONDS = 1.0


def demand_anchored(chain: Chain, header: BatchHeader) -> int:
    """When the batch was anchored, Unix seconds. NotFoundError or ConsentError if the chain knows no such thing."""
    if chain.offer(header.offer.id).provider != header.scope.provider:
        raise ConsentError("the offer is another institution's", expected="0x" + header.scope.provider.hex())
    at = chain.batch(header.offer.id, header.root)
    if not at:
        raise ConsentError(
            "the batch is not anchored",
            found="0x" + header.root.hex(),
            remedy="its provider anchors it: placet batch anchor",
            code="batch.unanchored",
        )
    return at


@commands.command("import")
def import_(
    config: VaultConfig,
    file: File,
    enrolments: EnrolmentFiles = None,
    processes: Annotated[int, typer.Option(min=0, help="Worker processes; all cores by default (0).")] = 0,
    as_json: AsJson = False,
) -> None:
    """Check a batch file once more and take it into the vault, all of it or nothing. The vault must be stopped."""
    from placet.core.values import to_hex
    from placet.vault.assembly import open_alone
    from placet.vault.batches import BatchReader
    from placet.vault.config import VaultSettings

    settings = VaultSettings.load(config)
    with _reading(file) as source:
        reader = BatchReader(source)
        with open_alone(settings) as vault, _bar(reader.header.count, 0) as tell:
            vault.admit_batch(reader, tell, processes, _enrolments(enrolments, settings.read_deployment()))
    if as_json:
        emit({"root": to_hex(reader.header.root), "count": reader.header.count})
    else:
        write_line(f"{reader.header.count} consents taken, root {to_hex(reader.header.root)}")


@commands.command()
def anchor(
    config: NodeConfig,
    file: File,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for the chain.")] = 120,
) -> None:
    """Anchor a batch's root on chain, in one transaction of the institution's account."""
    from placet.vault.batches import BatchReader

    office = Operator(config)
    office.demand_running()
    with _reading(file) as source:
        header = BatchReader(source).header
    if header.scope.provider != office.address:
        raise InputError("the batch is another institution's", expected="0x" + office.address.hex())
    office.chain.offer(header.offer.id)

    def anchored() -> bool:
        return office.chain.batch(header.offer.id, header.root) > 0

    name = f"anchor-file:{header.offer.id.hex()}:{header.root.hex()}"
    office.send([EnsureTransaction(name, office.calls.anchor(header.offer.id, header.root), anchored)], timeout)
    write_line(f"anchored on {when(demand_anchored(office.chain, header))}")


def _enrolments(files: list[Path] | None, deployment: Deployment) -> list[Enrolments]:
    """Files of enrolments, each checked."""
    from placet.core.enrolment_batch import read_enrolments

    batches = []
    for file in files or ():
        with _reading(file) as source:
            batches.append(read_enrolments(source, deployment.consents))
    return batches


@contextlib.contextmanager
def _reading(file: Path) -> Iterator[BinaryIO]:
    try:
        source = file.open("rb", buffering=1 << 20)
    except OSError as error:
        raise ConfigError("the file can't be read", found=f"{file}: {error.strerror}") from None
    with source:
        yield source


@contextlib.contextmanager
def _bar(total: int, done: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, nothing elsewhere; what it gives takes the number of rows done."""
    from rich.progress import Progress as Bar

    shown = console(stderr=True)
    with Bar(console=shown, disable=not shown.is_terminal) as bar:
        task = bar.add_task("consents", total=total, completed=done)
        yield lambda rows: bar.update(task, completed=rows)
