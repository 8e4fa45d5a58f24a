"""`placet owner …`: for people without a wallet. Grant, list, withdraw, see who used the data, check the chain."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from placet.cli.inputs import (
    AsJson,
    DeploymentFile,
    PassphraseFile,
    TrustFile,
    demand_url,
    passphrase,
    read,
    read_consent,
    read_offer,
    read_span,
    read_text,
    when,
)
from placet.cli.output import emit, say, stop, table, write_line
from placet.core.errors import ConfigError, PlacetError

if TYPE_CHECKING:
    from placet.core.ids import OfferId
    from placet.core.trust import TrustList
    from placet.owner.client import Draft, Offered, OwnerClient, SignedConsent
    from placet.owner.keys import OwnerKey
    from placet.owner.wallet import Kept, Wallet

T = TypeVar("T")
commands = typer.Typer(
    no_args_is_help=True, help="The data owner's own client: keys and consents stay on this machine."
)
WalletFolder = Annotated[
    Path, typer.Option("--wallet", envvar="PLACET_WALLET", help="The wallet's folder, made by `placet owner init`.")
]
Api = Annotated[
    str,
    typer.Option(
        "--api",
        help="URL of the institution's node, as in the trust list.",
        callback=demand_url,
    ),
]
OptionalUrl = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="PLACET_CHAIN_URL",
        help="JSON-RPC endpoint of the chain, to check by yourself.",
        callback=demand_url,
    ),
]


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


def _open(folder: Path, passphrase_file: Path | None) -> Wallet:
    from placet.owner.wallet import Wallet

    return Wallet.open(folder, passphrase(passphrase_file))


def _run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def _client(wallet: Wallet) -> OwnerClient:
    from placet.owner.client import OwnerClient

    return OwnerClient(wallet.deployment, wallet.trust)


def _key(wallet: Wallet, kept: Kept) -> OwnerKey:
    return kept.key(wallet.deployment.p256_verifier.address)


@commands.command()
def offers(wallet: WalletFolder, api: Api, as_json: AsJson = False) -> None:
    """Show what an institution asks for, in words derived from your own trust list."""
    from placet.core.offers import offer_words
    from placet.core.values import to_hex
    from placet.owner.client import OwnerClient
    from placet.owner.wallet import copies

    deployment, trust = copies(wallet)

    async def ask() -> list[Offered]:
        async with OwnerClient(deployment, trust) as client:
            return await client.offers(api)

    found = _run(ask())
    _warn(trust, found)
    if as_json:
        emit([{"id": to_hex(o.id), "scope": o.scope.to_json(), "openings": o.openings} for o in found])
        return
    rows = []
    for one in found:
        words = offer_words(one.offer, one.scope, trust.name)
        rows.append((to_hex(one.id), words.dataset, words.columns, words.purpose, words.consumer, words.output))
    table(f"Offers of {api}", ("offer", "data", "columns", "what for", "for whom", "what it gets"), rows)


@commands.command()
def grant(
    wallet: WalletFolder,
    api: Api,
    offer: Annotated[str, typer.Option(help="The offer's id.")],
    until: Annotated[str, typer.Option(help="How long it holds, as in 90d.")] = "90d",
    uses: Annotated[int, typer.Option(min=1, help="For how many jobs.")] = 1,
    enroller: Annotated[
        str | None,
        typer.Option(help="URL of the enrolling service; by default the trust list's that the offer accepts."),
    ] = None,
    subject: Annotated[
        str | None, typer.Option(envvar="PLACET_SUBJECT", help="Who you are to the enroller; asked for if left out.")
    ] = None,
    code_file: Annotated[
        Path | None, typer.Option(help="File with your access code in its first line; else PLACET_CODE, else a prompt.")
    ] = None,
    kind: Annotated[str, typer.Option(help="The fresh key's curve: secp256k1 or p256.")] = "secp256k1",
    url: OptionalUrl = None,
    yes: Annotated[bool, typer.Option("--yes", help="Sign without asking. The notice is shown all the same.")] = False,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Consent to an offer: see the notice, say yes, sign with a fresh key, send."""
    from placet.core.values import to_hex
    from placet.owner.keys import KeyKind

    if kind not in tuple(KeyKind):
        raise typer.BadParameter("--kind is secp256k1 or p256")
    opened = _open(wallet, passphrase_file)
    signed, status = _run(
        _grant(
            opened,
            api,
            read_offer(offer),
            read_span(until),
            uses,
            enroller,
            subject,
            code_file,
            KeyKind(kind),
            url,
            yes,
        )
    )
    if as_json:
        emit({"id": to_hex(signed.consent.id), "status": status, "not_after": signed.consent.not_after})
    else:
        say(f"{status}; keep the id, and the wallet: with it you can withdraw at any time")
        write_line(to_hex(signed.consent.id))


