"""Dot products and linear scores by Paillier: against plain arithmetic, what crosses, peers that break the protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import examples
from placet.core.errors import DataError, InputError, LimitError, ProtocolError
from placet.protocols.local import LocalNetwork
from placet.protocols.mpc.additive import LIMIT, encode, from_bytes, reconstruct, to_bytes
from placet.protocols.order import Entropy

for package in ("gmpy2", "phe"):
    pytest.importorskip(package, reason=f"no {package} here: pip install 'placet[paillier]'")

from placet.protocols.mpc import dot, score  # noqa: E402
from placet.protocols.mpc.ciphertexts import Ciphertext, uniform  # noqa: E402
from placet.protocols.mpc.dot import ENTRY_LIMIT  # noqa: E402
from placet.protocols.mpc.paillier import SecretKey, public_key_from_bytes  # noqa: E402

Together = Callable[..., list[Any]]
entries = st.one_of(
    st.integers(-ENTRY_LIMIT, ENTRY_LIMIT), st.sampled_from([0, 1, -1, ENTRY_LIMIT, -ENTRY_LIMIT]), st.integers(-9, 9)
)
weights = st.floats(min_value=-(2.0**22), max_value=2.0**22)


def run(
    together: Together, key: SecretKey, vector: list[int], rows: list[list[int]], **holder: Any
) -> tuple[list[Any], dict[str, bytes]]:
    """Both sides' shares, and the messages by tag."""
    network = LocalNetwork(("model", "bank"))
    shares = together(
        dot.ask(network.channel("model"), "bank", key, vector, rows=len(rows)),
        dot.answer(network.channel("bank"), "model", rows, **holder),
    )
    return shares, {tag: payload for _, _, tag, payload in network.sent}


@settings(deadline=None, max_examples=examples(12))
@given(st.data())
def test_shares_add_up_to_the_products(together: Together, paillier_key: SecretKey, data: st.DataObject) -> None:
    length = data.draw(st.integers(1, 4))
    row = st.lists(entries, min_size=length, max_size=length)
    vector, rows = data.draw(row), data.draw(st.lists(row, min_size=1, max_size=3))
    shares, _ = run(together, paillier_key, vector, rows)
    assert reconstruct(shares) == [sum(x * y for x, y in zip(vector, row, strict=True)) for row in rows]


def test_the_largest_entries_stay_within_the_shares_range() -> None:
    assert dot.MAX_ENTRIES * ENTRY_LIMIT**2 == LIMIT


def test_keys_vectors_and_answers_cross_and_nothing_else(together: Together, paillier_key: SecretKey) -> None:
    _, messages = run(together, paillier_key, [1, 2, 3], [[4, 5, 6], [7, 8, 9]])
    assert {tag: len(payload) for tag, payload in messages.items()} == {
        "paillier.key": 768,
        "paillier.vector": 3 * 512,
        "paillier.answer": 2 * 512,
    }
    assert public_key_from_bytes(messages["paillier.key"], sender="model") == paillier_key.public
    sent = paillier_key.public.unpack(messages["paillier.vector"], 3, sender="model")
    assert [paillier_key.decrypt(ciphertext) for ciphertext in sent] == [1, 2, 3]


def test_what_the_asker_decrypts_is_one_time_padded(
    together: Together, paillier_key: SecretKey, seeded: Callable[[str], Entropy]
) -> None:
    """It is the product plus a mask uniform modulo n, and with each mask less a product another row gives the same: so
    the asker's share shows nothing, and the holder's, which is made of the mask alone, neither."""
    n = paillier_key.public.n
    shares, messages = run(together, paillier_key, [5, -7], [[10, 20]], entropy=seeded("mask"))
    mask = uniform(n, seeded("mask"))
    assert mask.bit_length() > 1900
    (ciphertext,) = paillier_key.public.unpack(messages["paillier.answer"], 1, sender="bank")
    assert paillier_key.residue(ciphertext) == (5 * 10 - 7 * 20 + mask) % n
    assert to_bytes(shares[1]) == (-mask % 2**128).to_bytes(16, "little")


