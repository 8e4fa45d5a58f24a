"""`placet owner offers` and `grant`: what is asked for, the notice, the yes, the signature of a fresh key."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from placet.cli.inputs import AsJson, PassphraseFile, demand_url, read_offer, read_span, read_text
from placet.cli.output import ask_line, emit, say, stop, table, write_line
from placet.cli.wallets import WalletFolder, client_of, open_wallet
from placet.core.errors import ConfigError

if TYPE_CHECKING:
    from placet.core.ids import OfferId
    from placet.core.languages import Language
    from placet.core.trust import TrustList
    from placet.interchange.requests import ConsentRequest
    from placet.owner.drafts import Draft, Offered, SignedConsent
    from placet.owner.keys import KeyKind
    from placet.owner.wallet import Wallet

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

    open_offers = asyncio.run(ask())
    _warn(trust, open_offers)
    if as_json:
        emit([{"id": to_hex(o.id), "scope": o.scope.to_json(), "openings": o.openings} for o in open_offers])
        return
    rows = []
    for one in open_offers:
        words = offer_words(one.offer, one.scope, trust.name)
        about = (words.dataset, words.columns, words.purpose, words.consumer, words.output, words.parties)
        rows.append((to_hex(one.id), *about))
    headings = ("offer", "data", "columns", "what for", "for whom", "what it gets", "who takes part")
    table(f"Offers of {api}", headings, rows)


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
    by_wallet: Annotated[
        bool, typer.Option("--by-wallet", help="Show who you are by a wallet of the EU, which then shows the code.")
    ] = False,
    kind: Annotated[str, typer.Option(help="The fresh key's curve: secp256k1 or p256.")] = "secp256k1",
    request: Annotated[
        Path | None,
        typer.Option(help="A request of another system (placet consent import): nothing beyond it is signed."),
    ] = None,
    language: Annotated[str, typer.Option(help="In which language you read and sign: en, de or zh.")] = "en",
    url: OptionalUrl = None,
    yes: Annotated[bool, typer.Option("--yes", help="Sign without asking. The notice is shown all the same.")] = False,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Consent to an offer: see the notice, say yes, sign with a fresh key, send."""
    from placet.core.languages import LANGUAGES
    from placet.core.values import to_hex
    from placet.owner.keys import KeyKind

    if kind not in tuple(KeyKind):
        raise typer.BadParameter("--kind is secp256k1 or p256")
    tongue = next((one for one in LANGUAGES if one == language), None)
    if tongue is None:
        raise typer.BadParameter("--language is one of " + ", ".join(LANGUAGES))
    if by_wallet:
        if code_file is not None:
            raise typer.BadParameter("--by-wallet has a code of its own: leave --code-file out")
        _demand_terminal("The code that the wallet shows", "a terminal")
    opened = open_wallet(wallet, passphrase_file)
    bounds = None if request is None else _request(request)
    options = GrantOptions(enroller, subject, code_file, by_wallet, KeyKind(kind), tongue, url, yes, bounds)
    signed, status = asyncio.run(_grant(opened, api, read_offer(offer), read_span(until), uses, options))
    if as_json:
        emit({"id": to_hex(signed.consent.id), "status": status, "not_after": signed.consent.not_after})
    else:
        say(f"{status}; keep the id, and the wallet: with it you can withdraw at any time")
        write_line(to_hex(signed.consent.id))


class GrantOptions(NamedTuple):
    """How a consent is given: the options of `grant` that say nothing of the consent itself."""

    enroller: str | None
    subject: str | None
    code_file: Path | None
    by_wallet: bool
    kind: KeyKind
    language: Language
    url: str | None
    yes: bool
    request: ConsentRequest | None


async def _grant(
    wallet: Wallet, api: str, offer: OfferId, seconds: int, uses: int, options: GrantOptions
) -> tuple[SignedConsent, str]:
    """The consent as it was signed and kept, and its status at the node; it ends so many `seconds` from now."""
    from placet.core.enrolment import EnrolmentOpening
    from placet.core.namespace import namespace_words
    from placet.core.values import parse, to_hex
    from placet.owner.drafts import enroller_of
    from placet.owner.wallet import Kept

    async with client_of(wallet) as client:
        offered = await client.offer(api, offer)
        _warn(wallet.trust, [offered])
        if options.url is not None:
            await asyncio.to_thread(_demand_on_chain, wallet, options.url, offered)
        kind = namespace_words(offered.namespace, wallet.trust.name)
        who = options.subject or _asked(f"Who you are, by {kind}", "PLACET_SUBJECT")
        opening = parse(EnrolmentOpening, {"subject": who, "salt": to_hex(secrets.token_bytes(32))}, what="the subject")
        key = client.new_key(options.kind)
        begin = int(time.time())
        end = begin + seconds
        if options.request is not None:
            from placet.interchange.requests import demand_within

            begin, end, uses = demand_within(options.request, offered.scope, now=begin, not_after=end, uses=uses)
        commitment, tongue = opening.commitment, options.language
        draft = await client.draft(
            offered,
            key.signer,
            not_before=begin,
            not_after=end,
            uses=uses,
            enrolment=commitment,
            language=tongue,
        )
        _show(draft)
        if not options.yes and ask_line("Do you consent? [y/N]").lower() not in ("y", "yes"):
            raise stop("nothing was signed, nothing was sent; y is yes, and --yes signs without asking")
        who_enrols = enroller_of(offered, client.trust, options.enroller)
        if options.by_wallet:
            request = await client.ask_wallet(who_enrols, key)
            say(f"open this in your wallet within {request.seconds // 60} minutes, then enter the code that it shows:")
            say(request.link)
            say(f"the page that shows it names this key, or was made for another's: {to_hex(key.signer)}")
        enrolment = await client.enrol(who_enrols, key, offered.namespace, opening, _code(options))
        signed = client.sign(api, key, draft, enrolment, opening)
        record = Kept(
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
        wallet.put(record)
        return signed, await client.submit(signed)


def _request(file: Path) -> ConsentRequest:
    from placet.core.values import parse
    from placet.interchange.requests import MAX_REQUEST, ConsentRequest

    text = read_text(file, "request", limit=MAX_REQUEST)
    bounds = parse(ConsentRequest, text, limit=MAX_REQUEST, what=f"request {file}")
    say(f"{bounds.system}: {bounds.status} there; its signature is {bounds.signature}, and yours is what counts here")
    return bounds


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


def _asked(what: str, variable: str) -> str:
    _demand_terminal(what, f"a terminal or {variable}")
    return ask_line(f"{what}:")


def _demand_terminal(what: str, expected: str) -> None:
    if not sys.stdin.isatty():
        raise ConfigError(f"{what.lower()}: nothing was given", expected=expected)


def _code(options: GrantOptions) -> str:
    """The access code. Where a wallet shows it, none from before is meant: it is asked for."""
    if options.code_file is not None:
        return read_text(options.code_file, "access code", limit=4096).partition("\n")[0].strip()
    given = None if options.by_wallet else os.environ.get("PLACET_CODE")
    if given:
        return given
    _demand_terminal("Access code", "a terminal or PLACET_CODE")
    answer: str = typer.prompt("Access code", hide_input=True, err=True)
    return answer
