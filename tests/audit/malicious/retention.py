"""Results that were kept longer than was promised."""

from __future__ import annotations

from test_retention import END, lasting

from malicious.lies import D, malicious
from placet.audit.bundle import Bundle
from placet.core.deletion import GRACE


@malicious("retention.deleted", D)
def a_result_of_which_no_deletion_is_shown() -> Bundle:
    return lasting(read=END + GRACE + 1).bundle()


@malicious("retention.deleted", D)
def a_result_that_was_deleted_too_late() -> Bundle:
    return lasting(read=END + 2 * GRACE, deletes=END + GRACE + 1).bundle()


@malicious("retention.deleted", D)
def a_deletion_that_another_party_signed() -> Bundle:
    return lasting(read=END, deletes=0, signer=0).bundle()
