"""A signal that something has changed: wakes who waits for it, in any event loop of this process, from any thread.

A signal carries nothing. Who is woken looks for himself, and looks from time to time in any case: a lost signal costs
time and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator


class Listener:
    """Hears signals from its making on; what came between two waits ends the second one at once."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the listener's loop has ended
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, seconds: float) -> bool:
        """Until a signal, but at most so many seconds; whether there was one."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


class Signal:
    """May be sent by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []

    def send(self) -> None:
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener.wake()

    def add(self, listener: Listener) -> None:
        with self._lock:
            self._listeners.append(listener)

    def remove(self, listener: Listener) -> None:
        with self._lock:
            self._listeners.remove(listener)


@contextlib.contextmanager
def listening(*signals: Signal) -> Iterator[Listener]:
    """One listener to all of these signals."""
    listener = Listener()
    for signal in signals:
        signal.add(listener)
    try:
        yield listener
    finally:
        for signal in signals:
            signal.remove(listener)
