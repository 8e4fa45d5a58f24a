"""DESIGN.md's doors: which room of the package may import which."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "backend" / "placet"

# Room -> rooms it may import besides itself. A key with a dot is one module with doors of its own: it may be imported
# from where its room may be, unless it has more doors than the importer.
# The package's root (`__init__`: the version) is open to all.
DOORS: dict[str, frozenset[str]] = {
    "core": frozenset(),
    "alignment": frozenset({"core"}),
    "models": frozenset({"core"}),
    "catalogue": frozenset({"core", "alignment", "models"}),
    "comparison": frozenset({"core"}),
    "chain": frozenset({"core"}),
    "chain.keystore": frozenset({"core"}),
    "chain.events": frozenset({"core"}),
    "chain.event_types": frozenset({"core"}),
    "serving": frozenset({"core"}),
    "pages": frozenset(),
    "vault": frozenset({"core", "catalogue", "chain"}),
    "protocols": frozenset({"core", "comparison", "models"}),
    "jobs": frozenset({"core", "models", "catalogue", "chain", "vault", "protocols"}),
    "jobs.randomness": frozenset({"core", "protocols"}),
    "recipes": frozenset(
        {"core", "alignment", "catalogue", "comparison", "chain", "models", "vault", "protocols", "jobs"}
    ),
    "node": frozenset({"core", "catalogue", "chain", "pages", "serving", "vault", "protocols", "jobs", "recipes"}),
    "company": frozenset(
        {"core", "catalogue", "comparison", "chain", "vault", "protocols", "jobs", "recipes", "node", "owner"}
    ),
    "identity": frozenset({"core", "chain.keystore", "serving"}),
    "owner": frozenset({"core", "chain.keystore"}),
    "audit": frozenset(
        {"core", "models", "catalogue", "chain.events", "chain.event_types", "protocols", "jobs.randomness"}
    ),
    "audit.chain_facts": frozenset({"core", "chain"}),
    "audit.chain_log": frozenset({"core", "chain"}),
    "audit.job_list_collect": frozenset({"core", "chain"}),
    "audit.collect": frozenset({"core", "models", "catalogue", "chain", "protocols"}),
    "study": frozenset({"core", "models", "catalogue", "vault"}),
    "witness": frozenset({"core", "chain"}),
    "interchange": frozenset({"core"}),
    "sandbox": frozenset(
        {
            "core",
            "models",
            "catalogue",
            "comparison",
            "chain",
            "vault",
            "protocols",
            "jobs",
            "recipes",
            "node",
            "company",
        }
        | {"identity", "owner", "audit", "serving", "study"}
    ),
    "cli": frozenset(
        {
            "core",
            "models",
            "catalogue",
            "comparison",
            "chain",
            "vault",
            "protocols",
            "jobs",
            "recipes",
            "node",
            "company",
        }
        | {"identity", "owner", "audit", "sandbox", "study", "pages", "witness", "interchange"}
    ),
}
# What only some rooms may touch, and how it would be imported.
RPC_CLIENTS = frozenset({"web3"})


def module_name(file: Path, package: Path) -> str:
    parts = file.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def tree_of(source: str) -> ast.Module:
    """Several tests read all of the package."""
    return ast.parse(source)


@pytest.fixture(scope="module", autouse=True)
def _forgotten() -> Iterator[None]:
    yield
    tree_of.cache_clear()


def imports(source: str, module: str, *, is_package: bool) -> Iterator[str]:
    """Absolute names of everything that a module imports, wherever in it the import stands."""
    for node in ast.walk(tree_of(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                kept = module.split(".")[: len(module.split(".")) - node.level + is_package]
                base = ".".join([*kept, base] if base else kept)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def room_of(module: str, doors: dict[str, frozenset[str]]) -> str | None:
    """The most special key of the table that holds the module; None for the package's root."""
    inside = module.split(".")[1:]
    candidates = [".".join(inside[:length]) for length in range(len(inside), 0, -1)]
    return next((name for name in candidates if name in doors), candidates[-1] if candidates else None)