def test_answers_are_fresh_whatever_the_rows(
    together: Together, paillier_key: SecretKey, seeded: Callable[[str], Entropy]
) -> None:
    """The answer to a row of zeros is a whole new encryption, not a power of what the asker sent."""
    public = paillier_key.public
    _, messages = run(together, paillier_key, [1], [[0], [0]], entropy=seeded("zeros"))
    entropy = seeded("zeros")
    expected = b""
    for _ in range(2):
        mask, r = uniform(public.n, entropy), uniform(public.n, entropy)
        value = (1 + mask * public.n) * pow(r, public.n, public.modulus) % public.modulus
        expected += public.pack([Ciphertext(public.n, value)])
    assert messages["paillier.answer"] == expected


def test_one_party_may_be_given_the_products(together: Together, paillier_key: SecretKey) -> None:
    shares, _ = run(together, paillier_key, [3, -4], [[10, 1], [0, 1]])
    for getter, giver in ((0, 1), (1, 0)):
        network = LocalNetwork(("0", "1"))
        products, _ = together(
            dot.take(network.channel(str(getter)), str(giver), shares[getter]),
            dot.give(network.channel(str(giver)), str(getter), shares[giver]),
        )
        assert products == [26, -4]


@pytest.mark.parametrize("length", [0, 15, 17, 32])
def test_a_share_of_another_length_is_refused_by_name(scripted: Any, length: int) -> None:
    with pytest.raises(ProtocolError, match=r"^bank gave a vector of the wrong length"):
        asyncio.run(dot.take(scripted({"mpc.result": bytes(length)}), "bank", encode([1])))


def test_shares_that_do_not_fit_are_refused(scripted: Any) -> None:
    stray = (2**126).to_bytes(16, "little")
    with pytest.raises(ProtocolError, match="do not fit together"):
        asyncio.run(dot.take(scripted({"mpc.result": stray}), "bank", from_bytes(bytes(16), 1)))


BAD_ROWS: list[tuple[list[list[Any]], type[Exception], str]] = [
    ([], InputError, "no rows"),
    ([[]], InputError, "no entries"),
    ([[1], [1, 2]], DataError, "different lengths"),
    ([[1], [1.0]], DataError, "not an integer"),
    ([[True]], DataError, "not an integer"),
    ([[0], [ENTRY_LIMIT + 1]], DataError, "row 1"),
    ([[-ENTRY_LIMIT - 1]], DataError, "row 0"),
    ([[0] * (dot.MAX_ENTRIES + 1)], LimitError, "too many entries"),
    ([[0]] * (dot.MAX_ROWS + 1), LimitError, "too many rows"),
]


@pytest.mark.parametrize(("rows", "kind", "reason"), BAD_ROWS, ids=[reason for *_, reason in BAD_ROWS])
def test_the_holder_refuses_bad_rows_before_it_listens(
    scripted: Any, rows: list[list[Any]], kind: type[Exception], reason: str
) -> None:
    channel = scripted({})
    with pytest.raises(kind, match=reason):
        asyncio.run(dot.answer(channel, "model", rows))
    assert channel.sent == {}


@pytest.mark.parametrize(
    ("vector", "rows", "reason"),
    [
        ([], 1, "no entries"),
        ([1.5], 1, "not an integer"),
        ([ENTRY_LIMIT + 1], 1, "out of range"),
        ([1], 0, "no rows"),
        ([1], dot.MAX_ROWS + 1, "too many rows"),
        ([1] * (dot.MAX_ENTRIES + 1), 1, "too many entries"),
    ],
)
def test_the_asker_refuses_a_bad_vector_before_it_speaks(
    scripted: Any, paillier_key: SecretKey, vector: list[Any], rows: int, reason: str
) -> None:
    channel = scripted({})
    with pytest.raises((InputError, LimitError), match=reason) as caught:
        asyncio.run(dot.ask(channel, "bank", paillier_key, vector, rows=rows))
    assert channel.sent == {} and str(ENTRY_LIMIT + 1) not in str(caught.value)


