// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAuditStakes} from "../interfaces/IAuditStakes.sol";
import {IConsentRegistry} from "../interfaces/IConsentRegistry.sol";
import {IDatasetRegistry} from "../interfaces/IDatasetRegistry.sol";
import {IJobLedger} from "../interfaces/IJobLedger.sol";
import {StakeBase} from "./helpers/StakeBase.sol";
import {BatchRoot, DatasetId, JobId} from "../interfaces/Types.sol";

/// @notice Gas of one call each, as a transaction of its own, into committed snapshots: a change shows in review. `scripts/bench gas`
/// measures signed transactions on a chain.
contract GasTest is StakeBase {
    /// forge-config: default.isolate = true
    function test_consents() public {
        (IConsentRegistry.Grant memory g,) = give(1);
        bytes memory signature = signWithdrawal(OWNER, g);
        registry.withdraw(g, signature);

        (g,) = give(2);
        vm.snapshotGasLastCall("ConsentRegistry", "grant");
        signature = signWithdrawal(OWNER, g);
        registry.withdraw(g, signature);
        vm.snapshotGasLastCall("ConsentRegistry", "withdraw");

        g = ownersConsent(3);
        (BatchRoot root, bytes32[] memory proof) = anchorPair(0, registry.consentId(g));
        vm.snapshotGasLastCall("ConsentRegistry", "anchor");
        signature = signWithdrawal(OWNER, g);
        registry.withdrawBatched(g, signature, root, proof);
        vm.snapshotGasLastCall("ConsentRegistry", "withdrawBatched of two leaves");

        g = ownersConsent(5);
        registry.withdraw(g, signWithdrawal(OWNER, g));
        g = ownersConsent(4);
        signature = signWithdrawal(OWNER, g);
        registry.withdraw(g, signature);
        vm.snapshotGasLastCall("ConsentRegistry", "withdraw without a grant");
        (root, proof) = anchorPair(0, registry.consentId(g));
        registry.prove(registry.consentId(g), offers[0], root, proof);
        vm.snapshotGasLastCall("ConsentRegistry", "prove");
    }

    /// forge-config: default.isolate = true
    function test_keys() public {
        _grantsAndWithdrawals("");
    }

    /// forge-config: default.isolate = true
    /// forge-config: default.evm_version = "cancun"
    function test_keys_without_the_precompile() public {
        _grantsAndWithdrawals(", without the precompile");
    }

    function _grantsAndWithdrawals(string memory where) private {
        IConsentRegistry.Grant memory g = consentOf(p256Signer(9), 0, 1);
        _grantAndWithdraw(g, string.concat("a P-256 key", where), false);
        g = consentOf(passkeySigner(9), 0, 2);
        _grantAndWithdraw(g, string.concat("a passkey", where), true);
    }

    function _grantAndWithdraw(IConsentRegistry.Grant memory g, string memory by, bool passkey) private {
        bytes32 digest = registry.hashConsent(registry.consentId(g));
        registry.grant(g, passkey ? signPasskey(9, digest) : signP256(9, digest));
        vm.snapshotGasLastCall("ConsentRegistry", string.concat("grant by ", by));
        digest = registry.hashWithdrawal(registry.consentId(g));
        registry.withdraw(g, passkey ? signPasskey(9, digest) : signP256(9, digest));
        vm.snapshotGasLastCall("ConsentRegistry", string.concat("withdraw by ", by));
    }

    /// forge-config: default.isolate = true
    function test_budgets() public {
        open(planOf(1));
        IJobLedger.Plan memory plan = planOf(2);
        plan.parties[0].inputs[0].budget = 100;
        open(plan);
        plan = planOf(3);
        plan.parties[0].inputs[0].budget = 100;
        JobId job = open(plan);
        vm.snapshotGasLastCall("JobLedger", "open and spend a budget");
        vm.prank(relay(0));
        ledger.abort(job, "why");
        ledger.refund(plan);
        vm.snapshotGasLastCall("JobLedger", "refund");
    }

    /// forge-config: default.isolate = true
    function test_datasets() public {
        datasets.register(DatasetId.wrap("rows"), IDatasetRegistry.Subjects.Persons, "schema", "commitment", 1);
        vm.snapshotGasLastCall("DatasetRegistry", "register");
        datasets.registerModel(DatasetId.wrap("model"), JobId.wrap("job"), "schema", "commitment", "card", 1);
        vm.snapshotGasLastCall("DatasetRegistry", "registerModel");
    }

    /// forge-config: default.isolate = true
    function test_jobs() public {
        IJobLedger.Plan memory plan = planOf(1);
        JobId job = open(plan);
        vm.prank(relay(0));
        ledger.abort(job, "why");
        plan = planOf(2);
        job = open(plan);
        vm.snapshotGasLastCall("JobLedger", "open");
        for (uint32 i = 0; i < 3; ++i) {
            step(job, 1, i);
        }
        bytes32[] memory hashes = new bytes32[](100);
        vm.prank(relay(0));
        ledger.record(job, 1, 0, 1, hashes);
        vm.snapshotGasLastCall("JobLedger", "record 100");
        IJobLedger.SealData memory data = sealOf(job, 1);
        seal(plan, data);
        vm.snapshotGasLastCall("JobLedger", "seal");
        ledger.release(job, 0, releaseKey(0));
        vm.snapshotGasLastCall("JobLedger", "release");
        ledger.release(job, 1, releaseKey(1));
        ledger.release(job, 2, releaseKey(2));
        vm.snapshotGasLastCall("JobLedger", "release the last");
        plan = planOf(5);
        job = open(plan);
        data = sealOf(job, 1);
        bytes32[][] memory steps = new bytes32[][](3);
        for (uint256 i = 0; i < 3; ++i) {
            steps[i] = new bytes32[](5);
            for (uint256 k = 0; k < 5; ++k) {
                steps[i][k] = keccak256(abi.encode(i, k));
                data.heads[i] = keccak256(abi.encodePacked(data.heads[i], steps[i][k]));
            }
        }
        ledger.seal(plan, data, steps, signAll(ledger.hashSeal(job, data), 4));
        vm.snapshotGasLastCall("JobLedger", "seal with five steps a party");
        job = open(planOf(3));
        vm.prank(relay(1));
        ledger.abort(job, "why");
        vm.snapshotGasLastCall("JobLedger", "abort");

        plan = planWithPot(4, 60);
        job = open(plan);
        vm.snapshotGasLastCall("JobLedger", "open with a pot");
        for (uint32 i = 0; i < 3; ++i) {
            step(job, 1, i);
        }
        data = sealOf(job, 1);
        (data.payouts[0], data.payouts[1], data.payouts[2]) = (10, 20, 30);
        seal(plan, data);
        vm.snapshotGasLastCall("JobLedger", "seal three payouts");
        ledger.release(job, 0, releaseKey(0));
        ledger.release(job, 1, releaseKey(1));
        ledger.release(job, 2, releaseKey(2));
        vm.snapshotGasLastCall("JobLedger", "release the last and pay payouts");
    }

    /// forge-config: default.isolate = true
    function test_stakes() public {
        (, JobId job) = sealedJob(1);
        deposited(job, 0);
        IAuditStakes.Terms memory t = deposited(job, 1);
        vm.snapshotGasLastCall("AuditStakes", "deposit");
        report(t, IAuditStakes.Fault.FalseOpening, AUDITOR);
        vm.snapshotGasLastCall("AuditStakes", "report");
        answer(t);
        vm.snapshotGasLastCall("AuditStakes", "answer");
        uphold(t, AUDITOR);
        vm.snapshotGasLastCall("AuditStakes", "uphold");
        provision(coin, 2);
        vm.prank(relay(2));
        coin.approve(address(stakes), 2 * STAKE);
        reportGarbling(garbling(job, 2), AUDITOR);
        vm.snapshotGasLastCall("AuditStakes", "report another circuit");
        t = deposited(job, 2);
        vm.warp(FIND_BY + 1);
        stakes.settle(t);
        vm.snapshotGasLastCall("AuditStakes", "settle");
    }
}
