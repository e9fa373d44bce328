// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Aggregation} from "../../contracts/libraries/Aggregation.sol";
import {Bitmap} from "../../contracts/libraries/Bitmap.sol";
import {Commitment} from "../../contracts/libraries/Commitment.sol";
import {Merkle} from "../../contracts/libraries/Merkle.sol";
import {GroupId, Report, Result, Reveal, RoundId, RoundIds, Rule} from "../../contracts/types/Types.sol";
import {Mixer} from "./Mixer.sol";
import {Vm} from "./Vm.sol";

/// @title The protocol's shared vectors, held to in Solidity
contract VectorsTest {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    // solhint-disable-next-line const-name-snakecase
    bool public constant IS_TEST = true;
    Mixer private _mixer = new Mixer();

    function test_commitments_and_reveal_digests() public {
        string memory json = _read("commitment");
        uint256 count = vm.parseJsonUintArray(json, ".round").length;
        require(count >= 3, "vectors");
        for (uint256 i = 0; i < count; ++i) {
            Reveal memory opened = _opened(json, i);
            bytes24 expected = bytes24(vm.parseJsonBytes(json, _key("commitment", i)));
            bytes24 digest = Commitment.revealDigest(expected, opened.available);
            require(digest == bytes24(vm.parseJsonBytes(json, _key("revealDigest", i))), "reveal digest");
            if (!_onChain(json, i)) continue;
            require(_commitmentOf(json, i, opened) == expected, "commitment");
        }
    }

    function test_result_hashes() public {
        string memory json = _read("result");
        uint256 count = vm.parseJsonUintArray(json, ".round").length;
        require(count >= 3, "vectors");
        for (uint256 i = 0; i < count; ++i) {
            Result memory result = Result({
                round: uint32(vm.parseJsonUint(json, _key("round", i))),
                parent: vm.parseJsonBytes32(json, _key("parent", i)),
                modelDigest: vm.parseJsonBytes32(json, _key("modelDigest", i)),
                modelRoot: vm.parseJsonBytes32(json, _key("modelRoot", i)),
                columnsRoot: vm.parseJsonBytes32(json, _key("columnsRoot", i)),
                included: uint256(vm.parseJsonBytes32(json, _key("included", i))),
                choice: vm.parseJsonBytes(json, _key("choice", i)),
                scores: vm.parseJsonBytes(json, _key("scores", i)),
                metric: int64(vm.parseJsonInt(json, _key("metric", i)))
            });
            require(_onChain(json, i), "chain ID");
            address manager = vm.parseJsonAddress(json, _key("roundManager", i));
            GroupId group = GroupId.wrap(uint32(vm.parseJsonUint(json, _key("group", i))));
            bytes32 expected = vm.parseJsonBytes32(json, _key("resultHash", i));
            require(this.resultHashOf(manager, group, result) == expected, "result hash");
            if (result.round != 0) continue;
            require(this.genesisHashOf(manager, group, result.modelDigest, result.modelRoot) == expected, "genesis hash");
        }
    }

    function test_merkle_trees() public view {
        string memory json = _read("merkle");
        bytes32[] memory roots = vm.parseJsonBytes32Array(json, ".root");
        bytes32[] memory leaves = vm.parseJsonBytes32Array(json, ".leafUpdate");
        for (uint256 i = 0; i < leaves.length; ++i) {
            bytes memory data = vm.parseJsonBytes(json, _key("data", i));
            require(this.leafHash(Merkle.Kind.Update, data) == leaves[i], "update leaf");
            _leafIs(json, "leafModel", i, Merkle.Kind.Model, data);
            _leafIs(json, "leafColumns", i, Merkle.Kind.Columns, data);
            _leafIs(json, "leafChoice", i, Merkle.Kind.Choice, data);
            require(Merkle.depthOf(i + 1) == vm.parseJsonUint(json, _key("depth", i)), "depth");
        }
        uint256 proofs = vm.parseJsonUintArray(json, ".proofCount").length;
        require(proofs != 0, "vectors");
        for (uint256 i = 0; i < proofs; ++i) {
            uint256 count = vm.parseJsonUint(json, _key("proofCount", i));
            uint256 index = vm.parseJsonUint(json, _key("proofIndex", i));
            bytes32[] memory proof = _words(vm.parseJsonBytes(json, _key("proof", i)));
            bytes32 root = roots[count - 1];
            uint256 depth = Merkle.depthOf(count);
            require(this.verify(root, leaves[index], index, depth, proof), "proof");
            require(!this.verify(root, leaves[index], index + (1 << depth), depth, proof), "index beyond the tree");
            require(!this.verify(root, leaves[index], index, depth + 1, proof), "wrong depth");
            require(!this.verify(root, ~leaves[index], index, depth, proof), "wrong leaf");
        }
    }

    function test_aggregation() public view {
        string memory json = _read("aggregation");
        uint256[] memory rules = vm.parseJsonUintArray(json, ".rule");
        require(rules.length > 100, "vectors");
        for (uint256 i = 0; i < rules.length; ++i) {
            int32 given = Aggregation.next(
                Rule(rules[i]),
                _codes(vm.parseJsonBytes(json, _key("codes", i))),
                int32(vm.parseJsonInt(json, _key("weight", i))),
                uint8(vm.parseJsonUint(json, _key("fractionBits", i))),
                int8(vm.parseJsonInt(json, _key("exponent", i)))
            );
            require(given == vm.parseJsonInt(json, _key("expected", i)), string.concat("weight ", vm.toString(i)));
        }
    }

    function test_choices() public view {
        string memory json = _read("choice");
        uint256[] memory forms = vm.parseJsonUintArray(json, ".wellFormed");
        uint256 malformed = 0;
        for (uint256 i = 0; i < forms.length; ++i) {
            bytes memory choice = vm.parseJsonBytes(json, _key("choice", i));
            uint256 updates = vm.parseJsonBytes(json, _key("codes", i)).length;
            require(_mixer.isWellFormed(choice, updates) == (forms[i] == 1), string.concat("form ", vm.toString(i)));
            if (forms[i] == 0) ++malformed;
            else
                require(
                    _mixedStep(json, i) == vm.parseJsonInt(json, _key("expected", i)),
                    string.concat("weight ", vm.toString(i))
                );
        }
        require(malformed > 10 && forms.length - malformed > 100, "vectors");
    }

    function test_next_exponents() public view {
        string memory json = _read("exponent");
        uint256[] memory sizes = vm.parseJsonUintArray(json, ".size");
        require(sizes.length > 30, "vectors");
        for (uint256 i = 0; i < sizes.length; ++i) {
            int8[] memory codes = _codes(vm.parseJsonBytes(json, _key("leaf", i)));
            uint256[] memory squares = new uint256[](vm.parseJsonUint(json, _key("count", i)));
            require(codes.length == squares.length * Aggregation.BLOCK, "leaf");
            for (uint256 j = 0; j < codes.length; ++j) {
                squares[j / Aggregation.BLOCK] += uint256(int256(codes[j]) * codes[j]);
            }
            int8 given = Aggregation.nextExponent(
                squares,
                sizes[i],
                int8(vm.parseJsonInt(json, _key("exponent", i))),
                int8(vm.parseJsonInt(json, _key("minExponent", i))),
                int8(vm.parseJsonInt(json, _key("maxExponent", i)))
            );
            require(given == vm.parseJsonInt(json, _key("expected", i)), string.concat("exponent ", vm.toString(i)));
        }
    }

    function test_bitmaps(uint256 bits) public pure {
        uint256 count = 0;
        for (uint256 i = 0; i < 256; ++i) count += (bits >> i) & 1;
        require(Bitmap.count(bits) == count, "count");
        require(Bitmap.count(type(uint256).max) == 256, "all");
        if (bits == 0) return;
        uint256 lowest = Bitmap.lowest(bits);
        require((bits >> lowest) & 1 == 1 && bits & ((1 << lowest) - 1) == 0, "lowest");
    }

    // ------------------------------------------------------------------------------------------------ as calls

    function leafHash(Merkle.Kind kind, bytes calldata data) external pure returns (bytes32) {
        return Merkle.leafHash(kind, data);
    }

    function verify(
        bytes32 root,
        bytes32 leaf,
        uint256 index,
        uint256 depth,
        bytes32[] calldata proof
    ) external pure returns (bool) {
        return Merkle.verify(root, leaf, index, depth, proof);
    }

    function resultHashOf(address manager, GroupId group, Result calldata result) external view returns (bytes32) {
        return Commitment.resultHash(manager, group, result);
    }

    function genesisHashOf(address manager, GroupId group, bytes32 digest, bytes32 root) external view returns (bytes32) {
        return Commitment.genesisHash(manager, group, digest, root);
    }

    // ------------------------------------------------------------------------------------------------ reading

    function _mixedStep(string memory json, uint256 i) private view returns (int32) {
        return
            _mixer.next(
                Rule(vm.parseJsonUint(json, _key("rule", i))),
                vm.parseJsonBytes(json, _key("choice", i)),
                _codes(vm.parseJsonBytes(json, _key("codes", i))),
                int32(vm.parseJsonInt(json, _key("weight", i))),
                uint8(vm.parseJsonUint(json, _key("fractionBits", i))),
                int8(vm.parseJsonInt(json, _key("exponent", i)))
            );
    }

    function _opened(string memory json, uint256 i) private pure returns (Reveal memory) {
        uint96 samples = uint96(vm.parseJsonUint(json, _key("samples", i)));
        uint64 metric = uint64(int64(vm.parseJsonInt(json, _key("metric", i))));
        return
            Reveal({
                salt: vm.parseJsonBytes32(json, _key("salt", i)),
                parent: vm.parseJsonBytes32(json, _key("parent", i)),
                updateRoot: vm.parseJsonBytes32(json, _key("updateRoot", i)),
                report: Report.wrap((samples << 64) | metric),
                available: uint256(vm.parseJsonBytes32(json, _key("available", i)))
            });
    }

    function _commitmentOf(string memory json, uint256 i, Reveal memory opened) private view returns (bytes24) {
        address manager = vm.parseJsonAddress(json, _key("roundManager", i));
        address node = vm.parseJsonAddress(json, _key("node", i));
        uint32 round = uint32(vm.parseJsonUint(json, _key("round", i)));
        RoundId id = RoundIds.make(GroupId.wrap(uint32(vm.parseJsonUint(json, _key("group", i)))), round);
        return Commitment.commitment(manager, id, node, opened);
    }

    /// @dev Makes a case's chain this one; false for an ID larger than any that forge's chain can have.
    function _onChain(string memory json, uint256 i) private returns (bool) {
        uint256 chainId = uint256(vm.parseJsonBytes32(json, _key("chainId", i)));
        if (chainId > type(uint64).max) return false;
        vm.chainId(chainId);
        return true;
    }

    function _leafIs(string memory json, string memory field, uint256 i, Merkle.Kind kind, bytes memory data) private view {
        require(this.leafHash(kind, data) == vm.parseJsonBytes32(json, _key(field, i)), field);
    }

    function _read(string memory name) private view returns (string memory) {
        return vm.readFile(string.concat("tests/vectors/", name, ".json"));
    }

    function _key(string memory field, uint256 i) private pure returns (string memory) {
        return string.concat(".", field, "[", vm.toString(i), "]");
    }

    function _codes(bytes memory data) private pure returns (int8[] memory codes) {
        codes = new int8[](data.length);
        for (uint256 i = 0; i < data.length; ++i) codes[i] = int8(uint8(data[i]));
    }

    function _words(bytes memory data) private pure returns (bytes32[] memory words) {
        words = new bytes32[](data.length / 32);
        for (uint256 i = 0; i < words.length; ++i) {
            bytes32 word;
            assembly ("memory-safe") {
                word := mload(add(add(data, 32), mul(i, 32)))
            }
            words[i] = word;
        }
    }
}