def violations(package: Path, doors: dict[str, frozenset[str]] = DOORS) -> list[str]:
    """Every import that goes through a door that is not there, in words."""
    found = []
    for file in sorted(package.rglob("*.py")):
        module = module_name(file, package)
        room = room_of(module, doors)
        if room is None:
            continue
        if room not in doors:
            found.append(f"{module}: room {room!r} is not in the table")
            continue
        for name in imports(file.read_text(encoding="utf-8"), module, is_package=file.name == "__init__.py"):
            if name.split(".")[0] != package.name:
                continue
            target = room_of(name, doors)
            if target is None or target not in doors:
                continue
            if not _may_import(room, target, doors):
                found.append(f"{module} imports {name}: {room} may not import {target}")
    return found


def _may_import(room: str, target: str, doors: dict[str, frozenset[str]]) -> bool:
    if target in doors[room] or target == room or room.startswith(f"{target}."):
        return True
    parent = target.partition(".")[0]
    return parent != target and _may_import(room, parent, doors) and doors[target] <= doors[room]


def test_rooms_import_only_through_their_doors() -> None:
    assert violations(PACKAGE) == []


def imports_of_another_recipe(package: Path) -> list[str]:
    """Every import of one recipe by another: what two of them need is a block. `runs` names them all."""
    places = []
    for file in sorted((package / "recipes").rglob("*.py")):
        module = module_name(file, package)
        recipe = [*module.split("."), ""][2]
        for name in imports(file.read_text(encoding="utf-8"), module, is_package=file.name == "__init__.py"):
            parts = name.split(".")
            if parts[1:2] == ["recipes"] and recipe != "runs" and parts[2] not in {recipe, "blocks"}:
                places.append(f"{module} imports {name}")
    return places


def test_no_recipe_imports_another() -> None:
    assert imports_of_another_recipe(PACKAGE) == []


@pytest.mark.parametrize(
    ("file", "line", "refused"),
    [
        ("match/run.py", "from placet.recipes.overlap.run import combine", True),
        ("match/run.py", "from placet.recipes import overlap", True),
        ("match/run.py", "from ..overlap import run", True),
        ("match/run.py", "from placet.recipes.runs import RUNS", True),
        ("blocks/columns.py", "from placet.recipes.overlap.run import combine", True),
        ("match/run.py", "from placet.recipes.match.report import told_of", False),
        ("match/run.py", "from placet.recipes.blocks import split", False),
        ("runs.py", "from placet.recipes.overlap.run import OVERLAP", False),
    ],
)
def test_an_import_of_another_recipe_is_found(tmp_path: Path, file: str, line: str, refused: bool) -> None:
    place = tmp_path / "placet" / "recipes" / file
    place.parent.mkdir(parents=True)
    place.write_text(f"{line}\n")
    assert bool(imports_of_another_recipe(tmp_path / "placet")) == refused


def test_only_the_chain_room_speaks_json_rpc() -> None:
    speakers = {
        module_name(file, PACKAGE)
        for file in PACKAGE.rglob("*.py")
        for name in imports(file.read_text(encoding="utf-8"), module_name(file, PACKAGE), is_package=False)
        if name.split(".")[0] in RPC_CLIENTS
    }
    assert {name for name in speakers if not name.startswith("placet.chain")} == set()


