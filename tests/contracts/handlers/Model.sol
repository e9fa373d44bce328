// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Commitment} from "../../../contracts/libraries/Commitment.sol";
import {Evidence} from "../../../contracts/libraries/Evidence.sol";
import {Merkle} from "../../../contracts/libraries/Merkle.sol";
import {Live} from "../../../contracts/libraries/Round.sol";
import {GroupId, Mixing, Phase, Result, Reveal, RoundIds, Scoring, Terms} from "../../../contracts/types/Types.sol";
import {Mixes} from "../Mixer.sol";
import {Swarm} from "../Swarm.sol";

/// @dev Those cheat codes that only campaigns use.
interface CampaignVm {
    function envOr(string calldata name, string calldata standard) external view returns (string memory);
    function envOr(string calldata name, uint256 standard) external view returns (uint256);
    function writeLine(string calldata path, string calldata line) external;
}

/// @notice What a campaign must have been through at least once.
enum Situation {
    RoundOpened,
    CommitsEndedEarly,
    RevealsEndedEarly,
    CommitMissing,
    RevealMissing,
    LeaderOvertaken,
    Presented,
    PresentedByAnyone,
    FinalInTime,
    VoidNotAgreed,
    VoidIdle,
    VoidStruck,
    StruckCoordinate,
    StruckExponent,
    StruckColumn,
    StruckUpdate,
    StruckAvailability,
    StruckAbsence,
    StruckInclusion,
    StruckTerms,
    StruckUnpresented,
    StruckUnanswered,
    StruckMinority,
    StruckCascade,
    StruckWhileOpen,
    HonestChallenged,
    Slashed,
    SlashedTwiceRefused,
    SlashedToNothing,
    CollectedByChallenger,
    CollectedTainted,
    Demanded,
    Answered,
    Reclaimed,
    Joined,
    Left,
    Migrated,
    Evicted,
    Released,
    RekeyedMidRound,
    RevealedByOldKey,
    Forfeited,
    Claimed,
    Funded,
    Withdrawn,
    Donated,
    RelayedCommits,
    RelayedReveals,
    OutsiderRefused,
    NewcomersCapped,
    RingFull,
    BudgetExhausted,
    SeatReused,
    WrongResultFinal,
    MixedFinal,
    PaidByScores,
    PaidNobody,
    End
}

/// @notice What is wrong with a result that somebody may name.
enum Fault {
    None,
    Coordinate,
    Exponent,
    Column,
    Update,
    Availability,
    Absence,
    Inclusion,
    Terms,
    Parent,
    Unpresented,
    Withheld
}

/// @dev A seat as the rules have it, whatever the contracts say. `actor` is zero for nobody, else the identity.
struct Member {
    uint64 actor;
    address node;
    address previous;
    uint32 from;
    uint32 until;
    uint32 keyFrom;
    uint256 reputation;
    uint256 age;
    uint256 missed;
    uint256 forfeits;
}

/// @dev Who was on a round's roster, and what they did. Bitmaps of seats.
struct Played {
    uint256 members;
    uint256 committed;
    uint256 revealed;
    uint256 weights;
    uint256 rosterWeight;
    uint256 openedAt;
    uint256 commitDeadline;
    uint256 revealDeadline;
    bool aborted;
    bool struck;
}

struct Vote {
    address node;
    uint8 available;
    bool isEmpty;
    bool isBad;
    bytes32 parent;
}

struct Struck {
    bytes32 hash;
    uint32 round;
    address challenger;
    bool tainted;
    uint256 struckAt;
    uint256 pot;
    uint256 slashed;
}

struct Bond {
    bytes32 hash;
    address challenger;
    uint256 bond;
}

/// @dev What a group came to, by the rules.
struct Book {
    uint32 last;
    uint32 settled;
    uint32 finalized;
    uint32 struckRound;
    uint256 struckAt;
    bytes32 head;
    uint256 budget;
}

