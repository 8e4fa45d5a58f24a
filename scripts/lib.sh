# Shared by the bash scripts beside it: prerequisites, the Python environment, the npm tools. Sourced, never run.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="$ROOT/.venv"
TOOLS="$ROOT/.tools"
LOCAL_CHAIN="$ROOT/hardhat-free-local"
FOUNDRY_VERSION=1.7.1
SOLC_VERSION=0.8.37

die() {
  printf '%s: %s\n' "$(basename "$0")" "$1" >&2
  if [ $# -gt 1 ]; then printf '  remedy: %s\n' "$2" >&2; fi
  exit 1
}

say() { printf '== %s\n' "$*" >&2; }

# Prints the first Python >= 3.11 that can make virtual environments.
find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      command -v "$candidate"
      return
    fi
  done
  die "Python >= 3.11 with venv not found" \
    "apt-get install python3 python3-venv (Debian 12, Ubuntu 24.04), brew install python@3.12 (macOS), or set PYTHON"
}

need_node() {
  command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 \
    || die "Node >= 20 with npm not found" "install Node 20 or later from your system's packages or from nodejs.org"
  local major
  major="$(node -p 'process.versions.node.split(".")[0]')"
  [ "$major" -ge 20 ] || die "Node >= 20 expected, found $(node --version)" "install Node 20 or later from nodejs.org"
}

need_git() {
  command -v git >/dev/null 2>&1 || die "git not found" "apt-get install git (Debian), brew install git (macOS)"
}

# digest FILE...: one SHA-256 over the files' contents; works without coreutils' sha256sum.
digest() {
  "$PYTHON_BIN" - "$@" <<'PY'
import hashlib, pathlib, sys
total = hashlib.sha256()
for name in sys.argv[1:]:
    total.update(hashlib.sha256(pathlib.Path(name).read_bytes()).digest())
print(total.hexdigest())
PY
}

# has_version COMMAND VERSION: the command is on PATH (outside node_modules) and is of exactly that version.
has_version() {
  command -v "$1" >/dev/null 2>&1 && "$1" --version 2>/dev/null | grep -Eq "(^|[^0-9.])${2//./\\.}([^0-9.]|$)"
}

# Prints the path of anvil or forge: the pinned version on PATH first, else npm's.
foundry_tool() {
  if has_version "$1" "$FOUNDRY_VERSION"; then
    command -v "$1"
    return
  fi
  local machine binary
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) machine=linux-amd64 ;;
    Linux-aarch64) machine=linux-arm64 ;;
    Darwin-x86_64) machine=darwin-amd64 ;;
    Darwin-arm64) machine=darwin-arm64 ;;
    *) machine=none ;;
  esac
  binary="$LOCAL_CHAIN/node_modules/@foundry-rs/$1-$machine/bin/$1"
  [ -x "$binary" ] || die "$1 $FOUNDRY_VERSION not found for $(uname -s) $(uname -m)" \
    "put Foundry $FOUNDRY_VERSION on PATH (foundryup --install $FOUNDRY_VERSION); npm's packages serve Linux and macOS on x86-64 and arm64"
  printf '%s\n' "$binary"
}

# A stamp names what was installed; equal stamp, nothing to do.
stamp_is() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

# locked_venv NAME [PIP_OPTION...]: .tools/NAME has what scripts/NAME.lock says. An environment of its own: its
# dependencies are not ours. Fails where it can't be installed.
locked_venv() {
  local name="$1" folder="$TOOLS/$1" want
  shift
  want="$(digest "$ROOT/scripts/$name.lock") $("$PYTHON_BIN" -c 'import sys; print(sys.version)') $ROOT"
  if stamp_is "$folder/.placet-stamp" "$want"; then return; fi
  say "$name into .tools"
  "$PYTHON_BIN" -m venv --clear "$folder" &&
    "$folder/bin/python" -m pip install -qq --disable-pip-version-check --require-hashes "$@" \
      -r "$ROOT/scripts/$name.lock" &&
    printf '%s' "$want" >"$folder/.placet-stamp"
}

# Prints the path of solc: the pinned version on PATH first, else the shim over npm's.
solc_tool() {
  if has_version solc "$SOLC_VERSION"; then command -v solc; else printf '%s\n' "$LOCAL_CHAIN/solc-shim.js"; fi
}

has_solidity() { [ -d "$ROOT/contracts" ] && [ -n "$(find "$ROOT/contracts" -name '*.sol' -print -quit)" ]; }

# install_packages WHAT PACKAGE...: from Debian, where that is ours to do. What stays away makes the tests that need it
# skip and say so; it never ends a run.
install_packages() {
  local what="$1"
  shift
  if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" -ne 0 ]; then return 0; fi
  say "$what from Debian's packages: $*"
  { timeout 300 apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive timeout 600 apt-get install -y -qq --no-install-recommends "$@"; } >/dev/null 2>&1 </dev/null \
    || say "$what could not be installed: the tests that need it skip"
}
