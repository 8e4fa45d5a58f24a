"""One service and two companies for a file of tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from comparison_harness import ComparisonHarness, accept, founded
from placet.company.company import Company


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def harness(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ComparisonHarness]:
    with founded(tmp_path_factory.mktemp("comparing")) as made:
        async with made.serving():
            await accept(made)
            yield made


@pytest_asyncio.fixture(loop_scope="module")
async def a(harness: ComparisonHarness) -> AsyncIterator[Company]:
    async with harness.company("before") as here:
        yield here


@pytest_asyncio.fixture(loop_scope="module")
async def b(harness: ComparisonHarness) -> AsyncIterator[Company]:
    async with harness.company("after") as here:
        yield here
