"""A `placet` for shell scripts of tests that starts without importing everything anew.

`quick_placet` puts a small program of that name into a folder for PATH. The program asks this process, over a socket,
for a `placet` with its arguments, folder, environment and files (see `placet.sandbox.program`), and ends as that one
does. A server is started as users start it, since whoever signals it knows it by its id.
"""

from __future__ import annotations

import contextlib
import json
import socketserver
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from placet.sandbox import program
from placet.sandbox.forking import ForkRequest

SCRIPT = """\
#!{python} -IS
import json, os, socket, sys
if "--config" in sys.argv and sys.argv[1] in ("node", "vault", "identity") and sys.argv[2].startswith("-"):
    os.execv({placet!r}, [{placet!r}, *sys.argv[1:]])
with socket.socket(socket.AF_UNIX) as server:
    server.connect({socket!r})
    request = dict(words=sys.argv[1:], folder=os.getcwd(), env=dict(os.environ), pid=os.getpid())
    server.sendall(json.dumps(request).encode() + b"\\n")
    sys.exit(int(server.makefile().readline()))
"""


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        request = json.loads(self.rfile.readline())
        given, out, err = (Path(f"/proc/{request['pid']}/fd/{number}") for number in range(3))
        fork = ForkRequest(request["words"], request["folder"], request["env"])
        process = program.start(fork, given, out, err)
        self.wfile.write(b"%d\n" % (process.wait() & 0xFF))


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@contextlib.contextmanager
def quick_placet(folder: Path) -> Iterator[Path]:
    """The folder that has it, below `folder`, whose path must be short enough for a socket."""
    place, path = folder / "bin", str(folder / "placet.sock")
    place.mkdir()
    placet = str(Path(sys.executable).with_name("placet"))
    (place / "placet").write_text(SCRIPT.format(python=sys.executable, placet=placet, socket=path))
    (place / "placet").chmod(0o755)
    with _Server(path, _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield place
        finally:
            server.shutdown()
