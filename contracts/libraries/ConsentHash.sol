// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../interfaces/IConsentRegistry.sol";
import {ConsentId, OfferId} from "../interfaces/Types.sol";

/// @notice EIP-712 struct hashes of the domain "Placet Consent".
library ConsentHash {
    bytes32 internal constant OFFER = keccak256(
        "Offer(bytes32 dataset,address consumer,bytes32 purpose,uint32 operations,bytes32 scope,uint64 budget)"
    );
    bytes32 internal constant CONSENT = keccak256(
        "Consent(Details details,Offer offer,bytes owner,uint48 notBefore,uint48 notAfter,uint32 firstOpening,uint32 uses)"
        "Details(string language,string dataset,string consumer,string purpose,string columns,string output,string parties,bytes32 notice,bytes32 enrolment,bytes32 salt)"
        "Offer(bytes32 dataset,address consumer,bytes32 purpose,uint32 operations,bytes32 scope,uint64 budget)"
    );
    bytes32 internal constant WITHDRAWAL = keccak256("Withdrawal(bytes32 consent)");

    function hash(IConsentRegistry.Offer calldata offer) internal pure returns (OfferId) {
        return OfferId.wrap(keccak256(abi.encode(OFFER, offer)));
    }

    /// @dev `Grant` carries the struct hashes of `Offer` and `Details`, so this is the struct hash of the whole `Consent`.
    function hash(IConsentRegistry.Grant calldata g) internal pure returns (ConsentId) {
        return ConsentId.wrap(
            keccak256(
                abi.encode(
                    CONSENT, g.details, g.offer, keccak256(g.owner), g.notBefore, g.notAfter, g.firstOpening, g.uses
                )
            )
        );
    }

    function withdrawal(ConsentId consent) internal pure returns (bytes32) {
        return keccak256(abi.encode(WITHDRAWAL, consent));
    }
}
