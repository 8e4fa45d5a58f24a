"""What a party's own process is handed for a program, and where its shares of what comes out go.

A single program's arrays may be large and lie in the task's folder. Those of a turn come behind its line, and its
shares go back behind the line that says it is done: nothing of a turn is ever in a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from placet.core.errors import InputError
from placet.protocols.spu.task import EngineInput, array_file, kept_file, share_file

Array = npt.NDArray[Any]


class Handed(Protocol):
    """Inputs by their place. InputError `spu.input` for an array that is not what was announced."""

    def array(self, place: int, given: EngineInput) -> Array: ...

    def kept(self, place: int) -> bytes: ...

    def put(self, place: int, share: bytes) -> None: ...


class InFolder:
    """In the folder that the process runs in."""

    def array(self, place: int, given: EngineInput) -> Array:
        array: Array = np.load(array_file(place), allow_pickle=False)
        if array.dtype.name != given.dtype or array.shape != given.shape:
            raise _other(given)
        return np.ascontiguousarray(array)

    def kept(self, place: int) -> bytes:
        return Path(kept_file(place)).read_bytes()

    def put(self, place: int, share: bytes) -> None:
        Path(share_file(place)).write_bytes(share)


@dataclass(frozen=True)
class InLine:
    """In memory: bytes of each input, none of what others bring; `shares` in the order of the outputs."""

    brought: Sequence[bytes] = field(repr=False)
    shares: list[bytes] = field(default_factory=list, repr=False)

    def array(self, place: int, given: EngineInput) -> Array:
        flat: Array = np.frombuffer(self.brought[place], given.dtype)
        if flat.size != np.prod(given.shape):
            raise _other(given)
        return flat.reshape(given.shape)

    def kept(self, place: int) -> bytes:
        return self.brought[place]

    def put(self, place: int, share: bytes) -> None:
        self.shares.append(share)


def _other(given: EngineInput) -> InputError:
    return InputError("an input is not what was announced", expected=given.name, code="spu.input")
