"""A verifier trusts what its signers said last: nobody else's list, no older one, none that has ended."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.simulator import Simulation

from placet.core.errors import InputError, LimitError, PlacetError, SignatureError, StateError
from placet.core.hashing import document_hash
from placet.core.signatures import Key
from placet.core.signed_trust import MAX_SIGNED_TRUST, SignedRoot, SignedTrust, TrustRoot, parse_signed_trust
from placet.core.values import parse, to_hex

NOW = 1_800_000_000
DAY = 86_400
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
OWNERS = [Key() for _ in range(3)]
CLERKS = [Key() for _ in range(2)]
THIEF = Key()
SIMULATION = Simulation()


def role(keys: list[Key], threshold: int) -> dict[str, Any]:
    return {"keys": [to_hex(key.address) for key in keys], "threshold": threshold}


@dataclass
class Signers:
    """Who signs roots and lists by now, and all roots so far."""

    owners: list[Key] = field(default_factory=lambda: list(OWNERS))
    clerks: list[Key] = field(default_factory=lambda: list(CLERKS))
    roots: tuple[SignedRoot, ...] = ()

    def root(self, by: list[Key], expires: int = NOW + 700 * DAY) -> SignedRoot:
        """The next root, 2 of 3 and 2 of 2, signed by these."""
        fields = {
            "version": len(self.roots) + 1,
            "expires": expires,
            "roots": role(self.owners, 2),
            "lists": role(self.clerks, 2),
        }
        unsigned = SignedRoot(root=parse(TrustRoot, fields))
        made = SignedRoot(root=unsigned.root, signatures=tuple(key.sign(unsigned.hash) for key in by))
        self.roots = (*self.roots, made)
        return made

    def list(self, version: int, by: list[Key] | None = None, **changes: Any) -> SignedTrust:
        content = {
            "version": version,
            "expires": NOW + 90 * DAY,
            "root": to_hex(self.roots[-1].hash),
            "deployment": SIMULATION.deployment.to_json(),
            "trust": SIMULATION.trust.to_json(),
        }
        fields = {"roots": [one.to_json() for one in self.roots], "content": content | changes}
        made = parse(SignedTrust, fields)
        digest = document_hash(made.content)
        signers = self.clerks if by is None else by
        return made.model_copy(update={"signatures": tuple(key.sign(digest) for key in signers)})

    def copy(self) -> Signers:
        return dataclasses.replace(self)


@pytest.fixture
def signers() -> Signers:
    made = Signers()
    made.root(OWNERS[:2])
    return made


def refused(code: str, act: Callable[[], object]) -> None:
    with pytest.raises(PlacetError) as error:
        act()
    assert error.value.code == code, error.value


def test_signed_by_enough_it_is_good_until_it_ends(signers: Signers) -> None:
    signed = signers.list(1)
    signed.demand_valid(NOW)
    signed.demand_valid(NOW + 90 * DAY - 1)
    refused("trust.expired", lambda: signed.demand_valid(NOW + 90 * DAY))
    late = Signers()
    late.root(OWNERS, expires=NOW + DAY)
    refused("trust.expired", lambda: late.list(1).demand_valid(NOW + DAY))


@pytest.mark.parametrize(
    "by", [[], [CLERKS[0]], [CLERKS[0], CLERKS[0]], [CLERKS[0], THIEF], [CLERKS[0], OWNERS[0]], OWNERS]
)
def test_too_few_signers_of_a_list_sign_nothing(signers: Signers, by: list[Key]) -> None:
    refused("trust.signatures", lambda: signers.list(1, by).demand_valid(NOW))


def test_one_key_has_one_vote(signers: Signers) -> None:
    """Neither twice in a role, nor by the other signature that ECDSA has of each (high s), nor by another v."""
    fields = {"version": 1, "expires": NOW + DAY, "roots": role([OWNERS[0], OWNERS[0]], 2), "lists": role(CLERKS, 1)}
    with pytest.raises(InputError, match="each key once"):
        parse(TrustRoot, fields)
    fields["roots"]["keys"] = [to_hex(OWNERS[0].address), to_hex(OWNERS[0].address).upper().replace("0X", "0x")]
    with pytest.raises(InputError):
        parse(TrustRoot, fields)
    signed = signers.list(1, CLERKS[:1])
    (one,) = signed.signatures
    s = (N - int.from_bytes(one[32:64], "big")).to_bytes(32, "big")
    twins = (one, one[:32] + s + bytes([55 - one[64]]), one[:64] + bytes([one[64] - 27]))
    refused("trust.signatures", lambda: signed.model_copy(update={"signatures": twins}).demand_valid(NOW))


def test_a_lost_key_of_roots_is_replaced_by_the_others(signers: Signers) -> None:
    """And a verifier who slept through two changes of keys still follows, also once what he had has ended."""
    known, fresh = signers.list(7), Key()
    signers.owners = [OWNERS[1], OWNERS[2], fresh]
    signers.root([OWNERS[1], OWNERS[2]])
    signers.owners = [OWNERS[2], fresh, Key()]
    signers.root([OWNERS[2], fresh])
    signers.list(1).demand_extends(known, NOW + 89 * DAY)
    signers.list(1, expires=NOW + 500 * DAY).demand_extends(known, NOW + 400 * DAY)


@pytest.mark.parametrize("by", [[OWNERS[0]], [THIEF], [OWNERS[0], OWNERS[0]], [OWNERS[0], THIEF], CLERKS])
def test_a_root_needs_the_one_before(signers: Signers, by: list[Key]) -> None:
    """A thief's root: signed by all of its own keys, and by too few of those before."""
    known = signers.list(1)
    signers.owners = [THIEF, OWNERS[0], Key()]
    signers.root([*by, *signers.owners])
    refused("trust.signatures", lambda: signers.list(1).demand_extends(known, NOW))


