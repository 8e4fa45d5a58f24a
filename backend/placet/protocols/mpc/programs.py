"""What may be computed: programs as data, the same for every engine.

A program is a JSON object in a plan's parameters. It says what each party brings, what comes out and how large numbers
get on the way; `reference` computes it in the clear, exactly, and is what every engine is tested against. A party turns
its own rows into what it brings by the program's `bring…` method, on its own machine and before anything is shared.
Rows of different parties that belong together stand at the same place: that is the work of PSI before.

| program           | who brings what                              | what comes out                                    |
| ----------------- | -------------------------------------------- | ------------------------------------------------- |
| `sum`             | every party: a number for each row           | each row's sum over the parties                   |
| `mean`            | every party: its own rows' total and count   | total and count over all parties, hence the mean  |
| `weighted-sum`    | every party: a number for each row           | each row's sum, publicly weighted                 |
| `dot`             | one: a vector; another: rows as long         | the product of the vector with each row           |
| `compare`         | two: a number for each row                   | how often the first is larger, or a flag each row |
| `group-by`        | one: each row's group; another: its value    | each group's count and sum; small groups are zero |
| `group-totals`    | every party: counts and sums of its own rows | each group's count and sum; small groups are zero |
| `levels`          | every party: a number for each row           | the band of each row's sum, and not the sum       |
| `bands`           | one or two: each row's score; another: label | labels counted by band of the score; few: merged  |
| `pair-statistics` | two: each row's value, where there is one    | count, sums and more of both's rows; few: zero    |

Small groups are suppressed inside a program: what comes out of it does not hold them. Numbers are `numbers.Numbers`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, RootModel

from placet.core.values import parse
from placet.protocols.mpc.banding import Bands
from placet.protocols.mpc.comparing import Compare, GroupBy, GroupTotals, Levels
from placet.protocols.mpc.linear import Dot, Mean, Sum, WeightedSum
from placet.protocols.mpc.pairs import PairStatistics
from placet.protocols.mpc.program import Size

__all__ = [
    "Bands", "Compare", "Dot", "GroupBy", "GroupTotals", "Levels", "Mean", "PairStatistics", "Program", "Size", "Sum",
    "WeightedSum", "parse_program",
]  # fmt: skip

MAX_PROGRAM = 1 << 16

Program = Sum | Mean | WeightedSum | Dot | Compare | GroupBy | GroupTotals | Levels | PairStatistics | Bands


class _AnyProgram(RootModel[Annotated[Program, Field(discriminator="program")]]):
    """The door for a program from a plan."""


def parse_program(raw: bytes | str | dict[str, Any]) -> Program:
    """A program from a plan's parameters: the JSON object that `to_json` gives; InputError for anything else."""
    program = parse(_AnyProgram, raw, limit=MAX_PROGRAM, what="the program").root
    if isinstance(program, WeightedSum):
        _ = program.scaled
    return program
