// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "./IConsentRegistry.sol";
import {IStatementChecker} from "./IStatementChecker.sol";
import {OfferId} from "./Types.sol";

/// @title Under which roots do an offer's live consents lie now?
/// @notice A provider publishes the root of a Poseidon tree of depth 20 over words of the owners whose consents to one of its offers
/// live, with the heads of both lists of ended consents that it saw. Owners prove in zero knowledge that their consent is a leaf,
/// and don't say which. A root is live until any consent to the offer ends, proven or not: then the provider publishes anew, without
/// it. The public inputs of such a statement are context, job, root, offer (253 bits of its id) and nullifier.
interface IConsentTrees is IStatementChecker {
    /// @param offer whose consents they are
    /// @param root of the tree, a field element
    /// @param epoch head of the offer's proven ends that the provider saw
    /// @param unproven head of the offer's unproven ends that the provider saw
    /// @param until last second in which every one of the consents may be used
    /// @param opensBefore the first opening that some consent of the tree no longer covers
    /// @param leaves how many consents there are
    struct Tree {
        OfferId offer;
        uint256 root;
        bytes24 epoch;
        bytes24 unproven;
        uint48 until;
        uint32 opensBefore;
        uint32 leaves;
    }

    /// @notice Answers of `stateOf`. If several apply, the first in this order is given.
    /// @dev `Ended`: some consent to the offer ended after it was published.
    enum State {
        Live,
        Unknown,
        Ended,
        Expired,
        Exhausted
    }

    /// @notice A provider published a tree, or the same one again for the heads of today.
    /// @param offer whose consents they are
    /// @param root of the tree
    /// @param tree all of it
    event TreePublished(OfferId indexed offer, uint256 indexed root, Tree tree);

    /// @notice Only an offer's provider or a relay of it publishes trees of its consents.
    /// @param offer its id
    /// @param provider the offer's provider; zero if nobody made it
    /// @param found who asked
    error NotProviderOrRelay(OfferId offer, address provider, address found);

    /// @notice A consent to the offer ended since the provider looked.
    /// @param offer its id
    /// @param epoch head of the proven ends now
    /// @param unproven head of the unproven ends now
    error ConsentsEnded(OfferId offer, bytes24 epoch, bytes24 unproven);

    /// @notice A tree has one to 2^20 leaves.
    /// @param found how many
    error WrongNumberOfLeaves(uint32 found);

    /// @notice A root is a field element, and not zero.
    /// @param found the root
    error NoRoot(uint256 found);

    /// @notice No statement under this root stands.
    /// @param root the root
    /// @param state why
    error TreeNotLive(uint256 root, State state);

    /// @notice A statement about a consent has five public inputs.
    /// @param found how many there are
    error WrongNumberOfInputs(uint256 found);

    /// @notice Puts a tree of an offer's live consents on chain. The offer's provider or its relay. The same root again is bound to the
    /// heads of now.
    /// @custom:not-protected That the leaves are words of owners whose consents live, that there are so many, and that `until` and
    /// `opensBefore` are theirs: the provider's word. Against strangers who end made-up consents: that costs them a transaction each
    /// time and makes a root not live until the provider publishes again.
    function publish(Tree calldata tree) external;

    /// @notice A published tree; all zero if there is none.
    /// @custom:not-protected A reader against a reorganisation.
    function trees(OfferId offer, uint256 root) external view returns (Tree memory);

    /// @notice Whether statements under the root stand now, or why not.
    /// @custom:not-protected A reader against what changes with the next block.
    function stateOf(OfferId offer, uint256 root) external view returns (State);

    /// @notice Whose consents they are.
    /// @custom:not-protected Callers against a wrong deployment: check addresses and code against the deployment file.
    function consents() external view returns (IConsentRegistry);
}
