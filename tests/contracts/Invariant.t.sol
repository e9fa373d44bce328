// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRoundManager} from "../../contracts/interfaces/IRoundManager.sol";
import {GroupId, Phase, Result, Reveal, Terms} from "../../contracts/types/Types.sol";
import {Swarm} from "./Swarm.sol";

/// @title What members do in whatever order: the fuzzer's hands
/// @dev Every action does something valid if there is something, so that long runs get far.
contract SwarmHandler is Swarm {
    uint256 private constant MEMBERS = 5;
    uint256 public claimed;
    mapping(uint32 round => mapping(uint256 index => bytes32)) private _parents;

    function build() external {
        setUp();
        Terms memory terms = defaultTerms();
        terms.maturity = 2;
        swarmOf(MEMBERS, terms);
    }

    function doCommit(uint256 index, bool dissents) external {
        index %= MEMBERS;
        (uint32 round, Phase phase, , ) = rounds.phase(group);
        if (phase == Phase.Closed) ++round;
        if (phase == Phase.Reveal || round > settledRound() + 8) return;
        if (!_isMember(index, round)) return;
        (bool committed, , , ) = rounds.slot(group, nodes[index], round);
        if (committed) return;
        bytes32 parent = dissents ? bytes32("dissent") : _expected(round);
        _parents[round][index] = parent;
        commit(index, round, parent);
    }

    function doReveal(uint256 index) external {
        index %= MEMBERS;
        (uint32 round, Phase phase, , ) = rounds.phase(group);
        (bool committed, bool revealed, , ) = rounds.slot(group, nodes[index], round);
        if (phase != Phase.Reveal || !committed || revealed) return;
        reveal(index, round, _parents[round][index]);
    }

    /// @dev A whole honest round of those who are members, then its settlement.
    function doRound() external {
        (, Phase phase, , ) = rounds.phase(group);
        if (phase != Phase.Closed) return;
        for (uint256 i = 0; i < MEMBERS; ++i) this.doCommit(i, false);
        vm.warp(vm_now() + COMMIT);
        for (uint256 i = 0; i < MEMBERS; ++i) this.doReveal(i);
        vm.warp(vm_now() + WINDOW);
        this.doSettle();
    }

    function doSettle() external {
        (bytes32 head, , uint32 settled) = rounds.head(group);
        Result memory result = resultOf(settled + 1, head, _included(settled + 1));
        try rounds.finalize(group, result) {} catch {
            // solhint-disable-previous-line no-empty-blocks
            try rounds.settleVoid(group) {} catch {} // solhint-disable-line no-empty-blocks
        }
    }

    function doJoinOrLeave(uint256 index) external {
        index %= MEMBERS;
        try rounds.seat(group, nodes[index]) returns (IRoundManager.SeatView memory seat) {
            if (seat.untilRound == 0) {
                vm.prank(nodes[index]);
                rounds.leave(group, nodes[index]);
            } else {
                try rounds.release(group, seat.seat) {} catch {} // solhint-disable-line no-empty-blocks
            }
        } catch {
            (uint256 free, ) = vault.stakeOf(uint64(index + 1));
            if (free < STAKE) vault.deposit(uint64(index + 1), STAKE - free);
            vm.prank(nodes[index]);
            rounds.join(group, nodes[index], "");
        }
    }

    function doClaim(uint256 index) external {
        index %= MEMBERS;
        try rounds.seat(group, nodes[index]) returns (IRoundManager.SeatView memory seat) {
            if (distributor.creditOf(group, seat.seat) == 0) return;
            GroupId[] memory inGroups = new GroupId[](1);
            uint8[] memory seats = new uint8[](1);
            (inGroups[0], seats[0]) = (group, seat.seat);
            vm.prank(operators[index]);
            claimed += distributor.claim(inGroups, seats);
        } catch {} // solhint-disable-line no-empty-blocks
    }

    function doWait(uint256 time) external {
        vm.warp(vm_now() + (time % (IDLE / 2)));
    }

    // ------------------------------------------------------------------------------------------------ what must hold

    /// @dev balance >= budget + credits at the distributor, = stakes at the vault, and nothing appears from nowhere.
    function checkTokens() external view {
        uint256 owed = distributor.budgetOf(group);
        uint256 staked = 0;
        for (uint8 i = 0; i < MEMBERS; ++i) {
            owed += distributor.creditOf(group, i) + distributor.settledCreditOf(operators[i]);
            (uint256 free, uint256 locked) = vault.stakeOf(uint64(i) + 1);
            staked += free + locked;
        }
        assertEq(token.balanceOf(address(distributor)), owed, "the distributor holds what it owes");
        assertEq(owed + claimed, 10 * uint256(REWARD), "budget, credits and claims are what was put in");
        assertEq(token.balanceOf(address(vault)), staked, "the vault holds all stakes");
    }

    function checkWeights() external view {
        (uint32 round, , , ) = rounds.phase(group);
        (uint8 seats, uint32 weight) = rounds.roster(group);
        uint256 sum = 0;
        uint256 count = 0;
        for (uint8 i = 0; i < MEMBERS; ++i) {
            IRoundManager.SeatView memory seat = rounds.seatAt(group, i);
            if (seat.node == address(0) || seat.untilRound != 0) continue;
            sum += seat.weight;
            ++count;
        }
        assertEq(weight, sum, "the roster's weight is its seats'");
        assertEq(seats, count, "seats");
        // A settled round's slots may be gone: releasing a seat clears them.
        if (round <= settledRound()) return;
        IRoundManager.RoundView memory open = rounds.roundAt(group, round);
        uint256 committed = 0;
        for (uint256 i = 0; i < MEMBERS; ++i) {
            (bool did, , uint16 w, ) = rounds.slot(group, nodes[i], round);
            if (did) committed += w;
        }
        assertTrue(committed <= open.rosterWeight, "committed weight is of the roster");
        assertTrue(open.leaderWeight <= open.revealedWeight && open.revealedWeight <= committed, "votes are of the committed");
        assertTrue(open.revealed <= open.committed && open.committed <= open.seats, "counts");
    }

    /// @dev From any state: wait, settle what there is, and a new round runs to its end.
    function checkMovesOn() external {
        for (uint256 i = 0; i < MEMBERS; ++i) {
            try rounds.seat(group, nodes[i]) {} catch {
                this.doJoinOrLeave(i);
            }
        }
        vm.warp(vm_now() + COMMIT + REVEAL + WINDOW + 2 * IDLE);
        (uint32 last, , , ) = rounds.phase(group);
        for (uint256 i = 0; i < 9; ++i) this.doSettle();
        assertEq(settledRound(), last, "everything settles in the end");
        (uint8 seats, ) = rounds.roster(group);
        if (seats == 0) return;
        for (uint256 i = 0; i < MEMBERS; ++i) this.doCommit(i, false);
        assertPhase(last + 1, Phase.Reveal);
    }

    function _isMember(uint256 index, uint32 round) private view returns (bool) {
        try rounds.seat(group, nodes[index]) returns (IRoundManager.SeatView memory seat) {
            return seat.fromRound <= round && (seat.untilRound == 0 || seat.untilRound > round);
        } catch {
            return false;
        }
    }

    /// @dev The result of the round before, where it has one and stands on the head; else the head.
    function _expected(uint32 round) private view returns (bytes32) {
        (bytes32 head, , uint32 settled) = rounds.head(group);
        if (round < 2 || round - 1 != settled + 1 || _count(_included(round - 1)) < 2) return head;
        return hashOf(resultOf(round - 1, head, _included(round - 1)));
    }

    function _included(uint32 round) private view returns (uint256 included) {
        for (uint256 i = 0; i < MEMBERS; ++i) {
            (, bool revealed, , ) = rounds.slot(group, nodes[i], round);
            if (!revealed) continue;
            included |= 1 << rounds.seat(group, nodes[i]).seat;
        }
    }

    function _count(uint256 bits) private pure returns (uint256 count) {
        for (; bits != 0; bits &= bits - 1) ++count;
    }
}

/// @title Invariants of a swarm whose members do anything in any order
contract InvariantTest {
    // solhint-disable-next-line const-name-snakecase
    bool public constant IS_TEST = true;
    SwarmHandler private _handler;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public {
        _handler = new SwarmHandler();
        _handler.build();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](8);
        selectors[0] = SwarmHandler.doCommit.selector;
        selectors[1] = SwarmHandler.doReveal.selector;
        selectors[2] = SwarmHandler.doRound.selector;
        selectors[3] = SwarmHandler.doSettle.selector;
        selectors[4] = SwarmHandler.doJoinOrLeave.selector;
        selectors[5] = SwarmHandler.doClaim.selector;
        selectors[6] = SwarmHandler.doWait.selector;
        selectors[7] = SwarmHandler.doRound.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(_handler), selectors);
    }

    function invariant_tokens_are_conserved() public view {
        _handler.checkTokens();
    }

    function invariant_weights_add_up() public view {
        _handler.checkWeights();
    }

    /// @dev After each run, not after each action: it moves the swarm on.
    function afterInvariant() public {
        _handler.checkMovesOn();
        _handler.checkTokens();
        _handler.checkWeights();
    }
}
