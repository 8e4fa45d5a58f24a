"""A link between engines' processes that stays open for programs that come one after the other.

To start a process, import SPU and meet the other parties takes seconds; a small program over a link that is there takes
milliseconds. What a turn leaves in the process is what was compiled, and random streams that go on. Its arrays and
shares go through pipes and are in no file. Each turn has a context of its own, which the parties compare before
anything is computed: who computes for another job, attempt or step ends the link.

A session ends with its time, its number of turns, the process that started it, the first turn that fails, and each
party: who finds one gone begins another.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from placet.core.errors import ProtocolError, StateError
from placet.core.hashing import sha256
from placet.core.values import Value
from placet.protocols.spu import extra, leftovers
from placet.protocols.spu.engine import Engine
from placet.protocols.spu.kept import KeptShare
from placet.protocols.spu.mpc import Array, Secret, announce, bytes_of
from placet.protocols.spu.network import Network
from placet.protocols.spu.process import EngineProcess, in_thread, link_of, new_folder, order_of, write_key
from placet.protocols.spu.task import ServeTask, Turn, line


class EngineSession:
    """One party's end. One turn at a time: whoever uses it holds it alone."""

    def __init__(self, network: Network, engine: Engine, turns: int, ends: float, folder: Path, process: EngineProcess):
        self.id = network.session
        self.turn = 0
        self._network = network
        self._engine = engine
        self._turns = turns
        self._ends = ends
        self._folder = folder
        self._process = process

    @classmethod
    async def open(
        cls, network: Network, engine: Engine, *, turns: int, seconds: float, within: float, scratch: Path
    ) -> EngineSession:
        """Meet the other parties, who all call this with the same `engine`, `turns` and `seconds`; `within` so many
        seconds. The errors of `process.run`."""
        extra.require()
        folder = new_folder(scratch)
        process = None
        try:
            async with asyncio.timeout(within):
                await in_thread(lambda: write_key(network, folder))
                task = ServeTask(link=link_of(network), engine=engine, turns=turns)
                process = await EngineProcess.start(order_of(task, seconds), folder)
                await process.outcome(until=task.kind)
        except BaseException as error:
            if process is not None:
                await process.end()
            await in_thread(lambda: leftovers.remove(folder))
            if isinstance(error, TimeoutError):
                raise _late(within) from None
            raise
        return cls(network, engine, turns, time.monotonic() + seconds, folder, process)

    @property
    def usable(self) -> bool:
        """Is it there, with time and turns left?"""
        return self._process.alive and self.turn < self._turns and time.monotonic() < self._ends

    @property
    def seconds_left(self) -> float:
        return self._ends - time.monotonic()

    async def compute(
        self,
        context: bytes,
        program: str,
        parameters: Value,
        secrets: Sequence[Secret],
        own: Mapping[str, Array],
        parts: Mapping[str, KeptShare] | None = None,
        *,
        seconds: float,
    ) -> tuple[bytes, ...]:
        """`mpc.compute` over this link, under a `context` of job, attempt and step; `parts` are kept shares. A turn
        that fails ends the session. ProtocolError `spu.turn` where a party computes something else; StateError where
        the session is over."""
        if not self.usable:
            raise StateError("the session with the other parties' engines is over", code="spu.session")
        announced = announce(self._network, self._engine, program, parameters, secrets, own, parts or {})
        brought = [bytes_of(given, self._network.me, own, parts or {}) for given in announced]
        turn = Turn(
            context=sha256(b"placet.spu.turn/1" + self.turn.to_bytes(4, "big") + context),
            program=program,
            parameters=parameters.to_json(),
            inputs=tuple(announced),
            sizes=tuple(map(len, brought)),
        )
        try:
            async with asyncio.timeout(min(seconds, self.seconds_left)):
                await self._process.hand_over(line(turn), *brought)
                shares = await self._process.shares()
        except TimeoutError:
            await self.close()
            raise _late(seconds) from None
        except BaseException:
            await self.close()
            raise
        self.turn += 1
        return shares

    async def close(self) -> None:
        """End the process, and with it every party's session."""
        await self._process.end()
        await in_thread(lambda: leftovers.remove(self._folder))


def _late(seconds: float) -> ProtocolError:
    return ProtocolError("SPU took too long", expected=f"at most {seconds:g} s", code="spu.timeout")
