"""The engine's process: reads its order, trains, and asks its node for each round's totals, through pipes alone."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

import numpy as np

from placet import __version__
from placet.core.errors import InputError, PlacetError, unforeseen
from placet.core.values import Value, parse
from placet.models import network
from placet.models.network import WEIGHT, Whole, layers_of, snapped
from placet.models.preparing import UNIT
from placet.protocols.flower.confined import confine
from placet.protocols.flower.task import MAX_LINE, EngineFailed, FlowerOrder, SumAsked, Trained


def main() -> None:
    """Whatever Flower and PyTorch print goes nowhere: stdout is the node's."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        order = parse(FlowerOrder, sys.stdin.buffer.readline(MAX_LINE), limit=MAX_LINE)
        confine(order.seconds)
        if order.version != __version__:
            raise InputError("the engine has another Placet", expected=order.version, found=__version__)
        _train(order, sys.stdin.buffer, out)
    except PlacetError as error:
        _fail(out, error.code, error.message, None if error.found is None else str(error.found))
    except MemoryError:
        _fail(out, "flower.memory", "the engine has no more memory", None)
    except Exception as error:
        _fail(out, "flower.engine", "the engine failed", unforeseen(error))


def _fail(out: BinaryIO, code: str, message: str, found: str | None) -> None:
    _say(out, EngineFailed(code=code, message=message[:400], found=found and found[:400]))


def _say(out: BinaryIO, event: Value, *parts: bytes) -> None:
    out.write(event.model_dump_json().encode() + b"\n")
    out.writelines(parts)
    out.flush()


def _train(order: FlowerOrder, source: BinaryIO, out: BinaryIO) -> None:
    from placet.protocols.flower.client import LocalTraining, client_of
    from placet.protocols.flower.grid import SecureGrid, arrays_of, flat, identify
    from placet.protocols.flower.strategies import strategy_of

    identify()
    training = order.training
    weights, design, labels = _rows(order, _exactly(source, order.size))
    messages: list[bytes] = []

    def add(words: Whole) -> Whole:
        _say(out, SumAsked(messages=tuple(map(len, messages)), words=len(words)), *messages, _bytes(words))
        messages.clear()
        return np.frombuffer(_exactly(source, 8 * len(words)), "<i8").astype(np.int64)

    local = LocalTraining(training, design, labels, order.seed)
    layers = layers_of(weights / WEIGHT, order.width, training.hidden)
    grid = SecureGrid(client_of(local, training, order.rows), order.rows, order.people, messages.append, add)
    first = arrays_of(weights / WEIGHT, [one.shape for one in layers])
    outcome = strategy_of(training.strategy).start(grid, first, num_rounds=training.rounds)
    parts = [snapped(flat(outcome.arrays))]
    if order.alone:
        trained, _ = local.train(layers, 0, training.rounds * training.epochs)
        parts.append(snapped(np.concatenate([one.reshape(-1) for one in trained])))
    words = np.concatenate([*parts, network.snapped(np.array(grid.losses))])
    _say(out, Trained(messages=tuple(map(len, messages)), words=len(words)), *messages, _bytes(words))


def _rows(order: FlowerOrder, content: bytes) -> tuple[Whole, network.Reals, Whole]:
    weights = np.frombuffer(content, "<i8", order.weights).astype(np.int64)
    numbers = np.frombuffer(content, "<i2", order.rows * order.width, 8 * order.weights)
    labels = np.frombuffer(content, np.uint8, order.rows, len(content) - order.rows)
    return weights, numbers.reshape(order.rows, order.width) / UNIT, labels.astype(np.int64)


def _exactly(source: BinaryIO, size: int) -> bytes:
    """InputError where the node is gone."""
    content = source.read(size)
    if len(content) != size:
        raise InputError("the node says no more", expected=size, found=len(content))
    return content


def _bytes(words: Whole) -> bytes:
    return words.astype("<i8").tobytes()


if __name__ == "__main__":
    main()
