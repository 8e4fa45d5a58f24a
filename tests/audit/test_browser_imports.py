"""What the verifier loads of compiled packages is what the browser's stand-ins have: looked at without WebAssembly."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHIMS = ROOT / "backend" / "web" / "src" / "audit" / "verifier" / "shims.py"
COMPILED = ("coincurve", "sha3")
"""Packages that no browser has, of which the stand-ins have single modules; others are refused by name, as wholes."""
LOADED = "import json, sys, placet.audit.browser; print(json.dumps([m.__file__ for n, m in sys.modules.items() \
if n.startswith('placet.') and m.__file__]))"


def stand_ins() -> dict[str, set[str]]:
    """Names by module, as `CONTENTS` says."""
    assigned = next(
        node.value
        for node in ast.parse(SHIMS.read_text()).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "CONTENTS"
    )
    assert isinstance(assigned, ast.Dict)
    return {
        key.value: {name.value for name in value.keys if isinstance(name, ast.Constant)}
        for key, value in zip(assigned.keys, assigned.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(value, ast.Dict)
    }


def taken(file: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of what a file imports from compiled packages when it is loaded."""
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in COMPILED:
            yield from ((node.module or "", alias.name) for alias in node.names)
        if isinstance(node, ast.Import):
            yield from ((one.name, "") for one in node.names if one.name.partition(".")[0] in COMPILED)


def test_all_that_the_verifier_loads_of_compiled_packages_has_a_stand_in() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, timeout=120)
    known = stand_ins()
    asked = {(file, module, name) for file in json.loads(done.stdout) for module, name in taken(Path(file))}
    assert {module.partition(".")[0] for _, module, _ in asked} == set(COMPILED)
    lacking = [one for one in asked if one[1] not in known or one[2] not in known[one[1]] | {""}]
    assert lacking == []
