"""FHE PSI with encryption: against plain sets, the noise budget, parameters that are too weak, and hostile peers."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from placet.core.errors import ConfigError, DataError, InputError, ProtocolError
from placet.protocols import fhe
from placet.protocols.fhe import extra, scheme
from placet.protocols.fhe.intersect import ANSWER, BLINDED, EVALUATED, QUERY
from placet.protocols.fhe.layout import draw
from placet.protocols.fhe.parameters import HIGHEST, PARAMETERS, PRIMES, N, T, most_parts
from placet.protocols.fhe.polynomials import from_roots
from placet.protocols.fhe.residues import bytes_of, out_of, residues_of
from placet.protocols.fhe.scheme import ANSWER_BYTES, QUERY_BYTES, Bfv, ReceiverKey, answer
from placet.protocols.local import LocalNetwork
from placet.protocols.order import Entropy
from placet.protocols.psi.ristretto import Blinding, hash_to_group

# Its import starts threads in every worker, which all read this file.
pytestmark = pytest.mark.skipif(find_spec("tenseal") is None, reason="placet[fhe] is not installed here")

Together = Callable[..., list[Any]]
CONTEXT = b"job 1, attempt 1, shop and bank"
LENGTH = 8


def both(together: Together, shop: list[bytes], bank: list[bytes], **more: Any) -> tuple[Any, Any, dict[str, bytes]]:
    """What each got, and the messages by tag."""
    network = LocalNetwork(("shop", "bank"))
    agreed = {"receiver": "shop", "list_length": LENGTH, "context": CONTEXT, "max_rows": 1000} | more
    mine, theirs = together(
        fhe.intersect(network.channel("shop"), "bank", shop, **agreed),
        fhe.intersect(network.channel("bank"), "shop", bank, **agreed),
    )
    return mine, theirs, {tag: payload for *_, tag, payload in network.sent}


@pytest.mark.parametrize(
    ("shop", "bank"),
    [
        ([b"ana", b"bo", b"cy"], [b"cy", b"dee", b"ana"]),
        ([], []),
        ([b"%d" % i for i in range(LENGTH)], [b"%d" % i for i in range(3, 60)]),
    ],
)
def test_the_receiver_alone_gets_the_plain_intersection(
    together: Together, shop: list[bytes], bank: list[bytes]
) -> None:
    mine, theirs, sent = both(together, shop, bank)
    assert mine == tuple(i for i, name in enumerate(shop) if name in bank)
    assert theirs is None
    assert {tag: len(payload) for tag, payload in sent.items()} == {
        BLINDED: 32 * LENGTH,
        EVALUATED: 32 * LENGTH,
        QUERY: QUERY_BYTES,
        ANSWER: ANSWER_BYTES,
    }, "nothing shows how long the list is"


@dataclass
class Receiver:
    """One key, and a query of random values with the answer to it by polynomials of the highest degree."""

    bfv: Bfv
    key: ReceiverKey
    values: Any
    query: bytes


@pytest.fixture(scope="module")
def receiver() -> Receiver:
    bfv = Bfv()
    key = ReceiverKey(bfv)
    values = draw(N, np.random.default_rng(3).bytes)
    return Receiver(bfv, key, values, key.query(values))


def test_answers_of_the_highest_degree_are_read_with_noise_to_spare(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    entropy = np.random.default_rng(4).bytes
    roots = draw(HIGHEST * N, entropy).reshape(HIGHEST, N)
    roots[17, ::2] = receiver.values[::2]
    part = from_roots(roots, entropy)
    payload = answer(receiver.bfv, receiver.query, [part], "shop")
    monkeypatch.setattr(scheme, "MIN_BUDGET", scheme.MIN_BUDGET + 4)
    (got,) = receiver.key.opened(payload, "bank")
    expected = np.zeros(N, dtype=np.int64)
    for coefficients in part[::-1].astype(np.int64):
        expected = (expected * receiver.values + coefficients) % T
    assert (got == expected).all() and (got[::2] == 0).all()


def test_an_answer_whose_noise_is_used_up_is_refused(receiver: Receiver) -> None:
    """A ciphertext of ours, multiplied until nothing is left, and bytes that are no ciphertext of anything."""
    bfv = receiver.bfv
    ciphertext = receiver.key._encrypted(receiver.values)
    budgets = [receiver.key._decryptor.invariant_noise_budget(ciphertext)]
    while budgets[-1]:
        bfv.evaluator.square_inplace(ciphertext)
        bfv.evaluator.relinearize_inplace(ciphertext, receiver.key._relinearising)
        budgets.append(receiver.key._decryptor.invariant_noise_budget(ciphertext))
    bfv.down_to(ciphertext, 1)
    random = np.random.default_rng(5).integers(0, PRIMES[0], (2, 1, N), dtype=np.uint64)
    for payload in (bytes_of(out_of(ciphertext)), bytes_of(random)):
        with pytest.raises(ProtocolError, match="too much noise") as caught:
            list(receiver.key.opened(payload, "bank"))
        assert (caught.value.code, caught.value.found) == ("fhe.noise", "0")


@pytest.mark.parametrize(
    "weak",
    [
        replace(PARAMETERS, degree=4096),
        replace(PARAMETERS, primes=(*PRIMES[:1], 0xFFFFFFFFFFFC0001, *PRIMES[1:])),
        replace(PARAMETERS, plain=65536),
        replace(PARAMETERS, plain=1_032_191),
        replace(PARAMETERS, degree=8191),
        replace(PARAMETERS, primes=()),
        replace(PARAMETERS, primes=(4, 6)),
    ],
)
def test_parameters_of_less_than_128_bits_or_without_slots_are_refused(weak: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        Bfv(weak)
    assert caught.value.code == "fhe.parameters"


def changed(payload: bytes, at: int, new: bytes) -> bytes:
    return payload[:at] + new + payload[at + len(new) :]


SOURCES_AT = QUERY_BYTES - 5 * 2 * 3 * N * 6
HALF_KEY, HALF_SOURCE = 5 * N * 6, 3 * N * 6
HOSTILE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda query: b"", "no query"),
    "cut": (lambda query: query[:-1], "no query"),
    "longer": (lambda query: query + b"\0", "no query"),
    "too large a residue of a key": (lambda query: changed(query, 0, b"\xff" * 6), "is none"),
    "its prime itself": (lambda query: changed(query, SOURCES_AT, PRIMES[0].to_bytes(6, "little")), "is none"),
    "too large in the last": (lambda query: changed(query, QUERY_BYTES - 6, b"\xff" * 6), "is none"),
    "a key in clear": (lambda query: changed(query, HALF_KEY, bytes(HALF_KEY)), "hides nothing"),
    "a power in clear": (lambda query: changed(query, SOURCES_AT + HALF_SOURCE, bytes(HALF_SOURCE)), "hides nothing"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_query_that_is_none_never_reaches_seal(
    receiver: Receiver, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, said = HOSTILE[case]
    monkeypatch.setattr(scheme, "Streams", None)
    part = np.ones((3, N), dtype=np.uint32)
    with pytest.raises(ProtocolError, match=said):
        answer(receiver.bfv, change(receiver.query), [part], "shop")


def test_numbers_that_seal_can_read_and_nobody_encrypted_give_an_answer_or_a_refusal(receiver: Receiver) -> None:
    """Any residues below their primes: what SEAL itself refuses is the peer's doing too."""
    chance = np.random.default_rng(6)
    keys = [chance.integers(0, prime, N, dtype=np.uint64) for _ in range(8) for prime in PRIMES]
    sources = [chance.integers(0, prime, N, dtype=np.uint64) for _ in range(10) for prime in PRIMES[:3]]
    query = b"".join(map(bytes_of, (*keys, *sources)))
    assert len(query) == QUERY_BYTES
    assert len(answer(receiver.bfv, query, [np.ones((3, N), dtype=np.uint32)], "shop")) == ANSWER_BYTES
    zero = [np.zeros((1, N), dtype=np.uint32)] * 2
    with pytest.raises(ProtocolError, match="can't be computed on"):
        answer(receiver.bfv, receiver.query, [np.concatenate(zero)], "shop")


