"""The pinned Anvil for people without a checkout: from npm, by its client, under a hash that stands here.

The hashes are those of `hardhat-free-local/package-lock.json` (a test compares them), so it does not matter which
registry or mirror npm is set up for.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from placet.chain.anvil import ANVIL_VERSION, cached_anvil, find_anvil, machine
from placet.chain.network.settings import CLIENTS, STAMP
from placet.core.errors import ConfigError, InputError

INTEGRITY = {
    "darwin-amd64": "OgwzwY+FsGrsPyDv4mmbhOwARO8s37YHrm2qaNzgSH4VlKnXgJCrnoT7bpgOhLyBPtxXjBT8L2E3b79deesXRg==",
    "darwin-arm64": "JNeu3+A3f/npXLn8SR8EahVcqE7BpO9VQZMcPvSIy27/RNc1GsoEBvSLR99aSvt8sGKWAgNg/EzrtjAPq6mxcA==",
    "linux-amd64": "+XmShybEaxfCrr0OUUZwYEy2OnYZt5pHH9TzBtLv3+VrK0O/ANuNSVEahqNhKHlgX7GRJ59383ofNhxkRWIYTg==",
    "linux-arm64": "ykHJmFOGdBR8+9smOKBm9ZZDCCCkLQctiHOAddLvmYx9mPeBDMfq6jP51hKYsO5MG8ClPLSlWe+JpiXPjoXgBQ==",
}
"""SHA-512 of each package's archive, in base64."""
MAX_BINARY = 256 << 20
NPM_SECONDS = 600
CLIENTS_SECONDS = 3600


def install(hashes: Mapping[str, str] = INTEGRITY) -> Path:
    """Put the pinned Anvil into the user's cache folder and say where it is; nothing to do if it is there.

    ConfigError without npm, without an answer of its registry, or on another kind of machine; InputError if what came
    is not the pinned archive: then nothing is written.
    """
    target = cached_anvil()
    if target.is_file():
        return target
    kind = machine()
    if kind not in hashes:
        raise ConfigError("npm has no Anvil for this machine", expected=", ".join(sorted(hashes)), found=kind)
    with tempfile.TemporaryDirectory(prefix="placet-anvil-") as scratch:
        archive = _packed(f"@foundry-rs/anvil-{kind}@{ANVIL_VERSION}", Path(scratch))
        raw = archive.read_bytes()
        digest = base64.b64encode(hashlib.sha512(raw).digest()).decode()
        if not hmac.compare_digest(digest, hashes[kind]):
            raise InputError(
                "npm's Anvil is not the pinned one",
                expected=f"sha512-{hashes[kind]}",
                found=f"sha512-{digest}",
                remedy="ask who runs the registry that npm is set up for; nothing was installed",
                code="anvil.hash",
            )
        _unpack(archive, target)
    find_anvil.cache_clear()
    return target


def install_clients() -> Path:
    """Put the clients of a network of validators into the checkout, by the versions and hashes of its lock files; no
    script of theirs is run. Returns where. ConfigError without npm, a checkout, or an answer of npm's registry."""
    if not CLIENTS.is_dir():
        raise ConfigError("nowhere to install the clients", expected="a checkout of the repository", found=CLIENTS)
    for client in ("execution", "consensus"):
        folder = CLIENTS / client
        stamp = folder / "node_modules" / STAMP
        lock = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
        if stamp.is_file() and stamp.read_text() == lock:
            continue
        words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        answer = _npm(words, folder, CLIENTS_SECONDS)
        if answer.returncode != 0:
            raise _unanswered(client, answer)
        stamp.write_text(lock)
    return CLIENTS


def _npm(words: list[str], folder: Path, seconds: float) -> subprocess.CompletedProcess[str]:
    npm = shutil.which("npm")
    if npm is None:
        raise ConfigError(
            "npm is not on PATH",
            expected="npm, which brings the pinned Anvil and the clients of a network",
            remedy=f"install Node with npm, or put anvil {ANVIL_VERSION} on PATH (foundryup --install {ANVIL_VERSION})",
        )
    return subprocess.run(
        [npm, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def _unanswered(package: str, answer: subprocess.CompletedProcess[str]) -> ConfigError:
    return ConfigError(
        "npm did not bring the package",
        expected=package,
        found=answer.stderr.strip()[-600:] or f"exit code {answer.returncode}",
        remedy="does npm reach its registry? npm config get registry",
    )


def _packed(package: str, folder: Path) -> Path:
    words = ["pack", package, "--pack-destination", str(folder), "--ignore-scripts", "--loglevel=error"]
    answer = _npm(words, folder, NPM_SECONDS)
    archives = list(folder.glob("*.tgz"))
    if answer.returncode != 0 or len(archives) != 1:
        raise _unanswered(package, answer)
    return archives[0]


def _unpack(archive: Path, target: Path) -> None:
    """The one binary of the archive, whole or not at all."""
    with tarfile.open(archive, "r:gz") as packed:
        member = packed.getmember("package/bin/anvil")
        source = packed.extractfile(member)
        if source is None or member.size > MAX_BINARY:
            raise InputError("the archive holds no Anvil", expected="package/bin/anvil", code="anvil.archive")
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".anvil-")
        try:
            with os.fdopen(descriptor, "wb") as sink:
                shutil.copyfileobj(source, sink)
            Path(name).chmod(0o755)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
