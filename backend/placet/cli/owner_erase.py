"""`placet owner erase`: ask a provider, and through it everybody who had a part in a job, to forget a person."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from placet.cli.inputs import AsJson, PassphraseFile, demand_url, read_consent, when
from placet.cli.output import emit, write_line
from placet.cli.wallets import ConsentArgument, WalletFolder, client_of, key_of, open_wallet
from placet.core.values import to_hex

if TYPE_CHECKING:
    from placet.owner.answers import ErasureAnswer, HolderAnswer


def erase(
    wallet: WalletFolder,
    consent: ConsentArgument,
    look: Annotated[bool, typer.Option("--look", help="Ask for nothing; see what came of it.")] = False,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            envvar="PLACET_CHAIN_URL",
            help="A chain endpoint of your own choice, which must hold the receipt that the provider calls anchored.",
            callback=demand_url,
        ),
    ] = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Have a withdrawn consent forgotten, at its provider and at all others; shows the receipts, and who is missing."""
    opened = open_wallet(wallet, passphrase_file)
    record = opened.get(read_consent(consent))

    async def ask() -> tuple[ErasureAnswer, ...]:
        async with client_of(opened) as client:
            call = client.erasures if look else client.erase
            return await call(record.api, record.provider, key_of(opened, record))

    answers = asyncio.run(ask())
    if url is not None:
        from placet.chain.client import Chain
        from placet.chain.erasures import anchored_in

        chain = Chain(url, opened.deployment)
        chain.check()
        for one in answers:
            if one.erasure is not None and one.block is not None:
                anchored_in(chain, one.erasure.receipt)
    if as_json:
        emit([answer.model_dump(mode="json") for answer in answers])
        return
    for answer in answers:
        write_line(f"{answer.state} at {opened.trust.name(record.provider)}{_anchored(answer)}")
        if answer.erasure is None and answer.retain_until is not None:
            write_line(f"record kept by law until {when(answer.retain_until)}: {answer.reason}")
        for holder in answer.holders:
            write_line(f"{holder.institution.name}: {_answer(holder)}")


def _answer(holder: HolderAnswer) -> str:
    if holder.erasure is None:
        return "not answered yet" + ("" if holder.waits is None else f" ({holder.waits})")
    receipt = holder.erasure.receipt
    return f"erased {', '.join(receipt.erased)} on {when(receipt.at)}, receipt {to_hex(receipt.hash)}"


def _anchored(answer: ErasureAnswer) -> str:
    return "" if answer.block is None else f", on chain in block {answer.block}"
