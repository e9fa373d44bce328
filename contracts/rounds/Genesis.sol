// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGroupRegistry} from "../interfaces/IGroupRegistry.sol";
import {Commitment} from "../libraries/Commitment.sol";
import {GroupId} from "../types/Types.sol";

/// @title The hash a group's first round starts from
library Genesis {
    function hashOf(IGroupRegistry groups, GroupId group) internal view returns (bytes32) {
        (bytes32 modelDigest, bytes32 modelRoot) = groups.genesisOf(group);
        return Commitment.genesisHash(address(this), group, modelDigest, modelRoot);
    }
}
