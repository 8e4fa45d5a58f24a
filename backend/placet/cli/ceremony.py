"""`placet zk ceremony …`: institutions make a circuit's keys one after the other; an auditor checks that they did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placet.cli.inputs import (
    AsJson,
    ChainUrl,
    DeploymentFile,
    NodeConfig,
    Timeout,
    TrustFile,
    read_address,
    read_deployment,
    read_text,
    read_trust,
    write_new,
)
from placet.cli.operator import EnsureTransaction, Operator
from placet.cli.output import Commands, emit, say, write_line
from placet.cli.proof_files import key_registration
from placet.core.errors import AccessError, InputError

if TYPE_CHECKING:
    from placet.chain.client import Chain
    from placet.core.ceremonies import Ceremony
    from placet.core.statements import VerificationKey
    from placet.core.trust import TrustList
    from placet.protocols.zk.ceremony import CeremonyFolder, States

zk = typer.Typer(cls=Commands, no_args_is_help=True, help="What proofs in zero knowledge rest on.")
commands = typer.Typer(
    cls=Commands, no_args_is_help=True, help="The keys of a circuit, made by several institutions in turn."
)
zk.add_typer(commands, name="ceremony")

_FILE = "ceremony.json"
Folder = Annotated[Path, typer.Argument(help="The ceremony's folder, which goes from one contributor to the next.")]
ProgramsFolder = Annotated[
    Path,
    typer.Option(
        "--programs",
        envvar="PLACET_CEREMONY_PROGRAMS",
        help="A node_modules with snarkjs 0.7.6 and circom2 0.2.23 (GPL-3.0, programs of their own).",
    ),
]


@commands.command("open")
def open_(
    config: NodeConfig,
    folder: Annotated[Path, typer.Argument(help="The ceremony's new folder, or one that was not opened to the end.")],
    circuit: Annotated[str, typer.Option(help="The circuit: band or consent.")],
    contributor: Annotated[list[str], typer.Option(help="An institution's address; in the order of their turns.")],
    timeout: Timeout = 120,
) -> None:
    """Open a ceremony on chain: for whom, in which order. Then the folder goes to the first contributor."""
    from placet.chain.ceremonies import open_phase, phase_state
    from placet.core.ceremonies import demand_institutions
    from placet.core.values import to_hex

    operator = Operator(config)
    ceremony = _new_ceremony(operator, folder, circuit, [read_address(text) for text in contributor])
    demand_institutions(ceremony.contributors, operator.trust)
    operator.demand_running()
    operator.send(
        [
            EnsureTransaction(
                f"ceremony-open:{phase.id.hex()}",
                open_phase(operator.deployment, ceremony, phase),
                lambda phase=phase: phase_state(operator.chain, phase).is_open,  # type: ignore[misc]
            )
            for phase in (ceremony.powers, ceremony.key)
        ],
        timeout,
    )
    say(_hand_on(ceremony, 0, folder, operator.trust))
    write_line(to_hex(ceremony.key.id))


def _new_ceremony(operator: Operator, folder: Path, circuit: str, contributors: list[bytes]) -> Ceremony:
    """As the file in the folder has it, or a new one, whose file is there before anything is sent."""
    import secrets

    from placet.core.ceremonies import Ceremony
    from placet.core.values import parse, to_hex
    from placet.protocols.zk.circuit import CIRCUITS

    known = CIRCUITS.get(circuit)
    if known is None:
        raise InputError("no such circuit", expected=", ".join(CIRCUITS), found=circuit[:40])
    deployment, file = operator.deployment, folder / _FILE
    old = _read(folder) if file.exists() else None
    body = {
        "chain_id": deployment.chain_id,
        "ceremonies": to_hex(deployment.ceremonies.address),
        "opener": to_hex(operator.address),
        "circuit": known.name,
        "circuit_id": to_hex(known.id),
        "power": known.power,
        "contributors": [to_hex(account) for account in contributors],
        "salt": to_hex(old.salt if old else secrets.token_bytes(32)),
    }
    ceremony = parse(Ceremony, json.dumps(body), what="ceremony")
    if old is None:
        folder.mkdir(exist_ok=True)
        write_new(file, json.dumps(ceremony.to_json(), indent=1).encode())
    elif old != ceremony:
        raise InputError("the folder is of another ceremony", expected="a new folder, or the same words", found=file)
    return ceremony


@commands.command()
def contribute(config: NodeConfig, folder: Folder, programs: ProgramsFolder, timeout: Timeout = 120) -> None:
    """Add this institution's secret, forget it, and record on chain what came out. Two rounds: powers, then key."""
    from placet.chain.ceremonies import phase_state, record_contribution

    operator = Operator(config)
    work = _folder(folder, programs, operator.chain, operator.trust)
    ceremony, states = work.ceremony, _states(operator.chain, work.ceremony)
    place = _demand_turn(ceremony, states, operator)
    if place is None:
        say("all have contributed; each now gives: placet zk ceremony confirm")
        return
    operator.demand_running()
    step = work.contribute(states)
    assert step is not None  # noqa: S101 - it is somebody's turn
    phase, contribution = step
    wish = EnsureTransaction(
        f"ceremony-contribute:{phase.id.hex()}:{contribution.hex()}",
        record_contribution(operator.deployment, phase, contribution),
        lambda: phase_state(operator.chain, phase).contributed > place,
    )
    operator.send([wish], timeout)
    say(_hand_on(ceremony, place + 1, folder, operator.trust))


