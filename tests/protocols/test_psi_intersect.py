"""Plain PSI, by ECDH and by salted hashes: against plain sets, who gets what, and peers that break the protocol."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import examples
from placet.core.errors import DataError, InputError, LimitError, ProtocolError
from placet.protocols.local import LocalNetwork
from placet.protocols.order import Entropy, secret_permutation
from placet.protocols.psi import ecdh, salted_hash
from placet.protocols.psi.ristretto import Blinding, hash_to_group

Together = Callable[..., list[Any]]
identifiers = st.lists(st.binary(max_size=3), unique=True, max_size=10)
CONTEXT = b"job 1, attempt 1, shop and bank"
ENGINES = {"ecdh": ecdh.intersect, "salted hash": salted_hash.intersect}
NAMES = [b"ana", b"bo", b"cy", b"dee", b"eve"]
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "salted_hash.json").read_text(encoding="utf-8"))

both_engines = pytest.mark.parametrize("intersect", ENGINES.values(), ids=ENGINES)


def run(
    together: Together,
    intersect: Callable[..., Any],
    shop: Sequence[bytes],
    bank: Sequence[bytes],
    receiver: str | None,
    *,
    entropy: tuple[dict[str, Entropy], dict[str, Entropy]] = ({}, {}),
    limits: tuple[int, int] = (100, 100),
) -> tuple[Any, Any, dict[tuple[str, str], bytes]]:
    """What each got, and the messages by sender and tag."""
    network = LocalNetwork(("shop", "bank"))
    given_to = {"receiver": receiver, "context": CONTEXT}
    mine, theirs = together(
        intersect(network.channel("shop"), "bank", shop, max_rows=limits[0], **given_to, **entropy[0]),
        intersect(network.channel("bank"), "shop", bank, max_rows=limits[1], **given_to, **entropy[1]),
    )
    return mine, theirs, {(sender, tag): payload for sender, _, tag, payload in network.sent}


def split(payload: bytes) -> list[bytes]:
    return [payload[i : i + 32] for i in range(0, len(payload), 32)]


@both_engines
@pytest.mark.parametrize("receiver", ["shop", "bank", None])
@settings(deadline=None, max_examples=examples(30))
@given(shop=identifiers, bank=identifiers)
def test_it_is_plain_set_intersection_for_who_receives(
    together: Together, intersect: Any, receiver: str | None, shop: list[bytes], bank: list[bytes]
) -> None:
    mine, theirs, _ = run(together, intersect, shop, bank, receiver)
    assert mine == (None if receiver == "bank" else tuple(i for i, name in enumerate(shop) if name in bank))
    assert theirs == (None if receiver == "shop" else tuple(i for i, name in enumerate(bank) if name in shop))


@pytest.mark.parametrize(
    ("intersect", "receiver", "expected"),
    [
        (ecdh.intersect, "shop", {("shop", "psi.blinded"), ("bank", "psi.blinded"), ("bank", "psi.returned")}),
        (ecdh.intersect, None, {(who, f"psi.{tag}") for who in ("shop", "bank") for tag in ("blinded", "returned")}),
        (
            salted_hash.intersect,
            "shop",
            {("shop", "salted-hash.salt"), ("bank", "salted-hash.salt"), ("bank", "salted-hash.list")},
        ),
        (
            salted_hash.intersect,
            None,
            {(who, f"salted-hash.{tag}") for who in ("shop", "bank") for tag in ("salt", "list")},
        ),
    ],
)
def test_only_who_must_sends(
    together: Together, intersect: Any, receiver: str | None, expected: set[tuple[str, str]]
) -> None:
    """A receiver alone gives nothing that the other could match, and no list of salted hashes."""
    _, _, sent = run(together, intersect, NAMES, NAMES[1:3], receiver)
    assert set(sent) == expected


def test_points_are_the_documented_ones_in_secret_orders(together: Together, seeded: Callable[[str], Entropy]) -> None:
    drawn = {"shop": seeded("shop"), "bank": seeded("bank")}
    entropy = ({"entropy": seeded("shop")}, {"entropy": seeded("bank")})
    rows = {"shop": NAMES, "bank": [b"eve", b"zoe"]}
    _, _, sent = run(together, ecdh.intersect, rows["shop"], rows["bank"], None, entropy=entropy)
    keys = {who: Blinding(source) for who, source in drawn.items()}
    blinded = {
        who: [keys[who](hash_to_group(rows[who][i], CONTEXT)) for i in secret_permutation(len(rows[who]), drawn[who])]
        for who in rows
    }
    for who, other in (("shop", "bank"), ("bank", "shop")):
        assert split(sent[who, "psi.blinded"]) == blinded[who]
        assert split(sent[who, "psi.returned"]) == [keys[who](point) for point in blinded[other]]


def test_hashes_are_the_documented_ones_in_ascending_order(
    together: Together, seeded: Callable[[str], Entropy]
) -> None:
    entropy = ({"entropy": seeded("shop")}, {"entropy": seeded("bank")})
    _, _, sent = run(together, salted_hash.intersect, NAMES, NAMES, "shop", entropy=entropy)
    parts = sorted((seeded("shop")(32), seeded("bank")(32)))
    prefix = b"placet.psi.salted-hash/1" + len(CONTEXT).to_bytes(4, "big") + CONTEXT
    salt = hashlib.sha256(prefix + parts[0] + parts[1]).digest()
    hashes = sorted(hmac.new(salt, name, "sha256").digest() for name in NAMES)
    assert sent["bank", "salted-hash.list"] == b"".join(hashes)


@pytest.mark.parametrize("vector", VECTORS["vectors"])
def test_salts_and_hashes_are_the_vectors(vector: dict[str, Any]) -> None:
    context, first, second = (bytes.fromhex(vector[name][2:]) for name in ("context", "first", "second"))
    salt = salted_hash.job_salt(context, first, second)
    assert salt == salted_hash.job_salt(context, second, first) == bytes.fromhex(vector["salt"][2:])
    assert {name: "0x" + salted_hash.salted(salt, name.encode()).hex() for name in vector["hashes"]} == vector["hashes"]


def test_a_receiver_of_hashes_can_try_guesses(together: Together) -> None:
    """The weakness that the module states, shown: the bank's whole list, of which the shop has nothing."""
    bank = [f"+8613800{n:03d}".encode() for n in range(0, 1000, 7)]
    own: list[bytes] = []

    def drawing(count: int) -> bytes:
        own.append(bytes(count))
        return own[-1]

    mine, _, sent = run(together, salted_hash.intersect, [b"x"], bank, "shop", entropy=({"entropy": drawing}, {}), limits=(1000, 100))  # fmt: skip  # noqa: E501
    assert mine == ()
    salt = salted_hash.job_salt(CONTEXT, own[0], sent["bank", "salted-hash.salt"])
    seen = set(split(sent["bank", "salted-hash.list"]))
    guesses = [f"+8613800{n:03d}".encode() for n in range(1000)]
    assert [guess for guess in guesses if salted_hash.salted(salt, guess) in seen] == bank


