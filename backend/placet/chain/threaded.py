"""The asynchronous face of what is synchronous: each call runs in a thread, so that no event loop waits for a database
or for an endpoint.

    class ThreadedStore(Threaded[Store]):
        find = threaded(Store.find)

    row = await ThreadedStore(store).find(key)
    state = await ask_chain(chain.offer, offer)

Databases and endpoints have threads of their own, neither the event loop's: an endpoint that hangs takes all of its own
and none of the others'. mypy checks each call as one of the method itself. A call that is cancelled while it is waited
for still runs to its end in its thread: what it writes is whole. The threads end with the process.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

STORE_THREADS, CHAIN_THREADS = 4, 8
"""Calls at a time to databases, and of what waits for an endpoint and may look into a database too: together fewer than
the fifteen connections of an engine."""

S = TypeVar("S", covariant=True)
"""A face of a store serves wherever one of what the store is built on is asked for."""
P = ParamSpec("P")
R = TypeVar("R")

_STORE = ThreadPoolExecutor(STORE_THREADS, "store")
_CHAIN = ThreadPoolExecutor(CHAIN_THREADS, "chain")


async def _run(threads: Executor, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    call = functools.partial(contextvars.copy_context().run, function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(threads, call)


async def ask_chain(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """What the function returns or raises, from a thread for what waits for an endpoint."""
    return await _run(_CHAIN, function, *args, **kwargs)


async def ask_store(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """The same from a thread for databases and files."""
    return await _run(_STORE, function, *args, **kwargs)


class Threaded(Generic[S]):
    """The face of one synchronous object over a database; a subclass names its methods."""

    def __init__(self, sync: S) -> None:
        self._sync = sync


def threaded(
    method: Callable[Concatenate[S, P], R],
) -> Callable[Concatenate[Threaded[S], P], Coroutine[Any, Any, R]]:
    """A synchronous method as one of the face."""

    async def call(face: Threaded[S], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await _run(_STORE, method, face._sync, *args, **kwargs)

    call.__name__, call.__doc__ = method.__name__, method.__doc__
    return call
