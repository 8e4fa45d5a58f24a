"""`placet enclave`: which enclave measurements this institution accepts, for everybody to see on chain."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from placet.cli.inputs import AsJson, NodeConfig, read_id
from placet.cli.offers import Timeout
from placet.cli.office import Office, Wish
from placet.cli.output import Commands, emit, say
from placet.core.errors import StateError

commands = typer.Typer(cls=Commands, no_args_is_help=True, help="Which enclave measurements the institution accepts.")
Measurement = Annotated[str, typer.Argument(help="The measurement's id: 0x and 64 hex digits.")]


class EnclaveClassName(StrEnum):
    """`simulated`: a key of the host's owner signed the measurement; never equal to hardware."""

    SIMULATED = "simulated"
    HARDWARE = "hardware"


@commands.command()
def accept(
    measurement: Measurement,
    config: NodeConfig,
    enclave_class: Annotated[EnclaveClassName, typer.Option("--class", help="As what it is accepted.")],
    timeout: Timeout = 120,
) -> None:
    """Accept a measurement, as of one class and once. A retired one is never accepted again."""
    from placet.chain.client import EnclaveClass

    office, code = Office(config), read_id(measurement)
    wanted = EnclaveClass[enclave_class.name]

    def accepted() -> bool:
        return office.chain.acceptance(office.address, code).holds(wanted, office.chain.head().number)

    office.demand_running()
    office.send([Wish(f"accept:{code.hex()}:{wanted.name}", office.calls.accept(code, wanted), accepted)], timeout)


@commands.command()
def retire(measurement: Measurement, config: NodeConfig, timeout: Timeout = 120) -> None:
    """Retire a measurement: from that block on it gets no keys, for ever."""
    from placet.chain.client import EnclaveClass
    from placet.core.values import to_hex

    office, code = Office(config), read_id(measurement)
    if office.chain.acceptance(office.address, code).enclave_class == EnclaveClass.NONE:
        raise StateError("this institution never accepted that measurement", found=to_hex(code))

    def retired() -> bool:
        return office.chain.acceptance(office.address, code).until != 0

    office.demand_running()
    office.send([Wish(f"retire:{code.hex()}", office.calls.retire(code), retired)], timeout)


@commands.command()
def show(measurement: Measurement, config: NodeConfig, as_json: AsJson = False) -> None:
    """This institution's word on a measurement, and since and until which block it holds."""
    office, code = Office(config), read_id(measurement)
    found = office.chain.acceptance(office.address, code)
    name = found.enclave_class.name.lower()
    if as_json:
        emit({"class": name, "since": found.since, "until": found.until or None})
    elif found.until:
        say(f"retired: {name} from block {found.since} to block {found.until}")
    else:
        say(f"accepted as {name} since block {found.since}" if found.since else "never accepted")
