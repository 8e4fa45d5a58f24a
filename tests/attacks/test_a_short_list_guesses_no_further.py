"""FHE PSI: a consumer tests no more guesses against a provider's rows than the plan says its list may have.

The scheme alone would let it fill every bin with a guess. Only the oblivious function in front, which the provider
counts, stands against that: the same attempt succeeds where tags are plain hashes.
"""

from __future__ import annotations

import hashlib
import secrets
from importlib.util import find_spec

import numpy as np
import pytest

from placet.protocols.fhe import oprf
from placet.protocols.fhe.layout import Spread, Tags, hits
from placet.protocols.fhe.parameters import BINS, FELTS, N
from placet.protocols.fhe.polynomials import from_roots
from placet.protocols.fhe.scheme import Bfv, ReceiverKey, answer
from placet.protocols.psi.ristretto import Blinding

# Its import starts threads in every worker, which all read this file.
pytestmark = pytest.mark.skipif(find_spec("tenseal") is None, reason="placet[fhe] is not installed here")

CONTEXT = b"job 1, attempt 1, bank and consumer"
GUESSES = [b"+49 30 %04d" % i for i in range(1500)]
"""All numbers of a small town."""
AT_THE_BANK = set(range(0, 1500, 37))
LISTED = 8


def guessed_all(provider: Tags, guesses: Tags) -> set[int]:
    """The guesses that hit, of one query in which each bin has a guess that may lie there: no list of `LISTED`."""
    seats = {int(place): row for row in range(len(guesses.bins)) for place in guesses.bins[row]}
    values = np.zeros((BINS, FELTS), dtype=np.int64)
    for place, row in seats.items():
        values[place] = guesses.felts[row]
    assert len(seats) > 10 * LISTED
    bfv = Bfv()
    key = ReceiverKey(bfv)
    parts = [from_roots(roots, secrets.token_bytes) for roots in Spread(provider, secrets.token_bytes)]
    payload = answer(bfv, key.query(values.reshape(N)), parts, "consumer")
    zero = np.logical_or.reduce([hits(one) for one in key.opened(payload, "bank")])
    return {row for place, row in seats.items() if zero[place]}


def test_without_the_function_every_bin_tests_a_guess() -> None:
    def plain(rows: list[bytes]) -> Tags:
        return Tags.of(b"".join(hashlib.sha512(CONTEXT + row).digest() for row in rows))

    matched = guessed_all(plain([GUESSES[i] for i in AT_THE_BANK]), plain(GUESSES))
    assert matched <= AT_THE_BANK
    assert len(matched) > 2 * LISTED, "far more than a list of the declared length could have shown"


def test_with_it_only_what_the_provider_answered_can_hit() -> None:
    bank, consumer = (Blinding(np.random.default_rng(seed).bytes) for seed in (1, 2))

    def evaluated(key: Blinding, row: bytes) -> bytes:
        return oprf.evaluate(key, oprf.input_of(row, CONTEXT))

    answered = [oprf.Blinded(oprf.input_of(row, CONTEXT), Blinding()) for row in GUESSES[:LISTED]]
    asked = [one.output(bank(one.point)) for one in answered]
    rest = [evaluated(consumer, row) for row in GUESSES[LISTED:]]
    provider = Tags.of(b"".join(evaluated(bank, GUESSES[i]) for i in sorted(AT_THE_BANK)))
    guesses = Tags.of(b"".join((*rest, *asked)))
    matched = {(row + LISTED) % len(GUESSES) for row in guessed_all(provider, guesses)}
    assert matched == AT_THE_BANK & set(range(LISTED)) == {0}
