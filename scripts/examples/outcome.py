"""How a script that runs a job and its audit ends: what it says, and its exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from placet.cli.audit import EXIT
from placet.core.errors import PlacetError
from placet.core.text import visible
from placet.sandbox.usage import Usage


class Teller(Usage):
    """Says what happens: on stdout for people, on stderr if stdout is for a program."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self.stream = stream

    def say(self, text: str) -> None:
        print(visible(text, lines=True), file=self.stream, flush=True)

    def bar(self, what: str) -> Callable[[int, int], None]:
        """What tells how many of all are done, each tenth."""
        last = 0

        def tell(number: int, all_: int) -> None:
            nonlocal last
            if number == all_ or number - last >= max(1_000, all_ // 10):
                last = number
                self.say(f"{number} of {all_} {what}")

        return tell


def took(seconds: Mapping[str, float]) -> str:
    """How long each part of a run took, in one line."""
    return "took " + ", ".join(f"{part.replace('_', ' ')} {length} s" for part, length in seconds.items())


def finish(
    work: Callable[[], dict[str, Any]],
    teller: Teller,
    *,
    report: Path,
    result: Callable[[dict[str, Any]], str],
    as_json: bool,
) -> int:
    """0 if the job completed and its trail is intact, 1 refused or failed, else as `placet audit`. `work` gives a
    summary with the verdict; `result` is said of an intact one."""
    try:
        summary = work()
    except PlacetError as error:
        complain(error)
        return 1
    except (RuntimeError, OSError, subprocess.SubprocessError, httpx.HTTPError) as error:
        print(visible(f"failed: {type(error).__name__}: {error}", lines=True), file=sys.stderr)
        return 1
    teller.say(f"audit: {summary['verdict']}; report in {report}")
    if summary["verdict"] == "intact":
        teller.say(result(summary))
    if as_json:
        print(json.dumps(summary))
    else:
        teller.say(took(summary["seconds"]))
    return EXIT[str(summary["verdict"])]


def complain(error: PlacetError) -> None:
    """An error on stderr: its code, what was expected, what was found, what to do."""
    print(visible(f"refused: {error.message} [{error.code}]"), file=sys.stderr)
    for name in ("expected", "found", "remedy"):
        if (value := getattr(error, name)) is not None:
            print(visible(f"  {name}: {value}"), file=sys.stderr)
    for line in error.details:
        print(visible(f"  also: {line}"), file=sys.stderr)
