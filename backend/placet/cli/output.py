"""How the program speaks: results on stdout (text or one JSON document), everything else on stderr.

Every word goes through here, since much of it is other parties': what is not seen of it is written out (`visible`), so
that nothing that comes in can steer the terminal. `tests/cli/test_sink.py` holds the commands to it.
"""

from __future__ import annotations

import io
import json
import select
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from placet.core.errors import ConfigError, PlacetError, unforeseen
from placet.core.text import is_seen, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


WIDTH = 240
"""Columns of a table that goes into a file or a pipe: no id is broken there."""


def console(*, stderr: bool = False) -> Console:
    """A Rich console on stdout or stderr that never reads markup from data, and shows of it what is seen."""
    from rich.console import Console
    from rich.segment import Segment

    class Shown(Console):
        def render(self, *arguments: Any, **options: Any) -> Iterator[Segment]:
            for segment in super().render(*arguments, **options):
                yield segment if segment.control else segment._replace(text=visible(segment.text, lines=True))

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else WIDTH
    return Shown(stderr=stderr, markup=False, highlight=False, soft_wrap=True, width=width)


def say(text: str) -> None:
    """A line for people, on stderr, so that stdout stays for results."""
    print(visible(text, lines=True), file=sys.stderr)


def write_line(text: str = "") -> None:
    """A line of the result, on stdout; at once, also into a file or a pipe, since what serves prints where it does."""
    print(visible(text, lines=True), flush=True)


def ask_line(question: str) -> str:
    """A line of stdin after a question on stderr, empty at its end. The parser's own prompts put a blank on stdout,
    where it would stand before an id."""
    print(visible(question), end=" ", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def emit(value: Any) -> None:
    """One JSON document on stdout. What is not seen is escaped as JSON has it, so that it stays the same document."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    print(text if text.isascii() else "".join(c if is_seen(c) or c == "\n" else json.dumps(c)[1:-1] for c in text))


def table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on stdout in which no id, address or other word is broken. On a terminal that is too narrow for that each
    row is a block of lines instead, a cell a line; in a file or a pipe a table is as wide as it needs to be. A column
    that says nothing in any row is left out."""
    from rich.measure import Measurement

    headings, cells = _said(headings, [tuple(map(visible, row)) for row in rows])
    screen = console()
    grid = _table(title, headings, cells)
    widest = Measurement.get(screen, screen.options.update(max_width=1 << 20), grid).maximum
    if not screen.is_terminal:
        screen.print(grid, width=max(widest, len(title)))
        return
    if _narrowest(headings, cells) <= screen.width and _lines_fit(grid, screen.width):
        screen.print(grid)
        return
    write_line(title)
    for row in cells:
        write_line()
        for line in _block(headings, row, screen.width):
            write_line(line)


def _said(headings: Sequence[str], cells: list[tuple[str, ...]]) -> tuple[Sequence[str], list[tuple[str, ...]]]:
    """Without the columns that are empty in every row; all of them where there is no row."""
    columns = [at for at in range(len(headings)) if any(row[at] for row in cells)] or range(len(headings))
    return [headings[at] for at in columns], [tuple(row[at] for at in columns) for row in cells]


def _lines_fit(grid: Table, width: int) -> bool:
    """Whether the table keeps to the width, which Rich does not promise where columns have a least width."""
    from rich.console import Console

    drawn = io.StringIO()
    Console(file=drawn, width=width, color_system=None, soft_wrap=True).print(grid)
    return all(len(line) <= width for line in drawn.getvalue().splitlines())


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    grid = Table(title=Text(title), title_justify="left")
    for heading, column in zip(headings, _columns(headings, rows), strict=True):
        grid.add_column(heading, no_wrap=not any(" " in cell for cell in column), min_width=_longest_word(column))
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    return grid


def _columns(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    return list(zip(headings, *rows, strict=True))


def _longest_word(column: Sequence[str]) -> int:
    return max((len(word) for cell in column for word in cell.split()), default=1)


def _narrowest(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Columns of a terminal below which a word of the table must be broken: a border and two blanks a column."""
    return sum(3 + _longest_word(column) for column in _columns(headings, rows)) + 1


def _block(headings: Sequence[str], row: Sequence[str], width: int) -> Iterator[str]:
    """A row as lines: heading and cell, or the cell below its heading where both are too long for one line."""
    indent = max(map(len, headings)) + 2
    for heading, cell in zip(headings, row, strict=True):
        if indent + len(cell) <= width:
            yield f"{heading:<{indent}}{cell}".rstrip()
        else:
            yield heading
            yield f"  {cell}"


def show_error(error: PlacetError) -> None:
    """An error as its message, what was expected, what was found, the remedy, and what else is not right."""
    screen = console(stderr=True)
    screen.print(f"error: {error.message}", style="bold red")
    for name in ("expected", "found", "remedy"):
        value = getattr(error, name)
        if value is not None:
            screen.print(f"  {name + ':':<10}{value}")
    for number, line in enumerate(error.details):
        screen.print(f"  {'' if number else 'also:':<10}{line}")


class Commands(TyperGroup):
    """A group of commands in which no error is a traceback: each is a message and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except PlacetError as error:
            show_error(error)
        except OSError as error:
            if isinstance(error, BrokenPipeError) and _reader_left():
                raise  # the parser ends quietly, as programs do before `| head`
            from placet.chain.storage import storage_error

            where = f"{error.filename}: " if error.filename else ""
            refused = ConfigError(
                "the system does not let it happen", found=f"{where}{error.strerror or unforeseen(error)}"
            )
            show_error(storage_error(error) or refused)
        except Exception as error:
            if isinstance(error, typer.Abort) or hasattr(error, "exit_code"):  # the parser's own
                raise
            show_error(PlacetError("a fault of the program itself", found=unforeseen(error), remedy="report it"))
        raise typer.Exit(1)


def _reader_left() -> bool:
    """Whether stdout is a pipe that nobody reads any more."""
    pipe = select.poll()
    try:
        pipe.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):  # what stands for stdout has no number, or is closed
        return False
    return any(event & select.POLLERR for _, event in pipe.poll(0))


def stop(message: str) -> typer.Exit:
    """A plain refusal on stderr; to be raised."""
    say(message)
    return typer.Exit(1)
