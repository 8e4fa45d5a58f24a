"""How a script that runs a job and its audit ends: what it says, and its exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from demo import Teller

from placet.cli.audit import EXIT
from placet.core.errors import PlacetError


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
        print(f"failed: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    teller.say(f"audit: {summary['verdict']}; report in {report}")
    if summary["verdict"] == "intact":
        teller.say(result(summary))
    if as_json:
        print(json.dumps(summary))
    else:
        teller.say(f"took {summary['seconds']}")
    return EXIT[str(summary["verdict"])]


def complain(error: PlacetError) -> None:
    """An error on stderr: its code, what was expected, what was found, what to do."""
    print(f"refused: {error.message} [{error.code}]", file=sys.stderr)
    for name in ("expected", "found", "remedy"):
        if (value := getattr(error, name)) is not None:
            print(f"  {name}: {value}", file=sys.stderr)
