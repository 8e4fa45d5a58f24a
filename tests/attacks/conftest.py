"""A bank with its vault process, a lender, a second bank, watched contracts: for all attacks without a whole job."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.attacks.harness import AttackHarness
from tests.node.conftest import NodeEnvironment
from tests.node.conftest import environment as environment
from tests.node.conftest import node as node
from tests.node.conftest import owner as owner


@pytest.fixture(scope="session")
def harness(environment: NodeEnvironment) -> Iterator[AttackHarness]:
    made = AttackHarness(environment)
    yield made
    made.engine.dispose()
