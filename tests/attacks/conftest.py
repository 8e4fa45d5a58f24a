"""A bank with its vault process, a lender, a second bank, watched contracts: for all attacks without a whole job."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.attacks.stage import Stage
from tests.node.conftest import World
from tests.node.conftest import node as node
from tests.node.conftest import owner as owner
from tests.node.conftest import world as world


@pytest.fixture(scope="session")
def stage(world: World) -> Iterator[Stage]:
    made = Stage(world)
    yield made
    made.engine.dispose()
