"""A program whose commands are imported when they are asked for: its help, and one command, cost no other's imports."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, NamedTuple

import typer

from placet.cli.output import Commands


class Entry(NamedTuple):
    """A command or group at `attribute` of `module`, and what the program's help says of it."""

    module: str
    attribute: str
    help: str


class LateCommands(MutableMapping[str, Any]):
    """A parser's commands by name, each made when it is looked up for the first time."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self.entries = dict(entries)
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _made(name, self.entries[name])
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self.entries[name]
        self._made.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self.entries, *self._made)))

    def __len__(self) -> int:
        return len(list(iter(self)))


def _made(name: str, entry: Entry) -> Any:
    """The command as typer makes it below any program."""
    target = getattr(importlib.import_module(entry.module), entry.attribute)
    parent = typer.Typer(rich_markup_mode=None)
    parent.callback()(lambda: None)
    if isinstance(target, typer.Typer):
        parent.add_typer(target, name=name)
    else:
        parent.command(name)(target)
    group: Any = typer.main.get_command(parent)
    return group.commands[name]


class LateGroup(Commands):
    """A group of `entries`, which a program's own class sets."""

    entries: Mapping[str, Entry] = {}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = LateCommands(self.entries)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in self.entries.items()])