def test_what_travels_is_what_seal_holds(receiver: Receiver) -> None:
    source = receiver.query[SOURCES_AT : SOURCES_AT + 2 * HALF_SOURCE]
    residues = residues_of(source, PRIMES[:3], "shop")
    assert residues.shape == (2, 3, N)
    assert bytes_of(residues) == source


class Scripted:
    """A bank or shop that says what the test tells it to say."""

    def __init__(self, me: str, answers: dict[str, bytes | Callable[[bytes], bytes]]) -> None:
        self.me, self._answers, self.sent = me, answers, dict[str, bytes]()

    async def send(self, to: str, tag: str, payload: bytes) -> None:
        self.sent[tag] = payload

    async def receive(self, sender: str, tag: str, *, limit: int) -> bytes:
        said = self._answers[tag]
        payload = said if isinstance(said, bytes) else said(self.sent.get(BLINDED, b""))
        if len(payload) > limit:
            raise ProtocolError("too long", expected=limit, found=len(payload))
        return payload


POINT = hash_to_group(b"x", CONTEXT)


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (POINT * (LENGTH + 1), "too long"),
        (POINT * (LENGTH - 1), "other points than were agreed"),
        (b"", "other points than were agreed"),
        (POINT * LENGTH + b"\0", "too long"),
        (POINT * (LENGTH - 1) + bytes(32), "the identity"),
        (POINT * (LENGTH - 1) + b"\xff" * 32, "no point"),
    ],
)
def test_a_receiver_gets_the_function_of_as_many_points_as_were_agreed(
    together: Together, points: bytes, said: str
) -> None:
    """So it can test no more guesses than its list may be long."""
    bank = Scripted("bank", {BLINDED: points})
    with pytest.raises(ProtocolError, match=said):
        together(
            fhe.intersect(bank, "shop", [b"ana"], receiver="shop", list_length=LENGTH, context=CONTEXT, max_rows=LENGTH)
        )
    assert bank.sent == {}, "nothing was told"


