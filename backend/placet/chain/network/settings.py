"""What a local network's folder holds, and how its clients are started.

`network.json` is written once, before the first start; `genesis.json`, `jwt.hex` and a folder for each node stand
beside it. The execution client knows the Shanghai rules, with EIP-1153 and EIP-5656 added
(`execution/client.mjs`), and so takes what is compiled for Cancun; it has no P-256 precompile and no blobs.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from placet.chain.anvil import dev_account
from placet.chain.network.namespaces import address_of
from placet.core.errors import ConfigError, StateError

CLIENTS = Path(__file__).resolve().parents[4] / "hardhat-free-local" / "network"
STAMP = ".placet-stamp"
"""Stands in `node_modules` once all of it is installed."""
FEWEST, MOST = 4, 8
"""Nodes: the fewest of which one may fail, and the most for one machine."""
KEYS_EACH = 8
"""Validators' keys of one node, each with the same stake: a slot's proposer is one of them."""
ENVIRONMENT = {"LODESTAR_PRESET": "minimal", "NODE_BACKEND": "js"}
"""Lodestar's small preset; bcrypto's JavaScript, for its native part is compiled by an install script."""
SHORTEST_SLOT = 2
SLOTS_AN_EPOCH = 8
"""Of Lodestar's `minimal` preset."""
RPC_PORT, ENGINE_PORT, BEACON_PORT, PEER_PORT = 8545, 8551, 9596, 9000
ACCOUNTS, WEALTH = 10, 10**24
"""How many of `dev_account` the genesis block gives how many wei."""
GAS_LIMIT, BASE_FEE = 30_000_000, 10**9
_EXECUTION_MEMORY, _CONSENSUS_MEMORY = 1500, 2000


