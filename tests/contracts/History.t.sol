// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGroupRegistry} from "../../contracts/interfaces/IGroupRegistry.sol";
import {IIdentityRegistry} from "../../contracts/interfaces/IIdentityRegistry.sol";
import {Result, Terms} from "../../contracts/types/Types.sol";
import {Swarm} from "./Swarm.sol";

interface Counted {
    function identityCount() external view returns (uint64);
}

/// @title Nothing grows with history, nor with how many nodes and groups there are
/// @dev Compared are rounds in which the same words are written: a reputation rises for about seventy rounds, and for eight more a
/// commit reads its weight anew. From round 90 on only what is proportional to a past could make a round dearer.
contract HistoryTest is Swarm {
    event Measured(uint32 round, uint256 around, uint256 commit, uint256 reveal, uint256 finalize);

    uint32 private constant STEADY = 90;
    uint256 private constant MEMBERS = 3;
    uint256 private constant TOLERANCE = 300;

    struct Costs {
        uint256 commit;
        uint256 reveal;
        uint256 finalize;
    }

    bytes32 private _head;
    bytes32 private _parent;
    uint32 private _round;
    Crowd private _crowd;

    function _begin() private {
        Terms memory terms = defaultTerms();
        terms.capacity = 3;
        swarmOf(MEMBERS, terms);
        fund(1_000_000e18);
        (_head, _parent) = (genesis, genesis);
    }

    function test_round_1000_costs_what_round_90_does() public {
        _begin();
        Costs memory early = _playTo(STEADY);
        Costs memory late = _playTo(1_000);
        _assertSame(early, late);
    }

    function test_a_round_costs_the_same_among_10_and_1000_and_10000_nodes_and_groups() public {
        _begin();
        _surround(10);
        Costs memory few = _playTo(STEADY);
        emit Measured(_round, 10, few.commit, few.reveal, few.finalize);
        _surround(1_000);
        Costs memory more = _playTo(STEADY + 1);
        emit Measured(_round, 1_000, more.commit, more.reveal, more.finalize);
        _assertSame(few, more);
        _surround(10_000);
        Costs memory many = _playTo(STEADY + 2);
        emit Measured(_round, 10_000, many.commit, many.reveal, many.finalize);
        _assertSame(few, many);
    }

    /// @dev Registers nodes and creates groups until there are so many.
    function _surround(uint256 count) private {
        if (address(_crowd) == address(0)) _crowd = new Crowd(identities, groups);
        _crowd.fill(count);
        assertEq(Counted(address(identities)).identityCount(), count, "nodes");
        assertEq(groups.groupCount(), count, "groups");
    }

    /// @return costs of the last round's second commit and reveal, and of the finalization in it
    function _playTo(uint32 last) private returns (Costs memory costs) {
        while (_round < last) {
            uint32 round = ++_round;
            for (uint256 i = 0; i < MEMBERS; ++i) {
                commit(i, round, _parent);
                if (i == 1) costs.commit = vm.lastCallGas().gasTotalUsed;
            }
            vm.warp(vm_now() + 10);
            for (uint256 i = 0; i < MEMBERS; ++i) {
                reveal(i, round, _parent);
                if (i == 1) costs.reveal = vm.lastCallGas().gasTotalUsed;
            }
            vm.warp(vm_now() + WINDOW);
            if (round > 1) {
                Result memory result = resultOf(round - 1, _head, 7);
                _head = hashOf(result);
                rounds.finalize(group, result);
                costs.finalize = vm.lastCallGas().gasTotalUsed;
            }
            _parent = hashOf(resultOf(round, _parent, 7));
        }
        emit Measured(_round, Counted(address(identities)).identityCount(), costs.commit, costs.reveal, costs.finalize);
    }

    function _assertSame(Costs memory before, Costs memory after_) private pure {
        _assertNear(before.commit, after_.commit, "commit");
        _assertNear(before.reveal, after_.reveal, "reveal");
        _assertNear(before.finalize, after_.finalize, "finalize");
    }

    function _assertNear(uint256 before, uint256 after_, string memory what) private pure {
        uint256 difference = before < after_ ? after_ - before : before - after_;
        assertTrue(before > 21_000 && after_ > 21_000, "not a whole transaction was measured");
        assertTrue(difference <= TOLERANCE, string.concat(what, " went from ", vm.toString(before), " to ", vm.toString(after_)));
    }
}

/// @dev One operator of many nodes, who registers them and creates as many groups in one call.
contract Crowd is Swarm {
    constructor(IIdentityRegistry identities_, IGroupRegistry groups_) {
        (identities, groups) = (identities_, groups_);
    }

    function fill(uint256 count) external {
        for (uint256 i = Counted(address(identities)).identityCount(); i < count; ++i) {
            (, bytes memory publicKey, bytes memory signature) = registration(1_000_000 + i, address(this), 0);
            identities.register(publicKey, signature);
        }
        while (groups.groupCount() < count) groups.create(defaultTerms(), bytes32("manifest"), bytes32("model"), bytes32("root"));
    }
}
