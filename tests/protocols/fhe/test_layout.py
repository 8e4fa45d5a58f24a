"""FHE PSI without encryption: the function in front, parameters, bins, polynomials."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import examples
from placet.catalogue.match import SPEC
from placet.core.errors import ProtocolError
from placet.protocols.bins import cuckoo_rows
from placet.protocols.fhe import MAX_LIST, oprf, parameters
from placet.protocols.fhe.layout import Numbers, Spread, Tags, hits, slots
from placet.protocols.fhe.parameters import BINS, HIGHEST, SOURCES, N, T, false_positives, most_parts, partition, splits
from placet.protocols.fhe.polynomials import from_roots, power
from placet.protocols.fhe.scheme import ANSWER_BYTES, QUERY_BYTES
from placet.protocols.psi.ristretto import Blinding

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "fhe.json").read_text(encoding="utf-8"))


class Known(Blinding):
    """A scalar that the test knows."""

    def __init__(self, scalar: str) -> None:
        self._scalar = bytes.fromhex(scalar)


def at(coefficients: Any, values: Numbers) -> Numbers:
    """Each slot's polynomial at its value."""
    total = np.zeros(N, dtype=np.int64)
    for one in coefficients[::-1].astype(np.int64):
        total = (total * values + one) % T
    return total


def random_tags(count: int, seed: int) -> Tags:
    return Tags.of(np.random.default_rng(seed).bytes(64 * count))


def joined(*tags: Tags) -> Tags:
    return Tags.joined(list(tags))


@pytest.mark.parametrize("case", VECTORS["oprf"]["cases"])
def test_the_function_is_that_of_rfc_9497(case: dict[str, str]) -> None:
    value, key = bytes.fromhex(case["input"]), Known(VECTORS["oprf"]["key"])
    blinded = oprf.Blinded(value, Known(VECTORS["oprf"]["blind"]))
    assert blinded.point.hex() == case["blinded"]
    assert key(blinded.point).hex() == case["evaluated"]
    assert blinded.output(bytes.fromhex(case["evaluated"])).hex() == case["output"]
    assert oprf.evaluate(key, value).hex() == case["output"]


def test_tags_are_the_documented_ones() -> None:
    context, key = bytes.fromhex(VECTORS["tags"]["context"]), Known(VECTORS["oprf"]["key"])
    for row in VECTORS["tags"]["rows"]:
        value = oprf.input_of(bytes.fromhex(row["identifier"]), context)
        output = oprf.evaluate(key, value)
        tags = Tags.of(output)
        assert (value.hex(), output.hex()) == (row["input"], row["output"])
        assert (tags.felts[0].tolist(), tags.bins[0].tolist()) == (row["felts"], row["bins"])
        words = [int.from_bytes(output[start : start + 8], "little") for start in range(0, 64, 8)]
        assert row["felts"] == [word % T for word in words[:4]]
        assert row["bins"] == [word % BINS for word in words[4:7]]


def test_parameters_are_the_documented_ones() -> None:
    assert VECTORS["parameters"] == {
        "degree": N,
        "plain": T,
        "primes": [hex(prime) for prime in parameters.PRIMES],
        "bins": BINS,
        "felts": parameters.FELTS,
        "places": parameters.PLACES,
        "sources": list(SOURCES),
        "highest": HIGHEST,
        "list": MAX_LIST,
        "query_bytes": QUERY_BYTES,
        "answer_bytes": ANSWER_BYTES,
    }
    assert T % (2 * N) == 1 and all(prime % (2 * N) == 1 for prime in parameters.PRIMES)
    assert sum(prime.bit_length() for prime in parameters.PRIMES) == 218
    assert VECTORS["splits"] == [list(one) for one in splits(12)]


def test_a_job_may_name_no_longer_list_than_the_protocol_takes() -> None:
    (whole, _) = SPEC.parameters.model_json_schema()["properties"]["list_length"]["anyOf"]
    assert (whole["minimum"], whole["maximum"]) == (1, MAX_LIST)


