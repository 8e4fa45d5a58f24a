"""Run by the engine's Python, which has flwr: tries the grid, and prints what came out as one JSON object."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.client.mod import secaggplus_mod
from flwr.clientapp import ClientApp
from flwr.clientapp.mod import message_size_mod
from flwr.common import ndarrays_to_parameters
from flwr.server import LegacyContext, ServerConfig
from flwr.server import strategy as legacy
from flwr.server.workflow import DefaultWorkflow, SecAggPlusWorkflow
from flwr.serverapp.strategy import FedAdam, FedAvg, FedProx

from placet.core.errors import PlacetError
from placet.models.network_training import FedAdamStrategy, FedAvgStrategy, FedProxStrategy
from placet.protocols.flower.grid import LocalGrid, SecureGrid, flat, identify
from placet.protocols.flower.strategies import strategy_of

ROWS, ROUNDS = (10, 30, 7), 4
SHAPES = ((2, 3), (2,))


def client(number: int, seen: list[Any]) -> ClientApp:
    """Its training moves each weight by a number that depends on the weight, the client and the round."""
    app = ClientApp()

    @app.train()  # type: ignore[untyped-decorator]
    def train(message: Message, _: Context) -> Message:
        config = message.content["config"]
        seen.append({key: config[key] for key in sorted(config)})
        moved = [one + np.sin(one + number) / (number + config["server-round"]) for one in
                 message.content["arrays"].to_numpy_ndarrays()]  # fmt: skip
        metrics = MetricRecord({"num-examples": ROWS[number], "loss": 1.0 + number})
        return Message(content=RecordDict({"arrays": ArrayRecord(moved), "metrics": metrics}), reply_to=message)

    return app


class Network(LocalGrid):
    """What Flower's own network would do: each client gets its message and its reply goes back."""

    def __init__(self) -> None:
        super().__init__()
        self.clients = {number + 1: client(number, []) for number in range(len(ROWS))}
        self.context = Context(run_id=1, node_id=1, node_config={}, state=RecordDict(), run_config={})

    def get_node_ids(self) -> list[int]:
        return list(self.clients)

    def turn(self, message: Message) -> Message:
        message.metadata.__dict__["_message_id"] = str(message.metadata.dst_node_id)
        return self.clients[message.metadata.dst_node_id](message, self.context)


def start() -> ArrayRecord:
    return ArrayRecord([np.arange(6.0).reshape(SHAPES[0]) / 8, np.zeros(SHAPES[1])])


def under_sums(strategy: Any) -> tuple[Any, list[str], list[Any], list[float]]:
    """All parties' grids in turn, each round's totals known beforehand: what every party's own words add up to."""
    people, totals = sum(ROWS), list[Any]()
    for _ in range(ROUNDS):
        words = []
        for number, rows in enumerate(ROWS):
            known, own = iter(totals), list[Any]()

            def add(numbers: Any, known: Any = known, own: Any = own) -> Any:
                own.append(numbers)
                return next(known, numbers * 0)

            grid = SecureGrid(client(number, []), rows, people, lambda _: None, add)
            strategy_of(strategy).start(grid, start(), num_rounds=len(totals) + 1)
            words.append(own[-1])
        totals.append(sum(words))
    recorded, seen, known = list[bytes](), list[Any](), iter(totals)
    grid = SecureGrid(client(0, seen), ROWS[0], people, recorded.append, lambda _: next(known))
    result = strategy_of(strategy).start(grid, start(), num_rounds=ROUNDS)
    return flat(result.arrays), [hashlib.sha256(one).hexdigest() for one in recorded], seen, grid.losses


def plain(strategy: Any) -> Any:
    usual: dict[str, Any] = {"fraction_evaluate": 0.0, "min_train_nodes": 3, "min_available_nodes": 3}
    own = {"fedavg": FedAvg, "fedprox": FedProx, "fedadam": FedAdam}[strategy.kind]
    more = {"fedprox": {"proximal_mu": 0.5}, "fedadam": {"eta": 0.05}}.get(strategy.kind, {})
    return flat(own(**usual, **more).start(Network(), start(), num_rounds=ROUNDS).arrays)


def refused(work: Any) -> dict[str, Any]:
    try:
        work()
    except PlacetError as error:
        return {"code": error.code, "message": error.message, "found": str(error.found)}
    return {"code": None}


def grid_of(app: ClientApp) -> SecureGrid:
    return SecureGrid(app, 1, 3, lambda _: None, lambda words: words)


def secagg_workflow() -> None:
    context = LegacyContext(
        context=Context(run_id=1, node_id=0, node_config={}, state=RecordDict(), run_config={}),
        config=ServerConfig(num_rounds=1),
        strategy=legacy.FedAvg(
            fraction_fit=1.0, fraction_evaluate=0.0, min_fit_clients=1, min_available_clients=1,
            initial_parameters=ndarrays_to_parameters([np.zeros(4)]),
        ),
    )  # fmt: skip
    grid = grid_of(client(0, []))
    grid.get_node_ids = lambda: [1, 2, 3]  # type: ignore[method-assign]  # of one node alone it asks nothing
    DefaultWorkflow(fit_workflow=SecAggPlusWorkflow(num_shares=3, reconstruction_threshold=2))(grid, context)


def message(kind: str, node: int = 1) -> Message:
    content = RecordDict({"arrays": start(), "config": ConfigRecord({"server-round": 1})})
    return Message(content=content, message_type=kind, dst_node_id=node)


def main() -> None:
    logging.disable(logging.CRITICAL)
    identify()
    strategies = (FedAvgStrategy(), FedProxStrategy(kind="fedprox", mu=500), FedAdamStrategy(kind="fedadam", eta=50))
    outcome: dict[str, Any] = {}
    for strategy in strategies:
        weights, recorded, seen, losses = under_sums(strategy)
        outcome[strategy.kind] = {
            "error": float(np.abs(weights - plain(strategy)).max()),
            "moved": float(np.abs(weights - flat(start())).max()),
            "recorded": recorded,
            "again": under_sums(strategy)[1],
            "seen": seen,
            "losses": losses,
        }
    outcome["refused"] = {
        "mod": refused(lambda: grid_of(ClientApp(mods=[secaggplus_mod]))),
        "other mod": refused(lambda: grid_of(ClientApp(mods=[message_size_mod]))),
        "workflow": refused(secagg_workflow),
        "evaluate": refused(lambda: grid_of(client(0, [])).send_and_receive([message("evaluate")])),
        "another node": refused(lambda: grid_of(client(0, [])).send_and_receive([message("train", 2)])),
    }
    sys.stdout.write(json.dumps(outcome) + "\n")


if __name__ == "__main__":
    main()
