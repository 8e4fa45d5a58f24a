"""The bytes of the peer link are those of tests/vectors/jobs.json, on both sides."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from placet.core.errors import PeerError

from .test_peers import Asked, Ring, answer_of, bob_serving, link, raw, ring, speaking

__all__ = ["ring"]
FRAMES = json.loads((Path(__file__).resolve().parents[1] / "vectors" / "jobs.json").read_text())["frames"]
[YES], [NO] = ([a for a in FRAMES["answers"] if a["refused"] is refused] for refused in (False, True))


def octets(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


@pytest.mark.parametrize("question", FRAMES["questions"])
async def test_a_server_reads_questions_and_writes_answers(ring: Ring, question: dict[str, Any]) -> None:
    handler = Asked(octets(YES["body"]))
    async with bob_serving(ring, handler) as bob, raw(ring, bob) as (reader, writer):
        writer.write(octets(question["frame"]))
        told = await asyncio.wait_for(reader.readexactly(len(octets(YES["frame"]))), 60)
    assert told == octets(YES["frame"])
    assert handler.questions == [(ring.alice.address, question["name"], octets(question["body"]))]


async def test_a_server_refuses_with_a_problem(ring: Ring) -> None:
    question = octets(FRAMES["questions"][0]["frame"])
    async with bob_serving(ring, Asked(PeerError("not yet", code="peer.early"))) as bob, raw(ring, bob) as wire:
        wire[1].write(question)
        status, body = await answer_of(wire[0])
    assert (status, json.loads(body)) == (1, json.loads(octets(NO["body"])))


@pytest.mark.parametrize("question", FRAMES["questions"])
@pytest.mark.parametrize("answer", FRAMES["answers"])
async def test_a_client_writes_questions_and_reads_answers(
    ring: Ring,
    question: dict[str, Any],
    answer: dict[str, Any],
) -> None:
    heard = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readexactly(len(octets(question["frame"]))))
        writer.write(octets(answer["frame"]))
        await writer.drain()

    async with speaking(ring.bob, ring.trust, speak) as bob:
        asking = link(ring.alice, ring.trust).call(bob, question["name"], octets(question["body"]), limit=1000)
        if answer["refused"]:
            with pytest.raises(PeerError, match="not yet") as refused:
                await asking
            assert refused.value.code == "peer.early"
        else:
            assert await asking == octets(answer["body"])
    assert heard == [octets(question["frame"])]
