// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Leaf, Opened} from "../libraries/Evidence.sol";
import {GroupId, Result} from "../types/Types.sol";

/// @title Proving named results wrong
/// @notice Anyone challenges any result that votes named, agreed on or not, from the close of those votes until its round is
/// settled. No bond: a proof is right or it reverts. A result proven wrong is *struck*: where the votes agreed on it, its round and
/// every later one are void, and each seat that named it can be slashed, one call a seat. A tenth of what is taken waits here for
/// the challenger, the rest is burnt.
///
/// Trust: nobody. Nothing here has an owner, and what a struck result's challenger earns is never paid to one of its voters.
/// Whoever copies a challenge out of the mempool strikes just as well, and earns in the challenger's place.
interface IDisputes {
    /// @notice What was wrong with a result.
    enum Kind {
        None,
        Coordinate,
        Exponent,
        Column,
        Update,
        Availability,
        Absence,
        Inclusion,
        Terms,
        Unpresented,
        Unanswered
    }

    /// @notice Which of a result's trees.
    enum Tree {
        Model,
        Columns
    }

    // ------------------------------------------------------------------------------------------------ errors
    /// @notice What was brought proves nothing wrong.
    error NothingWrong(Kind kind);
    error RoundSettled(GroupId group, uint32 round);
    /// @notice The round whose votes would name the result has not closed.
    error VotesNotClosed(GroupId group, uint32 votingRound);
    error NotNamed(GroupId group, uint32 round, bytes32 resultHash);
    error AlreadyStruck(bytes32 resultHash);
    error NotStruck(bytes32 resultHash);
    /// @notice The votes did not agree on this result, or they bind nobody (idle or struck).
    error NotAgreed(GroupId group, uint32 round, bytes32 resultHash);
    error NotPresented(bytes32 resultHash);
    error IsPresented(bytes32 resultHash);
    /// @notice What was brought as the parent hashes to something else.
    error WrongParent(bytes32 parent, bytes32 given);
    error IndexOutOfRange(uint256 index, uint256 count);
    /// @notice The leaf and its siblings do not give the root.
    error BadProof(bytes32 root, uint256 index);
    /// @notice The parent's leaf, or the answer, is not as long as the tree's leaves are.
    error BadLeafLength(uint256 length, uint256 expected);
    /// @notice The exponent of the parent's block is none that the group's grid may have.
    error BadExponent(int8 exponent);
    /// @notice Not what the node's slot of that round keeps.
    error BadOpening(uint32 round, address node);
    /// @notice What was brought of several seats must ascend by seat.
    error NotAscending(uint8 previous, uint8 seat);
    error NotIncluded(uint8 seat);
    /// @notice The seat says that it held the update.
    error HeldIt(uint8 seat);
    error NamedAnother(bytes32 resultHash, bytes32 named);
    error AlreadySlashed(bytes32 resultHash, uint8 seat);
    error TooEarly(uint256 from, uint256 time);
    error TooLate(uint256 until, uint256 time);
    error NothingToCollect(bytes32 resultHash);
    error DemandOpen(bytes32 resultHash);
    error NoDemand(bytes32 resultHash);

    // ------------------------------------------------------------------------------------------------ events
    /// @notice Whether it voids rounds, `RoundManager.RoundsStruck` in the same transaction says.
    event ResultStruck(GroupId indexed group, uint32 indexed round, bytes32 indexed resultHash, address challenger, Kind kind);
    /// @notice A seat that named a struck result lost `taken` wei, a tenth of it to the pot.
    event VoterSlashed(GroupId indexed group, bytes32 indexed resultHash, uint8 indexed seat, address node, uint256 taken);
    /// @param paid to the challenger, or @param burnt because one of its own seats named the result; in wei
    event Collected(GroupId indexed group, bytes32 indexed resultHash, address challenger, uint256 paid, uint256 burnt);
    /// @notice Whoever holds the leaf may answer before `until` and earns half of the bond.
    event Demanded(
        GroupId indexed group,
        uint32 indexed round,
        bytes32 indexed resultHash,
        address challenger,
        Tree tree,
        uint256 index,
        uint256 bond,
        uint256 until
    );
    event Answered(
        GroupId indexed group,
        uint32 indexed round,
        bytes32 indexed resultHash,
        address challenger,
        address from,
        Tree tree,
        uint256 index,
        bytes data,
        bytes32[] proof
    );
    /// @notice A demand's bond went back to whom had paid it, in wei.
    event BondReturned(GroupId indexed group, bytes32 indexed resultHash, address challenger, uint256 bond);

