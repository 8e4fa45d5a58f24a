"""`placet trust …`: the list that says which address is whom. Everybody keeps an own copy and adds by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placet.cli.inputs import AsJson, read, read_trust, replace, when
from placet.cli.output import emit, say, table
from placet.core.errors import InputError, StateError

if TYPE_CHECKING:
    from placet.core.trust import TrustList

commands = typer.Typer(no_args_is_help=True, help="The trust list: which address is which institution.")
ListFile = Annotated[Path, typer.Argument(help="The trust list (JSON).")]
_KINDS = ("institutions", "enrollers", "auditors")


@commands.command()
def add(
    trust: ListFile,
    entries: Annotated[
        list[Path], typer.Argument(help="Entries, as `placet init` and `placet identity init` make them.")
    ],
    kind: Annotated[
        str | None, typer.Option(help="institutions, enrollers or auditors; told from the entry by default.")
    ] = None,
    force: Annotated[bool, typer.Option("--replace", help="Replace an entry of the same address.")] = False,
) -> None:
    """Add entries to the list; make the list if there is none."""
    current = read_trust(trust) if trust.exists() else _empty()
    for path in entries:
        current = _with(current, _entry(path), kind, force)
    replace(trust, json.dumps(current.to_json(), indent=2, ensure_ascii=False).encode() + b"\n")
    say(f"{trust}: {len(current.institutions)} institutions, {len(current.enrollers)} enrollers")


def _empty() -> TrustList:
    from placet.core.trust import TrustList

    return TrustList(institutions=())


def _entry(path: Path) -> dict[str, Any]:
    try:
        entry = json.loads(read(path, "entry", limit=65_536))
    except ValueError:
        raise InputError("the entry is not JSON", found=path) from None
    if not isinstance(entry, dict) or "address" not in entry:
        raise InputError("this is no entry of a trust list", expected="an object with an address", found=path)
    return entry


def _with(current: TrustList, entry: dict[str, Any], kind: str | None, force: bool) -> TrustList:
    from placet.core.trust import TrustList
    from placet.core.values import parse

    where = kind or ("institutions" if "certificate" in entry else "enrollers")
    if where not in _KINDS:
        raise InputError("unknown kind of entry", expected=", ".join(_KINDS), found=where)
    lists = current.to_json()
    same = [old for old in lists[where] if old["address"].lower() == str(entry["address"]).lower()]
    if same and not force and same[0] != entry:
        raise StateError(
            "the list names this address already", found=same[0]["name"], remedy="--replace, if that is meant"
        )
    lists[where] = [old for old in lists[where] if old not in same] + [entry]
    return parse(TrustList, lists, what="trust list")


@commands.command()
def check(trust: ListFile, as_json: AsJson = False) -> None:
    """Read the list, look at every certificate, and show who is in it."""
    current = read_trust(trust)
    from placet.cli.certificates import expiry, fingerprint
    from placet.core.values import to_hex

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
        {"kind": "enroller", "name": who.name, "address": to_hex(who.address), "url": who.api or ""}
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
        )
        for row in rows
    ]
    table(str(trust), ("kind", "name", "address", "URL", "certificate until"), shown)