# Public class names that stand in two modules, and why that can't mislead. Empty: none does.
TWICE: dict[str, str] = {}
MAX_LINES, MAX_ARGUMENTS = 60, 7
# Functions beyond that, and why.
_OPTIONS = "each argument is an option of the command line"
_PROTOCOL = "all that two parties must agree on, each by its name"
LARGE: dict[str, str] = {
    "cli.audit.audit": _OPTIONS,
    "cli.audit_certificate.certificate": _OPTIONS,
    "cli.audit_institution.institution": _OPTIONS,
    "cli.audit_replay.replay": _OPTIONS,
    "cli.batches.check": _OPTIONS,
    "cli.audit_sample.sample": _OPTIONS,
    "cli.compare.join": _OPTIONS,
    "cli.compare.start": _OPTIONS,
    "cli.consent_interchange.export": _OPTIONS,
    "cli.job_plan.plan": _OPTIONS,
    "cli.offers.make": _OPTIONS,
    "cli.owner_grant.grant": _OPTIONS,
    "cli.owner_prove.consent": _OPTIONS,
    "cli.owner_prove.total": _OPTIONS,
    "cli.prove.band": _OPTIONS,
    "cli.prove.check": _OPTIONS,
    "cli.setup._make_node": _OPTIONS,
    "cli.setup.import_": _OPTIONS,
    "cli.setup.init": _OPTIONS,
    "cli.signed_trust.draft": _OPTIONS,
    "chain.client.check_consent": "the arguments of the contract's own function",
    "owner.client.give": "what a consent says, each by its name",
    "vault.setup.import_table": "what a table is, each by its name",
    "owner.wire.ask": "a request's parts and its limits, each by its name",
    "protocols.enclave.sealed.release.release": _PROTOCOL,
    "protocols.fhe.intersect.intersect": _PROTOCOL,
    "protocols.mpc.score.by_weights": _PROTOCOL,
    "protocols.psi.ecdh.intersect": _PROTOCOL,
    "protocols.psi.ecdh.place": _PROTOCOL,
    "protocols.psi.salted_hash.intersect": _PROTOCOL,
    "protocols.spu.circuit.count_and_sum": _PROTOCOL,
    "protocols.spu.circuit.count_table": _PROTOCOL,
    "protocols.spu.evaluate.run": _PROTOCOL,
    "protocols.spu.mpc.compute": _PROTOCOL,
    "protocols.spu.psi.intersect": _PROTOCOL,
    "vault.lawful.choose": "what is held against each other, each by its name",
    "vault.setup.init_vault": "what a vault is made of, each by its name",
    "vault.state.__init__": "what a vault is made of, each by its name",
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        yield module_name(file, PACKAGE).removeprefix("placet."), tree_of(file.read_text(encoding="utf-8"))


def test_a_public_class_name_stands_for_one_thing() -> None:
    homes: dict[str, list[str]] = {}
    for module, tree in modules():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(module)
    assert {name: where for name, where in homes.items() if len(where) > 1 and name not in TWICE} == {}


def large_functions(module: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            positional = [one for one in (*node.args.posonlyargs, *node.args.args) if one.arg not in ("self", "cls")]
            if lines > MAX_LINES or len(positional) + len(node.args.kwonlyargs) > MAX_ARGUMENTS:
                yield f"{module}.{node.name}"


def test_no_function_is_large_without_a_reason() -> None:
    found = {name for module, tree in modules() for name in large_functions(module, tree)}
    assert found - LARGE.keys() == set()
    assert LARGE.keys() - found == set(), "no longer large: take it off the list"


# Participles that say how a thing came about and not what it is, as names of locals and arguments, and how many a room
# may still have: none that is not named here. `found` is fine where an error tells it beside what was expected.
_PARTICIPLES = frozenset({"asked", "chosen", "found", "held", "kept", "made", "told", "wanted"})
_LEFT: dict[str, int] = {
    "audit": 6, "cli": 2, "core": 2, "jobs": 10, "models": 2, "protocols": 11, "recipes": 41, "vault": 7,
}  # fmt: skip


def in_participles(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of each binding of such a name in a function."""
    places = set()
    for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)):
        nodes = list(ast.walk(function))
        names = {(n.lineno, n.id) for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        names |= {(n.lineno, n.arg) for n in nodes if isinstance(n, ast.arg)}
        keywords = [word for n in nodes if isinstance(n, ast.Call) for word in n.keywords if word.arg == "found"]
        inside = {n.id for word in keywords for n in ast.walk(word.value) if isinstance(n, ast.Name)}
        error = "found" in inside or "expected" in {name for _, name in names}
        places |= {(line, name) for line, name in names if name in _PARTICIPLES and not (name == "found" and error)}
    yield from sorted(places)


def test_locals_are_named_for_the_thing_they_hold() -> None:
    rooms: dict[str, list[str]] = {}
    for module, tree in modules():
        places = [f"{module}:{line} {name}" for line, name in in_participles(tree)]
        rooms.setdefault(module.partition(".")[0], []).extend(places)
    assert {room: places for room, places in rooms.items() if len(places) > _LEFT.get(room, 0)} == {}


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("def f():\n    found = g()\n    return found", 1),
        ("async def f(asked):\n    return [told for told in asked]", 2),
        ("def f():\n    def g():\n        made = 1", 1),
        ("def f():\n    found = g()\n    raise E(found=str(found))", 0),
        ("def f(expected, found):\n    return expected != found", 0),
        ("def f():\n    raise E(found=1)", 0),
        ("def f(row):\n    row.kept = row.found", 0),
    ],
)
def test_a_local_that_is_named_by_a_participle_is_found(body: str, names: int) -> None:
    assert len(list(in_participles(ast.parse(body)))) == names


# What waits for a database or for the chain, by the name under which coroutines hold it; and what of it waits for
# nobody.
_WAITS = {name for word in ("chain", "engine", "index", "outbox", "sender", "store") for name in (word, f"_{word}")}
_QUICK = {
    "threaded",
    "waits",
    "told",
    "called",
    "due",
    "wait",
    "run",
    "new_block",
    "trouble",
    "dispose",
    "deployment",
    "verifiers",
}
Place = tuple[str, str]
"""A function: its module, and its name with its class's."""


def dotted(node: ast.expr) -> tuple[str, ...]:
    """`a.b.c` as its parts; empty for anything else."""
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return (*before, node.attr) if before else ()
    return (node.id,) if isinstance(node, ast.Name) else ()


def calls(function: ast.AST) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Line and name of each call in a function's own body: not in those of functions inside it."""
    for node in ast.iter_child_nodes(function):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            if isinstance(node, ast.Call):
                yield node.lineno, dotted(node.func)
            yield from calls(node)


def functions(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{inside}{node.name}", node
        yield from functions(node, f"{node.name}." if isinstance(node, ast.ClassDef) else inside)


def waits_itself(name: tuple[str, ...]) -> bool:
    return bool(_WAITS.intersection(name[:-1])) and not _QUICK.intersection(name)


def waiting_coroutines(package: Path) -> list[str]:
    """Each call in a coroutine that waits for a database or the chain, itself or through functions of the package."""
    bodies: dict[Place, tuple[bool, list[tuple[int, tuple[str, ...]]], dict[str, str]]] = {}
    for file in sorted(package.rglob("*.py")):
        module, tree = module_name(file, package), tree_of(file.read_text(encoding="utf-8"))
        known = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        for name, node in functions(tree):
            bodies[module, name] = isinstance(node, ast.AsyncFunctionDef), list(calls(node)), known

    def meant(place: Place, name: tuple[str, ...]) -> Place | None:
        module, known = place[0], bodies[place][2]
        if len(name) == 2 and name[0] == "self":
            return module, f"{place[1].rpartition('.')[0]}.{name[1]}"
        if len(name) == 1:
            home, _, function = known.get(name[0], f"{module}.{name[0]}").rpartition(".")
            return home, function
        return (known[name[0]], name[1]) if len(name) == 2 and name[0] in known else None

    def waits(place: Place, name: tuple[str, ...]) -> bool:
        return waits_itself(name) or meant(place, name) in waiting

    waiting: set[Place] = set()
    threads = {place: made for place, (coroutine, made, _) in bodies.items() if not coroutine}
    while more := {p for p, made in threads.items() if p not in waiting and any(waits(p, name) for _, name in made)}:
        waiting |= more
    return [
        f"{place[0]}:{line} {place[1]} calls {'.'.join(name)}"
        for place, (coroutine, made, _) in bodies.items()
        for line, name in made
        if coroutine and waits(place, name)
    ]


def test_no_coroutine_waits_for_a_database_or_for_the_chain() -> None:
    """While it waits, every other job, peer and request of its process does. It calls in a thread."""
    assert waiting_coroutines(PACKAGE) == []


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("async def f(self):\n    self.store.job(1)", 1),
        ("async def f(self):\n    return [x for x in self.context.store.all()]", 1),
        ("async def f(self):\n    await self.store.threaded.job(1)", 0),
        ("async def f(self):\n    await asyncio.to_thread(self.store.job, 1)", 0),
        ("async def f(node):\n    with node.engine.begin():\n        pass", 1),
        ("async def f(node):\n    def g():\n        node.chain.head()\n    await asyncio.to_thread(g)", 0),
        ("def g(node):\n    node.chain.head()\nasync def f(node):\n    g(node)", 1),
        ("def g(node):\n    node.chain.head()\ndef h(node):\n    g(node)\nasync def f(node):\n    h(node)", 1),
        ("from placet.b import g\nasync def f(node):\n    g(node)", 1),
        ("from placet import b\nasync def f(node):\n    b.g(node)", 1),
        ("class A:\n    def g(self):\n        self._outbox.add(1)\n    async def f(self):\n        self.g()", 1),
        ("async def f(sender):\n    await sender.wait('an intent', 1)", 0),
    ],
)
def test_a_coroutine_that_waits_is_found(tmp_path: Path, body: str, found: int) -> None:
    package = tmp_path / "placet"
    package.mkdir()
    (package / "a.py").write_text(f"{body}\n")
    (package / "b.py").write_text("def g(node):\n    node.chain.head()\n")
    assert len(waiting_coroutines(package)) == found


@pytest.mark.parametrize(
    ("file", "line", "refused"),
    [
        ("core/a.py", "from placet.chain import local", True),
        ("core/a.py", "from placet import chain", True),
        ("core/a.py", "import placet.chain.local", True),
        ("core/a.py", "from .. import chain", True),
        ("core/a.py", "from ..chain.local import up", True),
        ("core/a.py", "def f():\n    from placet.node import app", True),
        ("core/a.py", "from .errors import PlacetError", False),
        ("core/__init__.py", "from .errors import PlacetError", False),
        ("core/a.py", "from placet import __version__", False),
        ("core/a.py", "import json", False),
        ("protocols/psi/a.py", "from placet.core import errors", False),
        ("protocols/psi/a.py", "from ...chain import local", True),
        ("protocols/psi/a.py", "from placet.vault import rows", True),
        ("jobs/a.py", "from placet.node import app", True),
        ("audit/collect.py", "from placet.chain import local", False),
        ("audit/collect.py", "from placet.audit.checks import Check", False),
        ("audit/checks.py", "from placet.chain import local", True),
        ("audit/checks.py", "from placet.audit.collect import collect", True),
        ("audit/checks.py", "from placet.audit import collect", True),
        ("cli/main.py", "from placet.audit.collect import collect", False),
        ("vault/a.py", "from placet.chain.keystore import load_secret", False),
        ("chain/a.py", "from placet.chain.keystore import load_secret", False),
        ("identity/a.py", "from placet.chain.keystore import load_secret", False),
        ("identity/a.py", "from placet.chain.rpc import Rpc", True),
        ("protocols/a.py", "from placet.chain.keystore import load_secret", True),
        ("chain/keystore.py", "from placet.core.errors import ConfigError", False),
        ("jobs/a.py", "from placet.audit.checks import Check", True),
        ("__init__.py", "from placet.cli import main", False),
        ("garage/a.py", "import json", True),
    ],
)
def test_the_rule_bites(tmp_path: Path, file: str, line: str, refused: bool) -> None:
    module = tmp_path / "placet" / file
    module.parent.mkdir(parents=True, exist_ok=True)
    module.write_text(line + "\n")
    assert bool(violations(tmp_path / "placet")) is refused