@both_engines
def test_nothing_recurs_between_runs_on_the_same_data(together: Together, intersect: Any) -> None:
    *first, one = run(together, intersect, NAMES, NAMES, None)
    *second, two = run(together, intersect, NAMES, NAMES, None)
    assert first == second
    seen = [{part for payload in sent.values() for part in split(payload)} for sent in (one, two)]
    assert all(seen) and not seen[0] & seen[1]


@both_engines
def test_sizes_may_equal_their_limits_and_not_pass_them(together: Together, intersect: Any) -> None:
    run(together, intersect, NAMES, NAMES[:3], None, limits=(3, 5))
    for limits in ((2, 5), (3, 4)):
        with pytest.raises(ProtocolError, match="too long"):
            run(together, intersect, NAMES, NAMES[:3], None, limits=limits)


@both_engines
def test_sides_that_disagree_on_the_context_find_nothing(together: Together, intersect: Any) -> None:
    network = LocalNetwork(("shop", "bank"))
    found = together(
        intersect(network.channel("shop"), "bank", NAMES, receiver=None, context=b"attempt 1", max_rows=9),
        intersect(network.channel("bank"), "shop", NAMES, receiver=None, context=b"attempt 2", max_rows=9),
    )
    assert found == [(), ()]


@both_engines
def test_own_duplicates_and_bad_receivers_are_refused_before_anything_is_sent(scripted: Any, intersect: Any) -> None:
    channel = scripted({})
    with pytest.raises(DataError, match="rows 0 and 2") as caught:
        asyncio.run(intersect(channel, "bank", [b"ana", b"bo", b"ana"], receiver=None, context=b"", max_rows=9))
    assert "ana" not in str(caught.value)
    for peer, receiver in (("bank", "shop"), ("bank", ""), ("me", None)):
        with pytest.raises(InputError, match="no such receiver"):
            asyncio.run(intersect(channel, peer, NAMES, receiver=receiver, context=b"", max_rows=9))
    assert channel.sent == {}


