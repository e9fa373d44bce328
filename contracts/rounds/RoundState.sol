// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGroupRegistry} from "../interfaces/IGroupRegistry.sol";
import {IIdentityRegistry} from "../interfaces/IIdentityRegistry.sol";
import {IRewardDistributor} from "../interfaces/IRewardDistributor.sol";
import {IRoundManager} from "../interfaces/IRoundManager.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {Presented} from "../libraries/Presentation.sol";
import {Live, Record} from "../libraries/Round.sol";
import {Slot} from "../libraries/Slots.sol";
import {StandingWord} from "../libraries/Standings.sol";
import {WeightWord} from "../libraries/Weights.sol";
import {GroupId, Roster, Rules, Seat} from "../types/Types.sol";
import {GroupState} from "./GroupState.sol";
import {Genesis} from "./Genesis.sol";

/// @title What the round manager keeps
abstract contract RoundState is IRoundManager {
    IIdentityRegistry internal immutable IDENTITIES;
    IStakeVault internal immutable VAULT;
    IGroupRegistry internal immutable GROUPS;
    IRewardDistributor internal immutable DISTRIBUTOR;
    address internal immutable DISPUTES;
    address internal immutable RELAY;

    mapping(GroupId group => GroupState) internal _states;

    constructor(
        IIdentityRegistry identities,
        IStakeVault vault,
        IGroupRegistry groups,
        IRewardDistributor distributor,
        address disputes,
        address relay
    ) {
        IDENTITIES = identities;
        VAULT = vault;
        GROUPS = groups;
        DISTRIBUTOR = distributor;
        DISPUTES = disputes;
        RELAY = relay;
    }

    /// @inheritdoc IRoundManager
    function contracts()
        external
        view
        returns (address identities, address vault, address groups, address distributor, address disputes, address relay)
    {
        return (address(IDENTITIES), address(VAULT), address(GROUPS), address(DISTRIBUTOR), DISPUTES, RELAY);
    }

    // ------------------------------------------------------------------------------------------------ words, as they are kept

    /// @inheritdoc IRoundManager
    function liveOf(GroupId group) external view returns (Live) {
        return _states[group].live;
    }

    /// @inheritdoc IRoundManager
    function recordOf(GroupId group, uint256 index) external view returns (Record) {
        return _states[group].records[index];
    }

    /// @inheritdoc IRoundManager
    function leaderOf(GroupId group, uint256 index) external view returns (bytes32) {
        return _states[group].leaders[index];
    }

    /// @inheritdoc IRoundManager
    function dissentOf(GroupId group, uint32 round, bytes32 hash) external view returns (uint256) {
        return _states[group].dissent[round][hash];
    }

    /// @inheritdoc IRoundManager
    function presentedOf(GroupId group, uint256 index) external view returns (Presented) {
        return _states[group].presented[index];
    }

    /// @inheritdoc IRoundManager
    function slotOf(GroupId group, address node, uint256 index) external view returns (Slot) {
        return _states[group].slots[node][index].slot;
    }

    /// @inheritdoc IRoundManager
    function seatOf(GroupId group, uint8 seat) external view returns (Seat memory) {
        return _states[group].seats[seat];
    }

    /// @inheritdoc IRoundManager
    function rosterOf(GroupId group) external view returns (Roster memory) {
        return _states[group].roster;
    }

    /// @inheritdoc IRoundManager
    function rulesOf(GroupId group) external view returns (Rules memory) {
        return _states[group].rules;
    }

    /// @inheritdoc IRoundManager
    function placeOf(GroupId group, address node) external view returns (uint256) {
        return _states[group].places[node];
    }

    /// @inheritdoc IRoundManager
    function weightsOf(GroupId group, uint256 index) external view returns (WeightWord) {
        return _states[group].weights[index];
    }

    /// @inheritdoc IRoundManager
    function standingsOf(GroupId group, uint256 index) external view returns (StandingWord) {
        return _states[group].standings[index];
    }

    /// @inheritdoc IRoundManager
    function struckAt(GroupId group) external view returns (uint256) {
        return _states[group].struckAt;
    }

    /// @inheritdoc IRoundManager
    function headOf(GroupId group) external view returns (bytes32 hash) {
        hash = _states[group].head;
        if (hash == 0) hash = Genesis.hashOf(GROUPS, group);
    }
}
