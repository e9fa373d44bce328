// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Commitment} from "./Commitment.sol";
import {Slot} from "./Slots.sol";
import {Reveal, RoundId, Seat} from "../types/Types.sol";

/// @notice A leaf's bytes and its siblings, from the leaf up.
struct Leaf {
    bytes data;
    bytes32[] proof;
}

/// @notice What a node revealed in a round, brought back: the preimage of what its slot keeps.
struct Opened {
    address node;
    Reveal opened;
}

/// @title What the chain kept of a round, against what is brought back of it
library Evidence {
    uint256 internal constant HEADER_LENGTH = 128;

    bytes8 private constant MAGIC = "SCUPDATE";
    uint16 private constant VERSION = 1;
    /// @dev Codec 0: dense int8.
    uint8 private constant CODEC = 0;

    /// @notice Whether a node's slot of a round keeps exactly this reveal.
    function isOpening(Slot slot, address manager, RoundId id, Opened calldata given) internal view returns (bool) {
        if (slot.round() != id.round() || !slot.isRevealed()) return false;
        bytes24 commitment = Commitment.commitment(manager, id, given.node, given.opened);
        return slot.digest() == Commitment.revealDigest(commitment, given.opened.available);
    }

    /// @notice Whose key a seat had in a round; none where it was not on the round's roster.
    function holder(Seat memory seat, uint256 round) internal pure returns (address) {
        if (seat.fromRound == 0 || round < seat.fromRound || (seat.untilRound != 0 && round >= seat.untilRound)) return address(0);
        return round < seat.keyFrom ? seat.previousNode : seat.node;
    }

    /// @notice Leaf 0 of a node's update. See docs/specification.md, section 4.
    function header(
        address manager,
        RoundId id,
        address node,
        uint64 dimension,
        uint8 fractionBits
    ) internal view returns (bytes memory) {
        return
            abi.encodePacked(
                MAGIC,
                VERSION,
                fractionBits,
                CODEC,
                block.chainid,
                manager,
                id.group(),
                id.round(),
                node,
                dimension,
                bytes28(0)
            );
    }
}
