// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "./interfaces/IConsentRegistry.sol";
import {IConsentTrees} from "./interfaces/IConsentTrees.sol";
import {IStatementChecker} from "./interfaces/IStatementChecker.sol";
import {OfferId} from "./interfaces/Types.sol";

/// @title Under which roots do an offer's live consents lie now?
contract ConsentTrees is IConsentTrees {
    /// @dev Order of the groups of BN254, hence of the field of public inputs.
    uint256 private constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;
    uint32 private constant MAX_LEAVES = 1 << 20;
    /// @dev 253 bits of a hash are a field element; the field's order is above 2^253.
    uint256 private constant SHIFT = 3;
    // Public inputs: context, job, root, offer, nullifier.
    uint256 private constant INPUTS = 5;
    uint256 private constant ROOT = 2;
    uint256 private constant OFFER = 3;

    /// @inheritdoc IConsentTrees
    IConsentRegistry public immutable consents;

    /// @dev By the offer's field element, by which statements name it.
    mapping(uint256 offer => mapping(uint256 root => Tree)) private _trees;

    constructor(IConsentRegistry consents_) {
        consents = consents_;
    }

    /// @inheritdoc IConsentTrees
    function publish(Tree calldata tree) external {
        // slither-disable-next-line unused-return
        (, address provider, bytes24 epoch,, bytes24 unproven,) = consents.offers(tree.offer);
        if (provider == address(0) || msg.sender != provider && !consents.isRelay(provider, msg.sender)) {
            revert NotProviderOrRelay(tree.offer, provider, msg.sender);
        }
        if (tree.epoch != epoch || tree.unproven != unproven) revert ConsentsEnded(tree.offer, epoch, unproven);
        if (tree.leaves == 0 || tree.leaves > MAX_LEAVES) revert WrongNumberOfLeaves(tree.leaves);
        if (tree.root == 0 || tree.root >= R) revert NoRoot(tree.root);
        _trees[_element(tree.offer)][tree.root] = tree;
        emit TreePublished(tree.offer, tree.root, tree);
    }

    /// @inheritdoc IConsentTrees
    function trees(OfferId offer, uint256 root) external view returns (Tree memory) {
        return _trees[_element(offer)][root];
    }

    /// @inheritdoc IConsentTrees
    function stateOf(OfferId offer, uint256 root) external view returns (State) {
        return _stateOf(_trees[_element(offer)][root]);
    }

    /// @inheritdoc IStatementChecker
    function requireStands(uint256[] calldata inputs) external view {
        if (inputs.length != INPUTS) revert WrongNumberOfInputs(inputs.length);
        State state = _stateOf(_trees[inputs[OFFER]][inputs[ROOT]]);
        if (state != State.Live) revert TreeNotLive(inputs[ROOT], state);
    }

    function _stateOf(Tree storage tree) private view returns (State) {
        if (tree.leaves == 0) return State.Unknown;
        // slither-disable-next-line unused-return
        (,, bytes24 epoch, uint32 openings, bytes24 unproven,) = consents.offers(tree.offer);
        if (tree.epoch != epoch || tree.unproven != unproven) return State.Ended;
        if (block.timestamp > tree.until) return State.Expired;
        return openings < tree.opensBefore ? State.Live : State.Exhausted;
    }

    function _element(OfferId offer) private pure returns (uint256) {
        return uint256(OfferId.unwrap(offer)) >> SHIFT;
    }
}
