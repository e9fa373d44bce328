// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputes} from "../interfaces/IDisputes.sol";
import {IGroupRegistry} from "../interfaces/IGroupRegistry.sol";
import {IRoundManager} from "../interfaces/IRoundManager.sol";
import {Bitmap} from "../libraries/Bitmap.sol";
import {Commitment} from "../libraries/Commitment.sol";
import {Evidence, Leaf, Opened} from "../libraries/Evidence.sol";
import {Merkle} from "../libraries/Merkle.sol";
import {Mixtures} from "../libraries/Mixtures.sol";
import {Live, Record} from "../libraries/Round.sol";
import {Slot} from "../libraries/Slots.sol";
import {GroupId, Mixing, Phase, Result, RoundIds, Terms} from "../types/Types.sol";

/// @title What votes named, what nodes revealed, and what lies under roots
abstract contract NamedResults {
    using Evidence for Slot;

    /// @dev Rounds the round manager keeps.
    uint256 internal constant RING = 8;

    IRoundManager public immutable ROUNDS;
    IGroupRegistry public immutable GROUPS;

    constructor(IRoundManager rounds, IGroupRegistry groups) {
        ROUNDS = rounds;
        GROUPS = groups;
    }

    // ------------------------------------------------------------------------------------------------ which results

    /// @dev The result's hash, if it may be challenged: its round is not settled, and the votes that name it are closed.
    function _requireNamed(GroupId group, Result calldata result) internal view returns (bytes32 hash) {
        uint32 round = result.round;
        Live live = _requireVotesClosed(group, round);
        hash = _hashOf(group, result);
        bool isLeader = _votes(group, live, round).revealed() != 0 && ROUNDS.leaderOf(group, _next(round)) == hash;
        if (!isLeader && ROUNDS.dissentOf(group, round + 1, hash) == 0) revert IDisputes.NotNamed(group, round, hash);
    }

    /// @dev A round that is not settled is in the ring, and so is the one after it.
    function _requireVotesClosed(GroupId group, uint32 round) internal view returns (Live live) {
        if (round <= ROUNDS.rosterOf(group).settledRound) revert IDisputes.RoundSettled(group, round);
        live = ROUNDS.liveOf(group);
        uint32 last = live.round();
        if (round >= last || (round + 1 == last && live.phase(block.timestamp) != Phase.Closed)) {
            revert IDisputes.VotesNotClosed(group, round);
        }
    }

    function _hashOf(GroupId group, Result calldata result) internal view returns (bytes32) {
        return Commitment.resultHash(address(ROUNDS), group, result);
    }

    /// @dev Where the ring has what the round after this one voted.
    function _next(uint32 round) internal pure returns (uint256) {
        return (uint256(round) + 1) % RING;
    }

    /// @dev The votes on a round's result: those of the round after it.
    function _votes(GroupId group, Live live, uint32 round) internal view returns (Live) {
        return live.round() == round + 1 ? live : ROUNDS.recordOf(group, _next(round)).votes();
    }

    /// @dev What the votes bind the group to as the result of a round; zero where they do not agree, or bind nobody.
    function _agreed(GroupId group, Live live, uint32 round) internal view returns (bytes32) {
        Record opening = ROUNDS.recordOf(group, round % RING);
        Live votes = _votes(group, live, round);
        if (!opening.binds() || !votes.agrees(opening.rosterWeight(), ROUNDS.rulesOf(group).quorumBps)) return bytes32(0);
        return ROUNDS.leaderOf(group, _next(round));
    }

    // ------------------------------------------------------------------------------------------------ evidence

    /// @dev What a node revealed in a round is what its slot keeps.
    function _requireOpening(GroupId group, uint32 round, Opened calldata given) internal view returns (Slot slot) {
        slot = ROUNDS.slotOf(group, given.node, round % RING);
        if (!slot.isOpening(address(ROUNDS), RoundIds.make(group, round), given)) revert IDisputes.BadOpening(round, given.node);
    }

    function _requireIncluded(GroupId group, Result calldata result, Opened calldata given) internal view {
        _requireBit(result, _requireOpening(group, result.round, given).seat());
    }

    function _requireBit(Result calldata result, uint8 seat) internal pure {
        if ((result.included >> seat) & 1 == 0) revert IDisputes.NotIncluded(seat);
    }

    /// @dev Whether a result says how its updates are mixed, exactly where its group's terms mix any. What was chosen, no proof shows.
    function _isChoiceWellFormed(Terms memory terms, Result calldata result) internal pure returns (bool) {
        if (terms.mixing == Mixing.None) return result.choice.length == 0;
        return Mixtures.isWellFormed(result.choice, Bitmap.count(result.included));
    }

    function _requireLeaf(Merkle.Kind kind, bytes32 root, uint256 index, uint256 count, Leaf calldata leaf) internal pure {
        if (index >= count) revert IDisputes.IndexOutOfRange(index, count);
        bytes32 hash = Merkle.leafHash(kind, leaf.data);
        if (!Merkle.verify(root, hash, index, Merkle.depthOf(count), leaf.proof)) revert IDisputes.BadProof(root, index);
    }
}
