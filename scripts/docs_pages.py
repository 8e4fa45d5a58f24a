"""The pages of the reference that the code writes: recipes, commands, errors, contracts, decisions. A hook of mkdocs.

Nothing of these pages is committed, so that a new recipe, command, error or function needs no page.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from placet.catalogue.specs import SPECS
from placet.catalogue.words import words_of
from placet.cli.main import app
from placet.core import errors

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "backend" / "placet"
INTERFACES = sorted((ROOT / "contracts" / "interfaces").glob("I*.sol"))
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
_WITHDRAWAL = {"drop": "a new attempt without that row", "abort": "the job ends, with refund"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages to those that stand in the folder."""
    for path, write in PAGES.items():
        files.append(File.generated(config, path, content=write()))
    return files


def recipes() -> str:
    """One section for each recipe of the catalogue."""
    text = [
        "# Recipes",
        "What institutions can compute together, and who learns what by it. `placet recipes` prints the same.",
        "What messages show, and what colluding parties learn, stands in [protocols](../explanation/protocols.md).",
    ]
    for spec in SPECS:
        one = words_of(spec)
        text += [
            f"## {one['recipe']}",
            one["does"],
            _table(
                ("", ""),
                (
                    ("version", str(one["version"])),
                    ("operations", one["operations"]),
                    ("engines", ", ".join(one["engines"])),
                    ("after a withdrawal before the seal", _WITHDRAWAL[one["on_withdrawal"]]),
                ),
            ),
            _table(("role", "learns"), one["learns"].items()),
            _table(("parameter", "says"), ((f"`{name}`", what) for name, what in one["parameters"].items())),
            "The parameters as JSON Schema, as `GET /openapi.json` of a node has them:",
            f"```json\n{json.dumps(spec.parameters.model_json_schema(), indent=2)}\n```",
        ]
    return _page(text)


def commands() -> str:
    """One section for each command of `placet`, from its own help."""
    text = ["# Commands", "Every command explains itself with `--help`; this page is made from that help."]
    for words, command in _tree(typer.main.get_command(app), ("placet",)):
        groups = getattr(command, "commands", {})
        if groups and not getattr(command, "invoke_without_command", False):
            continue
        text += [f"## {' '.join(words)}", inspect.cleandoc(command.help or "")]
        rows = [(_parameter(one), _help(one)) for one in command.params if one.name != "help"]
        if rows:
            text.append(_table(("argument or option", "says"), rows))
    return _page(text)


def _tree(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _tree(inner, (*words, name))


def _parameter(one: Any) -> str:
    if one.param_type_name == "argument":
        return f"`{one.name.upper()}`"
    return ", ".join(f"`{option}`" for option in (*one.opts, *one.secondary_opts))


def _help(one: Any) -> str:
    environment = f" Environment: `{one.envvar}`." if getattr(one, "envvar", None) else ""
    return f"{'*Required.* ' if one.required else ''}{getattr(one, 'help', '') or ''}{environment}"


def error_codes() -> str:
    """The tree of errors, and each code that the package raises, with its messages."""
    tree = (errors.__doc__ or "").partition("\n\n")[2].partition("\n\nEach")[0]
    defaults = {
        name: kind.code
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.PlacetError)
    }
    messages: dict[str, set[str]] = {code: set() for code in defaults.values()}
    made = re.compile(rf"\b(?:{'|'.join(defaults)})\(")
    for source in (file.read_text() for file in sorted(PACKAGE.rglob("*.py"))):
        if not made.search(source):
            continue
        for code, message in _raised(ast.parse(source), defaults):
            messages.setdefault(code, set()).add(message)
    rows = ((f"`{code}`", "<br>".join(sorted(messages[code])) or "(its kinds have codes)") for code in sorted(messages))
    return _page(
        [
            "# Errors",
            "Each error carries a stable code, what was expected, what was found and the remedy. A log line, an HTTP "
            "problem document (RFC 9457) and a message on the terminal say the same. `…` stands for what differs.",
            f"```text\n{tree}\n```",
            "## Codes",
            _table(("code", "messages"), rows),
        ]
    )


def _raised(tree: ast.AST, defaults: dict[str, str]) -> Iterator[tuple[str, str]]:
    """(code, message) of each error that is made with a message in the source."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in defaults):
            continue
        code = next((word.value for word in node.keywords if word.arg == "code"), None)
        if not node.args or node.func.id == "Reverted":
            continue
        names = [defaults[node.func.id]] if code is None else _texts(code)
        for name in (one for one in names if "…" not in one):
            for message in _texts(node.args[0]) or ["…"]:
                yield name, message


def _texts(node: ast.expr) -> list[str]:
    """What an expression may say: both sides of a conditional one; nothing if the source does not tell."""
    if isinstance(node, ast.IfExp):
        return _texts(node.body) + _texts(node.orelse)
    text = _text(node)
    return [] if text is None else [text]


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "…" for part in node.values)
    return None


def contracts() -> str:
    """Functions, events and errors of the contracts, from the interfaces' natspec."""
    text = [
        "# Contracts",
        "The contracts are immutable, have no owner and no proxy. This page is made from the interfaces' natspec; each "
        "function says what it does *not* protect.",
    ]
    member = re.compile(r"((?:^    ///[^\n]*\n)+)^    (function|event|error|struct|enum) (\w+)([^;{]*)", re.MULTILINE)
    for file in INTERFACES:
        source = file.read_text()
        head = re.search(r"((?:^///[^\n]*\n)+)^interface", source, re.MULTILINE)
        text += [f"## {file.stem}", _notice(head[1]) if head else ""]
        for kind, heading in (("function", "Functions"), ("event", "Events"), ("error", "Errors")):
            rows = [
                (f"`{name}{' '.join(rest.split())}`", _notice(words))
                for words, what, name, rest in member.findall(source)
                if what == kind
            ]
            if rows:
                text += [f"### {heading} of {file.stem}", _table((kind, "says"), rows)]
    return _page(text)


def _notice(comment: str) -> str:
    """The words of a natspec comment."""
    words = " ".join(line.strip().removeprefix("///").strip() for line in comment.splitlines())
    words = re.sub(r"@(title|notice|dev) ", "", words)
    words = re.sub(r"@param (\w+)", r"<br>`\1`:", words)
    words = re.sub(r"@return(?: \w+)?", "<br>Returns", words)
    return re.sub(r"@custom:not-protected", "<br>*Not protected:*", words)


def decisions() -> str:
    """The list of decisions, by their titles."""
    titles = ((file.name, file.read_text().partition("\n")[0].lstrip("# ")) for file in DECISIONS)
    return _page(["# Decisions", "\n".join(f"- [{title}]({name})" for name, title in titles)])


def _table(headings: tuple[str, str], rows: Any) -> str:
    lines = [headings, ("---", "---"), *((cell.replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _page(parts: list[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "reference/recipes.md": recipes,
    "reference/commands.md": commands,
    "reference/errors.md": error_codes,
    "reference/contracts.md": contracts,
    "decisions/index.md": decisions,
}
