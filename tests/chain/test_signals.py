"""Who listens to a signal is woken by it, also by one that came while he was looking."""

from __future__ import annotations

import asyncio
import threading

from placet.chain.signals import Signal, listening


async def test_a_signal_between_two_waits_is_not_lost() -> None:
    signal = Signal()
    with listening(signal) as listener:
        signal.send()
        assert await listener.wait(60)
        assert not await listener.wait(0.01)


async def test_every_listener_hears_it_from_any_thread_and_of_any_of_its_signals() -> None:
    one, other = Signal(), Signal()
    with listening(one, other) as both, listening(one) as single:
        threading.Thread(target=one.send).start()
        assert await asyncio.gather(both.wait(60), single.wait(60)) == [True, True]
        other.send()
        assert await both.wait(60)
        assert not await single.wait(0.01)


async def test_who_has_gone_is_not_woken() -> None:
    signal = Signal()
    with listening(signal) as listener:
        pass
    signal.send()
    assert not await listener.wait(0.01)


def test_a_loop_that_has_ended_harms_nobody() -> None:
    signal = Signal()

    async def leave() -> None:
        listening(signal).__enter__()

    asyncio.run(leave())
    signal.send()
