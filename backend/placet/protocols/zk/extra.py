"""The packages of the extra `placet[zk]`, or an error that says how to get them.

groth16py is GPL-3.0, so proofs ask for it here, when they are made or checked, and nothing else does.
"""

from __future__ import annotations

from placet.core.errors import ConfigError

try:
    import groth16py
    import light_poseidon_python as light_poseidon
except ModuleNotFoundError as missing:
    raise ConfigError(
        "proofs in zero knowledge need packages that are never installed unasked",
        expected="groth16py and light-poseidon-python",
        found=f"no {missing.name}",
        remedy="pip install 'placet[zk]'; groth16py is GPL-3.0",
    ) from None

__all__ = ["groth16py", "light_poseidon"]
