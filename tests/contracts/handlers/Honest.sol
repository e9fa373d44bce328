// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Commitment} from "../../../contracts/libraries/Commitment.sol";
import {Merkle} from "../../../contracts/libraries/Merkle.sol";
import {Live} from "../../../contracts/libraries/Round.sol";
import {Result} from "../../../contracts/types/Types.sol";
import {Fault, Model, Played, Vote} from "./Model.sol";

/// @title What an honest node computes and names, and what a dishonest one might
/// @dev docs/specification.md, sections 6 and 7.
abstract contract Honest is Model {
    /// @return hash what an honest node names in a round that is open or next
    function _expected(uint256 g, uint32 round) internal returns (bytes32 hash) {
        uint32 settled = books[g].settled;
        bytes32 parent = books[g].head;
        hash = parent;
        for (uint32 r = settled + 1; r < round; ++r) {
            bytes32 base = parent;
            hash = _resultOn(g, r, parent);
            (bool binds, bool agreed, bytes32 leader) = _verdict(g, r + 1);
            if (!binds) hash = base;
            parent = agreed ? leader : base;
        }
    }

    /// @dev The parent that the votes of round `round` gave it.
    function _parentOf(uint256 g, uint32 round) internal view returns (bytes32 parent) {
        parent = books[g].head;
        for (uint32 r = books[g].settled + 2; r <= round; ++r) {
            (, bool agreed, bytes32 leader) = _verdict(g, r);
            if (agreed) parent = leader;
        }
    }

    /// @dev Whether a round's votes bind, agree, and on what. Also of the round that is next, which binds or not.
    function _verdict(uint256 g, uint32 round) internal view returns (bool binds, bool agreed, bytes32 leader) {
        Live live = rounds.liveOf(arena[g]);
        if (round > live.round()) {
            bool isIdle = vm_now() >= live.revealDeadline() + IDLE;
            return (!isIdle && live.round() != books[g].struckRound, false, 0);
        }
        binds = rounds.recordOf(arena[g], (round - 1) % 8).binds();
        (agreed, leader) = views.agreedParent(arena[g], round);
    }

    /// @return hash the right result of a round on a parent, or the parent where it has none
    function _resultOn(uint256 g, uint32 round, bytes32 parent) internal returns (bytes32 hash) {
        uint256 included = _rightly(g, round, parent);
        if (_popcount(included) < 2 || !isKnown[parent] || leafOf[parent] == 0) return parent;
        hash = _keep(g, _make(g, round, parent, included));
        isHonest[hash] = true;
        leafOf[hash] = leafOf[parent];
        faults[hash] = Fault.None;
    }

    function _make(uint256 g, uint32 round, bytes32 parent, uint256 included) internal view returns (Result memory result) {
        result = resultOf(round, parent, included);
        result.modelDigest = keccak256(abi.encode(g, round, parent));
        result.modelRoot = modelRoots[leafOf[parent] - 1];
        uint256 count = _popcount(included);
        result.columnsRoot = _leafHash(Merkle.Kind.Columns, _columns(count, 0));
        uint256 seed = uint256(keccak256(abi.encode(g, round, parent, included)));
        result.choice = _choiceOf(g, seed, count);
        if (g == 0) result.scores = _scoresOf(seed, count);
    }

    function _keep(uint256 g, Result memory result) internal returns (bytes32 hash) {
        hash = Commitment.resultHash(address(rounds), arena[g], result);
        if (isKnown[hash]) return hash;
        known[hash] = result;
        isKnown[hash] = true;
    }

    // ------------------------------------------------------------------------------------------------ who is included

    function _rightly(uint256 g, uint32 round, bytes32 parent) internal view returns (uint256 included) {
        uint256 revealed = played[g][round].revealed;
        for (uint256 seat = 0; seat < capacity[g]; ++seat) {
            if ((revealed >> seat) & 1 == 0) continue;
            Vote storage vote = votes[g][round][seat];
            if (vote.parent == parent && !vote.isEmpty && !vote.isBad && _isAvailable(g, round, seat)) included |= 1 << seat;
        }
    }

    function _isAvailable(uint256 g, uint32 round, uint256 seat) internal view returns (bool) {
        (uint256 with_, uint256 all) = (0, 0);
        Played storage p = played[g][round];
        for (uint256 other = 0; other < capacity[g]; ++other) {
            if ((p.revealed >> other) & 1 == 0) continue;
            uint256 weight = _weightIn(p.weights, other);
            all += weight;
            if ((votes[g][round][other].available >> seat) & 1 == 1) with_ += weight;
        }
        return 3 * with_ >= 2 * all;
    }

    function _weightIn(uint256 packed, uint256 seat) internal pure returns (uint256) {
        return (packed >> (16 * seat)) & 0xFFFF;
    }

    // ------------------------------------------------------------------------------------------------ wrong ones

    /// @return hash a result of a round that is wrong in one way, or zero where it cannot be wrong in that way
    function _wrong(uint256 g, uint32 round, bytes32 parent, Fault fault) internal returns (bytes32 hash) {
        if (fault == Fault.Unpresented) return keccak256(abi.encode("nobody knows", g, round, entropy));
        if (!isKnown[parent] || leafOf[parent] == 0) return 0;
        uint256 right = _rightly(g, round, parent);
        uint256 included = _wronglyIncluded(g, round, parent, right, fault);
        // With too few it breaks the terms, whatever else is wrong.
        if (included == 0 || (fault != Fault.Terms && _popcount(included) < 2)) return 0;
        Result memory result = _make(g, round, parent, included);
        uint256 leaf = leafOf[parent];
        if (fault == Fault.Coordinate) leaf = leaf == 2 ? 1 : 2;
        if (fault == Fault.Exponent) leaf = leaf == 3 ? 1 : 3;
        result.modelRoot = modelRoots[leaf - 1];
        if (fault == Fault.Column) result.columnsRoot = _leafHash(Merkle.Kind.Columns, _columns(_popcount(included), 7));
        if (fault == Fault.Terms && _popcount(included) > 1) _breakTerms(g, result, _popcount(included));
        if (fault == Fault.Parent) result.parent = keccak256("another parent");
        if (fault == Fault.Withheld) result.modelDigest = keccak256(abi.encode("withheld", result.modelDigest));
        hash = _keep(g, result);
        if (isHonest[hash]) return 0;
        (faults[hash], leafOf[hash]) = (fault, leaf);
    }

    /// @dev A choice that is none, a row too many, a score too many, or scores where the terms want none, and none where they do.
    function _breakTerms(uint256 g, Result memory result, uint256 count) private {
        uint256 how = _below(4);
        if (how == 0) result.choice = "chosen";
        else if (how == 1) result.choice = abi.encodePacked(_choiceOf(0, count - 1, count), bytes32(0));
        else if (how == 2) result.scores = abi.encodePacked(result.scores, uint16(7));
        else result.scores = g == 0 ? bytes("") : _scoresOf(entropy, count);
    }

    function _wronglyIncluded(uint256 g, uint32 round, bytes32 parent, uint256 right, Fault fault) private view returns (uint256) {
        if (fault < Fault.Update || fault > Fault.Inclusion) return right;
        Played storage p = played[g][round];
        for (uint256 seat = 0; seat < capacity[g]; ++seat) {
            Vote storage vote = votes[g][round][seat];
            bool isIn = (p.revealed >> seat) & 1 == 1;
            if (fault == Fault.Absence ? isIn : !isIn) continue;
            bool fits = true;
            bool isNamed = vote.parent == parent && !vote.isEmpty;
            if (fault == Fault.Update) fits = isNamed && vote.isBad;
            else if (fault == Fault.Availability) fits = isNamed && !vote.isBad && !_isAvailable(g, round, seat);
            else if (fault == Fault.Inclusion) fits = !isNamed;
            if (fits && _popcount(right | (1 << seat)) >= 2) return right | (1 << seat);
        }
        return 0;
    }
}
