"""What checks about lawful sets share."""

from __future__ import annotations

from collections.abc import Iterator

from placet.audit.case import AuditedAttempt, Case
from placet.audit.findings import Findings
from placet.audit.shown import ShownSet
from placet.core.values import to_hex


def lawful_sets(case: Case, tell: Findings) -> Iterator[tuple[AuditedAttempt, ShownSet]]:
    """Every lawful set of every attempt; says so where one is not shown."""
    if not case.attempts:
        tell.skip("no plan, or never opened")
    for attempt in case.attempts:
        for index, entry in enumerate(case.inputs):
            if entry.named:
                continue
            shown = case.lawful_sets.get((index, attempt.number))
            if shown is None:
                owner = case.name(case.owners[index])
                tell.lack(f"{owner} shows no leaves of input {index} in attempt {attempt.number}")
            else:
                yield attempt, shown


def leaf_name(shown: ShownSet, leaf: int | bytes) -> str:
    """How findings call a leaf, by its place among those shown or by its consent's id."""
    ident = shown.id(leaf) if isinstance(leaf, int) else leaf
    name = to_hex(ident) if ident is not None else f"{leaf!r} (unknown)"
    return f"leaf {name} of input {shown.input}, attempt {shown.attempt}"
