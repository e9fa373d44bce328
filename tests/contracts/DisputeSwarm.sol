// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {Aggregation} from "../../contracts/libraries/Aggregation.sol";
import {Bitmap} from "../../contracts/libraries/Bitmap.sol";
import {Blocks} from "../../contracts/libraries/Blocks.sol";
import {Commitment} from "../../contracts/libraries/Commitment.sol";
import {Leaf, Opened} from "../../contracts/libraries/Evidence.sol";
import {Merkle} from "../../contracts/libraries/Merkle.sol";
import {Mixtures} from "../../contracts/libraries/Mixtures.sol";
import {Mixing, Result, Reveal, RoundIds, Terms} from "../../contracts/types/Types.sol";
import {Swarm} from "./Swarm.sol";

/// @title A swarm of which one block's leaves are real
/// @dev Round 1 trains on the genesis, round 2 votes for its result. Trees have one leaf that is real (an update also its header);
/// the other siblings are arbitrary. A test changes what it wants wrong between the steps:
///
///   prepare ──▶ playFirst (updates revealed) ──▶ aggregateHonestly ──▶ conclude (roots of the leaves) ──▶ vote
abstract contract DisputeSwarm is Swarm {
    address internal constant WATCHER = address(0xBEEF);
    uint256 internal constant COST_LIMIT = 16_777_216;
    uint256 internal constant CALLDATA_LIMIT = 120_000;

    uint256 internal members;
    Terms internal terms;
    uint256 internal blockIndex;
    /// @dev The group's first model, as a result.
    Result internal first;
    /// @dev The claimed one of round 1.
    Result internal claimed;

    bytes internal beforeData;
    bytes internal columnsData;
    bytes internal claimedData;
    /// @dev What the claimed result says of mixtures and scores.
    bytes internal choice;
    bytes internal scores;
    mapping(uint256 node => bytes) internal codes;
    mapping(uint256 node => bytes) internal header;
    mapping(uint32 round => mapping(uint256 node => Reveal)) internal revealed;

    Reader internal reader = new Reader();
    bytes private expected;
    /// @dev Calldata of the last challenge with leaves or several reveals.
    uint256 internal sentBytes;

    // ------------------------------------------------------------------------------------------------ steps

    function prepare(uint256 count, Terms memory given, uint256 index) internal {
        members = count;
        terms = given;
        blockIndex = index;
        if (beforeData.length == 0) beforeData = modelLeaf(4, 1);
        first.modelDigest = keccak256("genesis model");
        first.modelRoot = rootOf(Merkle.Kind.Model, beforeData);
        group = groups.create(given, keccak256("manifest"), first.modelDigest, first.modelRoot);
        genesis = Commitment.resultHash(address(rounds), group, first);
        for (uint256 i = 0; i < count; ++i) {
            stakeAndJoin(register());
            codes[i] = codesOf(i);
            header[i] = headerOf(nodes[i]);
            revealed[1][i] = opening(i, 1, genesis);
            revealed[1][i].available = type(uint256).max;
        }
    }

    function prepare() internal {
        prepare(5, defaultTerms(), 1);
    }

    /// @dev Every node commits and reveals what `revealed[1]` says, under the roots of its leaves.
    function playFirst() internal {
        for (uint256 i = 0; i < members; ++i) {
            if (revealed[1][i].updateRoot != 0) revealed[1][i].updateRoot = updateRootOf(i);
        }
        playRevealed(1, members);
    }

    /// @dev Columns, weights and exponent as they must be. Codes behind the last coordinate are taken as they are.
    function aggregateHonestly() internal {
        claimed = resultOf(1, genesis, (1 << members) - 1);
        (claimed.choice, claimed.scores) = (choice, scores);
        uint256[] memory order = byAddress();
        columnsData = "";
        bytes memory columns;
        for (uint256 row = 0; row < members; ++row) columns = abi.encodePacked(columns, blockOf(codes[order[row]]));
        columnsData = columns;
        bytes memory data = modelLeaf(reader.nextExponent(columns, members, realCoordinates(), beforeData, terms), 0);
        for (uint256 offset = 0; offset < realCoordinates(); ++offset) {
            setWeight(data, offset, reader.nextWeight(columns, members, offset, beforeData, terms, choice));
        }
        claimedData = data;
    }

    /// @dev Puts the leaves, right or wrong, under the result's roots.
    function conclude() internal returns (bytes32) {
        claimed.columnsRoot = rootOf(Merkle.Kind.Columns, columnsData);
        claimed.modelRoot = rootOf(Merkle.Kind.Model, claimedData);
        return hashOf(claimed);
    }

    function setClaimedWeight(uint256 offset, int32 weight) internal {
        bytes memory data = claimedData;
        setWeight(data, offset, weight);
        claimedData = data;
    }

    /// @dev Everything anew, for a test of several cases.
    function restart() internal {
        delete nodes;
        delete operators;
        delete keys;
        delete beforeData;
        setUp();
    }

    /// @dev Round 2: everybody votes for a result of round 1.
    function vote(bytes32 hash) internal {
        vm.warp(vm_now() + 1);
        for (uint256 i = 0; i < members; ++i) {
            revealed[2][i] = opening(i, 2, hash);
            revealed[2][i].available = type(uint256).max;
        }
        playRevealed(2, members);
    }

    /// @dev All of it, with the numbers as they stand.
    function claim() internal returns (bytes32 hash) {
        hash = conclude();
        vote(hash);
    }

    /// @dev An honest result of five nodes, agreed on.
    function honest() internal returns (bytes32) {
        prepare();
        playFirst();
        aggregateHonestly();
        return claim();
    }

    function playRevealed(uint32 round, uint256 count) internal {
        for (uint256 i = 0; i < count; ++i) {
            bytes24 commitment = Commitment.commitment(address(rounds), RoundIds.make(group, round), nodes[i], revealed[round][i]);
            vm.prank(nodes[i]);
            rounds.commit(RoundIds.make(group, round), keccak256(abi.encode("sealed", i, round)), commitment);
        }
        vm.warp(vm_now() + (count == members ? 1 : COMMIT));
        for (uint256 i = 0; i < count; ++i) {
            vm.prank(nodes[i]);
            rounds.reveal(RoundIds.make(group, round), revealed[round][i]);
        }
    }

    // ------------------------------------------------------------------------------------------------ challenges

    function challengeCoordinate(uint256 offset) internal {
        (Result memory result, Result memory parent) = (claimed, first);
        Leaf[3] memory leaves = blockLeaves();
        sentBytes = 4 + abi.encode(group, result, parent, blockIndex, offset, leaves[0], leaves[1], leaves[2]).length;
        asWatcher();
        disputes.challengeCoordinate(group, result, parent, blockIndex, offset, leaves[0], leaves[1], leaves[2]);
    }

    function challengeExponent() internal {
        (Result memory result, Result memory parent) = (claimed, first);
        Leaf[3] memory leaves = blockLeaves();
        sentBytes = 4 + abi.encode(group, result, parent, blockIndex, leaves[0], leaves[1], leaves[2]).length;
        asWatcher();
        disputes.challengeExponent(group, result, parent, blockIndex, leaves[0], leaves[1], leaves[2]);
    }

    function challengeColumn(uint256 node) internal {
        Result memory result = claimed;
        Leaf memory columns = leafOf(Merkle.Kind.Columns, columnsData);
        Opened memory opened = openedOf(1, node);
        Leaf memory update = updateLeafOf(node);
        sentBytes = 4 + abi.encode(group, result, blockIndex, columns, opened, update).length;
        asWatcher();
        disputes.challengeColumn(group, result, blockIndex, columns, opened, update);
    }

    function challengeUpdate(uint256 node, uint256 leafIndex) internal {
        Result memory result = claimed;
        Opened memory opened = openedOf(1, node);
        Leaf memory update = leafIndex == 0 ? headerLeafOf(node) : updateLeafOf(node);
        sentBytes = 4 + abi.encode(group, result, opened, leafIndex, update).length;
        asWatcher();
        disputes.challengeUpdate(group, result, opened, leafIndex, update);
    }

    /// @dev Reveals of all nodes but one that are in `who`, ascending by seat.
    function challengeAvailability(uint8 seat, uint256 who) internal {
        Result memory result = claimed;
        Opened[] memory without = new Opened[](Bitmap.count(who));
        uint256 filled = 0;
        for (uint256 i = 0; i < members; ++i) {
            if ((who >> i) & 1 == 1) {
                without[filled] = openedOf(1, i);
                ++filled;
            }
        }
        sentBytes = 4 + abi.encode(group, result, seat, without).length;
        asWatcher();
        disputes.challengeAvailability(group, result, seat, without);
    }

    function challengeAbsence(uint8 seat) internal {
        Result memory result = claimed;
        asWatcher();
        disputes.challengeAbsence(group, result, seat);
    }

    function challengeInclusion(uint256 node) internal {
        Result memory result = claimed;
        Opened memory opened = openedOf(1, node);
        asWatcher();
        disputes.challengeInclusion(group, result, opened);
    }

    function challengeTerms() internal {
        Result memory result = claimed;
        asWatcher();
        disputes.challengeTerms(group, result);
    }

    function demand(IDisputes.Tree tree, uint256 index) internal {
        Result memory result = claimed;
        asWatcher();
        disputes.demand(group, result, tree, index);
    }

    function answer(address from, IDisputes.Tree tree) internal {
        Result memory result = claimed;
        bool isModel = tree == IDisputes.Tree.Model;
        Leaf memory leaf = leafOf(isModel ? Merkle.Kind.Model : Merkle.Kind.Columns, isModel ? claimedData : columnsData);
        sentBytes = 4 + abi.encode(group, result, WATCHER, leaf).length;
        bytes memory error_ = expected;
        delete expected;
        if (error_.length != 0) vm.expectRevert(error_);
        vm.prank(from);
        disputes.answer(group, result, WATCHER, leaf);
    }

    function challengeUnanswered() internal {
        Result memory result = claimed;
        asWatcher();
        disputes.challengeUnanswered(group, result, WATCHER);
    }

    function slash(bytes32 hash, uint256 node) internal {
        Opened memory opened = openedOf(2, node);
        asWatcher();
        disputes.slash(group, hash, opened);
    }

    // ------------------------------------------------------------------------------------------------ leaves

    function modelLeaf(int8 exponent, int32 step) internal pure returns (bytes memory data) {
        data = new bytes(1_025);
        data[0] = bytes1(uint8(exponent));
        for (uint256 i = 0; i < 256; ++i) setWeight(data, i, step * (int32(int256(i)) * 1_000 - 100_000));
    }

    function setWeight(bytes memory data, uint256 offset, int32 weight) internal pure {
        for (uint256 i = 0; i < 4; ++i) data[1 + 4 * offset + i] = bytes4(uint32(weight))[i];
    }

    /// @dev 1,024 codes from -127 to 127, zeros behind the last coordinate.
    function codesOf(uint256 node) internal view returns (bytes memory data) {
        data = new bytes(1_024);
        uint256 real_ = terms.dimension - (blockIndex / 4) * 1_024;
        for (uint256 i = 0; i < 1_024 && i < real_; ++i) {
            uint256 word = (node + 3) * (i + 7) * 2_654_435_761;
            data[i] = bytes1(uint8(int8(int256((word >> 11) % 255) - 127)));
        }
    }

    function headerOf(address node) internal view returns (bytes memory) {
        bytes memory start = abi.encodePacked("SCUPDATE", hex"0001", terms.fractionBits, hex"00", block.chainid, address(rounds));
        return abi.encodePacked(start, group, uint32(1), node, terms.dimension, new bytes(28));
    }

    function blockOf(bytes memory data) internal view returns (bytes memory part) {
        part = new bytes(256);
        for (uint256 i = 0; i < 256; ++i) part[i] = data[(blockIndex % 4) * 256 + i];
    }

    function realCoordinates() internal view returns (uint256) {
        uint256 left = terms.dimension - blockIndex * 256;
        return left < 256 ? left : 256;
    }

    function byAddress() internal view returns (uint256[] memory order) {
        order = new uint256[](members);
        for (uint256 i = 0; i < members; ++i) {
            uint256 j = i;
            for (; j != 0 && nodes[order[j - 1]] > nodes[i]; --j) order[j] = order[j - 1];
            order[j] = i;
        }
    }

    // ------------------------------------------------------------------------------------------------ trees

    function siblings(uint256 depth) internal pure returns (bytes32[] memory proof) {
        proof = new bytes32[](depth);
        for (uint256 level = 0; level < depth; ++level) proof[level] = keccak256(abi.encode("sibling", level));
    }

    function blocksDepth() internal view returns (uint256) {
        return Merkle.depthOf((uint256(terms.dimension) + 255) / 256);
    }

    function leafOf(Merkle.Kind, bytes memory data) internal view returns (Leaf memory) {
        return Leaf(data, siblings(blocksDepth()));
    }

    function rootOf(Merkle.Kind kind, bytes memory data) internal view returns (bytes32) {
        return reader.fold(reader.leafHash(kind, data), blockIndex, siblings(blocksDepth()));
    }

    function blockLeaves() internal view returns (Leaf[3] memory leaves) {
        leaves[0] = leafOf(Merkle.Kind.Columns, columnsData);
        leaves[1] = leafOf(Merkle.Kind.Model, beforeData);
        leaves[2] = leafOf(Merkle.Kind.Model, claimedData);
    }

    /// @dev The codes' leaf is the update's last, so in the right half of its tree; the header is in the left.
    function updateDepth() internal view returns (uint256) {
        return Merkle.depthOf(1 + (uint256(terms.dimension) + 1_023) / 1_024);
    }

    function updateIndex() internal view returns (uint256) {
        return 1 + blockIndex / 4;
    }

    function halves(uint256 node) internal view returns (bytes32 left, bytes32 right) {
        bytes32[] memory proof = siblings(updateDepth() - 1);
        left = reader.fold(reader.leafHash(Merkle.Kind.Update, header[node]), 0, proof);
        right = reader.fold(reader.leafHash(Merkle.Kind.Update, codes[node]), updateIndex() - (1 << proof.length), proof);
    }

    function updateRootOf(uint256 node) internal view returns (bytes32) {
        (bytes32 left, bytes32 right) = halves(node);
        return Merkle.nodeHash(left, right);
    }

    function updateLeafOf(uint256 node) internal view returns (Leaf memory leaf) {
        leaf = Leaf(codes[node], siblings(updateDepth()));
        (leaf.proof[updateDepth() - 1], ) = halves(node);
    }

    function headerLeafOf(uint256 node) internal view returns (Leaf memory leaf) {
        leaf = Leaf(header[node], siblings(updateDepth()));
        (, leaf.proof[updateDepth() - 1]) = halves(node);
    }

    function openedOf(uint32 round, uint256 node) internal view returns (Opened memory) {
        return Opened({node: nodes[node], opened: revealed[round][node]});
    }

    // ------------------------------------------------------------------------------------------------ checking

    function assertStruck(bytes32 hash, IDisputes.Kind kind) internal view {
        IDisputes.Strike memory struck = disputes.strikeOf(group, hash);
        assertEq(uint256(struck.kind), uint256(kind), "kind");
        assertEq(struck.challenger, WATCHER, "challenger");
        assertEq(struck.round, 1, "struck round");
        assertEq(struck.struckAt, vm_now(), "struck at");
        (, , , uint32 struckRound) = views.head(group);
        assertEq(struckRound, 2, "rounds are void");
    }

    /// @dev Of the next challenge; forge's own expectation would be met by the calls that make its leaves.
    function expectError(bytes memory error_) internal {
        expected = error_;
    }

    function expectNothingWrong(IDisputes.Kind kind) internal {
        expectError(abi.encodeWithSelector(IDisputes.NothingWrong.selector, kind));
    }

    function asWatcher() internal {
        bytes memory error_ = expected;
        delete expected;
        if (error_.length != 0) vm.expectRevert(error_);
        vm.prank(WATCHER);
    }
}

