"""`placet owner …`: for people without a wallet. Grant, list, withdraw, see who used the data, check the chain."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placet.cli import owner_check, owner_erase, owner_grant, owner_prove, owner_receipt
from placet.cli.inputs import AsJson, DeploymentFile, PassphraseFile, TrustFile, passphrase, read, read_consent, when
from placet.cli.output import emit, table, write_line
from placet.cli.wallets import ConsentArgument, WalletFolder, client_of, key_of, open_wallet
from placet.core.errors import PlacetError

if TYPE_CHECKING:
    from placet.owner.wallet import Kept

commands = typer.Typer(
    no_args_is_help=True, help="The data owner's own client: keys and consents stay on this machine."
)


@commands.command()
def init(
    wallet: Annotated[Path, typer.Argument(help="The new wallet's folder.")],
    deployment: DeploymentFile,
    trust: TrustFile,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Make an encrypted wallet, with own copies of deployment file and trust list."""
    from placet.owner.wallet import Wallet

    opener = passphrase(passphrase_file, confirm=True)
    Wallet.create(wallet, opener, read(deployment, "deployment file"), read(trust, "trust list"))
    write_line(str(wallet))


commands.command()(owner_grant.offers)
commands.command()(owner_grant.grant)
commands.command()(owner_prove.tag)
commands.add_typer(owner_prove.commands, name="prove")


@commands.command("list")
def list_(wallet: WalletFolder, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """Show your consents and what their nodes say of them."""
    from placet.core.values import to_hex

    opened = open_wallet(wallet, passphrase_file)
    records = opened.all()

    async def ask() -> list[str]:
        async with client_of(opened) as client:

            async def status(one: Kept) -> str:
                try:
                    return (await client.consent(one.api, one.provider, key_of(opened, one), one.consent.id)).status
                except PlacetError as error:
                    return f"unknown ({error.message})"

            return await asyncio.gather(*(status(one) for one in records))

    statuses = asyncio.run(ask())
    if as_json:
        emit(
            [
                {
                    "id": to_hex(one.consent.id),
                    "status": status,
                    "offer": to_hex(one.consent.offer.id),
                    "api": one.api,
                    "dataset": one.consent.details.dataset,
                    "consumer": one.consent.details.consumer,
                    "purpose": one.consent.details.purpose,
                    "not_after": one.consent.not_after,
                    "uses": one.consent.uses,
                }
                for one, status in zip(records, statuses, strict=True)
            ]
        )
        return
    rows = [
        (
            to_hex(one.consent.id),
            status,
            one.consent.details.dataset,
            one.consent.details.consumer,
            one.consent.details.purpose,
            when(one.consent.not_after),
        )
        for one, status in zip(records, statuses, strict=True)
    ]
    table("Your consents", ("consent", "status", "data", "for whom", "what for", "until"), rows)


@commands.command()
def submit(wallet: WalletFolder, consent: ConsentArgument, passphrase_file: PassphraseFile = None) -> None:
    """Send a consent again that was signed but may not have arrived. The same twice changes nothing."""
    from placet.owner.drafts import SignedConsent

    opened = open_wallet(wallet, passphrase_file)
    record = opened.get(read_consent(consent))

    async def ask() -> str:
        async with client_of(opened) as client:
            return await client.submit(
                SignedConsent(
                    record.api, record.provider, record.consent, record.signature, record.enrolment, record.opening
                )
            )

    write_line(asyncio.run(ask()))


@commands.command()
def withdraw(
    wallet: WalletFolder,
    consent: ConsentArgument,
    api: Annotated[
        str | None, typer.Option("--api", help="Another node that relays it, if the own one does not.")
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Withdraw a consent, for ever. From the block that holds it no job opens on it."""
    opened = open_wallet(wallet, passphrase_file)
    record = opened.get(read_consent(consent))

    async def ask() -> str:
        async with client_of(opened) as client:
            return await client.withdraw(api or record.api, key_of(opened, record), record.consent)

    write_line(asyncio.run(ask()))


@commands.command()
def uses(
    wallet: WalletFolder,
    consent: Annotated[str | None, typer.Argument(help="One consent's id; all by default.")] = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Who used my data: the jobs that used your consents, when, with what outcome."""
    from placet.core.values import to_hex

    opened = open_wallet(wallet, passphrase_file)
    records = opened.all() if consent is None else [opened.get(read_consent(consent))]

    async def ask() -> list[dict[str, Any]]:
        async with client_of(opened) as client:
            answers = await asyncio.gather(
                *(client.uses(one.api, one.provider, key_of(opened, one), one.consent.id) for one in records)
            )
        return [
            {
                "consent": to_hex(one.consent.id),
                "consumer": one.consent.details.consumer,
                "job": to_hex(use.job),
                "nth": use.nth,
                "attempt": use.attempt,
                "at": use.at,
                "outcome": use.outcome,
            }
            for one, used in zip(records, answers, strict=True)
            for use in used
        ]

    entries = asyncio.run(ask())
    if as_json:
        emit(entries)
        return
    rows = [(u["consent"], u["consumer"], str(u["nth"]), u["job"], when(u["at"]), u["outcome"]) for u in entries]
    table("Who used your data", ("consent", "for whom", "use", "job", "when", "outcome"), rows)


commands.command()(owner_check.check)
commands.command()(owner_receipt.receipt)
commands.command()(owner_receipt.access)
commands.command()(owner_erase.erase)
commands.command("check-receipt")(owner_receipt.check_receipt)
