// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {Commitment} from "../../contracts/libraries/Commitment.sol";
import {Mixing, Result, Rule, Scoring, Terms} from "../../contracts/types/Types.sol";
import {DisputeSwarm} from "./DisputeSwarm.sol";
import {Mix, Mixes} from "./Mixer.sol";

/// @title What a dispute costs: the last block of the largest model there may be
/// @dev Gas as a receipt has it: calldata included, and its floor (EIP-7623) where that is more.
contract DisputesGasTest is DisputeSwarm {
    uint64 private constant LARGEST = 2 ** 31;
    uint256 private constant COST_OF_64 = 3_000_000;
    uint256 private constant PROOFS = 9;

    event Measured(uint256 seats, string what, uint256 gasUsed, uint256 bytesSent);

    function test_a_dispute_of_255_seats_fits_a_transaction() public {
        _measure(255, COST_LIMIT);
    }

    function test_a_dispute_of_64_seats_is_cheap() public {
        _measure(64, COST_OF_64);
    }

    /// @dev Every row takes all updates but one, another each, so that the median's values come in descending order: most to add and
    /// most to sort. The parent brings as long a choice and as many scores.
    function test_a_mixed_coordinate_of_255_seats_fits_a_transaction() public {
        Mix memory mix = Mixes.alone(255);
        mix.divisor = 65_536;
        for (uint256 i = 0; i < 255; ++i) {
            (mix.factors[i], mix.rows[i]) = (257, (type(uint256).max >> 1) ^ (1 << i));
        }
        _measureMixed(mix, "mixed coordinate");
    }

    /// @dev All of them: as many bytes that are not zero as there can be, and values that are all the same.
    function test_a_coordinate_of_rows_that_take_all_fits_a_transaction() public {
        Mix memory mix = Mixes.alone(255);
        mix.divisor = 65_535;
        for (uint256 i = 0; i < 255; ++i) (mix.factors[i], mix.rows[i]) = (257, type(uint256).max >> 1);
        _measureMixed(mix, "coordinate of all");
    }

    function _measureMixed(Mix memory mix, string memory what) private {
        Terms memory given = defaultTerms();
        given.dimension = LARGEST;
        given.capacity = 255;
        (given.rule, given.mixing, given.scoring) = (Rule.Median, Mixing.ClippedNearestNeighbours, Scoring.Novelty);
        choice = Mixes.encoded(mix);
        scores = new bytes(2 * 255);
        for (uint256 i = 0; i < scores.length; ++i) scores[i] = 0xff;
        prepare(255, given, LARGEST / 256 - 1);
        playFirst();
        claimed = resultOf(1, genesis, (1 << 255) - 1);
        (claimed.choice, claimed.scores) = (choice, scores);
        (first.choice, first.scores) = (choice, scores);
        claimed.parent = Commitment.resultHash(address(rounds), group, first);
        bytes memory columns = new bytes(255 * 256);
        for (uint256 i = 0; i < columns.length; ++i) columns[i] = bytes1(uint8(int8(int256(i / 256) - 127)));
        columnsData = columns;
        claimedData = modelLeaf(0, 1_000);
        claim();
        challengeCoordinate(255);
        _report(255, COST_LIMIT, what);
    }

    function _measure(uint256 seats, uint256 limit) private {
        Terms memory given = defaultTerms();
        given.dimension = LARGEST;
        given.capacity = 255;
        prepare(seats, given, LARGEST / 256 - 1);
        // Everything is wrong: no proof is shorter than it can be.
        codes[0][1_023] = 0x80;
        revealed[1][1].parent = 0;
        for (uint256 i = 0; i < seats; ++i) revealed[1][i].available = 0;
        playFirst();
        aggregateHonestly();
        columnsData[columnsData.length - 1] = ~columnsData[columnsData.length - 1];
        claimedData[0] = bytes1(uint8(claimedData[0]) + 1);
        claimedData[1_024] = ~claimedData[1_024];
        claimed.choice = hex"01";
        bytes32 hash = claim();
        rounds.present(group, claimed);
        token.transfer(WATCHER, STAKE);
        vm.prank(WATCHER);
        token.approve(address(disputes), type(uint256).max);
        uint256 snapshot = vm.snapshotState();
        for (uint256 i = 0; i < PROOFS; ++i) {
            _prove(i, seats);
            _report(seats, limit, _nameOf(i));
            vm.revertToState(snapshot);
        }
        _demands(seats, limit, hash);
    }

    function _prove(uint256 which, uint256 seats) private {
        uint256[] memory order = byAddress();
        sentBytes = 0;
        if (which == 0) challengeCoordinate(255);
        else if (which == 1) challengeExponent();
        else if (which == 2) challengeColumn(order[seats - 1]);
        else if (which == 3) challengeUpdate(0, updateIndex());
        else if (which == 4) challengeAvailability(3, (1 << seats) - 1);
        else if (which == 5) challengeInclusion(1);
        else if (which == 6) challengeTerms();
        else if (which == 7) {
            challengeTerms();
            slash(hashOf(claimed), seats - 1);
        } else {
            challengeTerms();
            slash(hashOf(claimed), seats - 1);
            vm.warp(vm_now() + WINDOW);
            disputes.collect(group, hashOf(claimed));
        }
    }

    function _demands(uint256 seats, uint256 limit, bytes32 hash) private {
        Result memory result = claimed;
        sentBytes = 0;
        demand(IDisputes.Tree.Columns, blockIndex);
        _report(seats, limit, "demand");
        answer(address(this), IDisputes.Tree.Columns);
        _report(seats, limit, "answer");
        sentBytes = 0;
        demand(IDisputes.Tree.Columns, 0);
        vm.warp(vm_now() + WINDOW);
        disputes.challengeUnanswered(group, result, WATCHER);
        _report(seats, limit, "unanswered");
        assertEq(disputes.strikeOf(group, hash).round, 1, "struck");
    }

    function _report(uint256 seats, uint256 limit, string memory what) private {
        uint256 used = vm.lastCallGas().gasTotalUsed;
        emit Measured(seats, what, used, sentBytes);
        assertTrue(used < limit, what);
        assertTrue(sentBytes < CALLDATA_LIMIT, what);
    }

    function _nameOf(uint256 which) private pure returns (string memory) {
        string[PROOFS] memory names = [
            "coordinate",
            "exponent",
            "column",
            "update",
            "availability",
            "inclusion",
            "terms",
            "slash",
            "collect"
        ];
        return names[which];
    }
}
