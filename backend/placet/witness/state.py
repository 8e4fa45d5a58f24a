"""What a witness keeps: its last checkpoint with its own signature, and the subtrees from which the log goes on.

One file that is replaced as a whole; beside it the checkpoint alone, as others read it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from placet.core.cosigning import WitnessedBlock
from placet.core.errors import ConfigError, InputError
from placet.core.merkle import Rfc6962Tree
from placet.core.signed_note import MAX_NOTE, SignedNote, parse_note
from placet.core.storage import system_error
from placet.core.values import Bytes32, Octets, Value, parse

STATE, CHECKPOINT = "state.json", "checkpoint"


class WitnessState(Value):
    """`nodes`: the complete subtrees of the checkpoint's tree, from left to right."""

    type: Literal["placet.witness"] = "placet.witness"
    version: Literal[1] = 1
    note: Annotated[str, Field(max_length=MAX_NOTE)]
    nodes: Annotated[tuple[Bytes32, ...], Field(max_length=64)]


class WitnessFork(Value):
    """That the chain shows another block than the one that the witness signed: its signed checkpoint, and the header in
    RLP that now has the block's number, whose hash is another one."""

    type: Literal["placet.fork"] = "placet.fork"
    version: Literal[1] = 1
    note: Annotated[str, Field(max_length=MAX_NOTE)]
    header: Octets


def load(folder: Path, origin: str) -> tuple[SignedNote, WitnessedBlock, Rfc6962Tree] | None:
    """What was signed last; None before the first time. ConfigError for a file that does not fit together, or that is
    about another deployment: a witness that forgot must not begin anew under the same key."""
    file = folder / STATE
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError("the witness's state can't be read", found=f"{file}: {error.strerror}") from None
    try:
        state = parse(WitnessState, raw, what="the witness's state")
        note = parse_note(state.note.encode())
        last = WitnessedBlock.read(note.text)
        tree = Rfc6962Tree(last.checkpoint.size, state.nodes)
    except InputError as error:
        raise _damaged(file, str(error)) from None
    if tree.root() != last.checkpoint.root or last.checkpoint.origin != origin:
        raise _damaged(file, "another root, or another deployment's log")
    return note, last, tree


def keep(folder: Path, note: SignedNote, tree: Rfc6962Tree) -> None:
    """Over what was there before; the checkpoint for others only once the state is on disk."""
    content = note.encode()
    state = WitnessState(note=content.decode(), nodes=tree.nodes)
    replace(folder / STATE, state.model_dump_json().encode())
    replace(folder / CHECKPOINT, content)


def replace(file: Path, content: bytes) -> None:
    """A file as a whole, on disk before it has its name. StorageError or ConfigError where it can't be written."""
    fresh = file.with_name(f".{file.name}.new")
    try:
        with fresh.open("wb") as target:
            target.write(content)
            target.flush()
            os.fsync(target.fileno())
        fresh.replace(file)
    except OSError as error:
        raise (system_error(error) or ConfigError("can't be written", found=f"{file}: {error.strerror}")) from None


def _damaged(file: Path, found: str) -> ConfigError:
    return ConfigError(
        "the witness's state does not fit",
        expected=f"what it left itself in {file}",
        found=found,
        remedy="restore the folder from a backup; else make a new witness with a new key: this one must not begin anew",
    )
