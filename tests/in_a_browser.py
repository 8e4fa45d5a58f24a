"""The auditor's page's verifier under Node: the same WebAssembly and the same Python as in a browser's worker."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from placet.audit.bundle import Bundle
from placet.pages.verifier import Verifier, verifier

ROOT = Path(__file__).resolve().parents[1]
WEB = ROOT / "backend" / "web"


def installed() -> Verifier:
    """What a node serves to browsers; skips where `scripts/web verifier` was not run."""
    served = verifier()
    if served is None:
        pytest.skip("the verifier for browsers is not installed: scripts/web verifier")
    return served


def built(folder: Path, name: str) -> list[str]:
    """The command of a program of `backend/web/test`, built into a folder."""
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")
    esbuild = WEB / "node_modules" / ".bin" / "esbuild"
    if not esbuild.exists():
        pytest.skip("backend/web has no node_modules: scripts/web check")
    program = folder / f"{name}.mjs"
    options = ("--bundle", "--platform=node", "--format=esm", "--loader:.py=text", "--log-level=warning")
    subprocess.run([esbuild, WEB / "test" / f"{name}.ts", *options, f"--outfile={program}"], check=True, timeout=120)
    return ["node", str(program)]


def judged(folder: Path, bundles: Sequence[tuple[Bundle | bytes, bool]]) -> list[dict[str, Any]]:
    """What the page gets for each bundle, with the auditor's own files or without."""
    for name, served in installed().files.items():
        (folder / name).write_bytes(served.plain)
    lines = []
    for number, (bundle, own) in enumerate(bundles):
        file = folder / f"{number}.bundle"
        file.write_bytes(bundle if isinstance(bundle, bytes) else bundle.model_dump_json().encode())
        paths: dict[str, str | None] = {"bundle": str(file), "deployment": None, "trust": None}
        if own and isinstance(bundle, Bundle):
            for name in ("deployment", "trust"):
                paths[name] = str(folder / f"{number}.{name}")
                (folder / f"{number}.{name}").write_text(getattr(bundle, name).model_dump_json())
        lines.append(json.dumps(paths))
    answer = subprocess.run(
        [*built(folder, "judge"), str(folder)],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=60 + 20 * len(lines),
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    return [json.loads(line) for line in answer.stdout.splitlines()]
