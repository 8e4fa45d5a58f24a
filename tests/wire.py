"""A TCP connection to an endpoint that can be cut and joined again, and counts the HTTP requests that it carries."""

from __future__ import annotations

import asyncio


class Wire:
    """Listens on `port` of loopback and carries to another one."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.port = 0
        self.requests = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def join(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.close()
        self._open.clear()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        their_reader, their_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._open |= {writer, their_writer}
        await asyncio.gather(self._copy(reader, their_writer), self._copy(their_reader, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65_536):
                self.requests += chunk.count(b"POST / HTTP/1.1")
                writer.write(chunk)
                await writer.drain()
        except (ConnectionError, RuntimeError):
            return
        finally:
            writer.close()
