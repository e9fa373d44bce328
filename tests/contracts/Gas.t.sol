// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Result, Scoring, Terms} from "../../contracts/types/Types.sol";
import {Swarm} from "./Swarm.sol";

/// @title What a round costs, and that the largest one fits a transaction
contract GasTest is Swarm {
    event Measured(uint256 seats, string what, uint256 gas);

    uint256 private constant TRANSACTION_GAS = 16_777_216;
    uint256 private constant FINALIZE_LIMIT = 3_000_000;
    /// @dev Every slot of the ring is in use again, reputations still rise.
    uint32 private constant SETTLING = 12;
    /// @dev Reputations are at their maximum, and no weight has changed for as many rounds as the ring has.
    uint32 private constant STEADY = 80;

    function test_round_of_10() public {
        _measure(10, SETTLING);
    }

    function test_round_of_100() public {
        _measure(100, SETTLING);
    }

    function test_steady_round_of_10() public {
        _measure(10, STEADY);
    }

    function test_steady_round_of_100() public {
        _measure(100, STEADY);
    }

    /// @dev Every seat has a score of its own, so every word of what seats missed is written: for the first time, then again.
    function test_finalizing_255_scores_fits_a_transaction() public {
        Terms memory terms = defaultTerms();
        (terms.capacity, terms.scoring) = (255, Scoring.Novelty);
        swarmOf(255, terms);
        uint256 all = (1 << 255) - 1;
        bytes memory scores = new bytes(2 * 255);
        for (uint256 i = 0; i < scores.length; ++i) scores[i] = bytes1(uint8(1 + ((i * 7) % 255)));
        bytes32 parent = genesis;
        for (uint32 round = 1; round <= 3; ++round) {
            play(255, round, parent, 10);
            Result memory result = resultOf(round, parent, all);
            result.scores = scores;
            parent = hashOf(result);
            if (round == 1) continue;
            vm.warp(vm_now() + WINDOW);
            result = known[opening(0, round, known[parent].parent).parent];
            rounds.finalize(group, result);
            uint256 used = vm.lastCallGas().gasTotalUsed;
            emit Measured(255, "finalize with scores", used);
            assertTrue(used < FINALIZE_LIMIT, "finalize with scores costs too much");
        }
        assertTrue(distributor.creditOf(group, 254) != 0, "paid");
    }

    /// @dev Round after round until every slot of the ring is used again, then one round measured.
    function _measure(uint256 count, uint32 last) private {
        Terms memory terms = defaultTerms();
        terms.capacity = 255;
        swarmOf(count, terms);
        uint256 all = (1 << count) - 1;
        bytes32 head = genesis;
        bytes32 parent = genesis;
        uint256 commits;
        uint256 reveals;
        uint256 opened;
        uint256 finalized;
        for (uint32 round = 1; round <= last; ++round) {
            commits = 0;
            reveals = 0;
            for (uint256 i = 0; i < count; ++i) {
                commit(i, round, parent);
                uint256 used = vm.lastCallGas().gasTotalUsed;
                if (i == 0) opened = used;
                else commits += used;
            }
            vm.warp(vm_now() + 10);
            for (uint256 i = 0; i < count; ++i) {
                reveal(i, round, parent);
                reveals += vm.lastCallGas().gasTotalUsed;
            }
            vm.warp(vm_now() + WINDOW);
            if (round > 1) {
                Result memory result = resultOf(round - 1, head, all);
                head = hashOf(result);
                rounds.finalize(group, result);
                finalized = vm.lastCallGas().gasTotalUsed;
            }
            parent = hashOf(resultOf(round, parent, all));
        }
        commits /= count - 1;
        reveals /= count;
        emit Measured(count, "commit", commits);
        emit Measured(count, "opening", opened - commits);
        emit Measured(count, "reveal", reveals);
        emit Measured(count, "finalize", finalized);
        emit Measured(count, "a node's round", commits + reveals + (opened - commits + finalized) / count);
        assertTrue(finalized < TRANSACTION_GAS, "finalize does not fit a transaction");
    }
}