async def _grant(
    wallet: Wallet,
    api: str,
    offer: OfferId,
    seconds: int,
    uses: int,
    enroller: str | None,
    subject: str | None,
    code_file: Path | None,
    kind: Any,
    url: str | None,
    yes: bool,
) -> tuple[SignedConsent, str]:
    import secrets

    from placet.core.enrolment import EnrolmentOpening
    from placet.core.values import parse, to_hex
    from placet.owner.wallet import Kept

    async with _client(wallet) as client:
        offered = await client.offer(api, offer)
        _warn(wallet.trust, [offered])
        if url is not None:
            await asyncio.to_thread(_demand_on_chain, wallet, url, offered)
        who = subject or _asked("Who you are to the enroller", "PLACET_SUBJECT")
        opening = parse(EnrolmentOpening, {"subject": who, "salt": to_hex(secrets.token_bytes(32))}, what="the subject")
        key = client.new_key(kind)
        end = int(time.time()) + seconds
        draft = await client.draft(offered, key.signer, not_after=end, uses=uses, enrolment=opening.commitment)
        _show(draft)
        if not yes and not typer.confirm("Do you consent?", err=True):
            raise stop("nothing was signed, nothing was sent")
        who_enrols = client.enroller(offered, enroller)
        enrolment = await client.enrol(who_enrols, key, opening, _code(code_file))
        signed = client.sign(api, key, draft, enrolment, opening)
        kept = Kept(
            kind=key.kind,
            secret=key.secret,
            api=api,
            provider=signed.provider,
            consent=signed.consent,
            signature=signed.signature,
            enrolment=enrolment,
            opening=opening,
            made=int(time.time()),
        )
        wallet.put(kept)
        return signed, await client.submit(signed)


def _warn(trust: TrustList, offers: list[Offered]) -> None:
    """Say which titles and names a reader may take for others."""
    from placet.core.lookalikes import doubts, doubts_of

    titles = dict.fromkeys(one.scope.title for one in offers)
    for doubt in (*doubts_of(trust.names), *(d for title in titles for d in doubts(title, trust.names))):
        say(f"warning: {doubt}")


def _show(draft: Draft) -> None:
    say("")
    say(draft.notice)
    say("")
    say("The typed data to be signed were derived here again and say the same.")


def _demand_on_chain(wallet: Wallet, url: str, offered: Offered) -> None:
    from placet.chain.client import Chain
    from placet.core.errors import ConsentError
    from placet.core.values import to_hex

    chain = Chain(url, wallet.deployment)
    chain.check()
    provider = chain.offer(offered.id).provider
    if provider != offered.scope.provider:
        raise ConsentError(
            "on chain the offer is another institution's",
            expected=to_hex(offered.scope.provider),
            found=to_hex(provider),
            remedy="don't sign",
        )


def _asked(what: str, variable: str, *, hide: bool = False) -> str:
    if not sys.stdin.isatty():
        raise ConfigError(f"{what.lower()}: nothing was given", expected=f"a terminal or {variable}")
    answer: str = typer.prompt(what, hide_input=hide, err=True)
    return answer


def _code(file: Path | None) -> str:
    if file is not None:
        return read_text(file, "access code", limit=4096).partition("\n")[0].strip()
    return os.environ.get("PLACET_CODE") or _asked("Access code", "PLACET_CODE", hide=True)


