"""What a node asks of the engine's process, and what that says back: JSON, a line each, parsed once at either end."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from placet.core.errors import InputError, LimitError
from placet.core.values import Bytes32, Name, Value, invalid
from placet.protocols.spu.engine import Engine
from placet.protocols.spu.shares import MAX_BYTES

FOLDER = "spu-"
"""How the name of a task's own folder begins: it goes with all that is in it."""
MAX_SECONDS = 7 * 86_400
MAX_TASK = 1 << 20
MAX_EVENT = 4096
MAX_TURNS = 1_000_000
MAX_ITEMS = 1 << 28
MAX_ROUNDS = 100
ROUND = "round"
"""The stage that tells how many times a program has run: what comes out of them lies there."""
KEY_FILE = PurePosixPath("tls.key")
IDENTIFIERS_FILE = PurePosixPath("identifiers.csv")
ROWS_FILE = PurePosixPath("rows.npy")

PsiProtocol = Literal["ecdh", "kkrt", "rr22"]
Dtype = Literal["bool", "int32", "int64", "float32"]
Rank = Annotated[int, Field(ge=0, le=2)]
Port = Annotated[int, Field(ge=1, lt=65_536)]
Shape = Annotated[
    tuple[Annotated[int, Field(ge=1, le=MAX_ITEMS)], ...],
    Field(max_length=4),
]

Sizes = Annotated[tuple[Annotated[int, Field(ge=0, le=MAX_BYTES)], ...], Field(max_length=256)]
"""Of bytes that follow a line."""


def array_file(place: int) -> PurePosixPath:
    """Where a party's own array for input `place` lies, or the array put together from shares."""
    return PurePosixPath(f"array_{place}.npy")


def kept_file(place: int) -> PurePosixPath:
    """Where a party's kept share of input `place` lies."""
    return PurePosixPath(f"kept_{place}.bin")


def share_file(place: int) -> PurePosixPath:
    """Where share `place` lies: of an output, or of a party."""
    return PurePosixPath(f"share_{place}.bin")


class Address(Value):
    """A party of the link."""

    host: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[0-9A-Za-z.:_-]+$")]
    port: Port
    certificate: Annotated[str, Field(max_length=16_384)]


class EngineLink(Value):
    """All parties by rank; our rank; the session's name."""

    members: Annotated[tuple[Address, ...], Field(min_length=2, max_length=3)]
    me: Rank
    session: Bytes32


class EngineInput(Value):
    """One secret array of a program: what it is called, whose it is, its type and shape, which every party knows. Where
    it is nobody's (None), each party brings the share that it kept of it."""

    name: Name
    owner: Rank | None
    dtype: Dtype
    shape: Shape


class PsiTask(Value):
    """Intersect with one peer. `receiver` alone gets the result; None means both do."""

    kind: Literal["psi"] = "psi"
    link: EngineLink
    protocol: PsiProtocol
    receiver: Annotated[int, Field(ge=0, le=1)] | None


class Rounds(Value):
    """Run a program so many times; of each time the first output is the input at place `carried` of the next one."""

    count: Annotated[int, Field(ge=1, le=MAX_ROUNDS)]
    carried: Annotated[int, Field(ge=0, le=256)]


class ProgramTask(Value):
    """Run a registered program, once or in `rounds`; every output stays shares, a later time's behind those before."""

    kind: Literal["program"] = "program"
    link: EngineLink
    engine: Engine
    program: Name
    parameters: dict[str, JsonValue]
    inputs: Annotated[tuple[EngineInput, ...], Field(min_length=1, max_length=256)]
    rounds: Rounds | None = None


class ServeTask(Value):
    """Keep the link for programs that come one after the other, a `Turn` each, at most so many."""

    kind: Literal["serve"] = "serve"
    link: EngineLink
    engine: Engine
    turns: Annotated[int, Field(ge=1, le=MAX_TURNS)]


class Turn(Value):
    """One program over a link that is kept. `context` names job, attempt and step: parties at different ones do not
    compute together. Behind its line follow so many bytes for each input (`sizes`): our own arrays, in C's order, and
    our kept shares; none of what others bring."""

    context: Bytes32
    program: Name
    parameters: dict[str, JsonValue]
    inputs: Annotated[tuple[EngineInput, ...], Field(min_length=1, max_length=256)]
    sizes: Sizes


class ReconstructTask(Value):
    """Put one output together from every party's share."""

    kind: Literal["reconstruct"] = "reconstruct"
    engine: Engine


class Order(Value):
    """A task and the seconds after which the process ends itself, should nobody end it."""

    seconds: Annotated[int, Field(ge=1, le=MAX_SECONDS)]
    task: Annotated[PsiTask | ProgramTask | ServeTask | ReconstructTask, Field(discriminator="kind")]


class Progressed(Value):
    kind: Literal["progress"] = "progress"
    stage: Name
    done: Annotated[int, Field(ge=0)]
    total: Annotated[int, Field(ge=0)]


class Doubted(Value):
    """The connection to a party ended, or (None) it is there after all."""

    kind: Literal["doubted"] = "doubted"
    rank: Rank | None


class Failed(Value):
    """Codes and texts of our own; the engine's own words may hold what came in and stay in its folder."""

    kind: Literal["failed"] = "failed"
    code: Name
    message: Annotated[str, Field(max_length=400)]
    found: Annotated[str, Field(max_length=400)] | None = None


class Done(Value):
    """`items`: size of the intersection (None for who gets no result), or the number of outputs. Of a turn our share of
    each follows the line, in so many bytes."""

    kind: Literal["done"] = "done"
    items: Annotated[int, Field(ge=0)] | None
    sizes: Sizes = ()


Event = Progressed | Doubted | Failed | Done
_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


def event(line: bytes) -> Event:
    """What the process said; InputError or LimitError for anything else."""
    if len(line) > MAX_EVENT:
        raise LimitError("the engine says too much", expected=f"at most {MAX_EVENT} bytes", found=len(line))
    try:
        return _EVENT.validate_json(line)
    except ValidationError as error:
        raise invalid("what the engine says", error) from None


def line(value: Value) -> bytes:
    """One line of JSON; InputError where a task is too large to hand over."""
    text = value.model_dump_json().encode() + b"\n"
    if len(text) > MAX_TASK:
        raise InputError("the task is too large", expected=f"at most {MAX_TASK} bytes", found=len(text))
    return text


def parameters(value: Value) -> dict[str, Any]:
    """A program's parameters as they are handed over."""
    return value.to_json()
