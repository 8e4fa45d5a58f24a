"""What an installation without extras takes on a disk does not grow unnoticed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
PACKAGE = PROJECT.parent / "backend" / "placet"
MOST = 210
"""Megabytes, of which numpy has 65 and Placet 9: 12 % above what it takes. Wanted are 250 at the most."""
PARQUET = 370
"""The same with the extra `parquet`: pyarrow has 157."""


def needed(name: str, known: dict[str, Distribution]) -> Iterator[tuple[str, Distribution]]:
    """A distribution and all that it requires, each once, without extras."""
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key in known:
        return
    known[key] = distribution(name)
    yield key, known[key]
    yield from required(known[key].requires or [], known)


def required(texts: list[str], known: dict[str, Distribution]) -> Iterator[tuple[str, Distribution]]:
    for text in texts:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield from needed(requirement.name, known)


def megabytes(made: Distribution) -> float:
    """Its files as they are installed, without bytecode."""
    places = [made.locate_file(file) for file in made.files or () if file.suffix != ".pyc"]
    sizes = [place.stat().st_size for place in places if place.exists()]  # type: ignore[attr-defined]
    return float(sum(sizes)) / 1e6


def own() -> float:
    """Placet's files, without what is built beside them."""
    files = (file for file in PACKAGE.rglob("*") if file.is_file() and not {"__pycache__", "pyodide"} & {*file.parts})
    return sum(file.stat().st_size for file in files) / 1e6


def test_the_core_installation_stays_small() -> None:
    """By what pyproject.toml asks for."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    known: dict[str, Distribution] = {}
    sizes = {name: megabytes(made) for name, made in required(project["dependencies"], known)}
    sizes["placet"] = own()
    assert {"web3", "numpy", "sqlalchemy", "aiohttp"} <= sizes.keys()
    assert not {"pyarrow", "spu", "tenseal", "sd-jwt", "opentelemetry-sdk", "pytest"} & sizes.keys()
    largest = sorted(sizes.items(), key=lambda one: -one[1])[:8]
    total = sum(sizes.values())
    print(f"{total:.0f} MB of {len(sizes)} distributions: {largest}")
    assert total <= MOST, largest
    more = {name: megabytes(made) for name, made in required(project["optional-dependencies"]["parquet"], known)}
    assert more.keys() == {"pyarrow"}
    assert total + more["pyarrow"] <= PARQUET


def test_a_distribution_that_is_not_there_is_no_small_one() -> None:
    with pytest.raises(ModuleNotFoundError):
        dict(needed("no-such-distribution", {}))
