"""`placet recipes`: what institutions can compute together, and what each of them learns by it."""

from __future__ import annotations

from typing import Any

from placet.cli.inputs import AsJson
from placet.cli.output import emit, write_line

_WITHDRAWAL = {"drop": "a new attempt without that row", "abort": "the job ends, with refund"}


def recipes(as_json: AsJson = False) -> None:
    """List the recipes: what each does, which operations it needs consent for, who learns what by it."""
    from placet.catalogue.specs import SPECS
    from placet.catalogue.words import words_of

    described = [words_of(spec) for spec in SPECS]
    if as_json:
        emit(described)
        return
    for one in described:
        _show(one)
    write_line("What messages show, and what colluding parties learn, stands in docs/explanation/protocols.md.")


def _show(one: dict[str, Any]) -> None:
    write_line(f"{one['recipe']}, version {one['version']}: {one['does']}")
    write_line(f"  operations: {one['operations']}")
    write_line(f"  engines: {', '.join(one['engines'])}")
    write_line(f"  after a withdrawal before the seal: {_WITHDRAWAL[one['on_withdrawal']]}")
    for parameter, what in one["parameters"].items():
        write_line(f"  parameter {parameter}: {what}")
    for role, what in one["learns"].items():
        write_line(f"  the {role} learns: {what}")
