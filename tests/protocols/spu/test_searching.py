"""The binary search for bands, over plain arrays: the bands that a comparison with every edge says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.protocols.spu.searching import in_bands, running_totals

EDGES = st.lists(st.integers(-40, 40), min_size=1, max_size=70).map(sorted)


@settings(max_examples=120, deadline=None)
@given(EDGES, st.integers(0, 2**32 - 1), st.booleans())
def test_each_row_is_in_the_band_of_its_score(edges: list[int], seed: int, secret: bool) -> None:
    """Of any number of edges, equal ones too; scores that equal an edge are above it."""
    pytest.importorskip("jax")
    import jax

    with jax.experimental.enable_x64():  # type: ignore[attr-defined]
        scores = np.random.default_rng(seed).integers(-45, 46, 30)
        places = np.array(edges, dtype=np.int64)
        told = np.asarray(in_bands(jax.numpy.asarray(scores), jax.numpy.asarray(places) if secret else places))
    assert told.shape == (30, len(edges) + 1)
    assert (np.argmax(told, axis=1) == (scores[:, None] >= places[None, :]).sum(axis=1)).all()
    assert (told.sum(axis=1) == 1).all() and (told.max(axis=1) == 1).all()


def test_totals_run_over_bands() -> None:
    places = np.eye(3, dtype=np.int64)[[0, 2, 2, 1]]
    assert running_totals(np.array([[1, 1, 0, 1], [5, 0, 2, 0]]), places).tolist() == [[1, 2, 3], [5, 5, 7]]