@commands.command("list")
def list_(wallet: WalletFolder, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """Show your consents and what their nodes say of them."""
    from placet.core.values import to_hex

    opened = _open(wallet, passphrase_file)
    kept = opened.all()

    async def ask() -> list[str]:
        async with _client(opened) as client:

            async def status(one: Kept) -> str:
                try:
                    return (await client.consent(one.api, one.provider, _key(opened, one), one.consent.id)).status
                except PlacetError as error:
                    return f"unknown ({error.message})"

            return await asyncio.gather(*(status(one) for one in kept))

    found = _run(ask())
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
                for one, status in zip(kept, found, strict=True)
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
        for one, status in zip(kept, found, strict=True)
    ]
    table("Your consents", ("consent", "status", "data", "for whom", "what for", "until"), rows)


Consent = Annotated[str, typer.Argument(help="The consent's id.")]


@commands.command()
def submit(wallet: WalletFolder, consent: Consent, passphrase_file: PassphraseFile = None) -> None:
    """Send a consent again that was signed but may not have arrived. The same twice changes nothing."""
    from placet.owner.client import SignedConsent

    opened = _open(wallet, passphrase_file)
    kept = opened.get(read_consent(consent))

    async def ask() -> str:
        async with _client(opened) as client:
            return await client.submit(
                SignedConsent(kept.api, kept.provider, kept.consent, kept.signature, kept.enrolment, kept.opening)
            )

    write_line(_run(ask()))


@commands.command()
def withdraw(
    wallet: WalletFolder,
    consent: Consent,
    api: Annotated[
        str | None, typer.Option("--api", help="Another node that relays it, if the own one does not.")
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Withdraw a consent, for ever. From the block that holds it no job opens on it."""
    opened = _open(wallet, passphrase_file)
    kept = opened.get(read_consent(consent))

    async def ask() -> str:
        async with _client(opened) as client:
            return await client.withdraw(api or kept.api, _key(opened, kept), kept.consent)

    write_line(_run(ask()))


@commands.command()
def uses(
    wallet: WalletFolder,
    consent: Annotated[str | None, typer.Argument(help="One consent's id; all by default.")] = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Who used my data: the jobs that used your consents, when, with what outcome."""
    from placet.core.values import to_hex

    opened = _open(wallet, passphrase_file)
    kept = opened.all() if consent is None else [opened.get(read_consent(consent))]

    async def ask() -> list[dict[str, Any]]:
        async with _client(opened) as client:
            answers = await asyncio.gather(
                *(client.uses(one.api, one.provider, _key(opened, one), one.consent.id) for one in kept)
            )
        return [
            {
                "consent": to_hex(one.consent.id),
                "consumer": one.consent.details.consumer,
                "job": to_hex(use.job),
                "attempt": use.attempt,
                "at": use.at,
                "outcome": use.outcome,
            }
            for one, used in zip(kept, answers, strict=True)
            for use in used
        ]

    found = _run(ask())
    if as_json:
        emit(found)
        return
    rows = [(u["consent"], u["consumer"], u["job"], when(u["at"]), u["outcome"]) for u in found]
    table("Who used your data", ("consent", "for whom", "job", "when", "outcome"), rows)


@commands.command()
def check(
    wallet: WalletFolder,
    consent: Consent,
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

    opened = _open(wallet, passphrase_file)
    kept = opened.get(read_consent(consent))
    chain = Chain(url, opened.deployment)
    chain.check()

    async def ask() -> Any:
        async with _client(opened) as client:
            key = _key(opened, kept)
            return await client.check(kept.api, kept.provider, key, kept.consent, lambda o, r: chain.batch(o, r))

    answer = _run(ask())
    state = chain.consent(kept.consent.id)
    offer = chain.offer(kept.consent.offer.id)
    batch = answer.batch
    anchored = 0 if batch is None else chain.batch(kept.consent.offer.id, batch.root)
    says = "batched" if state.status is Status.NONE and anchored else state.status.name.lower()
    found = {
        "id": to_hex(kept.consent.id),
        "node_says": answer.status,
        "chain_says": says,
        "batch": None if batch is None else to_hex(batch.root),
        "anchored_at": anchored,
        "openings_left": max(kept.consent.opens_before - max(offer.openings, kept.consent.first_opening), 0),
        "ended": state.status in (Status.WITHDRAWN, Status.REVOKED),
    }
    if as_json:
        emit(found)
        return
    for name, value in found.items():
        write_line(f"{name.replace('_', ' ')}: {when(int(str(value))) if name == 'anchored_at' and value else value}")
