"""Which files a program needs, found by importing it in a fresh interpreter; the list goes out as JSON.

Run as `python -I -S -B -X utf8 trace.py PROGRAM FOLDER…`, where FOLDERs are where packages lie. Of the standard library
and of Placet the modules that were imported count, of every other package (and `encodings`) all, since some load late.
Names only: what counts is read, hashed and handed over later, once.
"""

from __future__ import annotations

import importlib
import json
import runpy
import sys
from pathlib import Path

BOOT = Path(__file__).resolve().parents[1] / "inside" / "boot.py"
WHOLE = frozenset({"encodings"})
"""Packages of the standard library that load their modules late."""


def main(program: str, folders: list[str]) -> None:
    sys.path.extend(folders)
    boot = runpy.run_path(str(BOOT))
    for name in (*boot["LATE"], program, *importlib.import_module(program).LATE):
        importlib.import_module(name)
    pure: dict[str, str] = {}
    started: list[str] = []
    native: dict[str, str] = {}
    for name, module in sorted(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if name == "__main__" or spec is None or not spec.has_location or spec.origin is None:
            continue
        if spec.origin.endswith(".so"):
            native[name] = spec.origin
            continue
        path = spec.name.replace(".", "/")
        path += "/__init__.py" if spec.submodule_search_locations is not None else ".py"
        pure[path] = spec.origin
        started.append(path)
        package = spec.submodule_search_locations is not None and "." not in name and name != "placet"
        if package and (name in WHOLE or _foreign(spec.origin, folders)):
            folder = Path(spec.origin).parent
            pure |= {str(file.relative_to(folder.parent)): str(file) for file in folder.rglob("*.py")}
    json.dump(
        {
            "pure": pure,
            "started": started,
            "native": native,
            "libraries": sorted(_mapped() - {str(Path(file).resolve()) for file in native.values()}),
            "executable": str(Path(sys.executable).resolve()),
            "archive": f"python{sys.version_info.major}{sys.version_info.minor}.zip",
        },
        sys.stdout,
    )


def _foreign(file: str, folders: list[str]) -> bool:
    return any(file.startswith(f"{folder}/") for folder in folders)


def _mapped() -> set[str]:
    """The ELF files in this process's memory: the interpreter, its loader and libraries, extension modules."""
    fields = [line.split(maxsplit=5) for line in Path("/proc/self/maps").read_text().splitlines()]
    files = {line[5] for line in fields if len(line) == 6 and line[5].startswith("/")}
    return {file for file in files if Path(file).is_file() and _is_elf(file)}


def _is_elf(file: str) -> bool:
    with Path(file).open("rb") as opened:
        return opened.read(4) == b"\x7fELF"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
