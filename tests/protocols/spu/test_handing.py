"""What an engine's process is handed in a turn: bytes behind a line, in and out."""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from placet.core.errors import InputError, ProtocolError
from placet.protocols.spu import __main__ as process
from placet.protocols.spu.handing import InLine
from placet.protocols.spu.mpc import bytes_of
from placet.protocols.spu.process import EngineProcess
from placet.protocols.spu.task import Done, EngineInput, Turn, line

CELLS = EngineInput(name="cells", owner=1, dtype="int64", shape=(2, 3))


def test_an_array_comes_out_as_it_went_in() -> None:
    array = np.arange(6, dtype=np.int64).reshape(2, 3)
    for brought in (array, array.T.copy().T):
        handed = InLine([b"", bytes_of(CELLS, 1, {"cells": brought}, {})])
        assert np.array_equal(handed.array(1, CELLS), array)
    assert bytes_of(CELLS, 0, {"cells": array}, {}) == b""
    with pytest.raises(InputError):
        InLine([array[:1].tobytes()]).array(0, CELLS)


class _Input:
    """Standard input of the process."""

    def __init__(self, content: bytes) -> None:
        import io

        self.buffer = io.BytesIO(content)


def test_the_bytes_behind_a_line_are_its_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where they look like lines."""
    given: dict[str, Any] = {
        "context": bytes(32),
        "program": "sum-of-vectors",
        "parameters": {},
        "inputs": (CELLS,) * 3,
    }
    turn = Turn(**given, sizes=(3, 0, 2))
    monkeypatch.setattr(sys, "stdin", _Input(line(turn) + b"a\nb" + b"\n\n" + b"{}\n"))
    read = process._read(sys.stdin.buffer.readline())
    assert isinstance(read, tuple) and read[0] == turn and read[1].brought == [b"a\nb", b"", b"\n\n"]
    assert isinstance(process._read(sys.stdin.buffer.readline()), InputError)


@pytest.mark.parametrize(
    ("words", "shares"),
    [
        (line(Done(items=2, sizes=(3, 100_000))) + b"a\nb" + bytes(100_000), (b"a\nb", bytes(100_000))),
        (line(Done(items=0)), ()),
        (line(Done(items=2, sizes=(3,))) + b"abc", None),
        (line(Done(items=1, sizes=(3,))) + b"ab", None),
    ],
)
def test_shares_stand_behind_the_line_that_says_so(words: bytes, shares: tuple[bytes, ...] | None) -> None:
    async def told() -> tuple[bytes, ...]:
        out = asyncio.StreamReader()
        out.feed_data(words)
        out.feed_eof()
        return await EngineProcess(cast(Any, SimpleNamespace()), cast(Any, None), out).shares()

    if shares is None:
        with pytest.raises(ProtocolError):
            asyncio.run(told())
    else:
        assert asyncio.run(told()) == shares
