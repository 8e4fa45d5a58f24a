"""Files made to break whoever reads them: a verdict or a typed error, in bounded memory and time, never a crash."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import resource
import signal
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from block_chain import proven
from simulator import Simulation, h

from placet.audit.bundle import read_bundle
from placet.audit.outcome import Verdict
from placet.audit.proof import TrustedBlocks
from placet.audit.sections import Sections
from placet.audit.verify import verify
from placet.core import rlp
from placet.core.errors import PlacetError
from placet.core.evidence import MAX_SECTIONS
from placet.core.values import to_hex

SIZE = 1 << 19
"""About what each file has, in bytes."""
FACTOR = 10
"""Bytes of memory for each byte of the file, as in `placet.cli.confined`."""
SLACK = 16 << 20
"""Bytes for the honest rest of the job, and for what Python keeps."""
DENSE = {"many names": 64, "unknown names": 64, "wrong leaves": 64}
"""Files with a value in every few bytes, and how much more memory each byte takes: more than an audit's process has, so
that a large one gets no verdict at all (`test_limits`)."""
SECONDS = 60
"""Of processor time, far more than any file here takes."""

Plain = dict[str, Any]


@cache
def honest() -> tuple[str, TrustedBlocks]:
    bundle, trusted = proven(Simulation(people=1))
    assert verify(bundle, trusted=trusted).verdict is Verdict.INTACT  # and each signature in it is known
    return bundle.model_dump_json(), trusted


def file(change: Callable[[Plain], object]) -> bytes:
    """The honest bundle, changed."""
    plain = json.loads(honest()[0])
    change(plain)
    return json.dumps(plain, separators=(",", ":")).encode()


def evidence(plain: Plain) -> Plain:
    """That of the first party."""
    shown: Plain = plain["evidence"][0]["evidence"]["evidence"]
    return shown


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def parameters(value: str) -> bytes:
    """A step's parameters as this text of JSON."""
    marked = file(lambda plain: evidence(plain)["steps"][0].update(parameters={"x": "HERE"}))
    return marked.replace(b'"HERE"', value.encode())


