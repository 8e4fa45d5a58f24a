"""Long computations beside an event loop that has to stay awake."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

Progress = Callable[[str, int, int], None]
"""Called on the event loop with (stage, items done, items in all)."""

CHUNK = 256


async def each(
    function: Callable[[T], R], items: Sequence[T], *, stage: str, progress: Progress | None = None
) -> list[R]:
    """`[function(item) for item in items]` in a thread, `CHUNK` items at a time.

    The thread holds the interpreter lock, so this is not faster than a loop; but the event loop gets its turn at
    every switch interval (5 ms), and a cancellation takes effect after at most one chunk.
    """
    results: list[R] = []
    for start in range(0, len(items), CHUNK):
        results += await asyncio.to_thread(_apply, function, items[start : start + CHUNK])
        if progress is not None:
            progress(stage, len(results), len(items))
    return results


def _apply(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    return [function(item) for item in items]
