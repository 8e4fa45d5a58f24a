"""What one check of a node or a vault says, and how all of them are made at the same time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from placet.core.errors import PlacetError, unforeseen

SECONDS = 15.0
"""For all checks that ask somebody, whatever hangs."""
State: TypeAlias = Literal["ok", "warning", "wrong"]
T = TypeVar("T")
Check: TypeAlias = tuple[str, Callable[[T], str]]
"""A check's name, and what it does: it says what is well, or raises what is not."""


@dataclass(frozen=True)
class Finding:
    """One check."""

    check: str
    state: State
    detail: str
    remedy: str | None = None


class Warned(Exception):  # noqa: N818 - it is no error: the check passed with a remark
    """A check that passed, with something to be said."""

    def __init__(self, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy


def wrong(check: str, error: PlacetError) -> Finding:
    """An error as a finding."""
    parts = [error.message]
    parts += [f"{name} {value}" for name in ("expected", "found") if (value := getattr(error, name)) is not None]
    return Finding(check, "wrong", "; ".join(parts), error.remedy)


def examined(
    local: Sequence[Check[T]], remote: Sequence[Check[T]], subject: T, seconds: float | None = None
) -> list[Finding]:
    """All checks, in order: those of this machine one after the other, and meanwhile all those that ask somebody. Of
    these, one that has not come to an end by then, and after `seconds` (`SECONDS`), is wrong; its thread ends with the
    process."""
    outcomes: queue.Queue[Finding] = queue.Queue()
    seconds = SECONDS if seconds is None else seconds
    end = time.monotonic() + seconds
    for check in remote:
        threading.Thread(target=lambda c=check: outcomes.put(_look(c, subject)), daemon=True).start()
    findings = [_look(check, subject) for check in local]
    end = max(end, time.monotonic() + 1.0)
    by_name: dict[str, Finding] = {}
    while len(by_name) < len(remote):
        try:
            finding = outcomes.get(timeout=max(end - time.monotonic(), 0.0))
        except queue.Empty:
            break
        by_name[finding.check] = finding
    late = f"no answer within {seconds:g} s"
    hint = "is what it asks overloaded, or does something swallow the requests?"
    return findings + [by_name.get(name) or Finding(name, "wrong", late, hint) for name, _ in remote]


def _look(check: Check[T], subject: T) -> Finding:
    name, look = check
    try:
        return Finding(name, "ok", look(subject))
    except Warned as warned:
        return Finding(name, "warning", warned.detail, warned.remedy)
    except PlacetError as error:
        return wrong(name, error)
    except Exception as error:  # a mistake in one check must not hide what the others find
        return Finding(name, "wrong", unforeseen(error), "tell whoever maintains Placet")