/// @dev The libraries read calldata, so they are asked by calls.
contract Reader {
    function leafHash(Merkle.Kind kind, bytes calldata data) external pure returns (bytes32) {
        return Merkle.leafHash(kind, data);
    }

    function fold(bytes32 hash, uint256 index, bytes32[] calldata proof) external pure returns (bytes32) {
        for (uint256 level = 0; level < proof.length; ++level) {
            hash = (index >> level) & 1 == 0 ? Merkle.nodeHash(hash, proof[level]) : Merkle.nodeHash(proof[level], hash);
        }
        return hash;
    }

    function nextWeight(
        bytes calldata columns,
        uint256 updates,
        uint256 offset,
        bytes calldata model,
        Terms calldata terms,
        bytes calldata choice
    ) external pure returns (int32) {
        int8[] memory codes = Blocks.column(columns, updates, offset);
        (int32 weight, int8 exponent) = (Blocks.weight(model, offset), Blocks.exponent(model));
        if (terms.mixing == Mixing.None) return Aggregation.next(terms.rule, codes, weight, terms.fractionBits, exponent);
        int256[] memory values = Mixtures.mixed(choice, codes);
        return Aggregation.nextMixed(terms.rule, values, Mixtures.divisor(choice), weight, terms.fractionBits, exponent);
    }

    function nextExponent(
        bytes calldata columns,
        uint256 updates,
        uint256 coordinates,
        bytes calldata model,
        Terms calldata terms
    ) external pure returns (int8) {
        uint256[] memory squares = Blocks.squares(columns, updates, coordinates);
        return Aggregation.nextExponent(squares, coordinates, Blocks.exponent(model), terms.minExponent, terms.maxExponent);
    }
}