def times(key: Blinding) -> Callable[[bytes], bytes]:
    return lambda points: b"".join(key(points[start : start + 32]) for start in range(0, len(points), 32))


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"", "cut short"),
        (bytes(ANSWER_BYTES - 1), "cut short"),
        (bytes(ANSWER_BYTES), "hides nothing"),
        (bytes(ANSWER_BYTES * (most_parts(1000) + 1)), "too long"),
        (b"\xff" * ANSWER_BYTES, "is none"),
    ],
)
def test_an_answer_that_is_none_is_refused(
    together: Together, reply: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = bytes(1)
    monkeypatch.setattr(ReceiverKey, "query", lambda *_: query)
    shop = Scripted("shop", {EVALUATED: times(Blinding()), ANSWER: reply})
    with pytest.raises(ProtocolError, match=said):
        together(fhe.intersect(shop, "bank", [b"ana"], receiver="shop", list_length=2, context=CONTEXT, max_rows=1000))


def test_what_the_caller_asks_wrongly_is_refused_before_anything_is_sent(together: Together) -> None:
    good = {"receiver": "shop", "list_length": 2, "context": CONTEXT, "max_rows": 9}
    cases: list[tuple[list[bytes], dict[str, Any], type[Exception]]] = [
        ([b"a", b"b", b"c"], good, DataError),
        ([b"a", b"a"], good, DataError),
        ([b"a"], good | {"receiver": None}, InputError),
        ([b"a"], good | {"receiver": "post"}, InputError),
        ([b"a"], good | {"list_length": 0}, InputError),
        ([b"a"], good | {"list_length": fhe.MAX_LIST + 1}, InputError),
    ]
    for identifiers, asked, error in cases:
        shop = Scripted("shop", {})
        with pytest.raises(error):
            together(fhe.intersect(shop, "bank", identifiers, **asked))
        assert shop.sent == {}


def test_the_points_of_a_seed_are_the_same_again_and_the_ciphertexts_never(
    together: Together, seeded: Callable[[str], Entropy]
) -> None:
    """SEAL's randomness is its own: no two keys or ciphertexts share any."""
    queries = []
    for _ in range(2):
        shop = Scripted("shop", {EVALUATED: times(Blinding(seeded("bank"))), ANSWER: b""})
        with pytest.raises(ProtocolError):
            together(
                fhe.intersect(
                    shop,
                    "bank",
                    [b"ana"],
                    receiver="shop",
                    list_length=2,
                    context=CONTEXT,
                    max_rows=9,
                    entropy=seeded("shop"),
                )
            )
        queries.append(shop.sent)
    assert queries[0][BLINDED] == queries[1][BLINDED]
    keys = [residues_of(one[QUERY][:SOURCES_AT], PRIMES, "shop") for one in queries]
    polynomials = [bytes_of(one) for both_ in keys for one in both_]
    assert len(set(polynomials)) == len(polynomials) == 16


def test_without_seal_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=re.escape("placet[fhe]")) as caught:
        fhe.require()
    assert caught.value.code == "fhe.missing"
    monkeypatch.undo()
    assert extra.seal() is sys.modules["tenseal.sealapi"]
