"""What a party opens of a job's drawn places to the auditor whom the plan names, and what the auditor finds.

An opening of a place shows value and randomness of the party's commitment at that place, and where a row stands there
the cells that the job used, as the row commitment has them, and the Merkle path from `consent ‖ row commitment` to the
lawful root under which the job opened. Of a row whose consent has ended, or run out, since, only the leaf is
shown: it is not opened again, and neither is what was committed to.

It needs no signature: all of it is held against what the party's trail, the seal and the plan commit to. It is
encrypted to the auditor (`core.sample_sealing`), since it tells of persons.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from placet.core.hashing import document_hash
from placet.core.ids import ConsentId, JobId, StakeId
from placet.core.plan import MOST_DRAWN
from placet.core.row import MAX_COLUMNS, RowForm, cell_digest, cell_value
from placet.core.stakes import Fault
from placet.core.values import U32, U48, Address, Bytes32, Name, Octets, Value, Whole

MAX_SAMPLE = 128 << 20
"""Bytes of an opening at the most."""
COMMITMENT = 33
"""Bytes of a commitment to the value at a place."""
PATH = 40
"""Siblings in a path at the most."""


class LeafPath(Value):
    """A leaf of a lawful tree: number `index` of `leaves`, ascending by consent; its siblings from the leaf up."""

    consent: ConsentId
    commitment: Bytes32
    index: U32
    leaves: U32
    siblings: Annotated[tuple[Bytes32, ...], Field(max_length=PATH)]


class CellOpening(Value):
    """A cell as the row commitment has it (integers as decimal strings, missing as None), and its own salt."""

    salt: Annotated[Bytes32, Field(repr=False)]
    value: Annotated[str | float | None, Field(repr=False)]


class RowOpening(Value):
    """The row behind a leaf: the `cells` that are opened, by column, and the digests of those that are `hidden`."""

    cells: Annotated[dict[Name, CellOpening], Field(repr=False, max_length=MAX_COLUMNS)]
    hidden: Annotated[dict[Name, Bytes32], Field(repr=False, max_length=MAX_COLUMNS)]

    @model_validator(mode="after")
    def _once(self) -> RowOpening:
        if self.cells.keys() & self.hidden.keys():
            raise ValueError("a cell is opened or hidden")
        return self

    @classmethod
    def of(cls, salt: bytes, row: Mapping[str, int | float | str | None], columns: Collection[str]) -> RowOpening:
        """Of a row under its salt, of which no more than `columns` are opened."""
        form = RowForm(row)
        salts = dict(zip(form.columns, form.salts(salt), strict=True))
        cells = {name: CellOpening(salt=salts[name], value=cell_value(row[name])) for name in columns}
        hidden = {name: cell_digest(salts[name], row[name]) for name in form.columns if name not in cells}
        return cls(cells=cells, hidden=hidden)

    @property
    def commitment(self) -> bytes:
        """The row commitment that it opens."""
        digests = self.hidden | {name: cell_digest(one.salt, one.value) for name, one in self.cells.items()}
        form = RowForm(digests)
        return form.combined([digests[name] for name in form.columns])


class PlaceOpening(Value):
    """One drawn place. No leaf: no row of this party stands there. A leaf without row, value and randomness: its
    consent has ended since, and nothing is opened."""

    place: U32
    value: Annotated[Whole | None, Field(repr=False)] = None
    randomness: Annotated[Bytes32 | None, Field(repr=False)] = None
    leaf: LeafPath | None = None
    row: RowOpening | None = None


class SampleOpening(Value):
    """All that a party shows: its commitments to the values at all places, one behind the other, and the drawn ones
    opened, ascending."""

    type: Literal["placet.sample"] = "placet.sample"
    version: Literal[1] = 1
    job: JobId
    party: U32
    attempt: U32
    commitments: Octets
    places: Annotated[tuple[PlaceOpening, ...], Field(max_length=MOST_DRAWN)]

    @property
    def total(self) -> int:
        """How many places the job has."""
        return len(self.commitments) // COMMITMENT

    def hash(self) -> bytes:
        """What stands on chain of it where it answers a finding: its salts hide it."""
        return document_hash(self)


class SealedSample(Value):
    """An opening for one auditor's key (X25519, 32 bytes)."""

    type: Literal["placet.sealed-sample"] = "placet.sealed-sample"
    version: Literal[1] = 1
    job: JobId
    party: U32
    auditor: Bytes32
    sealed: Annotated[Octets, Field(max_length=MAX_SAMPLE)]


class FalsePlace(Value):
    """A drawn place that was not opened truly, and why. No value of any row is told."""

    place: U32
    why: Annotated[str, Field(max_length=200)]


class SampleFinding(Value):
    """What the auditor finds of a party. `block` drew the places. `sample`: hash of the opening that it is about, None
    where the party gave none. `ended`: drawn places whose consent has ended since, which it does not cover; `rows`:
    drawn places at which a row stood. `places` are false; `why` what makes the whole opening false, or why there is
    none."""

    type: Literal["placet.sample-finding"] = "placet.sample-finding"
    version: Literal[1] = 1
    job: JobId
    party: U32
    stake: StakeId
    auditor: Address
    block: U48
    block_hash: Bytes32
    outcome: Literal["true", "refused", "false-opening"]
    total: U32 = 0
    drawn: U32 = 0
    rows: U32 = 0
    ended: Annotated[tuple[U32, ...], Field(max_length=MOST_DRAWN)] = ()
    sample: Bytes32 | None = None
    places: Annotated[tuple[FalsePlace, ...], Field(max_length=MOST_DRAWN)] = ()
    why: Annotated[str | None, Field(max_length=400)] = None

    @property
    def fault(self) -> Fault | None:
        """As the contract has it; None where all is true."""
        return {"refused": Fault.REFUSED, "false-opening": Fault.FALSE_OPENING}.get(self.outcome)

    def hash(self) -> bytes:
        return document_hash(self)