    // ------------------------------------------------------------------------------------------------ wrong numbers
    /// @notice One weight of the claimed model is not what the rule makes of the block's codes, or a padded one is not zero.
    /// @param parent preimage of `result.parent`
    /// @param blockIndex of the columns and the models; @param offset of the coordinate within the block, below 256
    /// @param columns the block's leaf under `result.columnsRoot`
    /// @param before the block's leaf under `parent.modelRoot`; @param claimed under `result.modelRoot`
    function challengeCoordinate(
        GroupId group,
        Result calldata result,
        Result calldata parent,
        uint256 blockIndex,
        uint256 offset,
        Leaf calldata columns,
        Leaf calldata before,
        Leaf calldata claimed
    ) external;
    /// @notice The claimed model's exponent of a block is not what its codes make of the parent's.
    function challengeExponent(
        GroupId group,
        Result calldata result,
        Result calldata parent,
        uint256 blockIndex,
        Leaf calldata columns,
        Leaf calldata before,
        Leaf calldata claimed
    ) external;
    /// @notice A block's columns are not an included update's codes.
    /// @param opened the update's reveal; @param update its leaf `1 + blockIndex / 4`, under its root
    function challengeColumn(
        GroupId group,
        Result calldata result,
        uint256 blockIndex,
        Leaf calldata columns,
        Opened calldata opened,
        Leaf calldata update
    ) external;
    /// @notice An included update is not canonical: leaf 0 is not the header of its node and round, or another leaf has a wrong
    /// length, a code of -128 or codes behind the last coordinate.
    function challengeUpdate(
        GroupId group,
        Result calldata result,
        Opened calldata opened,
        uint256 leafIndex,
        Leaf calldata update
    ) external;

    // ------------------------------------------------------------------------------------------------ wrongly included
    /// @notice A seat is included although seats with more than a third of the revealed weight did not report it available.
    /// @param without reveals of those seats, ascending by seat
    function challengeAvailability(GroupId group, Result calldata result, uint8 seat, Opened[] calldata without) external;
    /// @notice An included seat was not on the roster, or did not reveal.
    function challengeAbsence(GroupId group, Result calldata result, uint8 seat) external;
    /// @notice An included seat named another parent than `result.parent`, or its update was empty.
    function challengeInclusion(GroupId group, Result calldata result, Opened calldata opened) external;
    /// @notice The result breaks the group's terms: fewer updates than it needs, a choice that no coordinate rule makes, or, agreed on
    /// and the next to settle, another parent than the group's head.
    function challengeTerms(GroupId group, Result calldata result) external;
    /// @notice What was agreed on for the next round to settle was not presented for a challenge window and the idle timeout.
    function challengeUnpresented(GroupId group) external;

    // ------------------------------------------------------------------------------------------------ withheld leaves
    /// @notice Demands a leaf of a presented and agreed result, one at a time a caller, which cannot be proven wrong as long as nobody shows it. The caller
    /// approves a bond of a hundredth of the group's stake. The result is not final before two more challenge windows. The last demand
    /// is made 64 challenge windows after the result would have been due.
    function demand(GroupId group, Result calldata result, Tree tree, uint256 index) external;
    /// @notice Shows the leaf that a challenger demanded, within a challenge window, and earns half of the bond; the other half is
    /// burnt. What lies behind the tree's last leaf must be empty. Anyone.
    function answer(GroupId group, Result calldata result, address challenger, Leaf calldata leaf) external;
    /// @notice Strikes a result whose demanded leaf nobody showed; the bond goes back.
    function challengeUnanswered(GroupId group, Result calldata result, address challenger) external;
    /// @notice Returns the bond of a demand that no answer can be needed for any more: the result is struck, or its round settled.
    function reclaim(GroupId group, bytes32 resultHash, address challenger) external;

    // ------------------------------------------------------------------------------------------------ consequences
    /// @notice Slashes a seat that named a struck result. Anyone, once a seat and result.
    /// @param opened what the seat revealed in the round after the result's
    function slash(GroupId group, bytes32 resultHash, Opened calldata opened) external;
    /// @notice Pays a struck result's pot to its challenger, a challenge window after the strike; burns it where one of the slashed
    /// seats was the challenger's. Anyone.
    function collect(GroupId group, bytes32 resultHash) external;

    // ------------------------------------------------------------------------------------------------ views
    /// @param struckAt 0 where it is not struck; @param round of the result
    /// @param tainted whether one of the slashed seats was the challenger's
    /// @param slashed bitmap of the seats slashed; @param pot wei that wait for the challenger
    struct Strike {
        address challenger;
        uint40 struckAt;
        uint32 round;
        Kind kind;
        bool tainted;
        uint128 pot;
        uint256 slashed;
    }

    /// @param until the answer's deadline; 0 where no demand is open
    struct Demand {
        uint40 until;
        uint32 index;
        Tree tree;
        uint128 bond;
        uint32 round;
    }

    function strikeOf(GroupId group, bytes32 resultHash) external view returns (Strike memory);
    function demandOf(GroupId group, bytes32 resultHash, address challenger) external view returns (Demand memory);
}
