"""Numbers for Prometheus, in its text format (version 0.0.4), written by hand: a handful of counters and gauges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass
class Counts:
    """What happened since the start. `requests` by (method, route template, status)."""

    requests: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    batches: int = 0
    relayed: int = 0
    withdrawals: int = 0


Sample = tuple[dict[str, str], float]


def family(name: str, kind: str, help_: str, samples: Iterable[Sample]) -> str:
    """One metric with its samples; `kind` is gauge or counter."""
    lines = [f"# HELP {name} {help_}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        lines.append(f"{name}{{{inner}}} {value:g}" if inner else f"{name} {value:g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
