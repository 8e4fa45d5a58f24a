"""The packages of the extra `placet[paillier]`, or an error that says how to get them.

phe is GPL-3.0 and gmpy2 LGPL-3.0, so Paillier asks for them here, when it is imported, and nothing else does.
"""

from __future__ import annotations

from placet.core.errors import ConfigError

try:
    import gmpy2
    import phe
except ModuleNotFoundError as missing:
    raise ConfigError(
        "Paillier needs packages that are never installed unasked",
        expected="phe and gmpy2",
        found=f"no {missing.name}",
        remedy="pip install 'placet[paillier]'; phe is GPL-3.0, gmpy2 LGPL-3.0",
    ) from None

__all__ = ["gmpy2", "phe"]
