"""`placet trust …`: the list that says which address is whom. Everybody keeps an own copy and adds by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placet.cli.inputs import (
    AsJson,
    PassphraseFile,
    passphrase,
    read_name,
    read_text,
    read_trust,
    replace,
    when,
    write_new,
)
from placet.cli.output import emit, say, table
from placet.cli.signed_trust import draft, show, sign, update
from placet.core.errors import InputError, StateError

if TYPE_CHECKING:
    from placet.core.trust import TrustList

commands = typer.Typer(no_args_is_help=True, help="The trust list: which address is which institution.")
ListFile = Annotated[Path, typer.Argument(help="The trust list (JSON).")]
for _command in (draft, sign, show, update):
    commands.command()(_command)
_KINDS = ("institutions", "enrollers", "auditors")


@commands.command()
def add(
    trust: ListFile,
    entries: Annotated[
        list[Path],
        typer.Argument(help="Entries, as `placet init`, `placet identity init` and `placet trust auditor` make them."),
    ],
    kind: Annotated[
        str | None, typer.Option(help="institutions, enrollers or auditors, where the entry alone does not say.")
    ] = None,
    force: Annotated[bool, typer.Option("--replace", help="Replace an entry of the same address.")] = False,
) -> None:
    """Add entries to the list; make the list if there is none."""
    current = read_trust(trust) if trust.exists() else _empty()
    for path in entries:
        current = _with(current, _entry(path), kind, force)
    replace(trust, json.dumps(current.to_json(), indent=2, ensure_ascii=False).encode() + b"\n")
    numbers = ((len(getattr(current, kind)), kind) for kind in _KINDS)
    say(f"{trust}: {', '.join(f'{number} {kind}' for number, kind in numbers)}")


def _empty() -> TrustList:
    from placet.core.trust import TrustList

    return TrustList(institutions=())


def _entry(path: Path) -> dict[str, Any]:
    from placet.core.json_text import read_json

    entry = read_json(read_text(path, "entry", limit=65_536), f"the entry {path}")
    if not isinstance(entry, dict) or "address" not in entry:
        raise InputError("this is no entry of a trust list", expected="an object with an address", found=path)
    return entry


def _with(current: TrustList, entry: dict[str, Any], kind: str | None, force: bool) -> TrustList:
    where = kind or _kind(entry)
    if where not in _KINDS:
        raise InputError("unknown kind of entry", expected=", ".join(_KINDS), found=where)
    same = [old for old in current.to_json()[where] if old["address"] == str(entry["address"]).lower()]
    if same and not force and same[0] != entry:
        raise StateError(
            "the list names this address already", found=same[0]["name"], remedy="--replace, if that is meant"
        )
    changed = current.with_entry(where, entry)
    _demand_own_name(changed, str(entry["name"]))
    return changed


def _demand_own_name(trust: TrustList, name: str) -> None:
    """InputError for a name that people would take for another of the list, or that mixes scripts (UTS 39)."""
    from placet.core.lookalikes import doubts

    for doubt in doubts(name, trust.names):
        raise InputError(
            "the entry's name misleads",
            expected="a name in one script that looks like no other of the list",
            found=doubt,
            remedy="ask whoever gave you the entry, over another way, and have the name changed",
            code="trust.lookalike",
        )


def _kind(entry: dict[str, Any]) -> str:
    """InputError for an address and a name alone: an auditor must never become an enroller by a default."""
    if "certificate" in entry:
        return "institutions"
    if "namespaces" in entry:
        return "enrollers"
    raise InputError(
        "an address with a name alone does not say what it is",
        expected="an institution's entry (with certificate), an enroller's (with namespaces), or --kind",
        found=entry.get("name"),
        remedy="--kind auditors, for an auditor",
    )


@commands.command()
def auditor(
    entry: Annotated[Path, typer.Argument(help="The entry to write (JSON); must not exist.")],
    name: Annotated[str, typer.Option(help="The auditor's name, as the others know him.")],
    key: Annotated[Path, typer.Option(help="The auditor's keystore, from `placet key new`.")],
    passphrase_file: PassphraseFile = None,
) -> None:
    """Write an auditor's entry for the trust lists of others, with the key that things are opened to. Prints it."""
    from placet.chain.keystore import load_secret
    from placet.core.auditor_sealing import auditor_secret
    from placet.core.masking import public_key
    from placet.core.signatures import Key
    from placet.core.trust import Auditor
    from placet.core.values import parse, to_hex

    secret = load_secret(key, passphrase(passphrase_file))
    fields = {
        "address": to_hex(Key(secret).address),
        "name": read_name(name),
        "key": to_hex(public_key(auditor_secret(secret))),
    }
    values = parse(Auditor, fields, what="the auditor").to_json()
    write_new(entry, json.dumps(values, indent=2, ensure_ascii=False).encode() + b"\n")
    say(f"wrote {entry}: give it to the others, who add it with `placet trust add … --kind auditors`")
    emit(values)


@commands.command()
def check(trust: ListFile, as_json: AsJson = False) -> None:
    """Read the list, look at every certificate, and show who is in it."""
    from placet.cli.certificates import expiry, fingerprint
    from placet.core.lookalikes import doubts_of
    from placet.core.values import to_hex

    current = read_trust(trust)
    for doubt in doubts_of(current.names):
        say(f"warning: {doubt}")

    rows: list[dict[str, Any]] = [
        {
            "kind": "institution",
            "name": who.name,
            "address": to_hex(who.address),
            "url": who.api,
            "peer": who.peer,
            "tls_key": to_hex(fingerprint(who.certificate)),
            "certificate_until": expiry(who.certificate),
        }
        for who in current.institutions
    ]
    rows += [
        {
            "kind": "enroller",
            "name": who.name,
            "address": to_hex(who.address),
            "url": who.api or "",
            "namespaces": list(who.namespaces),
        }
        for who in current.enrollers
    ]
    rows += [
        {"kind": "auditor", "name": who.name, "address": to_hex(who.address), "url": ""} for who in current.auditors
    ]
    if as_json:
        emit(rows)
        return
    shown = [
        (
            str(row["kind"]),
            str(row["name"]),
            str(row["address"]),
            str(row["url"]),
            when(int(row["certificate_until"])) if "certificate_until" in row else "",
            ", ".join(row.get("namespaces", ())),
        )
        for row in rows
    ]
    table(str(trust), ("kind", "name", "address", "URL", "certificate until", "enrols under"), shown)
