// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../interfaces/IConsentRegistry.sol";

/// @notice A consent in one storage word, from the lowest bit: status 8, proven 8, offerIndex 32, notBefore 48, notAfter 48,
/// firstOpening 32, uses 32.
type ConsentSlot is uint256;

/// @notice An offer's state in one storage word, from the lowest bit: epoch 32, openings 32, head 192.
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
using {Slots.epoch, Slots.openings, Slots.head} for OfferSlot global;

/// @dev The compiler lays structs out the same way, but reads and writes them field by field; a word is read and written once.
library Slots {
    uint256 private constant PROVEN = 1 << 8;

    function given(uint32 index, uint48 notBefore, uint48 notAfter, uint32 firstOpening, uint32 uses)
        internal
        pure
        returns (ConsentSlot)
    {
        return ConsentSlot.wrap(
            uint256(IConsentRegistry.Status.Given) | uint256(index) << 16 | uint256(notBefore) << 48 | uint256(notAfter)
                << 96 | uint256(firstOpening) << 144 | uint256(uses) << 176
        );
    }

    function asProven(ConsentSlot slot) internal pure returns (ConsentSlot) {
        return ConsentSlot.wrap(ConsentSlot.unwrap(slot) | PROVEN);
    }

    /// @dev The same consent, ended: only the status changes.
    function afterEnd(ConsentSlot slot, IConsentRegistry.Status how) internal pure returns (ConsentSlot) {
        return ConsentSlot.wrap((ConsentSlot.unwrap(slot) >> 8 << 8) | uint256(how));
    }

    function status(ConsentSlot slot) internal pure returns (IConsentRegistry.Status) {
        return IConsentRegistry.Status(uint8(ConsentSlot.unwrap(slot)));
    }

    function proven(ConsentSlot slot) internal pure returns (bool) {
        return ConsentSlot.unwrap(slot) & PROVEN != 0;
    }

    function offerIndex(ConsentSlot slot) internal pure returns (uint32) {
        return uint32(ConsentSlot.unwrap(slot) >> 16);
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
            notBefore: uint48(word >> 48),
            notAfter: uint48(word >> 96),
            firstOpening: uint32(word >> 144),
            uses: uint32(word >> 176)
        });
    }

    function pack(uint32 epoch_, uint32 openings_, bytes24 head_) internal pure returns (OfferSlot) {
        return OfferSlot.wrap(uint256(epoch_) | uint256(openings_) << 32 | uint256(uint192(head_)) << 64);
    }

    function epoch(OfferSlot slot) internal pure returns (uint32) {
        return uint32(OfferSlot.unwrap(slot));
    }

    function openings(OfferSlot slot) internal pure returns (uint32) {
        return uint32(OfferSlot.unwrap(slot) >> 32);
    }

    function head(OfferSlot slot) internal pure returns (bytes24) {
        return bytes24(uint192(OfferSlot.unwrap(slot) >> 64));
    }
}
