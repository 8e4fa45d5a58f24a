"""Fixtures that every room's tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from placet.chain.local import LocalChain
from placet.chain.local import free_port as _free_port


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="slow: run scripts/test --slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def anvil() -> Iterator[LocalChain]:
    """One chain for the whole run. What a test does to it stays."""
    with LocalChain() as chain:
        yield chain


@pytest.fixture
def fresh_anvil(anvil: LocalChain) -> Iterator[LocalChain]:
    """The run's chain, reverted after the test to what it was before."""
    with anvil.snapshot():
        yield anvil


@pytest.fixture
def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    return _free_port()
