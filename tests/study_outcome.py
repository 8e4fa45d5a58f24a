"""What an honest run of a small study leaves behind, without running it."""

from __future__ import annotations

from placet.study.outcome import StudyOutcome


def outcome() -> StudyOutcome:
    party = {"people": 2, "steps": 3, "reward": "10", "paid": "10", "evidence": True}
    check = {"name": "plan.terms", "group": "plan", "title": "Terms", "status": "passed", "problems": []}
    return StudyOutcome(
        job="0x" + "ab" * 32,
        addresses={},
        result={"rows": [{"customer": "b", "total": "-1875"}, {"customer": "c", "total": "-300"}]},
        audit={
            "verdict": "intact",
            "headline": "Intact: everything was agreed.",
            "head": {"timestamp": 1_795_992_379},
            "notes": [],
            "results": [check, check | {"group": "enclave", "status": "skipped"}],
            "parties": [party | {"name": name, "role": "provider"} for name in ("Bank North", "Bank South")]
            + [party | {"name": "Family Office", "role": "consumer", "reward": "0", "paid": "0"}],
        },
        html=b"",
        bundle=b"",
        trust=b"",
        deployment=b"",
        engine="embedded",
        gas={"the job": 1_234_567},
        consents=4,
        rewards={"provider1": 10, "provider2": 10},
        pot=0,
        contribution=None,
        seconds={"job": 3.0},
        processor_seconds={"job": 5.0},
    )
