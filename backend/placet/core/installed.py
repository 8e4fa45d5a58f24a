"""Is a library there that comes with an extra?"""

from __future__ import annotations

from importlib.util import find_spec


def is_installed(module: str) -> bool:
    """By its dotted name; nothing of it is run but the packages that it is in."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package that it would be in
        return False
