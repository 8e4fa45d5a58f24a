"""What an installation without extras takes on a disk does not grow unnoticed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution

import pytest
from packaging.requirements import Requirement

MOST = 350
"""Megabytes, of which pyarrow has 157 and numpy 65: 4 % above what it takes. Wanted are 250."""


def needed(name: str, known: dict[str, Distribution]) -> Iterator[tuple[str, Distribution]]:
    """A distribution and all that it requires, each once, without extras."""
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key in known:
        return
    known[key] = distribution(name)
    yield key, known[key]
    for text in known[key].requires or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield from needed(requirement.name, known)


def megabytes(made: Distribution) -> float:
    """Its files as they are installed, without bytecode."""
    places = [made.locate_file(file) for file in made.files or () if file.suffix != ".pyc"]
    sizes = [place.stat().st_size for place in places if place.exists()]  # type: ignore[attr-defined]
    return float(sum(sizes)) / 1e6


def test_the_core_installation_stays_small() -> None:
    sizes = {name: megabytes(made) for name, made in needed("placet", {})}
    assert {"pyarrow", "web3", "numpy"} <= sizes.keys()
    assert not {"spu", "tenseal", "sd-jwt", "opentelemetry-sdk", "pytest"} & sizes.keys()
    largest = sorted(sizes.items(), key=lambda one: -one[1])[:8]
    total = sum(sizes.values())
    print(f"{total:.0f} MB of {len(sizes)} distributions: {largest}")
    assert total <= MOST, largest


def test_a_distribution_that_is_not_there_is_no_small_one() -> None:
    with pytest.raises(ModuleNotFoundError):
        dict(needed("no-such-distribution", {}))
