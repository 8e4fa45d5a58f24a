// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {IAuditStakes} from "../interfaces/IAuditStakes.sol";
import {IConsentRegistry} from "../interfaces/IConsentRegistry.sol";
import {IJobLedger} from "../interfaces/IJobLedger.sol";
import {JobId} from "../interfaces/Types.sol";

/// @notice EIP-712 struct hashes of the domain "Placet Jobs".
library JobHash {
    bytes32 internal constant INPUT = keccak256(
        "Input(bytes32 offer,bytes32 consent,bytes32 lawfulRoot,bytes24 epoch,uint32 opensBefore,uint64 budget)"
    );
    bytes32 internal constant PARTY = keccak256(
        "Party(bytes signer,address recorder,address payee,uint96 reward,bytes32 tlsKey,bytes32 seed,bool output,Input[] inputs)"
        "Input(bytes32 offer,bytes32 consent,bytes32 lawfulRoot,bytes24 epoch,uint32 opensBefore,uint64 budget)"
    );
    bytes32 internal constant PLAN = keccak256(
        "Plan(bytes32 terms,address consumer,bytes32 purpose,uint32 operations,address sponsor,address token,uint96 pot,uint48 openBy,uint48 deadline,uint48 settleBy,bytes32 salt,Party[] parties)"
        "Input(bytes32 offer,bytes32 consent,bytes32 lawfulRoot,bytes24 epoch,uint32 opensBefore,uint64 budget)"
        "Party(bytes signer,address recorder,address payee,uint96 reward,bytes32 tlsKey,bytes32 seed,bool output,Input[] inputs)"
    );
    bytes32 internal constant AMENDMENT =
        keccak256("Amendment(bytes32 job,uint32 attempt,bytes32[] roots,bytes24[] epochs)");
    bytes32 internal constant SEAL = keccak256(
        "Seal(bytes32 job,uint32 attempt,bytes32[] heads,bytes32[] outputs,bytes32[] keys,bytes24[] epochs,uint96[] payouts)"
    );
    bytes32 internal constant MESSAGE = keccak256(
        "Message(bytes32 job,uint32 attempt,uint32 sequence,uint32 sender,uint32 receiver,string tag,bytes32 digest)"
    );
    bytes32 internal constant CANCELLATION = keccak256("Cancellation(bytes32 job)");

    function plan(IJobLedger.Plan calldata p) internal pure returns (bytes32) {
        bytes32[] memory parties = new bytes32[](p.parties.length);
        for (uint256 i = 0; i < parties.length; ++i) {
            parties[i] = party(p.parties[i]);
        }
        return keccak256(
            abi.encode(
                PLAN,
                p.terms,
                p.consumer,
                p.purpose,
                p.operations,
                p.sponsor,
                p.token,
                p.pot,
                p.openBy,
                p.deadline,
                p.settleBy,
                p.salt,
                keccak256(abi.encodePacked(parties))
            )
        );
    }

    function party(IJobLedger.Party calldata p) internal pure returns (bytes32) {
        bytes32[] memory inputs = new bytes32[](p.inputs.length);
        for (uint256 i = 0; i < inputs.length; ++i) {
            inputs[i] = keccak256(abi.encode(INPUT, p.inputs[i]));
        }
        return keccak256(
            abi.encode(
                PARTY,
                keccak256(p.signer),
                p.recorder,
                p.payee,
                p.reward,
                p.tlsKey,
                p.seed,
                p.output,
                keccak256(abi.encodePacked(inputs))
            )
        );
    }

    function amendment(JobId job, uint32 attempt, bytes32[] calldata roots, bytes24[] calldata epochs)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(AMENDMENT, job, attempt, keccak256(abi.encodePacked(roots)), keccak256(abi.encodePacked(epochs)))
        );
    }

    function sealing(JobId job, IJobLedger.SealData calldata data) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                SEAL,
                job,
                data.attempt,
                keccak256(abi.encodePacked(data.heads)),
                keccak256(abi.encodePacked(data.outputs)),
                keccak256(abi.encodePacked(data.keys)),
                keccak256(abi.encodePacked(data.epochs)),
                keccak256(abi.encodePacked(data.payouts))
            )
        );
    }

    function cancellation(JobId job) internal pure returns (bytes32) {
        return keccak256(abi.encode(CANCELLATION, job));
    }

    /// @notice Of the message in which a party of a job commits to its garblings.
    function garblingCommitment(JobId job, uint32 sender, IAuditStakes.Commitment calldata c)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                MESSAGE, job, c.attempt, c.sequence, sender, c.receiver, keccak256("garbled.committed"), c.digest
            )
        );
    }

    /// @notice What is signed of such a struct for a ledger, for who is not that ledger.
    function digest(address ledger, bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Placet Jobs"),
                keccak256("1"),
                block.chainid,
                ledger
            )
        );
        return MessageHashUtils.toTypedDataHash(domain, structHash);
    }
}
