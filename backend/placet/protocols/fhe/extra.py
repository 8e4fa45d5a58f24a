"""The extra `placet[fhe]`: SEAL, by way of `tenseal.sealapi`, or an error that says how to get it."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from placet.core.errors import ConfigError


def require() -> None:
    """ConfigError `fhe.missing` unless TenSEAL is installed."""
    if find_spec("tenseal") is None:
        raise ConfigError(
            "FHE PSI needs a package that is not installed here",
            expected="tenseal",
            found="no tenseal",
            remedy="pip install 'placet[fhe]', or another protocol: psi ecdh",
            code="fhe.missing",
        )


def seal() -> Any:
    """SEAL's own interface, loaded when it is first needed, as that takes a fifth of a second."""
    require()
    return import_module("tenseal.sealapi")
