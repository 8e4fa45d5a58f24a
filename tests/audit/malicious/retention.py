"""Records of a result's deletion that are false. One of too late, or none, is a breach: test_retention."""

from __future__ import annotations

from test_retention import END, lasting

from malicious.lies import D, malicious
from placet.audit.bundle import Bundle


@malicious("retention.deleted", D)
def a_deletion_of_another_jobs_result() -> Bundle:
    return lasting(read=END, deletes=0, changes={"job": b"\1" * 32}).bundle()


@malicious("retention.deleted", D)
def a_deletion_whose_data_life_ends_later_than_the_terms_say() -> Bundle:
    return lasting(read=END * 2, deletes=END, changes={"keep_until": 1 << 33}).bundle()


@malicious("retention.deleted", D)
def a_deletion_that_another_party_signed() -> Bundle:
    return lasting(read=END, deletes=0, signer=0).bundle()
