"""The benchmarks are those that docs/how-to/measure.md lists, with options they have and figures they print."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = {file.stem: file for file in (ROOT / "scripts" / "benchmarks").glob("[!_]*.py")}
SECTION = (ROOT / "docs" / "how-to" / "measure.md").read_text().partition("## Benchmarks")[2]
ROWS = {
    words[1]: (words, text)
    for words, text in (
        (shlex.split(command), text)
        for command, text in re.findall(r"^\| `([^`]+)` \| (.*) \|$", SECTION, re.MULTILINE)
    )
}
COMMAND = re.compile(r"scripts/bench ([a-z]+)((?: --[a-z]+(?: [0-9]+)?)*)")


def options(name: str) -> set[str]:
    tree = ast.parse(FILES[name].read_text())
    (main,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main"]
    return {"--" + argument.arg for argument in main.args.kwonlyargs}


def test_every_benchmark_is_in_the_document() -> None:
    assert ROWS.keys() == FILES.keys()


@pytest.mark.parametrize(
    "document", ["README.md", "CHANGELOG.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md"))]
)
def test_commands_in_the_documents_exist_with_these_options(document: str) -> None:
    for name, more in COMMAND.findall((ROOT / document).read_text()):
        assert {word for word in more.split() if word.startswith("--")} <= options(name), (name, more)


@pytest.mark.parametrize("name", FILES)
def test_figures_that_the_document_names_are_printed(name: str) -> None:
    words, text = ROWS[name]
    assert words[0] == "scripts/bench" and {w for w in words if w.startswith("--")} <= options(name)
    parts = re.findall(r"^(?:from|import) (_[a-z][a-z_]*)", FILES[name].read_text(), re.MULTILINE)
    source = "".join(file.read_text() for file in (FILES[name], *(FILES[name].with_stem(part) for part in parts)))
    for figure in re.findall(r"`([a-z_]+)`", text):
        if "_" in figure:
            assert f'"{figure}"' in source, figure


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", ["audit --n 300", "consents --n 600", "trust --n 300 --engine rr22", "growth --n 300", "paillier", "gas"]
)
def test_a_benchmark_runs(command: str) -> None:
    ran = subprocess.run(
        [ROOT / "scripts" / "bench", *command.split(), "--json"],
        capture_output=True,
        text=True,
        timeout=590,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert json.loads(ran.stdout.splitlines()[-1])
