"""The corpus: malicious bundles, each with the one check that must catch it.

Each is a whole job in which somebody lies, and does the rest as it would be after the lie: the chain holds what he
recorded, and he signs whatever he can sign. Who that is differs: a party with its own keys, the consumer with all of
its own, somebody who collects the bundle, a chain endpoint. Without its check the verdict would be *intact*, but where
an entry says what else has the same in other words.
"""

import importlib

from malicious.lies import CORPUS, Malicious, Told

for _part in (
    *("chain", "proofs", "plans", "scopes", "consents", "enrolments", "erasures", "withdrawals", "trails", "messages"),
    *("joint_work", "budgets", "models", "endings", "retention"),
):
    importlib.import_module(f"malicious.{_part}")

__all__ = ["CORPUS", "Malicious", "Told"]
