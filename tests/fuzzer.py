"""One bounded run of atheris (libFuzzer) over what strangers send: `fuzzer.py TARGET SECONDS CORPUS`.

Whatever comes, the answer is a value or a `PlacetError`; anything else ends the run with a code that is not 0, and the
input stands on stderr. What is read again from its own canonical bytes must be the same. `test_fuzzing.py` among the
attacks starts it on a corpus of real documents.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

import atheris

with atheris.instrument_imports(include=["placet.audit", "placet.core", "placet.jobs"]):
    from placet.audit.bundle import bundle_pieces, parse_evidence, read_bundle
    from placet.audit.sections import Sections
    from placet.core.errors import PlacetError
    from placet.core.framing import FrameReader
    from placet.core.hashing import document_bytes
    from placet.core.leaves import decode_leaves, encode_leaves
    from placet.core.values import parse
    from placet.jobs import messages
    from placet.jobs.link import unpack

LONGEST = 128 << 10
"""Bytes of one input: reading may take hundreds of times as much memory."""
MEGABYTES = 1_500
QUESTIONS = (
    messages.PrepareRequest,
    messages.SignRequest,
    messages.SignedByAll,
    messages.AttemptRef,
    messages.AmendRequest,
    messages.SealRequest,
)


def evidence(content: bytes) -> None:
    signed = parse_evidence(content)
    assert parse_evidence(document_bytes(signed)) == signed


def bundle(content: bytes) -> None:
    sections = Sections()
    read = read_bundle(io.BytesIO(content), sections)
    again = Sections()
    assert read_bundle(io.BytesIO(b"".join(bundle_pieces(read, sections))), again) == read


def peer(content: bytes) -> None:
    """The first byte says which question, or a message under its envelope, frames or leaves."""
    which, body = content[:1], content[1:]
    number = which[0] if which else 0
    if number < len(QUESTIONS):
        question = parse(QUESTIONS[number], body, limit=messages.MAX_ASKED)
        assert parse(QUESTIONS[number], document_bytes(question), limit=messages.MAX_ASKED) == question
    elif number % 3 == 0:
        unpack(body)
    elif number % 3 == 1:
        reader = FrameReader(body, "frames")
        while reader.rest():
            reader.frame(1 << 16)
    else:
        leaves = decode_leaves(body)
        assert decode_leaves(encode_leaves(leaves)) == leaves


TARGETS: dict[str, Callable[[bytes], None]] = {"evidence": evidence, "bundle": bundle, "peer": peer}


STRANGE = (None, True, -1, 0.5, 2**48, 2**256, "", "0x", "0x0", "0xzz", "\u202e", [], {}, [[]], "x" * 300)


def mutated(content: bytes, longest: int, seed: int) -> bytes:
    """Half of the time another document in which one value is strange, gone, twice or another's; else other bytes."""
    chance = random.Random(seed)
    head, document = (content[:1], content[1:]) if content[:1] != b"{" else (b"", content)
    try:
        root = json.loads(document) if chance.random() < 0.5 else None
    except (ValueError, RecursionError):
        root = None
    places = list(_places(root))
    if not places:
        return bytes(atheris.Mutate(content, longest))
    (within, key), (other, its) = chance.choice(places), chance.choice(places)
    change = chance.randrange(4)
    if change == 0:
        within[key] = chance.choice(STRANGE)
    elif change == 1:
        within[key] = copy.deepcopy(other[its])
    elif change == 2:
        within.pop(key)
    elif isinstance(within, list):
        within.insert(key, within[key])
    else:
        within[f"{key}s"] = within[key]
    return (head + json.dumps(root).encode())[:longest]


def _places(value: object) -> Iterator[tuple[Any, Any]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield value, key
        yield from _places(one)


def main() -> None:
    target, seconds, corpus = TARGETS[sys.argv[1]], sys.argv[2], sys.argv[3]

    def one(content: bytes) -> None:
        with contextlib.suppress(PlacetError):
            target(content)

    limits = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-rss_limit_mb={MEGABYTES}", "-timeout=20"]
    atheris.Setup([sys.argv[0], *limits, "-seed=1", "-print_final_stats=1", corpus], one, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
