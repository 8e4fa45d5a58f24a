"""Lets the tests of this folder import the simulator beside them, and recovers each signature once a process."""

import sys
from functools import lru_cache
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session", autouse=True)
def _recovered_once() -> None:
    """Most bundles of this folder's tests differ from another one in a signature or two, of hundreds."""
    from placet.audit import case
    from placet.core import ecdsa, signature_forms

    case.recover = signature_forms.recover = lru_cache(1 << 14)(ecdsa.recover)
