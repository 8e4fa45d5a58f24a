"""What routes are given: the node, its jobs, who asks from where. One way for all routes: annotated parameters."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Request

from placet.jobs.runner import Runner
from placet.node.http.auth import client_of, node_of
from placet.node.service import Node


async def _node(request: Request) -> Node:
    return node_of(request)


async def runner_of(request: Request) -> Runner:
    """The jobs' runner, which one process of an institution has."""
    runner: Runner = request.app.state.runner
    return runner


async def _client(request: Request) -> str:
    return client_of(request)


TheNode = Annotated[Node, Depends(_node)]
TheRunner = Annotated[Runner, Depends(runner_of)]
"""The node's jobs."""
ClientAddress = Annotated[str, Depends(_client)]
"""The address that a request came from; used for limits in memory, never stored or logged."""
LastEventId = Annotated[int, Header(ge=0, le=2**53)]
"""The number of the last moment of a job that the caller has."""
