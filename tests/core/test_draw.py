"""Drawn places: the same for everybody, without replacement, uniform; and what a count of them finds."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.core.draw import drawn, missed
from placet.core.hashing import sha256
from placet.core.merkle import rfc6962_holds, rfc6962_leaf, rfc6962_nodes, rfc6962_paths

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "draw.json").read_text())


@pytest.mark.parametrize("case", VECTORS["draws"])
def test_drawn_places(case: dict[str, Any]) -> None:
    block, job = bytes.fromhex(case["block"][2:]), bytes.fromhex(case["job"][2:])
    assert list(drawn(block, job, case["party"], case["total"], case["count"])) == case["places"]


@given(st.integers(0, 300), st.integers(0, 300), st.binary(min_size=32, max_size=32))
def test_no_place_comes_twice(total: int, count: int, block: bytes) -> None:
    places = drawn(block, bytes(32), 0, total, count)
    assert len(set(places)) == len(places) == min(total, count)
    assert list(places) == sorted(places) and all(0 <= place < total for place in places)


def test_block_job_and_party_each_decide() -> None:
    one = drawn(bytes(32), bytes(32), 0, 10**6, 20)
    others = [
        drawn(b"\1" * 32, bytes(32), 0, 10**6, 20),
        drawn(bytes(32), b"\1" * 32, 0, 10**6, 20),
        drawn(bytes(32), bytes(32), 1, 10**6, 20),
    ]
    assert len({one, *others}) == 4


def test_each_place_is_as_likely() -> None:
    """Pearson's chi-square over fixed blocks: 12 places, 5 at a time, 2,000 draws; 11 degrees of freedom."""
    counts = Counter(p for n in range(2_000) for p in drawn(sha256(n.to_bytes(4, "big")), bytes(32), 0, 12, 5))
    expected = 2_000 * 5 / 12
    assert sum((counts[place] - expected) ** 2 / expected for place in range(12)) < 31.3  # 0.1 %


def test_what_460_places_find() -> None:
    """The sentence of the documents: a share of one percent is found with 99 %."""
    assert missed(0.01, 459) < 0.01 < missed(0.01, 458)
    assert missed(0.01, 460) == pytest.approx(0.0098, abs=1e-4)


@pytest.mark.parametrize("leaves", [1, 2, 3, 5, 8, 13])
def test_paths_of_the_lawful_tree(leaves: int) -> None:
    nodes = [rfc6962_leaf(bytes([n])) for n in range(leaves)]
    root = rfc6962_nodes(list(nodes))
    for index, path in enumerate(rfc6962_paths(nodes, range(leaves))):
        assert rfc6962_holds(root, nodes[index], index, leaves, path)
        for wrong in (path[:-1], [*path, bytes(32)]):
            assert (leaves == 1 and not path and wrong == path) or not rfc6962_holds(
                root, nodes[index], index, leaves, wrong
            )
        assert not rfc6962_holds(root, bytes(32), index, leaves, path)
        assert not rfc6962_holds(root, nodes[index], index + 1, leaves, path)
        assert not rfc6962_holds(root, nodes[index], leaves, leaves, path)