def copies(where: str, name: str, size: int = SIZE) -> bytes:
    """The last entry of a list again and again."""

    def more(plain: Plain) -> None:
        entries = (plain["facts"] if where == "facts" else evidence(plain))[name]
        entries += [entries[-1]] * (size // len(json.dumps(entries[-1])))

    return file(more)


def section(**changes: Any) -> bytes:
    """Leaves that are said to stand beside the document."""
    claimed = {"count": 2**32 - 1, "size": MAX_SECTIONS, "hash": to_hex(h("nothing"))} | changes
    return file(lambda plain: evidence(plain)["inputs"][0].update(leaves=claimed)) + b"\n" + bytes(SIZE)


def block(**changes: Any) -> bytes:
    """A block of the proof, the last."""
    return file(lambda plain: plain["proof"]["blocks"][-1].update(changes))


def lists_in_lists(size: int) -> bytes:
    """RLP of one list in another, as deep as there are bytes."""
    whole = b"\xc0"
    while len(whole) < size:
        length = len(whole).to_bytes(4, "big")
        whole = b"\xfb" + length + whole
        if len(whole) > 20_000:  # deeper takes long to make and is no other case
            return rlp.encode([whole] * (size // len(whole)))
    return whole


FILES: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "zeros": lambda: bytes(SIZE),
    "noise": lambda: random.Random(1).randbytes(SIZE),
    "lines": lambda: b"\n" * SIZE,
    "a packed file": lambda: gzip.compress(bytes(64 * SIZE)),
    "another encoding": lambda: honest()[0].encode("utf-16"),
    "a byte order mark": lambda: b"\xef\xbb\xbf" + honest()[0].encode(),
    "half a file": lambda: honest()[0].encode()[: len(honest()[0]) // 2],
    "brackets": lambda: b"[" * SIZE,
    "braces": lambda: b'{"a":' * (SIZE // 5),
    "one long word": lambda: b'"' + b"x" * SIZE,
    "one long number": lambda: b"9" * SIZE,
    "two bundles": lambda: honest()[0].encode() + b"\n" + honest()[0].encode(),
    "a deep parameter": lambda: parameters("[" * 100_000 + "]" * 100_000),
    "a parameter not too deep": lambda: file(lambda plain: evidence(plain)["steps"][0].update(parameters=nested(90))),
    "a long number": lambda: parameters("9" * SIZE),
    "an endless number": lambda: parameters("1e999999999"),
    "half a character": lambda: parameters('"\\ud800"'),
    "a name of zeros": lambda: parameters('{"\\u0000": 1}'),
    "the same name twice": lambda: parameters('{"a": 1, "a": 2}'),
    "many names": lambda: parameters("{" + ",".join(f'"{n:06x}":0' for n in range(SIZE // 11)) + "}"),
    "long text": lambda: parameters('"' + "\\u00e9" * (SIZE // 6) + '"'),
    "withdrawals": lambda: copies("facts", "anchored"),
    "records": lambda: copies("facts", "recorded"),
    "steps": lambda: copies("evidence", "steps"),
    "messages": lambda: copies("evidence", "sent"),
    "batches": lambda: copies("evidence", "batches"),
    "openings": lambda: file(lambda plain: plain["facts"]["opened"].update(openings=[2**32 - 1] * (SIZE // 11))),
    "parties": lambda: file(lambda plain: plain.update(evidence=plain["evidence"] * 40)),
    "a section of gigabytes": section,
    "a section of nothing": lambda: section(size=0, count=2**32 - 1),
    "a section that goes on": lambda: section(size=10, count=1),
    "a header of lists": lambda: block(header=to_hex(b"\xc0" * (SIZE // 2))),
    "a header that says it is longer": lambda: block(header=to_hex(b"\xff" * 9 + bytes(SIZE // 2))),
    "a header of lists in lists": lambda: block(header=to_hex(lists_in_lists(SIZE // 4))),
    "a receipt of lists in lists": lambda: block(receipts=[to_hex(b"\2" + lists_in_lists(SIZE // 4))]),
    "a receipt of text": lambda: block(receipts=[to_hex(b"\2" + rlp.encode([b"\1", b"\1", bytes(256), [b""] * 9999]))]),
    "receipts": lambda: block(receipts=["0x02c0"] * (SIZE // 9)),
    "headers": lambda: file(lambda plain: plain["proof"].update(blocks=[{"header": "0x"}] * (SIZE // 15))),
    "wrong records": lambda: file(lambda plain: plain["facts"].update(recorded=[0] * (SIZE // 2))),
    "wrong steps": lambda: file(lambda plain: evidence(plain).update(steps=[{}] * (SIZE // 3))),
    "wrong messages": lambda: file(lambda plain: evidence(plain).update(sent=[{"message": {}}] * (SIZE // 15))),
    "wrong leaves": lambda: file(lambda plain: evidence(plain)["inputs"][0].update(leaves=[{}] * (SIZE // 3))),
    "wrong hashes": lambda: file(lambda plain: plain["facts"]["recorded"][0].update(hashes=[""] * (SIZE // 3))),
    "unknown names": lambda: file(lambda plain: evidence(plain).update({f"{n:06x}": 0 for n in range(SIZE // 11)})),
    "trusted names": lambda: file(
        lambda plain: plain["trust"].update(enrollers=plain["trust"]["enrollers"] * (SIZE // 150))
    ),
}


def judged(raw: bytes, trusted: TrustedBlocks) -> Verdict | None:
    """None for a typed error."""
    try:
        sections = Sections()
        return verify(read_bundle(io.BytesIO(raw), sections), sections=sections, trusted=trusted).verdict
    except PlacetError:
        return None


def grown_by(raw: bytes, trusted: TrustedBlocks) -> tuple[str, int]:
    """What comes out in a process of its own, and by how many bytes that has grown."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        answer = "no answer"
        try:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            answer = f"{judged(raw, trusted)} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before}"
        except BaseException as error:
            answer = f"{type(error).__name__} 0"
        finally:
            os.write(writer, answer.encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answers:
        word, _, kilobytes = (answers.read() or "killed 0").partition(" ")
    os.waitpid(child, 0)
    return word, int(kilobytes) << 10


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_ends_in_an_answer_within_bounds(name: str) -> None:
    raw, trusted = FILES[name](), honest()[1]
    answer, grown = grown_by(raw, trusted)
    assert answer in ("None", *(verdict.value for verdict in Verdict if verdict is not Verdict.INTACT))
    assert grown <= DENSE.get(name, FACTOR) * len(raw) + SLACK, f"{grown / max(len(raw), 1):.1f} bytes a byte"
