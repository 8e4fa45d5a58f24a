"""The engine's process as its node sees it, with programs that stand in for it: they need neither flwr nor torch."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from placet import __version__
from placet.core.errors import ConfigError, InputError, PlacetError, ProtocolError
from placet.models.choices import count
from placet.models.network import Whole
from placet.models.network_training import FedAvgStrategy, Training
from placet.protocols.flower.extra import FlowerEngine
from placet.protocols.flower.process import FlowerOutcome, Material, train
from placet.protocols.flower.task import FLOWER

TRAINING = Training(hidden=(2,), rounds=2, epochs=1, batch=8, rate=10, strategy=FedAvgStrategy())
SIZE = count(3, (2,))
HEAD = """\
import json, struct, sys
order = json.loads(sys.stdin.buffer.readline())
size, rows = {size}, order["rows"]
content = sys.stdin.buffer.read(8 * size + rows * (2 * order["width"] + 1))
weights = struct.unpack(f"<{{size}}q", content[: 8 * size])
def say(event, *parts):
    sys.stdout.buffer.write(json.dumps(event).encode() + b"\\n" + b"".join(parts))
    sys.stdout.buffer.flush()
def words(numbers):
    return struct.pack(f"<{{len(numbers)}}q", *numbers)
def turn(*messages):
    own = [one + 1 for one in weights] + [7]
    say({{"event": "turn", "messages": list(map(len, messages)), "words": len(own)}}, *messages, words(own))
    return struct.unpack(f"<{{size + 1}}q", sys.stdin.buffer.read(8 * (size + 1)))
"""
HONEST = """\
first = turn(b"one")
second = turn(b"reply", b"two")
end = [a + b for a, b in zip(first, second)][:size]
say({"event": "trained", "messages": [3], "words": size + 2}, b"end", words(end + [1 << 24, 1 << 23]))
"""


def program(folder: Path, body: str) -> Path:
    """A program that stands in for the engine's Python."""
    path = folder / "python"
    path.write_text(f"#!{sys.executable} -IS\n" + HEAD.format(size=SIZE) + body)
    path.chmod(0o700)
    return path


def material(*, alone: bool = False) -> Material:
    return Material(np.full((4, 3), 32, np.int64), np.array([0, 1, 0, 1]), 12, 5, alone)


def run(
    python: Path, folder: Path, *, seconds: int = 60, own: Material | None = None
) -> tuple[FlowerOutcome, list[bytes]]:
    messages: list[bytes] = []

    async def answer(new: list[bytes], words: Whole) -> Whole:
        messages.extend(new)
        return words * 2

    first = np.arange(SIZE, dtype=np.int64)
    outcome = asyncio.run(train(python, folder, seconds, TRAINING, first, own or material(), answer))
    return outcome, messages


def test_each_turn_is_answered_and_its_messages_come_in_order(tmp_path: Path) -> None:
    outcome, messages = run(program(tmp_path, HONEST), tmp_path)
    assert messages == [b"one", b"reply", b"two"] and outcome.messages == [b"end"]
    assert outcome.weights.tolist() == [4 * (one + 1) for one in range(SIZE)]
    assert outcome.losses.tolist() == [1.0, 0.5] and outcome.alone is None
    assert [one.name for one in tmp_path.iterdir()] == ["python"], "nothing of the process is left"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("sys.exit(3)", "flower.crashed"),
        ("sys.stdout.buffer.write(b'{}\\n')", "flower.engine"),
        ("sys.stdout.buffer.write(b'x' * 200_000)", "flower.engine"),
        ("say({'event': 'turn', 'messages': [5], 'words': 4}, b'one')", "flower.crashed"),
        ("say({'event': 'turn', 'messages': [], 'words': 10**9})", "flower.engine"),
        ("say({'event': 'turn', 'messages': [], 'words': 1}, words([1]))", "flower.engine"),
        ("turn(); turn(); turn()", "flower.engine"),
        ("turn(); say({'event': 'trained', 'messages': [], 'words': 1}, words([1]))", "flower.engine"),
        ("say({'event': 'failed', 'code': 'flower.memory', 'message': 'too little'})", "flower.memory"),
        ("say({'event': 'failed', 'code': 'flower.diverged', 'message': 'no numbers'})", "flower.diverged"),
        ("import time; time.sleep(600)", "flower.timeout"),
    ],
)
def test_an_engine_that_fails_or_lies_ends_the_training(tmp_path: Path, body: str, code: str) -> None:
    with pytest.raises(PlacetError) as caught:
        run(program(tmp_path, body), tmp_path, seconds=1 if "sleep" in body else 60)
    assert caught.value.code == code
    assert isinstance(caught.value, InputError if code == "flower.diverged" else ProtocolError)


def test_the_own_rows_alone_are_asked_for(tmp_path: Path) -> None:
    body = HONEST.replace("size + 2}", "2 * size + 2}").replace("end + [", "end + list(weights) + [")
    outcome, _ = run(program(tmp_path, f"assert order['alone']\n{body}"), tmp_path, own=material(alone=True))
    assert outcome.alone is not None and outcome.alone.tolist() == list(range(SIZE))
    with pytest.raises(ProtocolError):
        run(program(tmp_path, HONEST), tmp_path, own=material(alone=True))


def probed(folder: Path, versions: dict[str, str | None]) -> FlowerEngine:
    path = folder / "probed"
    path.write_text(f"#!/bin/sh\nprintf '%s' '{json.dumps(versions)}'\n")
    path.chmod(0o700)
    return FlowerEngine.at(path)


def test_an_installation_that_lacks_the_engine_says_what(tmp_path: Path) -> None:
    whole: dict[str, str | None] = {"placet": __version__, "flwr": FLOWER, "torch": "2.13.0+cpu"}
    assert probed(tmp_path, whole).require() == tmp_path / "probed"
    cases: dict[str, dict[str, str | None]] = {
        "torch is missing": {"torch": None},
        "flwr 1.41.0": {"flwr": "1.41.0"},
        "placet 0.0.1": {"placet": "0.0.1"},
        "flwr is missing, torch is missing": {"flwr": None, "torch": None},
    }
    for words, change in cases.items():
        with pytest.raises(ConfigError) as caught:
            probed(tmp_path, whole | change).require()
        assert words in str(caught.value.found) and "placet[flower,torch]" in str(caught.value.remedy)
        assert caught.value.code == "flower.missing"
    for path in (tmp_path / "nowhere", program(tmp_path, "sys.exit(1)")):
        assert "does not run" in str(FlowerEngine.at(path).problem)


def test_a_confined_process_has_no_network_and_an_end() -> None:
    script = """\
from placet.protocols.flower.confined import MEMORY, confine
import resource, signal, socket
confine(30)
def refused(work):
    try:
        work()
    except PermissionError:
        return True
    return False
tries = [
    refused(lambda: socket.create_connection(("127.0.0.1", 9))),
    refused(lambda: socket.getaddrinfo("localhost", 80)),
    refused(lambda: socket.socket().bind(("127.0.0.1", 0))),
    resource.getrlimit(resource.RLIMIT_DATA)[0] <= MEMORY,
    0 < signal.alarm(0) <= 30,
]
print(tries)
"""
    answer = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, timeout=60)
    assert answer.stdout.strip() == str([True] * 5), answer.stderr
