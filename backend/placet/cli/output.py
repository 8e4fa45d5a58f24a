"""How the program speaks: results on stdout (text or one JSON document), everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from placet.core.errors import PlacetError

if TYPE_CHECKING:
    from rich.console import Console


WIDTH = 240
"""Columns of a table that goes into a file or a pipe: no id is broken there."""


def console(*, stderr: bool = False) -> Console:
    """A Rich console on stdout or stderr that never reads markup from data."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else WIDTH
    return Console(stderr=stderr, markup=False, highlight=False, soft_wrap=True, width=width)


def say(text: str) -> None:
    """A line for people, on stderr, so that stdout stays for results."""
    print(text, file=sys.stderr)


def emit(value: Any) -> None:
    """One JSON document on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on stdout."""
    from rich.table import Table
    from rich.text import Text

    made = Table(title=Text(title), title_justify="left")
    for heading in headings:
        made.add_column(heading, overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    console().print(made)


def show_error(error: PlacetError) -> None:
    """An error as its message, what was expected, what was found, and the remedy."""
    out = console(stderr=True)
    out.print(f"error: {error.message}", style="bold red")
    for name in ("expected", "found", "remedy"):
        value = getattr(error, name)
        if value is not None:
            out.print(f"  {name + ':':<10}{value}")


class Commands(TyperGroup):
    """A group of commands in which a PlacetError is a message and exit code 1, not a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except PlacetError as error:
            show_error(error)
            raise typer.Exit(1) from None


def stop(message: str) -> typer.Exit:
    """A plain refusal on stderr; to be raised."""
    say(message)
    return typer.Exit(1)
