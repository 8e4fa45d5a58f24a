"""A share that a party keeps from one program's run, and brings to another's.

A share means something only with the others' of the same run, at the same place, in the same protocol and ring. So what
is kept says all of that; `demand` compares it before a process starts. There is no MAC: the recipe compares the hash of
what was kept with what was committed to.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from placet.core.errors import InputError
from placet.core.values import Octets, Value
from placet.protocols.spu.engine import Engine
from placet.protocols.spu.shares import decode
from placet.protocols.spu.task import Dtype, Rank, Shape


class KeptShare(Value):
    """The share of the party with this `rank` of one secret array, encoded (`shares`)."""

    engine: Engine
    rank: Rank
    dtype: Dtype
    shape: Shape
    share: Annotated[Octets, Field(repr=False)]

    def demand(self, name: str, engine: Engine, rank: int, dtype: str, shape: tuple[int, ...]) -> None:
        """InputError `spu.kept` unless it is of this engine, place, type and shape; and is a share of that protocol and
        ring by its own words, or one of bits, which are of no ring."""
        for what, expected, found in (
            ("engine", _words(engine), _words(self.engine)),
            ("party", rank, self.rank),
            ("type", dtype, self.dtype),
            ("shape", shape, self.shape),
        ):
            if expected != found:
                raise InputError(f"{name} was kept of another {what}", expected=expected, found=found, code="spu.kept")
        meta = decode(self.share).meta
        kinds = (f"{engine.protocol}.AShr<{engine.field}>", f"{engine.protocol}.BShr<")
        if not any(kind.encode() in meta for kind in kinds):
            raise InputError(f"{name} is another protocol's share", expected=_words(engine), code="spu.kept")


def _words(engine: Engine) -> str:
    return f"{engine.protocol}, {engine.field}, {engine.fraction_bits} fraction bits"
