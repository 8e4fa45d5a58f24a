"""The engine's process as its node sees it: started, answered in each round, ended with its node or before."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from placet import __version__
from placet.core.child import start_child
from placet.core.errors import InputError, ProtocolError
from placet.models.network import WEIGHT, Reals, Whole
from placet.models.network_training import Training
from placet.models.preparing import Prepared
from placet.protocols.flower.task import EVENTS, FOLDER, MAX_LINE, SECONDS, EngineFailed, FlowerOrder, SumAsked, Trained

Answer = Callable[[list[bytes], Whole], Awaitable[Whole]]
"""(messages that passed the grid since the last turn, the own words) to the totals of all parties."""


@dataclass(frozen=True)
class Material:
    """A party's own rows that train: prepared numbers (rows, width) and labels. `people`: rows of all parties; `seed`:
    of the order in which rows are taken; `alone`: whether they are trained on by themselves, too."""

    prepared: Prepared
    labels: npt.NDArray[np.int64]
    people: int
    seed: int
    alone: bool = False


@dataclass(frozen=True)
class FlowerOutcome:
    """`messages` after the last turn; the network's weights, those of the own rows alone where asked for, and the mean
    loss of all rows at the beginning of each round."""

    messages: list[bytes]
    weights: Whole
    alone: Whole | None
    losses: Reals


async def train(
    python: Path, scratch: Path, seconds: int, training: Training, first: Whole, own: Material, answer: Answer
) -> FlowerOutcome:
    """Train from the weights `first`. ProtocolError `flower.timeout` after `seconds`, `flower.crashed` where the
    process ends without a word, and what it says itself; InputError `flower.diverged` where training has no numbers any
    more."""
    order = FlowerOrder(
        version=__version__,
        seconds=max(1, min(seconds, SECONDS)),
        training=training,
        width=own.prepared.shape[1],
        rows=len(own.prepared),
        people=own.people,
        seed=own.seed,
        alone=own.alone,
    )
    parts = (first.astype("<i8"), own.prepared.astype("<i2"), own.labels.astype(np.uint8))
    with tempfile.TemporaryDirectory(prefix=FOLDER, dir=scratch) as folder:
        process = await asyncio.to_thread(_start, python, Path(folder))
        try:
            async with asyncio.timeout(order.seconds):
                return await _turns(process, order, [one.tobytes() for one in parts], answer)
        except TimeoutError:
            raise ProtocolError("the own training took too long", found=f"{seconds} s", code="flower.timeout") from None
        finally:
            process.kill()
            await asyncio.to_thread(process.wait)


def _start(python: Path, folder: Path) -> subprocess.Popen[bytes]:
    environment = {
        "PATH": os.defpath,
        "LC_ALL": "C",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "FLWR_TELEMETRY_ENABLED": "0",
        "CUDA_VISIBLE_DEVICES": "",
    }
    return start_child(
        [python, "-I", "-m", "placet.protocols.flower"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=environment,
    )


async def _turns(
    process: subprocess.Popen[bytes], order: FlowerOrder, parts: Sequence[bytes], answer: Answer
) -> FlowerOutcome:
    source, target = process.stdout, process.stdin
    if source is None or target is None:
        raise ProtocolError("the engine's process has no pipes", code="flower.crashed")
    await asyncio.to_thread(_write, target, order.model_dump_json().encode() + b"\n", *parts)
    turns = 0
    while True:
        event, messages, words = await asyncio.to_thread(_event, source, order)
        if isinstance(event, Trained):
            return _outcome(order, messages, words)
        turns += 1
        if turns > order.training.rounds or len(words) != order.weights + 1:
            raise ProtocolError("the engine asks for other sums than a training has", code="flower.engine")
        totals = await answer(messages, words)
        await asyncio.to_thread(_write, target, totals.astype("<i8").tobytes())


def _outcome(order: FlowerOrder, messages: list[bytes], words: Whole) -> FlowerOutcome:
    size, rounds = order.weights, order.training.rounds
    if len(words) != size * (1 + order.alone) + rounds:
        raise ProtocolError("the engine gives another network", code="flower.engine")
    alone = words[size : 2 * size] if order.alone else None
    return FlowerOutcome(messages, words[:size], alone, words[-rounds:] / WEIGHT)


def _write(target: IO[bytes], *parts: bytes) -> None:
    """A process that is gone is found out by what it says."""
    with contextlib.suppress(BrokenPipeError):
        target.writelines(parts)
        target.flush()


def _event(source: IO[bytes], order: FlowerOrder) -> tuple[SumAsked | Trained, list[bytes], Whole]:
    said = source.readline(MAX_LINE)
    if not said:
        raise ProtocolError("the engine's process ended without an outcome", code="flower.crashed")
    try:
        event = EVENTS.validate_json(said)
    except ValidationError:
        raise ProtocolError("the engine says what nobody understands", code="flower.engine") from None
    if isinstance(event, EngineFailed):
        kind = InputError if event.code == "flower.diverged" else ProtocolError
        raise kind(event.message, found=event.found, code=event.code)
    if event.words > 2 * order.weights + order.training.rounds + 1:
        raise ProtocolError("the engine says too much", code="flower.engine")
    messages = [_exactly(source, size) for size in event.messages]
    return event, messages, np.frombuffer(_exactly(source, 8 * event.words), "<i8").astype(np.int64)


def _exactly(source: IO[bytes], size: int) -> bytes:
    content = source.read(size)
    if len(content) != size:
        raise ProtocolError("the engine's process ended in the middle of a word", code="flower.crashed")
    return content
