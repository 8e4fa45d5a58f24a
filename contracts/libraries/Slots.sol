// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../interfaces/IConsentRegistry.sol";

/// @notice A consent in one storage word, its highest bit on the left.
///
///       255 208   207 176   175      144   143   96   95     48   47      16   15   8   7    0
///     +---------+---------+--------------+----------+-----------+------------+--------+--------+
///     |  unused |   uses  | firstOpening | notAfter | notBefore | offerIndex | proven | status |
///     +---------+---------+--------------+----------+-----------+------------+--------+--------+
type ConsentSlot is uint256;

/// @notice An offer's state in one storage word, its highest bit on the left.
///
///       255  64   63  32   31      0
///     +---------+--------+----------+
///     |  epoch  | unused | openings |
///     +---------+--------+----------+
type OfferSlot is uint256;

using {
    Slots.status,
    Slots.proven,
    Slots.offerIndex,
    Slots.ended,
    Slots.asProven,
    Slots.afterEnd,
    Slots.unpack
} for ConsentSlot global;
using {Slots.epoch, Slots.openings} for OfferSlot global;

/// @dev The compiler lays structs out the same way, but reads and writes them field by field; a word
/// is read and written once.
library Slots {
    // Where each field of a consent begins, in bits from the right; `status` begins at 0.
    uint256 private constant STATUS_SIZE = 8;
    uint256 private constant PROVEN_OFFSET = 8;
    uint256 private constant OFFER_INDEX_OFFSET = 16;
    uint256 private constant NOT_BEFORE_OFFSET = 48;
    uint256 private constant NOT_AFTER_OFFSET = 96;
    uint256 private constant FIRST_OPENING_OFFSET = 144;
    uint256 private constant USES_OFFSET = 176;

    // Where the epoch of an offer's state begins, in bits from the right; `openings` begins at 0.
    uint256 private constant EPOCH_OFFSET = 64;

    // ------------------------------------------------------------------- consents

    function given(uint32 index, uint48 notBefore, uint48 notAfter, uint32 firstOpening, uint32 uses)
        internal
        pure
        returns (ConsentSlot)
    {
        return ConsentSlot.wrap(
            uint256(IConsentRegistry.Status.Given) | uint256(index) << OFFER_INDEX_OFFSET | uint256(notBefore)
                << NOT_BEFORE_OFFSET | uint256(notAfter) << NOT_AFTER_OFFSET | uint256(firstOpening)
                << FIRST_OPENING_OFFSET | uint256(uses) << USES_OFFSET
        );
    }

    function asProven(ConsentSlot slot) internal pure returns (ConsentSlot) {
        return ConsentSlot.wrap(ConsentSlot.unwrap(slot) | 1 << PROVEN_OFFSET);
    }

    /// @dev The same consent, ended: only the status changes.
    function afterEnd(ConsentSlot slot, IConsentRegistry.Status how) internal pure returns (ConsentSlot) {
        return ConsentSlot.wrap((ConsentSlot.unwrap(slot) >> STATUS_SIZE << STATUS_SIZE) | uint256(how));
    }

    function status(ConsentSlot slot) internal pure returns (IConsentRegistry.Status) {
        return IConsentRegistry.Status(uint8(ConsentSlot.unwrap(slot)));
    }

    function proven(ConsentSlot slot) internal pure returns (bool) {
        return ConsentSlot.unwrap(slot) & (1 << PROVEN_OFFSET) != 0;
    }

    function offerIndex(ConsentSlot slot) internal pure returns (uint32) {
        return uint32(ConsentSlot.unwrap(slot) >> OFFER_INDEX_OFFSET);
    }

    function ended(ConsentSlot slot) internal pure returns (bool) {
        return status(slot) >= IConsentRegistry.Status.Withdrawn;
    }

    function unpack(ConsentSlot slot) internal pure returns (IConsentRegistry.ConsentState memory) {
        uint256 word = ConsentSlot.unwrap(slot);
        return IConsentRegistry.ConsentState({
            status: status(slot),
            proven: proven(slot),
            offerIndex: offerIndex(slot),
            notBefore: uint48(word >> NOT_BEFORE_OFFSET),
            notAfter: uint48(word >> NOT_AFTER_OFFSET),
            firstOpening: uint32(word >> FIRST_OPENING_OFFSET),
            uses: uint32(word >> USES_OFFSET)
        });
    }

    // --------------------------------------------------------------------- offers

    function pack(bytes24 epoch_, uint32 openings_) internal pure returns (OfferSlot) {
        return OfferSlot.wrap(uint256(uint192(epoch_)) << EPOCH_OFFSET | uint256(openings_));
    }

    function epoch(OfferSlot slot) internal pure returns (bytes24) {
        return bytes24(uint192(OfferSlot.unwrap(slot) >> EPOCH_OFFSET));
    }

    function openings(OfferSlot slot) internal pure returns (uint32) {
        return uint32(OfferSlot.unwrap(slot));
    }
}