def _demand_turn(ceremony: Ceremony, states: States, operator: Operator) -> int | None:
    """The place of this institution's turn, None where nobody's is left."""
    from placet.protocols.zk.ceremony import turn

    due = turn(ceremony, states)
    if due is None:
        return None
    place = due[1].contributed
    who = ceremony.contributors[place]
    if who != operator.address:
        raise AccessError(
            "it is another contributor's turn",
            expected=operator.trust.name_or_address(who),
            found=operator.trust.name_or_address(operator.address),
            remedy="hand it the folder",
            code="ceremony.turn",
        )
    return place


def _hand_on(ceremony: Ceremony, place: int, folder: Path, trust: TrustList) -> str:
    following = ceremony.contributors[place % len(ceremony.contributors)]
    return f"hand {folder} to {trust.name_or_address(following)}, whose turn it is: placet zk ceremony contribute"


@commands.command()
def confirm(
    config: NodeConfig,
    folder: Folder,
    programs: ProgramsFolder,
    keys: Annotated[Path | None, typer.Option(help="A new folder for proving.key and verification.json.")] = None,
    timeout: Timeout = 120,
) -> None:
    """Verify the whole ceremony, and say on chain which key came out. It counts once every contributor has said so."""
    from placet.chain.ceremonies import confirm_key, may_confirm
    from placet.core.values import to_hex

    operator = Operator(config)
    work = _folder(folder, programs, operator.chain, operator.trust)
    operator.demand_running()
    key = work.verified(_states(operator.chain, work.ceremony))
    if keys is not None:
        _write_keys(work, key, keys)
    operator.send(
        [
            key_registration(operator, key),
            EnsureTransaction(
                f"ceremony-confirm:{key.id.hex()}",
                confirm_key(operator.deployment, work.ceremony, key.id),
                lambda: not may_confirm(operator.chain, work.ceremony, operator.address),
            ),
        ],
        timeout,
    )
    write_line(to_hex(key.id))


@commands.command()
def check(
    deployment: DeploymentFile,
    trust: TrustFile,
    url: ChainUrl,
    folder: Folder,
    programs: ProgramsFolder,
    as_json: AsJson = False,
) -> None:
    """Check a ceremony: its contributors are institutions, each file is what they recorded, the key is what came out,
    and all confirmed it. Exit code 0 if all holds."""
    from placet.chain.ceremonies import ceremony_made
    from placet.chain.client import Chain
    from placet.core.values import to_hex

    chain, trusted = Chain(url, read_deployment(deployment)), read_trust(trust)
    chain.check()
    work = _folder(folder, programs, chain, trusted)
    key = work.verified(_states(chain, work.ceremony))
    if not ceremony_made(chain, work.ceremony, key.id):
        raise InputError(
            "not all contributors confirmed the key that came out",
            expected=to_hex(key.id),
            found="fewer confirmations than contributors",
            remedy="each contributor: placet zk ceremony confirm",
            code="proof.ceremony",
        )
    report: dict[str, Any] = {
        "circuit": work.ceremony.circuit,
        "ceremony": to_hex(work.ceremony.key.id),
        "key": to_hex(key.id),
        "contributors": [trusted.name(account) for account in work.ceremony.contributors],
    }
    if as_json:
        emit(report)
        return
    for name, value in report.items():
        write_line(f"{name}: {', '.join(value) if isinstance(value, list) else value}")


def _read(folder: Path) -> Ceremony:
    from placet.core.ceremonies import MAX_CEREMONY_FILE, Ceremony
    from placet.core.values import parse

    text = read_text(folder / _FILE, "ceremony", limit=MAX_CEREMONY_FILE)
    return parse(Ceremony, text, limit=MAX_CEREMONY_FILE, what=f"ceremony in {folder}")


def _folder(folder: Path, programs: Path, chain: Chain, trust: TrustList) -> CeremonyFolder:
    """A folder whose ceremony is of this deployment, of institutions that the list names, and of a circuit of ours."""
    from placet.chain.ceremonies import demand_ceremony_place
    from placet.core.ceremonies import demand_institutions
    from placet.protocols.zk.ceremony import CeremonyFolder, circuit_of
    from placet.protocols.zk.snarkjs import Programs

    ceremony = _read(folder)
    demand_ceremony_place(ceremony, chain.deployment)
    demand_institutions(ceremony.contributors, trust)
    checker = circuit_of(ceremony).checker(chain.deployment)
    return CeremonyFolder(folder.resolve(), ceremony, Programs(programs), checker)


def _states(chain: Chain, ceremony: Ceremony) -> States:
    from placet.chain.ceremonies import phase_state

    return phase_state(chain, ceremony.powers), phase_state(chain, ceremony.key)


def _write_keys(work: CeremonyFolder, key: VerificationKey, folder: Path) -> None:
    from placet.protocols.zk.ceremony import circuit_of
    from placet.protocols.zk.groth16 import save_proving_key

    folder.mkdir()
    save_proving_key(work.last_key, circuit_of(work.ceremony).source, folder / "proving.key")
    write_new(folder / "verification.json", json.dumps(key.to_json(), indent=1).encode())
