"""`placet trust draft|sign|show|update`: the signed trust list, one file for all that a verifier trusts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placet.cli.inputs import (
    AsJson,
    PassphraseFile,
    passphrase,
    read_address,
    read_deployment,
    read_signed_trust,
    read_span,
    read_trust,
    replace,
    when,
    write_new,
)
from placet.cli.output import emit, say, write_line
from placet.core.errors import InputError, PlacetError, StateError

if TYPE_CHECKING:
    from placet.core.signed_trust import SignedRoot, SignedTrust, SigningRole

SignedFile = Annotated[Path, typer.Argument(help="The signed trust list (JSON).")]
_Keys = list[str] | None


def draft(
    file: Annotated[Path, typer.Argument(help="The file to write; must not exist.")],
    earlier: Annotated[
        Path | None,
        typer.Option("--from", help="The list that this one follows: what is not given is taken from there."),
    ] = None,
    deployment: Annotated[Path | None, typer.Option(help="The deployment file.")] = None,
    trust: Annotated[Path | None, typer.Option(help="Who is whom: a list of `placet trust add`.")] = None,
    witness: Annotated[
        list[str] | None, typer.Option("--witness", metavar="VKEY|FILE", help="A witness's key. Repeatable.")
    ] = None,
    quorum: Annotated[
        int | None, typer.Option("--quorum", min=1, help="So many witnesses must agree; else as before, at first all.")
    ] = None,
    lasts: Annotated[str, typer.Option(help="How long the list is good for.")] = "90d",
    root_key: Annotated[
        _Keys, typer.Option(metavar="ADDRESS", help="A key that signs roots. Repeatable. Makes a new root.")
    ] = None,
    root_threshold: Annotated[
        int | None, typer.Option(min=1, help="So many of them must sign; else as before, at first all.")
    ] = None,
    list_key: Annotated[
        _Keys, typer.Option(metavar="ADDRESS", help="A key that signs lists. Repeatable. Makes a new root.")
    ] = None,
    list_threshold: Annotated[
        int | None, typer.Option(min=1, help="So many of them must sign; else as before, at first all.")
    ] = None,
    root_lasts: Annotated[
        str | None, typer.Option(help="How long the root is good for; else 2y. Makes a new root.")
    ] = None,
) -> None:
    """Write the next list, unsigned: its signers look at it with `placet trust show` and sign it one after another."""
    from placet.cli.witness import witnesses
    from placet.core.signed_trust import SignedTrust
    from placet.core.values import parse, to_hex

    old, now = None if earlier is None else read_signed_trust(earlier), int(time.time())
    content: dict[str, Any] = {"version": 0} if old is None else old.content.to_json()
    if old is None and (deployment is None or trust is None):
        raise InputError("the first list says everything", expected="--deployment and --trust", found="not both")
    changes = (root_key, root_threshold, list_key, list_threshold, root_lasts)
    roots = () if old is None else old.roots
    if old is None or any(one is not None for one in changes):
        before = None if old is None else old.last.root
        fresh = {
            "version": len(roots) + 1,
            "expires": now + read_span(root_lasts or "2y"),
            "roots": _role("root", root_key, root_threshold, None if before is None else before.roots),
            "lists": _role("list", list_key, list_threshold, None if before is None else before.lists),
        }
        roots, content["version"] = (*roots, _unsigned_root(fresh)), 0
    content |= {"version": content["version"] + 1, "root": to_hex(roots[-1].hash), "expires": now + read_span(lasts)}
    if deployment is not None:
        content["deployment"] = read_deployment(deployment).to_json()
    if trust is not None:
        content["trust"] = read_trust(trust).to_json()
    if witness is not None:
        content["witnesses"] = [key.vkey for key in witnesses(witness)]
        content["quorum"] = content.get("quorum") or len(content["witnesses"])
    if quorum is not None:
        content["quorum"] = quorum
    following = parse(SignedTrust, {"roots": [one.to_json() for one in roots], "content": content}, what="list")
    write_new(file, _encoded(following))
    _tell(following)


def _unsigned_root(fields: dict[str, Any]) -> SignedRoot:
    from placet.core.signed_trust import SignedRoot, TrustRoot
    from placet.core.values import parse

    return SignedRoot(root=parse(TrustRoot, fields, what="root"))


def _role(what: str, keys: _Keys, threshold: int | None, before: SigningRole | None) -> dict[str, Any]:
    """A role as before, but for what is given. InputError for a first one without keys."""
    from placet.core.values import to_hex

    if keys is not None:
        named = [read_address(key) for key in keys]
    elif before is not None:
        named = list(before.keys)
    else:
        raise InputError(f"nobody signs {what}s", expected=f"--{what}-key ADDRESS", found="none")
    needed = len(named) if before is None else before.threshold
    return {"keys": list(map(to_hex, named)), "threshold": needed if threshold is None else threshold}


def sign(
    file: SignedFile,
    key: Annotated[Path, typer.Option(help="Your keystore, from `placet key new`.")],
    passphrase_file: PassphraseFile = None,
) -> None:
    """Sign root and list of a draft, wherever your key has a say. Look at it first: placet trust show."""
    from placet.chain.keystore import load_secret
    from placet.core.signatures import Key

    signed = read_signed_trust(file).signed(Key(load_secret(key, passphrase(passphrase_file))))
    replace(file, _encoded(signed))
    _tell(signed)


def show(file: SignedFile, as_json: AsJson = False) -> None:
    """Show a signed list: roots, who signed and who is missing, when it ends. Exit code 1 unless it is good now."""
    from placet.core.values import to_hex

    shown = read_signed_trust(file)
    content, root = shown.content, shown.last
    signing: list[dict[str, Any]] = [
        {"what": what, "threshold": role.threshold, "signed": _hex(done), "missing": _hex(set(role.keys) - done)}
        for what, role, done in _signing(shown)
    ]
    fault = _fault(shown)
    if as_json:
        emit(
            {
                "root": {"version": root.root.version, "hash": to_hex(root.hash), "expires": root.root.expires},
                "list": {"version": content.version, "expires": content.expires},
                "chain": content.deployment.chain_id,
                "deployment": to_hex(_hash(shown)),
                "institutions": [who.name for who in content.trust.institutions],
                "witnesses": list(content.witnesses),
                "quorum": content.quorum,
                "signing": signing,
                "good": fault is None,
            }
        )
    else:
        write_line(f"root {root.root.version}, {to_hex(root.hash)}, until {when(root.root.expires)}")
        write_line(f"list {content.version}, until {when(content.expires)}")
        write_line(f"chain {content.deployment.chain_id}, deployment file {to_hex(_hash(shown))}")
        for who in content.trust.institutions:
            write_line(f"institution {to_hex(who.address)} {who.name}")
        for vkey in content.witnesses:
            write_line(f"witness {vkey}")
        write_line(f"{content.quorum} of {len(content.witnesses)} witnesses must agree")
        for one in signing:
            write_line(f"{one['what']}: {len(one['signed'])} of {one['threshold']} signatures")
            for address in one["missing"]:
                write_line(f"  not signed by {address}")
    if fault is not None:
        raise fault


def update(
    own: Annotated[Path, typer.Argument(help="Your own copy, which is what you trust.")],
    newer: Annotated[Path, typer.Argument(help="The file that is to take its place, from wherever it comes.")],
    root: Annotated[
        str | None,
        typer.Option(metavar="HASH", help="With no copy yet: the hash of a root, as its signers told it you."),
    ] = None,
) -> None:
    """Take a newer list, if it goes on from the one you have. Your copy remembers root and version, and is all that
    is remembered."""
    from placet.core.values import from_hex

    fresh, now = read_signed_trust(newer), int(time.time())
    if own.exists():
        if root is not None:
            raise InputError("a root is given for the first copy alone", expected=f"no file {own}", found=own)
        known = read_signed_trust(own)
        fresh.demand_extends(known, now)
        if fresh.content.deployment != known.content.deployment:
            say("note: the list names another deployment than the one you had")
    else:
        if root is None:
            raise InputError(
                "there is no copy to go on from",
                expected="--root HASH, for the first one",
                remedy="ask those who sign the list, over another way, for the hash of their root",
                code="trust.root",
            )
        fresh.demand_valid(now)
        if from_hex(root, size=32) not in {one.hash for one in fresh.roots}:
            raise StateError("the file has another root", expected=root, found=_last(fresh), code="trust.root")
    replace(own, _encoded(fresh))
    say(f"{own}: root {fresh.last.root.version}, list {fresh.content.version}")


def _encoded(signed: SignedTrust) -> bytes:
    import json

    return json.dumps(signed.to_json(), indent=2, ensure_ascii=False).encode() + b"\n"


def _signing(shown: SignedTrust) -> list[tuple[str, SigningRole, frozenset[bytes]]]:
    """What the last root and the list still need: in words, by whom, who has signed."""
    last: SignedRoot = shown.last
    lists = last.root.lists
    return [
        *(
            (what, role, role.signed_by(last.hash, last.signatures))
            for what, role in shown.signing_roles(len(shown.roots) - 1)
        ),
        (f"list {shown.content.version}", lists, lists.signed_by(shown.content.hash, shown.signatures)),
    ]


def _fault(shown: SignedTrust) -> PlacetError | None:
    try:
        shown.demand_valid(int(time.time()))
    except PlacetError as error:
        return error
    return None


def _tell(shown: SignedTrust) -> None:
    for what, role, done in _signing(shown):
        say(f"{what}: {len(done)} of {role.threshold} signatures")
    write_line(_last(shown))


def _last(signed: SignedTrust) -> str:
    from placet.core.values import to_hex

    return to_hex(signed.last.hash)


def _hash(shown: SignedTrust) -> bytes:
    from placet.core.hashing import document_hash

    return document_hash(shown.content.deployment)


def _hex(addresses: set[bytes] | frozenset[bytes]) -> list[str]:
    from placet.core.values import to_hex

    return sorted(map(to_hex, addresses))