/// @title A second set of books: what the rules make of every call, kept apart from the contracts
/// @dev Two groups are played in, a third is never touched. The first mixes updates and pays by scores. One block of three
/// coordinates is all of a model; every update's codes are zero, so an honest result's model is its parent's.
abstract contract Model is Swarm {
    CampaignVm internal constant campaign = CampaignVm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 internal constant ACTORS = 6;
    uint256 internal constant ARENAS = 2;
    uint64 internal constant DIMENSION = 3;
    uint256 internal constant MATURITY = 2;
    uint256 internal constant MAX_MISSED = 2;
    uint256 internal constant SUPPLY = 1_000_000_000e18;
    address internal constant WATCHER = address(0xBEEF);
    address internal constant STRANGER = address(0x5747);

    GroupId[] internal arena;
    uint256[] internal capacity;
    uint256 internal entropy;
    uint256 internal calls;
    bytes32 internal cut;
    uint256[64] internal reached;
    bytes32 internal untouched;

    mapping(uint256 g => Book) internal books;
    mapping(uint256 g => mapping(uint256 seat => Member)) internal members;
    mapping(uint256 g => mapping(uint256 seat => uint256)) internal credits;
    mapping(uint256 g => mapping(uint32 round => Played)) internal played;
    mapping(uint256 g => mapping(uint32 round => mapping(uint256 seat => Vote))) internal votes;
    mapping(uint256 g => Struck[]) internal strikes;
    mapping(uint256 g => Bond[]) internal bonds;
    mapping(uint256 g => mapping(bytes32 hash => uint256)) internal demandsEnd;
    mapping(uint256 g => bytes32[]) internal finals;
    mapping(uint256 g => mapping(bytes32 hash => uint256)) internal struckPlace;

    mapping(bytes32 hash => bool) internal isKnown;
    mapping(bytes32 hash => bool) internal isHonest;
    mapping(bytes32 hash => Fault) internal faults;
    /// @dev Which of the leaves below is under a result's model root, plus one; zero where nobody has the leaf.
    mapping(bytes32 hash => uint256) internal leafOf;

    mapping(uint256 actor => uint256) internal freeStake;
    mapping(uint256 actor => uint256) internal lockedStake;
    mapping(uint256 actor => uint256) internal earned;
    mapping(uint256 actor => uint256) internal wallets;
    mapping(address node => uint256) internal keyOf;
    uint256 internal burnt;
    uint256 internal watcherWallet;
    uint256 internal ownWallet;
    uint256[4] internal donated;
    uint256 internal freshKey = 90_000;
    string internal broken;

    bytes32[3] internal modelRoots;
    bytes32 internal zeroCodes;
    bytes32 internal badCodes;

    // ------------------------------------------------------------------------------------------------ building

    function build() external {
        setUp();
        cut = keccak256(bytes(campaign.envOr("INVARIANTS_CUT", string(""))));
        for (uint256 i = 0; i < 3; ++i) modelRoots[i] = _leafHash(Merkle.Kind.Model, _modelLeaf(i));
        zeroCodes = _leafHash(Merkle.Kind.Update, _codes(0));
        badCodes = _leafHash(Merkle.Kind.Update, _codes(0x80));
        token.approve(address(disputes), type(uint256).max);
        for (uint256 i = 0; i < ACTORS + 2; ++i) {
            register();
            keyOf[nodes[i]] = keys[i];
        }
        capacity = [5, 3, 2];
        for (uint256 g = 0; g < 3; ++g) _create(g);
        token.transfer(WATCHER, 1_000e18);
        watcherWallet = 1_000e18;
        vm.prank(WATCHER);
        token.approve(address(disputes), type(uint256).max);
        group = arena[2];
        for (uint256 i = ACTORS; i < ACTORS + 2; ++i) {
            stakeAndJoin(i);
            lockedStake[i] = STAKE;
        }
        ownWallet = token.balanceOf(address(this));
        untouched = _imprint(2);
    }

    function _create(uint256 g) private {
        Terms memory terms = defaultTerms();
        terms.dimension = DIMENSION;
        terms.capacity = uint8(capacity[g]);
        terms.maturity = uint8(MATURITY);
        terms.maxMissed = uint8(MAX_MISSED);
        if (g == 0) (terms.mixing, terms.scoring) = (Mixing.GeometricMedian, Scoring.Novelty);
        GroupId id = groups.create(terms, bytes32("manifest"), keccak256("genesis model"), modelRoots[0]);
        arena.push(id);
        Result memory first;
        (first.modelDigest, first.modelRoot) = (keccak256("genesis model"), modelRoots[0]);
        bytes32 hash = Commitment.resultHash(address(rounds), id, first);
        known[hash] = first;
        (isKnown[hash], isHonest[hash], leafOf[hash]) = (true, true, 1);
        books[g].head = hash;
        // The second group has less than a reward, until somebody funds it.
        uint256 budget = g == 1 ? uint256(REWARD) / 2 : 5 * uint256(REWARD);
        books[g].budget = budget;
        groups.fund(id, budget);
    }

    // ------------------------------------------------------------------------------------------------ small things

    function _saw(Situation situation) internal {
        ++reached[uint256(situation)];
    }

    /// @dev Whether a campaign was told to go without something, to show that it then fails.
    function _isCut(string memory what) internal view returns (bool) {
        return cut == keccak256(bytes(what));
    }

    function _stir(uint256 seed) internal {
        entropy = uint256(keccak256(abi.encode(seed, entropy, ++calls)));
    }

    function _below(uint256 bound) internal returns (uint256 value) {
        value = entropy % bound;
        entropy = uint256(keccak256(abi.encode(entropy)));
    }

    function _require(bool holds, string memory what) internal pure {
        require(holds, what);
    }

    function _phase(uint256 g) internal view returns (uint32 round, Phase phase) {
        Live live = rounds.liveOf(arena[g]);
        return (live.round(), live.phase(vm_now()));
    }

    function _popcount(uint256 bits) internal pure returns (uint256 count) {
        for (; bits != 0; bits &= bits - 1) ++count;
    }

    function _seatsOf(uint256 g, uint32 round) internal view returns (uint256 bits) {
        for (uint256 seat = 0; seat < capacity[g]; ++seat) {
            Member storage member = members[g][seat];
            if (member.actor != 0 && member.from <= round && (member.until == 0 || member.until > round)) bits |= 1 << seat;
        }
    }

    /// @dev The key that a seat has in a round.
    function _keyIn(uint256 g, uint256 seat, uint32 round) internal view returns (address) {
        Member storage member = members[g][seat];
        return round < member.keyFrom ? member.previous : member.node;
    }

    /// @dev All that is kept of a group, in one word.
    function _imprint(uint256 g) internal view returns (bytes32) {
        GroupId id = arena[g];
        (uint256 one, ) = vault.stakeOf(uint64(ACTORS + 1));
        (, uint256 two) = vault.stakeOf(uint64(ACTORS + 2));
        return
            keccak256(
                abi.encode(
                    rounds.liveOf(id),
                    rounds.rosterOf(id),
                    rounds.headOf(id),
                    rounds.weightsOf(id, 0),
                    rounds.standingsOf(id, 0),
                    rounds.seatOf(id, 0),
                    rounds.seatOf(id, 1),
                    distributor.budgetOf(id),
                    one,
                    two
                )
            );
    }

    /// @dev How the first group's updates are mixed: anyhow, since they are zeros.
    function _choiceOf(uint256 g, uint256 seed, uint256 count) internal pure returns (bytes memory) {
        return g == 0 ? Mixes.encoded(Mixes.random(seed, count, 1 + (seed % count))) : bytes("");
    }

    /// @dev Scores far apart or close together, some of them zero; now and then all are.
    function _scoresOf(uint256 seed, uint256 count) internal pure returns (bytes memory scores) {
        for (uint256 i = 0; i < count; ++i) {
            uint256 drawn = uint256(keccak256(abi.encode(seed, i)));
            uint256 score = [drawn % 65_536, 10_000 - (drawn % 3), drawn % 4, 0][(drawn >> 128) % 4];
            scores = abi.encodePacked(scores, uint16(seed % 6 == 0 ? 0 : score));
        }
    }

    // ------------------------------------------------------------------------------------------------ leaves

    /// @dev 0: as it must be; 1: a wrong first weight; 2: a wrong exponent.
    function _modelLeaf(uint256 variant) internal pure returns (bytes memory data) {
        data = new bytes(1_025);
        data[0] = bytes1(uint8(variant == 2 ? 5 : 4));
        if (variant == 1) data[4] = 0x01;
    }

    function _codes(uint8 first) internal pure returns (bytes memory data) {
        data = new bytes(1_024);
        data[0] = bytes1(first);
    }

    function _columns(uint256 count, uint8 first) internal pure returns (bytes memory data) {
        data = new bytes(count * 256);
        for (uint256 row = 0; row < count; ++row) data[row * 256] = bytes1(first);
    }

    function _leafHash(Merkle.Kind kind, bytes memory data) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x00), uint8(kind), data));
    }

    function _header(uint256 g, uint32 round, address node) internal view returns (bytes memory) {
        return Evidence.header(address(rounds), RoundIds.make(arena[g], round), node, DIMENSION, 24);
    }

    function _headerHash(uint256 g, uint32 round, address node) internal view returns (bytes32) {
        return _leafHash(Merkle.Kind.Update, _header(g, round, node));
    }

    function _openingOf(uint256 g, uint32 round, Vote memory vote) internal view returns (Reveal memory) {
        bytes32 root =
            vote.isEmpty ? bytes32(0) : Merkle.nodeHash(_headerHash(g, round, vote.node), vote.isBad ? badCodes : zeroCodes);
        return
            Reveal({
                salt: keccak256(abi.encode(vote.node, round, g)),
                parent: vote.parent,
                updateRoot: root,
                report: reportOf(100, 500_000),
                available: vote.available
            });
    }
}
