// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDatasetRegistry} from "../interfaces/IDatasetRegistry.sol";
import {Base} from "./helpers/Base.sol";

contract DatasetRegistryTest is Base {
    bytes32 private dataset;

    function setUp() public override {
        super.setUp();
        dataset = terms[0].dataset;
    }

    function test_registered_once_and_for_ever() public {
        vm.expectRevert(abi.encodeWithSelector(IDatasetRegistry.DatasetExists.selector, dataset, provider(0)));
        datasets.register(dataset, 0, 0, 0);
        vm.assertEq(datasets.datasets(dataset).provider, provider(0));
    }

    function test_only_the_provider_commits_and_spends() public {
        bytes memory expected =
            abi.encodeWithSelector(IDatasetRegistry.NotProvider.selector, dataset, provider(0), address(this));
        vm.expectRevert(expected);
        datasets.commit(dataset, "new");
        vm.expectRevert(expected);
        datasets.spend(dataset, 1, "job");
    }

    function test_unknown_dataset_has_no_provider() public {
        vm.expectRevert(
            abi.encodeWithSelector(IDatasetRegistry.NotProvider.selector, bytes32("unknown"), address(0), address(this))
        );
        datasets.commit("unknown", "new");
    }

    function test_commit_replaces() public {
        vm.prank(provider(0));
        datasets.commit(dataset, "new");
        vm.assertEq(datasets.datasets(dataset).commitment, bytes32("new"));
    }

    function testFuzz_budget_is_never_exceeded(uint64 first, uint64 second) public {
        uint64 budget = datasets.datasets(dataset).budget;
        uint64 left = budget;
        for (uint256 i = 0; i < 2; ++i) {
            uint64 amount = i == 0 ? first % (budget + 2) : second;
            vm.prank(provider(0));
            if (amount > left) {
                vm.expectRevert(abi.encodeWithSelector(IDatasetRegistry.BudgetExceeded.selector, dataset, left, amount));
            } else {
                left -= amount;
            }
            datasets.spend(dataset, amount, "job");
            vm.assertEq(datasets.datasets(dataset).spent, budget - left);
        }
    }
}
