"""The asynchronous face of what is synchronous: each call runs in a thread, so that no event loop waits for a database.

    class ThreadedStore(Threaded[Store]):
        find = threaded(Store.find)

    row = await ThreadedStore(store).find(key)

mypy checks each call as one of the method itself. A call that is cancelled while it is waited for still runs to its
end in its thread: what it writes is whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

S = TypeVar("S")
P = ParamSpec("P")
R = TypeVar("R")


class Threaded(Generic[S]):
    """The face of one synchronous object; a subclass names its methods."""

    def __init__(self, sync: S) -> None:
        self._sync = sync


def threaded(
    method: Callable[Concatenate[S, P], R],
) -> Callable[Concatenate[Threaded[S], P], Coroutine[Any, Any, R]]:
    """A synchronous method as one of the face."""

    async def call(face: Threaded[S], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.to_thread(method, face._sync, *args, **kwargs)

    call.__name__, call.__doc__ = method.__name__, method.__doc__
    return call
