"""`placet erase`: what node and vault hold of a consent, gone together; or all of an owner, told to everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from placet.cli.inputs import NodeConfig, read_consent, read_signer
from placet.cli.output import emit, write_line
from placet.core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from placet.core.ids import ConsentId


def erase(
    config: NodeConfig,
    consent: Annotated[str | None, typer.Argument(help="The consent's id.")] = None,
    owner: Annotated[
        str | None,
        typer.Option("--owner", help="An owner's key, who asked for it: all his consents, and at all who have him."),
    ] = None,
) -> None:
    """Delete all that node and running vault hold of a consent, for good. Does not withdraw it."""
    if (consent is None) == (owner is None):
        raise InputError("erase a consent or an owner", expected="one of the two", code="input.erase")
    if owner is not None:
        _erase_owner(config, read_signer(owner))
    elif consent is not None:
        _erase_consent(config, read_consent(consent))


def _erase_owner(config: Path, owner: bytes) -> None:
    """The running node does it, as if the owner had asked himself."""
    from placet.cli.operator import Operator
    from placet.core.values import to_hex

    emit(Operator(config).ask("POST", f"/v1/owners/{to_hex(owner)}/erasure")["erasures"])


def _erase_consent(config: Path, identity: ConsentId) -> None:
    import asyncio

    from placet.node.config import NodeSettings
    from placet.node.consents.erasures import erase_for_institution
    from placet.node.service import open_node

    node = open_node(NodeSettings.load(config))
    was_here = asyncio.run(erase_for_institution(node, identity))
    write_line("erased" if was_here else "there was nothing")
