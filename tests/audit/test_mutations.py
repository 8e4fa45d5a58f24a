"""What a stranger changes in a bundle's file, on an auditor who has a deployment file, a trust list and the hash of one
block of his own: whatever it is, the job is no longer intact and proven, or the file says the same as before.

`test_tampering` has what parties change in their own evidence and sign again, and what facts are bound by alone."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import pytest
from block_chain import proven
from mutations import Path, changed, changes, chosen, get, is_intact
from simulator import Simulation

from placet.audit.bundle import Bundle, compared, parse_bundle, read_bundle
from placet.audit.outcome import Basis
from placet.audit.proof import TrustedBlocks
from placet.audit.sections import Sections
from placet.core.errors import DeploymentError, InputError, LimitError


class Own(NamedTuple):
    """A bundle that an auditor can prove, and the hashes that he has."""

    bundle: Bundle
    trusted: TrustedBlocks
    plain: dict[str, Any]


@cache
def own() -> Own:
    bundle, trusted = proven(Simulation(people=2, withdraw=(1,)))
    return Own(bundle, trusted, bundle.to_json())


def slips(bundle: Bundle) -> bool:
    """Is it still intact, and proven, by the auditor's own three things?"""
    try:
        basis = compared(bundle, own().bundle.deployment, own().bundle.trust)
    except (DeploymentError, InputError):
        return False
    return basis is Basis.OWN_FILES and is_intact(bundle, own().trusted)


def with_part(name: str, plain: Any) -> Bundle | None:
    """The bundle with another value in one field; None if that is refused at the door. Other fields are as they were:
    to read all of them again for each place takes longer than to judge them."""
    narrow = {key: own().plain[key] for key in ("job", "deployment", "trust")}
    narrow["facts"] = {key: own().plain["facts"][key] for key in ("job", "deployment", "chain_id", "head")}
    narrow["facts"] |= {"status": "unknown", "attempt": 0}
    try:
        read = parse_bundle(json.dumps(narrow | {name: plain}).encode())
    except (InputError, LimitError):
        return None
    return own().bundle.model_copy(update={name: getattr(read, name)})


def with_evidence(place: int, plain: Any) -> Bundle | None:
    read = with_part("evidence", [plain])
    if read is None:
        return None
    entries = own().bundle.evidence
    return read.model_copy(update={"evidence": (*entries[:place], *read.evidence, *entries[place + 1 :])})


def mutated(every: bool) -> Iterator[tuple[Path, Any, Bundle | None]]:
    """The bundle with one place changed: one place of each shape in one way, or first and last of it in all ways."""
    few = None if every else 1
    for name, value in own().plain.items():
        if name != "evidence":
            for path in chosen(every, {name: value}, ()):
                for new in changes(get({name: value}, path))[:few]:
                    yield path, new, with_part(name, changed({name: value}, path, new)[name])
            continue
        for order in changes(value):
            yield (name,), order, with_part(name, order)
        for place, entry in enumerate(value):
            for path in chosen(every, entry, value[:place]):
                for new in changes(get(entry, path))[:few]:
                    yield (name, place, *path), new, with_evidence(place, changed(entry, path, new))


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["once", "every"])
def test_each_place_of_a_bundle_that_matters_changes_the_verdict(every: bool) -> None:
    assert slips(own().bundle)
    slipped = [(path, new) for path, new, bundle in mutated(every) if bundle is not None and slips(bundle)]
    evidence = own().plain["evidence"]
    assert slipped == [(("evidence",), evidence[::-1])], "the order of parties binds nobody"


def flipped(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1 :]


def dropped(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(raw))
    return raw[:at] + raw[at + chance.choice((1, 1, 64, 4096)) :]


def repeated(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(raw))
    return raw[: at + chance.choice((1, 2, 64, 4096))] + raw[at:]


def replaced(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(raw))
    return raw[:at] + chance.choice((b"0", b"1", b'"', b",", b"{", b"]", b"\\", b" ", b"\n", b"\0")) + raw[at + 1 :]


@pytest.mark.parametrize("rounds", [12, pytest.param(500, marks=pytest.mark.slow)])
@pytest.mark.parametrize("change", [flipped, dropped, repeated, replaced])
def test_each_byte_that_matters_changes_the_verdict(change: Any, rounds: int) -> None:
    raw, chance = own().bundle.model_dump_json().encode(), random.Random(change.__name__)
    for number in range(rounds):
        try:
            bundle = read_bundle(io.BytesIO(change(raw, chance)), Sections())
        except (InputError, LimitError):
            continue
        assert bundle == own().bundle or not slips(bundle), number
