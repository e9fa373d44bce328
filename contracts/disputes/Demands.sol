// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IDisputes} from "../interfaces/IDisputes.sol";
import {Bitmap} from "../libraries/Bitmap.sol";
import {Blocks} from "../libraries/Blocks.sol";
import {Leaf} from "../libraries/Evidence.sol";
import {Merkle} from "../libraries/Merkle.sol";
import {Presented} from "../libraries/Presentation.sol";
import {Live} from "../libraries/Round.sol";
import {GroupId, Result, Rules} from "../types/Types.sol";
import {DisputeState} from "./DisputeState.sol";

/// @title Leaves that nobody shows
/// @dev
///
///   none ──demand, bond paid──▶ open ──answer in time, bond to who answers──▶ none
///                                    ──challengeUnanswered, bond goes back──▶ struck
///                                    ──reclaim, where nothing hangs on it any more──▶ none
///
/// An answer's siblings tell in which half of the tree the fault lies, so one demand a level finds it. The bond is there because
/// an answer costs more than a demand, and half of it is burnt because one may answer oneself. Everybody has a demand of their own,
/// so that nobody uses up another's; how long demands can hold a result is bounded by time instead.
abstract contract Demands is DisputeState {
    using SafeERC20 for ERC20Burnable;

    uint256 private constant BOND_PARTS = 100;
    /// @dev Challenge windows for all demands of a result: two a level of the deepest tree, which has 23, and some to begin with.
    uint256 private constant DEMAND_WINDOWS = 64;

    /// @inheritdoc IDisputes
    function demand(GroupId group, Result calldata result, Tree tree, uint256 index) external {
        bytes32 hash = _requireNamed(group, result);
        if (_strikes[group][hash].struckAt != 0) revert AlreadyStruck(hash);
        Rules memory rules = ROUNDS.rulesOf(group);
        uint256 end = _demandsEnd[group][hash];
        uint256 due = _requireDisputable(group, rules, result.round, hash);
        if (end == 0) end = due + DEMAND_WINDOWS * rules.challengeWindow;
        uint256 until = block.timestamp + rules.challengeWindow;
        if (until > end) revert TooLate(end - rules.challengeWindow, block.timestamp);
        uint256 count = Blocks.count(GROUPS.terms(group).dimension);
        if (index >= count) revert IndexOutOfRange(index, count);
        Demand storage entry = _demands[group][hash][msg.sender];
        if (entry.until != 0) revert DemandOpen(hash);

        uint256 bond = rules.stake / BOND_PARTS;
        _demandsEnd[group][hash] = end;
        entry.until = uint40(until);
        entry.index = uint32(index);
        entry.tree = tree;
        entry.bond = uint128(bond);
        entry.round = result.round;
        emit Demanded(group, result.round, hash, msg.sender, tree, index, bond, until);
        ROUNDS.hold(group, result.round, until + rules.challengeWindow);
        TOKEN.safeTransferFrom(msg.sender, address(this), bond);
    }

    /// @inheritdoc IDisputes
    function answer(GroupId group, Result calldata result, address challenger, Leaf calldata leaf) external {
        bytes32 hash = _hashOf(group, result);
        Demand storage entry = _requireDemand(group, hash, challenger);
        if (_strikes[group][hash].struckAt != 0) revert AlreadyStruck(hash);
        if (block.timestamp >= entry.until) revert TooLate(entry.until, block.timestamp);
        (Tree tree, uint256 index, uint256 bond) = (entry.tree, entry.index, entry.bond);
        bool isModel = tree == Tree.Model;
        uint256 length = isModel ? Blocks.MODEL_LEAF : Bitmap.count(result.included) * Blocks.BLOCK;
        if (leaf.data.length != length) revert BadLeafLength(leaf.data.length, length);
        uint256 count = Blocks.count(GROUPS.terms(group).dimension);
        bytes32 root = isModel ? result.modelRoot : result.columnsRoot;
        _requireLeaf(isModel ? Merkle.Kind.Model : Merkle.Kind.Columns, root, index, count, leaf);
        // Behind the last leaf there is nothing, or later proofs under this root would need what only its authors know.
        if (!Merkle.isPadded(index, count, leaf.proof)) revert BadProof(root, index);

        entry.until = 0;
        emit Answered(group, result.round, hash, challenger, msg.sender, tree, index, leaf.data, leaf.proof);
        TOKEN.burn(bond - bond / 2);
        TOKEN.safeTransfer(msg.sender, bond / 2);
    }

    /// @inheritdoc IDisputes
    function challengeUnanswered(GroupId group, Result calldata result, address challenger) external {
        bytes32 hash = _requireNamed(group, result);
        // Where the votes bind nobody any more, nobody owes an answer.
        _requireAgreed(group, ROUNDS.liveOf(group), result.round, hash);
        Demand storage entry = _requireDemand(group, hash, challenger);
        if (block.timestamp < entry.until) revert TooEarly(entry.until, block.timestamp);
        // Who demanded found the fault, whoever ends the matter.
        _strike(Kind.Unanswered, group, result.round, hash, challenger);
        _returnBond(group, hash, challenger, entry);
    }

    /// @inheritdoc IDisputes
    function reclaim(GroupId group, bytes32 resultHash, address challenger) external {
        Demand storage entry = _requireDemand(group, resultHash, challenger);
        bool isOver = _strikes[group][resultHash].struckAt != 0 || entry.round <= ROUNDS.rosterOf(group).settledRound;
        if (!isOver) revert DemandOpen(resultHash);
        _returnBond(group, resultHash, challenger, entry);
    }

    function _returnBond(GroupId group, bytes32 hash, address challenger, Demand storage entry) private {
        uint256 bond = entry.bond;
        entry.until = 0;
        emit BondReturned(group, hash, challenger, bond);
        TOKEN.safeTransfer(challenger, bond);
    }

    function _requireDemand(GroupId group, bytes32 hash, address challenger) private view returns (Demand storage entry) {
        entry = _demands[group][hash][challenger];
        if (entry.until == 0) revert NoDemand(hash);
    }

    /// @dev Agreed on, presented, and not due yet. @return due when it will be
    function _requireDisputable(GroupId group, Rules memory rules, uint32 round, bytes32 hash) private view returns (uint256 due) {
        Live live = ROUNDS.liveOf(group);
        _requireAgreed(group, live, round, hash);
        Presented presented = ROUNDS.presentedOf(group, round % RING);
        if (!presented.matches(round, hash)) revert NotPresented(hash);
        due = _votes(group, live, round).revealDeadline() + rules.challengeWindow;
        if (due < presented.dueFloor()) due = presented.dueFloor();
        if (block.timestamp >= due) revert TooLate(due, block.timestamp);
    }

    function _requireAgreed(GroupId group, Live live, uint32 round, bytes32 hash) private view {
        if (_agreed(group, live, round) != hash) revert NotAgreed(group, round, hash);
    }
}
