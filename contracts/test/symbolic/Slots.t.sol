// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../../interfaces/IConsentRegistry.sol";
import {ConsentSlot, OfferSlot, Slots} from "../../libraries/Slots.sol";

/// @dev For halmos, which proves each `check_` over all values of its arguments: `scripts/test --slow` runs it. What the
/// invariants find by many histories is shown here for every word that a slot can hold.
contract SlotsSymbolicTest {
    function check_a_given_consent_reads_as_it_was_written(
        uint32 index,
        uint48 notBefore,
        uint48 notAfter,
        uint32 firstOpening,
        uint32 uses
    ) public pure {
        ConsentSlot slot = Slots.given(index, notBefore, notAfter, firstOpening, uses);
        IConsentRegistry.ConsentState memory state = slot.unpack();
        assert(state.status == IConsentRegistry.Status.Given && !state.proven && !slot.ended());
        assert(state.offerIndex == index && slot.offerIndex() == index);
        assert(state.notBefore == notBefore && state.notAfter == notAfter);
        assert(state.firstOpening == firstOpening && state.uses == uses);
        assert(ConsentSlot.unwrap(slot) >> 208 == 0);
    }

    /// @dev Of whatever stands in the word: ended stays ended, and no other bit moves.
    function check_an_end_changes_the_status_alone(uint256 word, bool revoked) public pure {
        IConsentRegistry.Status how = revoked ? IConsentRegistry.Status.Revoked : IConsentRegistry.Status.Withdrawn;
        ConsentSlot ended = ConsentSlot.wrap(word).afterEnd(how);
        assert(ended.status() == how && ended.ended());
        assert(ConsentSlot.unwrap(ended) >> 8 == word >> 8);
    }

    function check_a_proof_sets_one_bit(uint256 word) public pure {
        ConsentSlot proven = ConsentSlot.wrap(word).asProven();
        assert(proven.proven());
        assert(ConsentSlot.unwrap(proven) | (1 << 8) == ConsentSlot.unwrap(proven));
        assert(ConsentSlot.unwrap(proven) & ~uint256(1 << 8) == word & ~uint256(1 << 8));
    }

    /// @dev An opening leaves the epoch, and a withdrawal leaves the openings, as `useOpening` and `_raiseEpoch` write
    /// them.
    function check_epoch_and_openings_move_apart(bytes24 epoch, bytes24 next, uint32 openings) public pure {
        OfferSlot before = Slots.pack(epoch, openings);
        assert(before.epoch() == epoch && before.openings() == openings);
        unchecked {
            OfferSlot opened = Slots.pack(before.epoch(), before.openings() + 1);
            assert(opened.epoch() == epoch && opened.openings() == openings + 1);
        }
        OfferSlot raised = Slots.pack(next, before.openings());
        assert(raised.epoch() == next && raised.openings() == openings);
        assert((OfferSlot.unwrap(raised) == OfferSlot.unwrap(before)) == (next == epoch));
    }

    /// @dev Another epoch is another word: two lists of withdrawals whose heads differ never pass for one.
    function check_offers_states_differ_where_their_epochs_do(bytes24 one, bytes24 other, uint32 openings, uint32 more)
        public
        pure
    {
        if (one == other) return;
        assert(OfferSlot.unwrap(Slots.pack(one, openings)) != OfferSlot.unwrap(Slots.pack(other, more)));
    }
}
