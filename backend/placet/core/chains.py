"""What a deployment counts on of its chain."""

from __future__ import annotations

from typing import Literal, TypeAlias

Evm: TypeAlias = Literal["cancun", "osaka"]
"""The chain's rules: of `osaka` the contracts use the P-256 precompile, of `cancun` the opcodes alone."""
Finality: TypeAlias = Literal["blocks", "safe", "finalized"]
"""What says that a block counts: a number of blocks above it, or the chain's own tag (Engine API, `safe`: justified;
`finalized`: undone by nobody without the loss of a third of all stakes)."""
