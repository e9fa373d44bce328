// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {Demands} from "./disputes/Demands.sol";
import {DisputeState} from "./disputes/DisputeState.sol";
import {NamedResults} from "./disputes/NamedResults.sol";
import {Proofs} from "./disputes/Proofs.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IGroupRegistry} from "./interfaces/IGroupRegistry.sol";
import {IIdentityRegistry} from "./interfaces/IIdentityRegistry.sol";
import {IProofs} from "./interfaces/IProofs.sol";
import {IRoundManager} from "./interfaces/IRoundManager.sol";
import {IStakeVault} from "./interfaces/IStakeVault.sol";
import {Evidence, Leaf, Opened} from "./libraries/Evidence.sol";
import {GroupId, Result, Seat} from "./types/Types.sol";

/// @title Proving named results wrong
/// @dev
///
///   named ──challenge: a proof──▶ struck ──slash, each seat that named it──▶ pot ──collect, a window later──▶ paid or burnt
///         ──settled──▶ out of reach
///
/// The books here are its own: what came in by demands and slashes. Tokens sent here otherwise stay.
contract Disputes is Demands {
    using SafeERC20 for ERC20Burnable;

    /// @dev The challenger's part is a tenth of what a seat loses; the round manager sends it here.
    uint256 private constant CHALLENGER_PARTS = 10;

    IProofs public immutable PROOFS;

    constructor(
        IRoundManager rounds,
        IGroupRegistry groups,
        IIdentityRegistry identities,
        IStakeVault vault
    ) NamedResults(rounds, groups) DisputeState(identities, vault) {
        PROOFS = new Proofs(rounds, groups);
    }

    // ------------------------------------------------------------------------------------------------ challenges

    /// @inheritdoc IDisputes
    function challengeCoordinate(
        GroupId group,
        Result calldata,
        Result calldata,
        uint256,
        uint256,
        Leaf calldata,
        Leaf calldata,
        Leaf calldata
    ) external {
        _strikeProven(Kind.Coordinate, group);
    }

    /// @inheritdoc IDisputes
    function challengeExponent(
        GroupId group,
        Result calldata,
        Result calldata,
        uint256,
        Leaf calldata,
        Leaf calldata,
        Leaf calldata
    ) external {
        _strikeProven(Kind.Exponent, group);
    }

    /// @inheritdoc IDisputes
    function challengeColumn(GroupId group, Result calldata, uint256, Leaf calldata, Opened calldata, Leaf calldata) external {
        _strikeProven(Kind.Column, group);
    }

    /// @inheritdoc IDisputes
    function challengeUpdate(GroupId group, Result calldata, Opened calldata, uint256, Leaf calldata) external {
        _strikeProven(Kind.Update, group);
    }

    /// @inheritdoc IDisputes
    function challengeAvailability(GroupId group, Result calldata, uint8, Opened[] calldata) external {
        _strikeProven(Kind.Availability, group);
    }

    /// @inheritdoc IDisputes
    function challengeAbsence(GroupId group, Result calldata, uint8) external {
        _strikeProven(Kind.Absence, group);
    }

    /// @inheritdoc IDisputes
    function challengeInclusion(GroupId group, Result calldata, Opened calldata) external {
        _strikeProven(Kind.Inclusion, group);
    }

    /// @inheritdoc IDisputes
    function challengeTerms(GroupId group, Result calldata) external {
        _strikeProven(Kind.Terms, group);
    }

    /// @inheritdoc IDisputes
    function challengeUnpresented(GroupId group) external {
        _strikeProven(Kind.Unpresented, group);
    }

    // ------------------------------------------------------------------------------------------------ consequences

    /// @inheritdoc IDisputes
    function slash(GroupId group, bytes32 resultHash, Opened calldata opened) external {
        Strike storage struck = _requireStruck(group, resultHash);
        if (opened.opened.parent != resultHash) revert NamedAnother(resultHash, opened.opened.parent);
        uint32 votingRound = struck.round + 1;
        uint8 index = _requireOpening(group, votingRound, opened).seat();
        Seat memory seat = ROUNDS.seatOf(group, index);
        // The slot of a key of the past says nothing of whoever has the seat by now.
        if (Evidence.holder(seat, votingRound) != opened.node) revert BadOpening(votingRound, opened.node);
        if ((struck.slashed >> index) & 1 == 1) revert AlreadySlashed(resultHash, index);

        struck.slashed |= 1 << index;
        address challenger = struck.challenger;
        if (challenger == opened.node || challenger == seat.node || challenger == IDENTITIES.operatorOf(seat.identity)) {
            struck.tainted = true;
        }
        uint256 taken = ROUNDS.slash(group, index);
        struck.pot += uint128(taken / CHALLENGER_PARTS);
        emit VoterSlashed(group, resultHash, index, opened.node, taken);
    }

    /// @inheritdoc IDisputes
    function collect(GroupId group, bytes32 resultHash) external {
        Strike storage struck = _requireStruck(group, resultHash);
        // By then its voters are slashed, the challenger's own seats among them.
        uint256 from = uint256(struck.struckAt) + ROUNDS.rulesOf(group).challengeWindow;
        if (block.timestamp < from) revert TooEarly(from, block.timestamp);
        (address challenger, uint256 pot, bool tainted) = (struck.challenger, struck.pot, struck.tainted);
        if (pot == 0) revert NothingToCollect(resultHash);
        struck.pot = 0;
        emit Collected(group, resultHash, challenger, tainted ? 0 : pot, tainted ? pot : 0);
        if (tainted) TOKEN.burn(pot);
        else TOKEN.safeTransfer(challenger, pot);
    }

    /// @dev Hands the call on as it came: `IProofs` has the same functions, which only look.
    function _strikeProven(Kind kind, GroupId group) private {
        (bool isProven, bytes memory answer_) = address(PROOFS).staticcall(msg.data);
        if (!isProven) {
            assembly ("memory-safe") {
                revert(add(answer_, 32), mload(answer_))
            }
        }
        (uint32 round, bytes32 hash) = abi.decode(answer_, (uint32, bytes32));
        _strike(kind, group, round, hash, msg.sender);
    }

    function _requireStruck(GroupId group, bytes32 resultHash) private view returns (Strike storage struck) {
        struck = _strikes[group][resultHash];
        if (struck.struckAt == 0) revert NotStruck(resultHash);
    }
}