def test_every_power_is_two_multiplications_deep_at_the_most() -> None:
    for degree in range(1, HIGHEST + 1):
        depth = {power: 0 for power in SOURCES if power <= degree}
        for power_, one, other in splits(degree):
            assert one + other == power_ and power_ not in depth
            depth[power_] = 1 + max(depth[one], depth[other])
        assert sorted(depth) == list(range(1, degree + 1))
        assert max(depth.values()) <= 2


def test_false_positives_stay_below_two_to_the_minus_forty() -> None:
    """At a million rows, and a list of the full length."""
    parts = most_parts(1_000_000)
    assert parts == 27
    assert false_positives(MAX_LIST, parts, HIGHEST) < 2**-40
    assert parts * ANSWER_BYTES <= 4_000_000


@pytest.mark.parametrize("depth", [0, 1, 69, 70, 71, 140, 141, 1600])
def test_a_set_is_parted_into_as_few_parts_as_can_be(depth: int) -> None:
    parts, degree = partition(depth)
    assert 1 <= degree <= HIGHEST and parts * degree >= depth
    assert parts == 1 or (parts - 1) * HIGHEST < depth


@settings(deadline=None, max_examples=examples(10))
@given(count=st.sampled_from((0, 1, 2, 100, MAX_LIST)), seed=st.integers(0, 2**32))
def test_each_row_of_a_list_has_one_of_its_bins_to_itself(count: int, seed: int) -> None:
    tags = random_tags(count, seed)
    table = cuckoo_rows(tags.bins, BINS)
    assert sorted(table[table >= 0]) == list(range(count))
    assert all(place in tags.bins[row] for place, row in enumerate(table) if row >= 0)


def test_rows_are_moved_to_make_room_and_too_many_are_refused() -> None:
    bins = np.array([[1, 1, 2], [1, 1, 1], [2, 3, 3]])
    assert cuckoo_rows(bins, BINS)[:4].tolist() == [-1, 1, 0, 2]
    with pytest.raises(ProtocolError, match="no room"):
        cuckoo_rows(np.array([[1, 2, 3]] * 4), BINS)


@settings(deadline=None, max_examples=examples(6))
@given(both=st.integers(0, 20), rows=st.sampled_from((0, 1, 300, 9000)), seed=st.integers(0, 2**32))
def test_the_polynomials_are_zero_where_a_row_is_and_nowhere_else(both: int, rows: int, seed: int) -> None:
    common = random_tags(both, seed)
    listed = joined(random_tags(30, seed + 1), common)
    entropy = np.random.default_rng(seed + 2).bytes
    spread = Spread(joined(random_tags(rows, seed + 3), common), entropy)
    table = cuckoo_rows(listed.bins, BINS)
    values = slots(table, listed, entropy)
    matched = np.zeros(BINS, dtype=np.bool_)
    for roots in spread:
        assert roots.shape == (spread.degree, N)
        matched |= hits(at(from_roots(roots, entropy), values))
    assert sorted(table[matched & (table >= 0)]) == list(range(30, 30 + both))


def test_a_value_that_misses_tells_nothing_of_the_roots() -> None:
    """Each slot's polynomial has a factor of its own, so the same roots give other values."""
    roots = np.full((3, N), 5, dtype=np.int64)
    entropy = np.random.default_rng(1).bytes
    values = at(from_roots(roots, entropy), np.full(N, 6, dtype=np.int64))
    assert len(np.unique(values)) > N * 0.98 and values.min() > 0


def test_a_row_whose_bins_are_one_lies_there_once() -> None:
    tags = random_tags(1, 7)
    tags.bins[0] = 9
    spread = Spread(tags, np.random.default_rng(1).bytes)
    assert (spread.parts, spread.degree) == (1, 1)


def test_powers() -> None:
    values = np.array([0, 1, 2, T - 1])
    assert [power(values, e).tolist() for e in (1, 11)] == [values.tolist(), [0, 1, 2048, T - 1]]
