"""The extra `placet[spu]`: whether SPU can be used here, and why not.

Only the engine's own process imports SPU and jax; a node asks with `require` and starts that process.
"""

from __future__ import annotations

import platform
import sys
from importlib.util import find_spec

from placet.core.errors import ConfigError

_WHEELS = "Python 3.11 on Linux (x86-64, ARM64; glibc) or macOS (ARM64)"


def require() -> None:
    """ConfigError, with the reason, unless SPU and jax are installed."""
    missing = [name for name in ("spu", "jax") if find_spec(name) is None]
    if not missing:
        return
    here = f"Python {platform.python_version()} on {platform.system()} ({platform.machine()})"
    if sys.version_info >= (3, 12):
        remedy = "SPU has no wheels for this Python: run this node on 3.11, or choose the embedded engine"
    else:
        remedy = "pip install 'placet[spu]', or choose the embedded engine"
    raise ConfigError(
        "SPU is not installed here",
        expected=f"placet[spu]: {_WHEELS}",
        found=f"no {', no '.join(missing)}; {here}",
        remedy=remedy,
        code="spu.missing",
    )
