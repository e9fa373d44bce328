// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputes} from "../interfaces/IDisputes.sol";
import {IProofs} from "../interfaces/IProofs.sol";
import {Aggregation} from "../libraries/Aggregation.sol";
import {Bitmap} from "../libraries/Bitmap.sol";
import {Blocks} from "../libraries/Blocks.sol";
import {Evidence, Leaf, Opened} from "../libraries/Evidence.sol";
import {Merkle} from "../libraries/Merkle.sol";
import {Mixtures} from "../libraries/Mixtures.sol";
import {GroupId, Mixing, Result, RoundIds, Seat, Terms} from "../types/Types.sol";
import {NamedResults} from "./NamedResults.sol";

/// @title Results whose numbers are wrong
/// @dev A leaf that lies under a result's own root and is not as long as it must be is wrong whatever it says.
abstract contract Numbers is IProofs, NamedResults {
    int8 private constant EXPONENT_MIN = -16;

    /// @inheritdoc IProofs
    function challengeCoordinate(
        GroupId group,
        Result calldata result,
        Result calldata parent,
        uint256 blockIndex,
        uint256 offset,
        Leaf calldata columns,
        Leaf calldata before,
        Leaf calldata claimed
    ) external view returns (uint32 round, bytes32 hash) {
        if (offset >= Blocks.BLOCK) revert IDisputes.IndexOutOfRange(offset, Blocks.BLOCK);
        hash = _requireNamed(group, result);
        Terms memory terms = GROUPS.terms(group);
        bool isWrong = _requireBlock(group, terms, result, parent, blockIndex, columns, before, claimed);
        isWrong = isWrong || !_isChoiceWellFormed(terms, result);
        if (!isWrong) {
            int8[] memory codes = Blocks.column(columns.data, Bitmap.count(result.included), offset);
            int32 given = Blocks.weight(claimed.data, offset);
            if (offset < Blocks.real(terms.dimension, blockIndex, Blocks.BLOCK)) {
                isWrong = given != _next(terms, result.choice, codes, before.data, offset);
            } else {
                isWrong = given != 0;
                for (uint256 i = 0; i < codes.length; ++i) isWrong = isWrong || codes[i] != 0;
            }
        }
        if (!isWrong) revert IDisputes.NothingWrong(IDisputes.Kind.Coordinate);
        return (result.round, hash);
    }

    /// @inheritdoc IProofs
    function challengeExponent(
        GroupId group,
        Result calldata result,
        Result calldata parent,
        uint256 blockIndex,
        Leaf calldata columns,
        Leaf calldata before,
        Leaf calldata claimed
    ) external view returns (uint32 round, bytes32 hash) {
        hash = _requireNamed(group, result);
        Terms memory terms = GROUPS.terms(group);
        bool isWrong = _requireBlock(group, terms, result, parent, blockIndex, columns, before, claimed);
        if (!isWrong) {
            uint256 coordinates = Blocks.real(terms.dimension, blockIndex, Blocks.BLOCK);
            int8 expected = Aggregation.nextExponent(
                Blocks.squares(columns.data, Bitmap.count(result.included), coordinates),
                coordinates,
                Blocks.exponent(before.data),
                terms.minExponent,
                terms.maxExponent
            );
            isWrong = Blocks.exponent(claimed.data) != expected;
        }
        if (!isWrong) revert IDisputes.NothingWrong(IDisputes.Kind.Exponent);
        return (result.round, hash);
    }

    /// @inheritdoc IProofs
    function challengeColumn(
        GroupId group,
        Result calldata result,
        uint256 blockIndex,
        Leaf calldata columns,
        Opened calldata opened,
        Leaf calldata update
    ) external view returns (uint32 round, bytes32 hash) {
        hash = _requireNamed(group, result);
        _requireIncluded(group, result, opened);
        uint64 dimension = GROUPS.terms(group).dimension;
        _requireLeaf(Merkle.Kind.Columns, result.columnsRoot, blockIndex, Blocks.count(dimension), columns);
        uint256 perLeaf = Blocks.UPDATE_LEAF / Blocks.BLOCK;
        uint256 index = 1 + blockIndex / perLeaf;
        _requireLeaf(Merkle.Kind.Update, opened.opened.updateRoot, index, Blocks.updateLeaves(dimension), update);
        bool isWrong =
            columns.data.length != Bitmap.count(result.included) * Blocks.BLOCK || update.data.length != Blocks.UPDATE_LEAF;
        if (!isWrong) {
            uint256 row = _rankOf(group, result, opened.node) * Blocks.BLOCK;
            uint256 start = (blockIndex % perLeaf) * Blocks.BLOCK;
            isWrong = keccak256(columns.data[row:row + Blocks.BLOCK]) != keccak256(update.data[start:start + Blocks.BLOCK]);
        }
        if (!isWrong) revert IDisputes.NothingWrong(IDisputes.Kind.Column);
        return (result.round, hash);
    }

    /// @inheritdoc IProofs
    function challengeUpdate(
        GroupId group,
        Result calldata result,
        Opened calldata opened,
        uint256 leafIndex,
        Leaf calldata update
    ) external view returns (uint32 round, bytes32 hash) {
        hash = _requireNamed(group, result);
        _requireIncluded(group, result, opened);
        Terms memory terms = GROUPS.terms(group);
        _requireLeaf(Merkle.Kind.Update, opened.opened.updateRoot, leafIndex, Blocks.updateLeaves(terms.dimension), update);
        round = result.round;
        bool isWrong;
        if (leafIndex == 0) {
            bytes memory header = Evidence.header(
                address(ROUNDS),
                RoundIds.make(group, round),
                opened.node,
                terms.dimension,
                terms.fractionBits
            );
            isWrong = keccak256(update.data) != keccak256(header);
        } else {
            uint256 coordinates = Blocks.real(terms.dimension, leafIndex - 1, Blocks.UPDATE_LEAF);
            isWrong = !Blocks.isCanonical(update.data, coordinates);
        }
        if (!isWrong) revert IDisputes.NothingWrong(IDisputes.Kind.Update);
    }

    /// @dev A coordinate's next integer.
    function _next(
        Terms memory terms,
        bytes calldata choice,
        int8[] memory codes,
        bytes calldata before,
        uint256 offset
    ) private pure returns (int32) {
        int32 weight = Blocks.weight(before, offset);
        int8 exponent = Blocks.exponent(before);
        if (terms.mixing == Mixing.None) return Aggregation.next(terms.rule, codes, weight, terms.fractionBits, exponent);
        int256[] memory values = Mixtures.mixed(choice, codes);
        return Aggregation.nextMixed(terms.rule, values, Mixtures.divisor(choice), weight, terms.fractionBits, exponent);
    }

    /// @dev The three leaves that a block's next numbers follow from. @return isWrong whether one of the result's own has a length
    /// that no right one has. The parent's must be right here: what is wrong with it is to be proven against the parent.
    function _requireBlock(
        GroupId group,
        Terms memory terms,
        Result calldata result,
        Result calldata parent,
        uint256 blockIndex,
        Leaf calldata columns,
        Leaf calldata before,
        Leaf calldata claimed
    ) private view returns (bool isWrong) {
        bytes32 parentHash = _hashOf(group, parent);
        if (parentHash != result.parent) revert IDisputes.WrongParent(result.parent, parentHash);
        uint256 count = Blocks.count(terms.dimension);
        _requireLeaf(Merkle.Kind.Columns, result.columnsRoot, blockIndex, count, columns);
        _requireLeaf(Merkle.Kind.Model, parent.modelRoot, blockIndex, count, before);
        _requireLeaf(Merkle.Kind.Model, result.modelRoot, blockIndex, count, claimed);
        uint256 length = before.data.length;
        if (length != Blocks.MODEL_LEAF) revert IDisputes.BadLeafLength(length, Blocks.MODEL_LEAF);
        int8 exponent = Blocks.exponent(before.data);
        if (exponent < EXPONENT_MIN || exponent > int8(terms.fractionBits)) revert IDisputes.BadExponent(exponent);
        return columns.data.length != Bitmap.count(result.included) * Blocks.BLOCK || claimed.data.length != Blocks.MODEL_LEAF;
    }

    /// @dev How many included updates are of nodes with a lower address: the update's row in the columns.
    function _rankOf(GroupId group, Result calldata result, address node) private view returns (uint256 rank) {
        for (uint256 left = result.included; left != 0; left &= left - 1) {
            Seat memory seat = ROUNDS.seatOf(group, Bitmap.lowest(left));
            if (Evidence.holder(seat, result.round) < node) ++rank;
        }
    }
}
