"""`placet owner check`: an owner holds a consent against a chain endpoint of its own choice."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from placet.cli.inputs import AsJson, PassphraseFile, demand_url, read_consent, when
from placet.cli.output import emit, write_line
from placet.cli.wallets import ConsentArgument, WalletFolder, client_of, key_of, open_wallet


def check(
    wallet: WalletFolder,
    consent: ConsentArgument,
    url: Annotated[
        str,
        typer.Option(
            "--url", envvar="PLACET_CHAIN_URL", help="A chain endpoint of your own choice.", callback=demand_url
        ),
    ],
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """See for yourself that a consent stands on chain as you signed it: leaf, proof, root, and whether it was ended."""
    from placet.chain.client import Chain
    from placet.core.consent import Status
    from placet.core.values import to_hex

    opened = open_wallet(wallet, passphrase_file)
    record = opened.get(read_consent(consent))
    chain = Chain(url, opened.deployment)
    chain.check()

    async def ask() -> Any:
        async with client_of(opened) as client:
            key = key_of(opened, record)
            return await client.check(record.api, record.provider, key, record.consent, lambda o, r: chain.batch(o, r))

    answer = asyncio.run(ask())
    state = chain.consent(record.consent.id)
    offer = chain.offer(record.consent.offer.id)
    batch = answer.batch
    anchored = 0 if batch is None else chain.batch(record.consent.offer.id, batch.root)
    says = "batched" if state.status is Status.NONE and anchored else state.status.name.lower()
    report = {
        "id": to_hex(record.consent.id),
        "node_says": answer.status,
        "chain_says": says,
        "batch": None if batch is None else to_hex(batch.root),
        "anchored_at": anchored,
        "openings_left": max(record.consent.opens_before - max(offer.openings, record.consent.first_opening), 0),
        "ended": state.status in (Status.WITHDRAWN, Status.REVOKED),
    }
    if as_json:
        emit(report)
        return
    for name, value in report.items():
        write_line(f"{name.replace('_', ' ')}: {when(int(str(value))) if name == 'anchored_at' and value else value}")
