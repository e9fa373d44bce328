// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRoundManager} from "../interfaces/IRoundManager.sol";
import {GroupId} from "../types/Types.sol";
import {RoundState} from "./RoundState.sol";
import {Parts, Seating} from "../Seating.sol";

/// @title Taking, leaving and handing over seats: the round manager's side of `Seating`
abstract contract Seats is RoundState {
    /// @inheritdoc IRoundManager
    function join(GroupId group, address node, bytes calldata invitation) external returns (uint8 index) {
        return Seating.join(_states[group], _parts(), group, node, invitation);
    }

    /// @inheritdoc IRoundManager
    function leave(GroupId group, address node) external {
        Seating.leave(_states[group], _parts(), group, node);
    }

    /// @inheritdoc IRoundManager
    function migrate(GroupId from, GroupId to, address node, bytes calldata invitation) external returns (uint8 index) {
        Seating.leave(_states[from], _parts(), from, node);
        return Seating.join(_states[to], _parts(), to, node, invitation);
    }

    /// @inheritdoc IRoundManager
    function release(GroupId group, uint8 index) external {
        Seating.release(_states[group], _parts(), group, index);
    }

    /// @inheritdoc IRoundManager
    function evict(GroupId group, uint8 index) external {
        Seating.evict(_states[group], group, index);
    }

    /// @inheritdoc IRoundManager
    function rekey(GroupId group, uint8 index) external {
        Seating.rekey(_states[group], _parts(), group, index);
    }

    function _parts() private view returns (Parts memory) {
        return Parts(IDENTITIES, VAULT, GROUPS, DISTRIBUTOR);
    }
}
