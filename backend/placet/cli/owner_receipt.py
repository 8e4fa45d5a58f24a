"""`placet owner receipt`, `check-receipt` and `access`: what providers sign and tell of consents, fetched and kept."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placet.cli.inputs import (
    AsJson,
    DeploymentFile,
    PassphraseFile,
    TrustFile,
    demand_url,
    read_consent,
    read_deployment,
    read_trust,
    when,
    write_new,
)
from placet.cli.output import emit, write_line
from placet.cli.receipts import checked_receipt
from placet.cli.wallets import ConsentArgument, WalletFolder, client_of, key_of, open_wallet

if TYPE_CHECKING:
    from placet.core.receipts import SignedReceipt
    from placet.owner.answers import AccessAnswer


def receipt(
    wallet: WalletFolder,
    consent: ConsentArgument,
    out: Annotated[Path, typer.Option("--out", help="The new file. It names the consent's key, and no person.")],
    passphrase_file: PassphraseFile = None,
) -> None:
    """Fetch the provider's receipt for a consent, check it against your own copies, and keep it."""
    opened = open_wallet(wallet, passphrase_file)
    record = opened.get(read_consent(consent))

    async def ask() -> SignedReceipt:
        async with client_of(opened) as client:
            return await client.receipt(record.api, record.provider, key_of(opened, record), record.consent)

    signed = asyncio.run(ask())
    write_new(out, json.dumps(signed.to_json(), indent=1, ensure_ascii=False).encode(), mode=0o600)
    write_line(signed.facts().status)


def check_receipt(
    file: Annotated[Path, typer.Argument(help="The receipt, as `placet owner receipt` wrote it.")],
    deployment: DeploymentFile,
    trust: TrustFile,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            envvar="PLACET_CHAIN_URL",
            help="A chain endpoint of your own choice; without one nothing is asked of the chain.",
            callback=demand_url,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a kept receipt: who signed it, that it says what the consent says, and, with --url, that the chain does."""
    from placet.core.values import to_hex

    trusted = read_trust(trust)
    facts, standing = checked_receipt(file, read_deployment(deployment), trusted, url)
    report: dict[str, Any] = {
        "consent": to_hex(facts.consent.id),
        "signed_by": trusted.name(facts.scope.provider),
        "status": facts.status,
        "created": facts.created,
        "as_of_block": facts.as_of.block,
    }
    if standing is not None:
        report |= {"ended_by_now": standing.ended, "openings_left": standing.openings_left}
    if as_json:
        emit(report)
        return
    for name, value in report.items():
        write_line(f"{name.replace('_', ' ')}: {when(value) if name == 'created' else value}")


def access(
    wallet: WalletFolder,
    out: Annotated[Path, typer.Option("--out", help="The new file: all answers, as the nodes gave them.")],
    passphrase_file: PassphraseFile = None,
) -> None:
    """Ask each of your providers for all it holds of you, and for what was done with it (GDPR, 15)."""
    opened = open_wallet(wallet, passphrase_file)
    records = opened.all()

    async def ask() -> list[list[AccessAnswer]]:
        async with client_of(opened) as client:
            return await asyncio.gather(*(client.access(one.api, one.provider, key_of(opened, one)) for one in records))

    answers = [page.model_dump(mode="json") for pages in asyncio.run(ask()) for page in pages]
    write_new(out, json.dumps(answers, indent=1, ensure_ascii=False).encode(), mode=0o600)
    consents, jobs = (sum(len(page[what]) for page in answers) for what in ("consents", "jobs"))
    write_line(f"{consents} consents, {jobs} jobs that used them")
