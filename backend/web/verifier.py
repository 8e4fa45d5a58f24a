"""Gathers what the auditor's page runs: Pyodide from node_modules, and pinned wheels from PyPI in one archive.

    python backend/web/verifier.py FOLDER

Pyodide is pinned by package-lock.json, the wheels by version and hash in requirements.lock: those that the node itself
has, but pydantic's compiled core for WebAssembly (PEP 783). Files come as they are, unchanged; what compresses is
compressed here and once.
"""

import gzip
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCK = HERE.parents[1] / "requirements.lock"
PYODIDE = HERE / "node_modules" / "pyodide"
RUNTIME = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "pyodide-lock.json", "python_stdlib.zip")
PURE = (
    "annotated-types",
    "confusable-homoglyphs",
    "jinja2",
    "markupsafe",
    "phonenumberslite",
    "pydantic",
    "rfc8785",
    "typing-extensions",
    "typing-inspection",
)
NATIVE = "pydantic-core"
WASM = (
    "--platform",
    "pyemscripten_2026_0_wasm32",
    "--python-version",
    "3.14",
    "--implementation",
    "cp",
    "--abi",
    "cp314",
)
LEFT_OUT = re.compile(r"\.pyi$|dist-info/(RECORD|WHEEL)$|^phonenumbers/(geodata|carrierdata|tzdata)/|/_speedups\.")
"""Types, places and carriers of telephone numbers, what was compiled for another machine, and what says for which."""
DAY_ONE = (1980, 1, 1, 0, 0, 0)


def pins(names: tuple[str, ...]) -> str:
    """The lock's own lines of these packages."""
    entries = re.findall(r"^\S+==[^\n]*(?:\n[ ]+--hash=[^\n]*)+", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    chosen = [entry for entry in entries if entry.partition("==")[0] in names]
    if len(chosen) != len(names):
        raise SystemExit(f"{LOCK} does not pin all of {', '.join(names)}")
    return "\n".join(chosen) + "\n"


def download(folder: Path, names: tuple[str, ...], *platform: str) -> None:
    wanted = folder / "wanted.txt"
    wanted.write_text(pins(names), encoding="utf-8")
    pip = (sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check")
    options = ("--no-deps", "--only-binary=:all:", "--require-hashes", *platform)
    subprocess.run([*pip, *options, "--dest", str(folder), "-r", str(wanted)], check=True)


def packages(folder: Path) -> tuple[bytes, str]:
    """One archive of all wheels, without compression or times; and their names, versions and licences."""
    contents: dict[str, bytes] = {}
    notices = []
    for wheel in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(wheel) as one:
            names = [name for name in one.namelist() if not name.endswith("/")]
            contents |= {name: one.read(name) for name in names if not LEFT_OUT.search(name)}
            texts = [one.read(name).decode() for name in names if re.search(r"dist-info/.*LICEN[CS]E", name)]
        notices.append("\n\n".join([" ".join(wheel.name.split("-")[:2]), *texts]))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as whole:
        for name in sorted(contents):
            whole.writestr(zipfile.ZipInfo(name, DAY_ONE), contents[name])
    return target.getvalue(), "\n\n---\n\n".join(notices)


def main(out: Path) -> None:
    version = json.loads((PYODIDE / "package.json").read_text(encoding="utf-8"))["version"]
    with tempfile.TemporaryDirectory() as name:
        wheels = Path(name)
        download(wheels, PURE)
        download(wheels, (NATIVE,), *WASM)
        archive, notices = packages(wheels)
    files = {name: (PYODIDE / name).read_bytes() for name in RUNTIME} | {"packages.zip": archive}
    made = out.with_name(out.name + ".made")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    travelling = 0
    for name, content in files.items():
        packed = gzip.compress(content, 9, mtime=0)
        small = 10 * len(packed) < 9 * len(content)
        (made / (f"{name}.gz" if small else name)).write_bytes(packed if small else content)
        travelling += len(packed if small else content)
    source = f"Pyodide {version} (MPL-2.0), unchanged; its source: https://github.com/pyodide/pyodide/tree/{version}\n"
    (made / "NOTICE").write_text(f"{source}\n---\n\n{notices}\n", encoding="utf-8")
    shutil.rmtree(out, ignore_errors=True)
    made.rename(out)
    print(f"verifier: {sum(map(len, files.values()))} bytes, {travelling} by gzip")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