def test_a_root_needs_its_own_keys(signers: Signers) -> None:
    """Else a mistyped key would lock out everybody."""
    signers.owners = [Key(), Key(), OWNERS[0]]
    signers.root(OWNERS)
    refused("trust.signatures", lambda: signers.list(1).demand_valid(NOW))


def test_another_root_is_no_successor(signers: Signers) -> None:
    known, others = signers.list(1), Signers(owners=[Key() for _ in range(3)])
    others.root(others.owners)
    refused("trust.root", lambda: others.list(9).demand_extends(known, NOW))
    others.root(others.owners)
    refused("trust.root", lambda: others.list(9).demand_extends(known, NOW))


def test_nothing_goes_back(signers: Signers) -> None:
    """Rollback of list or root, two lists of one version, and a list of before a change of keys."""
    old, known = signers.list(3), signers.list(4)
    known.demand_extends(known, NOW)
    refused("trust.rollback", lambda: old.demand_extends(known, NOW))
    other = signers.list(4, expires=NOW + 91 * DAY)
    refused("trust.fork", lambda: other.demand_extends(known, NOW))
    rolled = signers.copy()
    rolled.root(OWNERS)
    after = rolled.list(1)
    after.demand_extends(known, NOW)
    refused("trust.root", lambda: known.demand_extends(after, NOW))
    mixed = after.to_json() | {"content": known.to_json()["content"], "signatures": known.to_json()["signatures"]}
    with pytest.raises(InputError, match="names by its hash"):
        parse(SignedTrust, mixed)


def test_stolen_keys_of_lists_use_up_no_numbers(signers: Signers) -> None:
    """A thief of lists' keys signs the last number there is: the next root begins anew."""
    stolen = signers.list(2**32 - 1)
    stolen.demand_extends(signers.list(1), NOW)
    signers.clerks = [Key(), Key()]
    signers.root(OWNERS)
    signers.list(1).demand_extends(stolen, NOW)
    refused("trust.signatures", lambda: signers.list(1, CLERKS).demand_valid(NOW))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(more=1),
        lambda d: d["content"].update(more=1),
        lambda d: d["roots"][0]["root"].update(more=1),
        lambda d: d["roots"][0]["root"].update(version=2),
        lambda d: d["roots"][0]["root"]["lists"].update(threshold=0),
        lambda d: d["roots"][0]["root"]["lists"].update(threshold=3),
        lambda d: d["roots"][0]["root"]["lists"].update(keys=[]),
        lambda d: d.update(roots=[]),
        lambda d: d.update(roots=d["roots"] * 2),
        lambda d: d.update(signatures=d["signatures"] * 40),
        lambda d: d["content"].update(expires=(NOW + DAY) * 1000),
        lambda d: d["content"].update(quorum=1),
        lambda d: d["content"].update(witnesses=["a+b+c"], quorum=1),
        lambda d: d["content"].pop("deployment"),
    ],
)
def test_another_form_is_refused(signers: Signers, change: Callable[[Any], None]) -> None:
    document = signers.list(1).to_json()
    parse_signed_trust(json.dumps(document))
    change(document)
    with pytest.raises(InputError):
        parse_signed_trust(json.dumps(document))


def test_a_huge_file_is_not_read() -> None:
    with pytest.raises(LimitError):
        parse_signed_trust(b" " * (MAX_SIGNED_TRUST + 1))


def test_a_name_stands_once() -> None:
    with pytest.raises(InputError, match="twice"):
        parse_signed_trust(TEXT.replace('"version": 1', '"version": 2, "version": 1', 1))


CHANGES = st.tuples(st.integers(0, 10**6), st.characters(codec="ascii", categories=("L", "N")))
GOOD = Signers()
GOOD.root(OWNERS[:2])
SIGNED = GOOD.list(1)
TEXT = json.dumps(SIGNED.to_json())


@settings(max_examples=25, deadline=None)
@given(CHANGES)
def test_a_changed_letter_is_refused_or_says_the_same(change: tuple[int, str]) -> None:
    place, letter = change[0] % len(TEXT), change[1]
    text = TEXT[:place] + letter + TEXT[place + 1 :]
    try:
        changed = parse_signed_trust(text)
        changed.demand_valid(NOW)
    except (InputError, SignatureError, StateError):
        return
    assert (changed.content, [one.root for one in changed.roots]) == (SIGNED.content, [GOOD.roots[0].root])


def test_a_key_without_a_role_signs_nothing(signers: Signers) -> None:
    draft = signers.list(1, [])
    refused("trust.no-role", lambda: draft.signed(THIEF))
    twice = draft.signed(CLERKS[0]).signed(CLERKS[0])
    assert len(twice.signatures) == 1
    twice.signed(CLERKS[1]).demand_valid(NOW)


def test_the_file_says_the_same_after_it_was_written(signers: Signers, tmp_path: Path) -> None:
    file = tmp_path / "trust.json"
    file.write_text(signers.list(1).model_dump_json())
    assert parse_signed_trust(file.read_bytes()) == signers.list(1)
