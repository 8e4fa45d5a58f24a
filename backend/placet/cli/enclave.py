"""`placet enclave`: which enclave measurements this institution accepts, for everybody to see on chain."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from placet.cli.inputs import AsJson, NodeConfig, Timeout
from placet.cli.operator import EnsureTransaction, Operator
from placet.cli.output import Commands, emit, say
from placet.core.errors import StateError

if TYPE_CHECKING:
    from placet.chain.states import EnclaveClass

commands = typer.Typer(cls=Commands, no_args_is_help=True, help="Which enclave measurements the institution accepts.")


class KindName(StrEnum):
    """Kinds of evidence."""

    SGX = "sgx"
    TDX = "tdx"
    NITRO = "nitro"
    SNP = "snp"
    AZURE_SNP = "azure-snp"
    AZURE_TDX = "azure-tdx"
    TPM = "tpm"


Kind = Annotated[KindName, typer.Argument(help="The kind of evidence that shows it; its class follows from it.")]
Measurement = Annotated[
    str, typer.Argument(help="The measurement as a plan's rule has it: 0x and 64 or 96 hex digits.")
]


@dataclass(frozen=True)
class Measured:
    """A measurement as the registry has it."""

    id: bytes
    enclave_class: EnclaveClass

    @classmethod
    def of(cls, kind: KindName, measurement: str) -> Measured:
        """InputError unless it is as long as this kind's are."""
        from placet.chain.states import EnclaveClass
        from placet.core.enclave_policy import CLASS_OF, SIZE_OF
        from placet.core.values import from_hex
        from placet.protocols.enclave.evidence.model import measurement_id

        octets = from_hex(measurement, size=SIZE_OF[kind.value])
        return cls(measurement_id(kind.value, octets), EnclaveClass[CLASS_OF[kind.value].upper()])

    def __str__(self) -> str:
        from placet.core.values import to_hex

        return f"id {to_hex(self.id)}, class {self.enclave_class.name.lower()}"


@commands.command()
def accept(kind: Kind, measurement: Measurement, config: NodeConfig, timeout: Timeout = 120) -> None:
    """Accept a measurement, as of its kind's class and once. A retired one is never accepted again."""
    office, measured = Operator(config), Measured.of(kind, measurement)
    code, enclave_class = measured.id, measured.enclave_class

    def accepted() -> bool:
        return office.chain.acceptance(office.address, code).holds(enclave_class, office.chain.head().number)

    office.demand_running()
    say(f"accepting {measured}")
    office.send(
        [
            EnsureTransaction(
                f"accept:{code.hex()}:{enclave_class.name}", office.calls.accept(code, enclave_class), accepted
            )
        ],
        timeout,
    )


@commands.command()
def retire(kind: Kind, measurement: Measurement, config: NodeConfig, timeout: Timeout = 120) -> None:
    """Retire a measurement: from that block on it gets no keys, for ever."""
    from placet.chain.states import EnclaveClass

    office, measured = Operator(config), Measured.of(kind, measurement)
    code = measured.id
    if office.chain.acceptance(office.address, code).enclave_class == EnclaveClass.NONE:
        raise StateError("this institution never accepted that measurement", found=str(measured))

    def retired() -> bool:
        return office.chain.acceptance(office.address, code).until != 0

    office.demand_running()
    say(f"retiring {measured}")
    office.send([EnsureTransaction(f"retire:{code.hex()}", office.calls.retire(code), retired)], timeout)


@commands.command()
def show(kind: Kind, measurement: Measurement, config: NodeConfig, as_json: AsJson = False) -> None:
    """This institution's word on a measurement, and since and until which block it holds."""
    from placet.core.values import to_hex

    office, measured = Operator(config), Measured.of(kind, measurement)
    acceptance = office.chain.acceptance(office.address, measured.id)
    name = acceptance.enclave_class.name.lower()
    if as_json:
        emit({"id": to_hex(measured.id), "class": name, "since": acceptance.since, "until": acceptance.until or None})
        return
    say(str(measured))
    if acceptance.until:
        say(f"retired: {name} from block {acceptance.since} to block {acceptance.until}")
    else:
        say(f"accepted as {name} since block {acceptance.since}" if acceptance.since else "never accepted")