@dataclass(frozen=True)
class NetworkSettings:
    """`slot`: seconds between blocks; `genesis_time`: when slot 0 begins, in Unix seconds, 0 before the first start;
    `genesis_hash`: of the execution clients' block 0, empty before it."""

    validators: int
    port: int
    chain_id: int
    slot: int
    genesis_time: int = 0
    genesis_hash: str = ""

    @classmethod
    def read(cls, folder: Path) -> NetworkSettings | None:
        """None where the folder holds no network. StateError where what it holds is damaged."""
        file = folder / "network.json"
        try:
            return cls(**json.loads(file.read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise StateError(
                "the network's settings are damaged", found=str(file), remedy="remove the folder to begin anew"
            ) from error

    def write(self, folder: Path) -> None:
        """Whole or not at all."""
        part = folder / "network.json.part"
        part.write_text(json.dumps(asdict(self), indent=1) + "\n")
        part.replace(folder / "network.json")

    @property
    def shown(self) -> str:
        """In words."""
        return f"{self.validators} validators, port {self.port}, chain id {self.chain_id}, {self.slot} s a block"

    def url(self, node: int) -> str:
        """Where a node's JSON-RPC is to be had on this machine; nodes count from 1."""
        return f"http://127.0.0.1:{self.port + node - 1}"


def found(folder: Path, settings: NetworkSettings) -> None:
    """Write what all nodes start from."""
    secret = folder / "jwt.hex"
    secret.touch(0o600)
    secret.write_text(secrets.token_hex(32))
    (folder / "genesis.json").write_text(json.dumps(genesis(settings.chain_id)) + "\n")
    settings.write(folder)


def genesis(chain_id: int) -> dict[str, object]:
    """The execution clients' first block, in geth's form: all forks to Shanghai are in force, `dev_account`s have
    money."""
    forks = "homestead eip150 eip155 eip158 byzantium constantinople petersburg istanbul berlin london mergeFork"
    config = {"chainId": chain_id} | {f"{fork}Block": 0 for fork in forks.split()}
    config |= dict.fromkeys(("mergeNetsplitBlock", "shanghaiTime", "terminalTotalDifficulty"), 0)
    zeros = "0x" + "00" * 32
    return {
        "config": config | {"terminalTotalDifficultyPassed": True},
        "nonce": "0x0",
        "timestamp": "0x0",
        "extraData": "0x",
        "gasLimit": hex(GAS_LIMIT),
        "difficulty": "0x0",
        "mixHash": zeros,
        "coinbase": "0x" + "00" * 20,
        "baseFeePerGas": hex(BASE_FEE),
        "alloc": {dev_account(place).address: {"balance": hex(WEALTH)} for place in range(ACCOUNTS)},
        "number": "0x0",
        "gasUsed": "0x0",
        "parentHash": zeros,
    }


def demand_clients() -> None:
    """ConfigError where the clients are not installed."""
    if not CLIENTS.is_dir():
        raise ConfigError("no clients of a network here", expected="a checkout of the repository", found=CLIENTS)
    if not all((CLIENTS / client / "node_modules" / STAMP).is_file() for client in ("consensus", "execution")):
        raise ConfigError("the network's clients are not installed", remedy="placet chain install --validators")


def execution_command(folder: Path, node: int, boot: list[str]) -> list[str]:
    """A node's execution client; `boot` are enode URLs of others."""
    words = ["node", f"--max-old-space-size={_EXECUTION_MEMORY}", str(CLIENTS / "execution" / "client.mjs")]
    words += ["--gethGenesis", str(folder / "genesis.json"), "--dataDir", str(folder / str(node) / "execution")]
    words += ["--rpc", "--rpcAddr", "127.0.0.1", "--rpcPort", str(RPC_PORT), "--rpcEngine"]
    words += [
        "--rpcEngineAddr",
        "127.0.0.1",
        "--rpcEnginePort",
        str(ENGINE_PORT),
        "--jwtSecret",
        str(folder / "jwt.hex"),
    ]
    words += ["--discDns=false", "--discV4=true", "--extIP", address_of(node), "--port", "30303", "--logFile=false"]
    return words + (["--bootnodes", ",".join(boot)] if boot else [])


def consensus_command(folder: Path, settings: NetworkSettings, node: int, boot: list[str]) -> list[str]:
    """A node's consensus client with its validators; `boot` are ENRs of others."""
    first, count = (node - 1) * KEYS_EACH, settings.validators * KEYS_EACH
    words = ["node", f"--max-old-space-size={_CONSENSUS_MEMORY}", str(CLIENTS / "consensus" / "client.mjs")]
    words += ["dev", "--network", "dev"]
    words += ["--dataDir", str(folder / str(node) / "consensus"), "--genesisValidators", str(count)]
    words += ["--genesisTime", str(settings.genesis_time), "--genesisEth1Hash", settings.genesis_hash]
    words += ["--startValidators", f"{first}..{first + KEYS_EACH - 1}", "--params.SECONDS_PER_SLOT", str(settings.slot)]
    for fork in ("ALTAIR_FORK_EPOCH", "BELLATRIX_FORK_EPOCH", "CAPELLA_FORK_EPOCH", "TERMINAL_TOTAL_DIFFICULTY"):
        words += [f"--params.{fork}", "0"]
    words += ["--eth1", "false", "--execution.urls", f"http://127.0.0.1:{ENGINE_PORT}"]
    words += ["--jwt-secret", str(folder / "jwt.hex"), "--rest.namespace", "*", "--rest.address", "127.0.0.1"]
    words += ["--listenAddress", address_of(node), "--port", str(PEER_PORT), "--enr.ip", address_of(node)]
    words += ["--enr.tcp", str(PEER_PORT), "--enr.udp", str(PEER_PORT), "--targetPeers", str(settings.validators)]
    words += ["--subscribeAllSubnets", "--suggestedFeeRecipient", "0x" + f"{node:040x}", "--logFile", "none"]
    words += ["--logLevel", "info"]
    for one in boot:
        words += ["--bootnodes", one]
    return words