@pytest.mark.parametrize("bad", ["short", "long", "zero", "n²"])
def test_a_bad_answer_is_refused_by_name(scripted: Any, paillier_key: SecretKey, bad: str) -> None:
    public = paillier_key.public
    good = public.pack([public.encrypt(1)])
    payload = {
        "short": good[:-1],
        "long": good + good,
        "zero": bytes(512),
        "n²": public.modulus.to_bytes(512, "big"),
    }[bad]
    with pytest.raises(ProtocolError, match=r"^bank sent"):
        asyncio.run(dot.ask(scripted({"paillier.answer": payload}), "bank", paillier_key, [1], rows=1))


@pytest.mark.parametrize("bad", ["a short key", "an even key", "too few", "too many", "no unit"])
def test_a_bad_key_or_vector_is_refused_by_name_and_unanswered(
    scripted: Any, paillier_key: SecretKey, bad: str
) -> None:
    public = paillier_key.public
    key, one = public.to_bytes(), public.pack([public.encrypt(1)])
    answers = {
        "a short key": (key[:-1], one),
        "an even key": (key[:255] + b"\0" + key[256:], one),
        "too few": (key, b""),
        "too many": (key, one + one),
        "no unit": (key, paillier_key.private.p.to_bytes(512, "big")),
    }[bad]
    channel = scripted(dict(zip(("paillier.key", "paillier.vector"), answers, strict=True)))
    with pytest.raises(ProtocolError, match=r"^model sent"):
        asyncio.run(dot.answer(channel, "model", [[1]]))
    assert channel.sent == {}


def test_sides_that_disagree_on_the_rows_are_told(together: Together, paillier_key: SecretKey) -> None:
    network = LocalNetwork(("model", "bank"))
    with pytest.raises(ProtocolError, match=r"^bank's message paillier.answer is too long"):
        together(
            dot.ask(network.channel("model"), "bank", paillier_key, [1], rows=1),
            dot.answer(network.channel("bank"), "model", [[1], [2]]),
        )


@settings(deadline=None, max_examples=examples(8))
@given(st.lists(weights, max_size=3), weights, st.data())
def test_scores_are_exact_but_for_the_weights_rounding(
    together: Together, paillier_key: SecretKey, chosen: list[float], bias: float, data: st.DataObject
) -> None:
    row = st.lists(entries, min_size=len(chosen), max_size=len(chosen))
    rows = data.draw(st.lists(row, min_size=1, max_size=2))
    network = LocalNetwork(("model", "bank"))
    shares = together(
        score.by_weights(network.channel("model"), "bank", paillier_key, chosen, bias, rows=len(rows)),
        score.by_features(network.channel("bank"), "model", rows),
    )
    for features, found in zip(rows, reconstruct(shares), strict=True):
        exact = sum((Fraction(w) * f for w, f in zip(chosen, features, strict=True)), Fraction(bias))
        rounding = Fraction(1, 2**21) * (1 + sum(map(abs, features)))
        assert abs(score.read(found) - exact) <= rounding


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0),
        (1, 2**20),
        (-1.5, -3 * 2**19),
        (0.1, 104858),
        (2**-21, 0),
        (3 * 2**-21, 2),
        (2**22, 2**42),
        (-(2**22), -(2**42)),
    ],
)
def test_weights_are_fixed_at_the_stated_scale(value: float, expected: int) -> None:
    assert score.fixed(value) == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 2**22 + 0.1, -5e6, 10**400])
def test_weights_out_of_range_are_refused(value: float) -> None:
    with pytest.raises(DataError, match="out of range"):
        score.fixed(value)


@pytest.mark.parametrize("value", ["1", None, True, 1j])
def test_weights_that_are_no_numbers_are_refused(value: Any) -> None:
    with pytest.raises(DataError, match="not a number"):
        score.fixed(value)
