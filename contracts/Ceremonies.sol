// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICeremonies} from "./interfaces/ICeremonies.sol";
import {CeremonyId, CircuitId, KeyId} from "./interfaces/Types.sol";

/// @title Who made the keys of a circuit, one after the other?
contract Ceremonies is ICeremonies {
    uint256 private constant MAX_CONTRIBUTORS = 64;

    mapping(CeremonyId ceremony => Ceremony) private _ceremonies;
    mapping(CeremonyId ceremony => address[]) private _contributors;
    /// @inheritdoc ICeremonies
    mapping(CeremonyId ceremony => mapping(address contributor => bool)) public mayConfirm;
    mapping(CeremonyId ceremony => mapping(KeyId key => uint32)) private _confirmations;

    /// @inheritdoc ICeremonies
    function open(CircuitId circuit, address[] calldata contributors, bytes32 salt)
        external
        returns (CeremonyId ceremony)
    {
        uint256 count = contributors.length;
        if (count < 2 || count > MAX_CONTRIBUTORS) revert WrongNumberOfContributors(count);
        ceremony = CeremonyId.wrap(
            keccak256(abi.encode(block.chainid, address(this), msg.sender, circuit, contributors, salt))
        );
        if (_ceremonies[ceremony].contributors != 0) revert CeremonyKnown(ceremony);
        for (uint256 i = 0; i < count; ++i) {
            address contributor = contributors[i];
            if (contributor == address(0) || mayConfirm[ceremony][contributor]) revert NoContributor(contributor);
            mayConfirm[ceremony][contributor] = true;
        }
        _contributors[ceremony] = contributors;
        _ceremonies[ceremony] = Ceremony(circuit, uint32(count), 0, CeremonyId.unwrap(ceremony));
        emit CeremonyOpened(ceremony, circuit, contributors);
    }

    /// @inheritdoc ICeremonies
    function contribute(CeremonyId ceremony, bytes32 contribution) external {
        Ceremony storage known = _known(ceremony);
        uint32 place = known.contributed;
        address expected = place < known.contributors ? _contributors[ceremony][place] : address(0);
        if (expected != msg.sender) revert NotYourTurn(ceremony, expected, msg.sender);
        if (contribution == 0) revert NoContribution();
        known.contributed = place + 1;
        known.head = keccak256(abi.encode(known.head, msg.sender, contribution));
        emit Contributed(ceremony, msg.sender, place, contribution, known.head);
    }

    /// @inheritdoc ICeremonies
    function confirm(CeremonyId ceremony, KeyId key) external {
        Ceremony storage known = _known(ceremony);
        if (known.contributed != known.contributors) {
            revert StillContributing(ceremony, known.contributors, known.contributed);
        }
        if (!mayConfirm[ceremony][msg.sender]) revert MayNotConfirm(ceremony, msg.sender);
        mayConfirm[ceremony][msg.sender] = false;
        uint32 confirmations = ++_confirmations[ceremony][key];
        emit KeyConfirmed(ceremony, msg.sender, key, confirmations);
    }

    /// @inheritdoc ICeremonies
    function made(CeremonyId ceremony, KeyId key) external view returns (bool) {
        uint32 contributors = _ceremonies[ceremony].contributors;
        return contributors != 0 && _confirmations[ceremony][key] == contributors;
    }

    /// @inheritdoc ICeremonies
    function ceremonies(CeremonyId ceremony) external view returns (Ceremony memory) {
        return _ceremonies[ceremony];
    }

    /// @inheritdoc ICeremonies
    function contributorsOf(CeremonyId ceremony) external view returns (address[] memory) {
        return _contributors[ceremony];
    }

    function _known(CeremonyId ceremony) private view returns (Ceremony storage known) {
        known = _ceremonies[ceremony];
        if (known.contributors == 0) revert CeremonyUnknown(ceremony);
    }
}
