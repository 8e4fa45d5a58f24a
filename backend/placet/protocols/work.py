"""Long computations beside an event loop that has to stay awake."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

Progress = Callable[[str, int, int], None]
"""Called on the event loop with (stage, items done, items in all)."""

CHUNK = 256
THREADS = min(8, os.cpu_count() or 1)


async def each(
    function: Callable[[T], R], items: Sequence[T], *, stage: str, progress: Progress | None = None
) -> list[R]:
    """`[function(item) for item in items]` in a thread, `CHUNK` items at a time.

    The thread holds the interpreter lock, so this is not faster than a loop; but the event loop gets its turn at
    every switch interval (5 ms), and a cancellation takes effect after at most one chunk.
    """
    return await _chunked(function, items, 1, stage, progress)


async def each_at_once(
    function: Callable[[T], R], items: Sequence[T], *, stage: str, progress: Progress | None = None
) -> list[R]:
    """As `each`, with a chunk's items on all processors: for a `function` that releases the interpreter lock."""
    return await _chunked(function, items, THREADS, stage, progress)


async def _chunked(
    function: Callable[[T], R], items: Sequence[T], threads: int, stage: str, progress: Progress | None
) -> list[R]:
    results: list[R] = []
    for start in range(0, len(items), CHUNK):
        chunk = items[start : start + CHUNK]
        share = -(-len(chunk) // threads)
        shares = [chunk[begin : begin + share] for begin in range(0, len(chunk), share)]
        for part in await asyncio.gather(*(asyncio.to_thread(_apply, function, one) for one in shares)):
            results += part
        if progress is not None:
            progress(stage, len(results), len(items))
    return results


def _apply(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    return [function(item) for item in items]
