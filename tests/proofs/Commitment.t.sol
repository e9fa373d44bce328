// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Commitment} from "../../contracts/libraries/Commitment.sol";
import {GroupId, Report, Result, Reveal, RoundId} from "../../contracts/types/Types.sol";
import {Proof} from "./Proof.sol";

/// @dev Halmos takes keccak256 to have no collisions, in all its 32 bytes. A commitment is 24 of them, so it is proven that it is
/// the head of the hash of a preimage, written out here, in which no two openings are the same.
contract CommitmentProofs is Proof {
    struct Opening {
        address manager;
        uint64 id;
        address node;
        bytes32 parent;
        bytes32 updateRoot;
        uint96 report;
        bytes32 salt;
        uint256 available;
    }

    function _preimage(Opening memory opening) private view returns (bytes memory) {
        return
            bytes.concat(
                bytes32(block.chainid),
                bytes12(0),
                bytes20(opening.manager),
                bytes24(0),
                bytes8(opening.id),
                bytes12(0),
                bytes20(opening.node),
                opening.parent,
                opening.updateRoot,
                bytes20(0),
                bytes12(opening.report),
                opening.salt
            );
    }

    function _commitment(Opening memory opening) private view returns (bytes24) {
        Reveal memory opened = Reveal({
            salt: opening.salt,
            parent: opening.parent,
            updateRoot: opening.updateRoot,
            report: Report.wrap(opening.report),
            available: opening.available
        });
        return Commitment.commitment(opening.manager, RoundId.wrap(opening.id), opening.node, opened);
    }

    function check_commitmentIsTheHashOfItsPreimage(Opening memory opening) external view {
        assert(_commitment(opening) == bytes24(keccak256(_preimage(opening))));
    }

    function commitmentOf(RoundId id, address node, Reveal calldata opened) external view returns (bytes24) {
        return Commitment.commitmentOf(id, node, opened);
    }

    /// @dev The form that the round manager uses, about itself, is the same.
    function check_commitmentFromCalldataIsTheSame(uint64 id, address node, Reveal calldata opened) external view {
        bytes24 expected = Commitment.commitment(address(this), RoundId.wrap(id), node, opened);
        assert(this.commitmentOf(RoundId.wrap(id), node, opened) == expected);
    }

    /// @dev Two openings have one hash only if all they bind is the same. What is available is not bound.
    function check_preimageBindsEveryField(Opening memory one, Opening memory other) external view {
        bool isSame = one.manager == other.manager && one.id == other.id && one.node == other.node;
        isSame = isSame && one.parent == other.parent && one.updateRoot == other.updateRoot && one.report == other.report;
        isSame = isSame && one.salt == other.salt;
        assert((keccak256(_preimage(one)) == keccak256(_preimage(other))) == isSame);
    }

    function check_commitmentDoesNotBindWhatIsAvailable(Opening memory opening, uint256 available) external view {
        bytes24 given_ = _commitment(opening);
        opening.available = available;
        assert(_commitment(opening) == given_);
    }

    function check_revealDigestIsTheHashOfCommitmentAndAvailable(bytes24 commitment, uint256 available) external pure {
        bytes memory preimage = bytes.concat(commitment, bytes8(0), bytes32(available));
        assert(Commitment.revealDigest(commitment, available) == bytes24(keccak256(preimage)));
    }

    function check_resultHashBindsEveryField(
        address manager,
        address otherManager,
        uint32 group,
        uint32 otherGroup,
        Result memory result,
        Result memory other
    ) external view {
        bool isSame = manager == otherManager && group == otherGroup && result.round == other.round;
        isSame = isSame && result.parent == other.parent && result.modelDigest == other.modelDigest;
        isSame = isSame && result.modelRoot == other.modelRoot && result.columnsRoot == other.columnsRoot;
        isSame = isSame && result.included == other.included && keccak256(result.choice) == keccak256(other.choice);
        isSame = isSame && keccak256(result.scores) == keccak256(other.scores) && result.metric == other.metric;
        bytes32 one = Commitment.resultHash(manager, GroupId.wrap(group), result);
        assert((one == Commitment.resultHash(otherManager, GroupId.wrap(otherGroup), other)) == isSame);
    }

    function check_genesisIsTheResultOfRoundZero(address manager, uint32 group, bytes32 digest, bytes32 root) external view {
        Result memory result = Result(0, 0, digest, root, 0, 0, "", "", 0);
        GroupId id = GroupId.wrap(group);
        assert(Commitment.genesisHash(manager, id, digest, root) == Commitment.resultHash(manager, id, result));
    }
}