GOOD = [Blinding()(hash_to_group(name, b"")) for name in NAMES]
BAD_POINTS = {
    "not canonical": (GOOD[0] + (2**255 - 17).to_bytes(32, "little"), "no point"),
    "identity": (GOOD[0] + bytes(32), "the identity"),
    "twice": (GOOD[0] * 2, "sent a point twice"),
    "cut short": (GOOD[0] + GOOD[1][:-1], "cut short"),
    "too many": (b"".join(GOOD), "more points than agreed"),
}


@pytest.mark.parametrize("bad", BAD_POINTS)
def test_bad_points_are_refused_by_name_and_get_no_answer(scripted: Any, bad: str) -> None:
    payload, reason = BAD_POINTS[bad]
    channel = scripted({"psi.blinded": payload})
    with pytest.raises(ProtocolError, match=f"^bank.*({reason})"):
        asyncio.run(ecdh.intersect(channel, "bank", NAMES, receiver=None, context=b"", max_rows=3))
    assert set(channel.sent) == {"psi.blinded"}
    returned = scripted({"psi.blinded": GOOD[0], "psi.returned": payload})
    with pytest.raises(ProtocolError, match=f"^bank.*({reason})"):
        asyncio.run(ecdh.intersect(returned, "bank", NAMES[:2], receiver=None, context=b"", max_rows=3))


def test_a_missing_point_is_refused(scripted: Any) -> None:
    channel = scripted({"psi.blinded": GOOD[0], "psi.returned": GOOD[0]})
    with pytest.raises(ProtocolError, match="did not send every row back"):
        asyncio.run(ecdh.intersect(channel, "bank", NAMES, receiver="me", context=b"", max_rows=3))


@pytest.mark.parametrize(
    ("salt", "hashes", "reason"),
    [
        (b"", b"", "no salt of its own"),
        (bytes(31), b"", "no salt of its own"),
        (bytes(33), b"", "no salt of its own"),
        (bytes(range(32)), b"", "no salt of its own"),
        (bytes(32), bytes(31), "cut short"),
        (bytes(32), bytes(64), "twice the same"),
        (bytes(32), b"\2" * 32 + b"\1" * 32, "out of order"),
    ],
)
def test_bad_salts_and_hashes_are_refused_by_name(scripted: Any, salt: bytes, hashes: bytes, reason: str) -> None:
    """A salt that only echoes ours would leave it to the peer when hashes recur."""
    channel = scripted({"salted-hash.salt": salt, "salted-hash.list": hashes})
    with pytest.raises(ProtocolError, match=f"^bank.*{reason}"):
        asyncio.run(
            salted_hash.intersect(
                channel, "bank", NAMES, receiver="me", context=b"", max_rows=9, entropy=lambda n: bytes(range(n))
            )
        )


def test_more_rows_than_anybody_hashes_are_refused(scripted: Any) -> None:
    with pytest.raises(LimitError, match="too many rows"):
        asyncio.run(salted_hash.intersect(scripted({}), "bank", NAMES, receiver=None, context=b"", max_rows=2**24 + 1))
