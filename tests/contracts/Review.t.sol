// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRoundManager} from "../../contracts/interfaces/IRoundManager.sol";
import {IRoundViews} from "../../contracts/interfaces/IRoundViews.sol";
import {GroupId, Phase, Result, Reveal, RoundIds, Terms} from "../../contracts/types/Types.sol";
import {Swarm} from "./Swarm.sol";

/// @title Members that do whatever they like, keys and seats that change hands in every phase
/// @dev Every step is one random call, which may be refused. What must hold is checked throughout; in the end everybody leaves, and
/// nothing may be left behind: no locked stake, no credit, no unsettled round.
contract ReviewTest is Swarm {
    uint256 private constant ACTORS = 6;
    uint256 private constant STEPS = 160;

    struct Vote {
        bytes32 parent;
        uint8 seat;
        bool made;
    }

    address[] private _keys;
    mapping(uint32 round => mapping(address node => Vote)) private _votes;
    mapping(uint32 round => mapping(bytes32 parent => uint256)) private _named;
    mapping(bytes32 hash => Result) private _results;
    uint256 private _random;
    uint256 private _fresh = 50_000;
    uint256 private _finals;
    uint256 private _voids;

    function setUp() public override {
        super.setUp();
        Terms memory terms = defaultTerms();
        terms.capacity = 4;
        terms.maturity = 2;
        terms.maxMissed = 2;
        createGroup(terms);
        fund(1_000e18);
        for (uint256 i = 0; i < ACTORS; ++i) {
            register();
            _keys.push(nodes[i]);
            vault.deposit(uint64(i + 1), 2 * STAKE);
        }
    }

    /// forge-config: default.fuzz.runs = 24
    function testFuzz_no_play_breaks_the_books_or_the_group(uint256 seed) public {
        _random = seed;
        for (uint256 step = 0; step < STEPS; ++step) {
            _act(_below(20));
            if (step % 8 == 0) _check();
        }
        _wind();
    }

    // ------------------------------------------------------------------------------------------------ acting

    function _act(uint256 choice) private {
        uint256 actor = _below(ACTORS);
        address node = nodes[actor];
        if (choice < 1) {
            _try(operators[actor], abi.encodeCall(IRoundManager.leave, (group, node)));
        } else if (choice < 4) {
            _try(node, abi.encodeCall(IRoundManager.join, (group, node, "")));
        } else if (choice < 5) {
            _try(node, abi.encodeCall(IRoundManager.evict, (group, uint8(_below(4)))));
            _try(node, abi.encodeCall(IRoundManager.release, (group, uint8(_below(4)))));
        } else if (choice < 6) {
            if (_below(3) == 0) _rotate(actor);
            _try(node, abi.encodeCall(IRoundManager.rekey, (group, uint8(_below(4)))));
        } else if (choice < 8) {
            _commit(_keys[_below(_keys.length)], _below(6) == 0);
        } else if (choice < 10) {
            _reveal(_keys[_below(_keys.length)]);
        } else if (choice < 14) {
            _round();
        } else if (choice < 17) {
            _settle();
        } else if (choice < 18) {
            _claim(actor);
        } else {
            uint256[6] memory waits = [uint256(1), 5, REVEAL, COMMIT, IDLE, 2 * IDLE];
            vm.warp(vm_now() + waits[_below(waits.length)]);
        }
    }

    function _try(address sender, bytes memory call) private returns (bool done) {
        vm.prank(sender);
        (done, ) = address(rounds).call(call);
    }

    function _rotate(uint256 actor) private {
        uint64 identity = uint64(actor + 1);
        (address node, bytes memory publicKey, bytes memory signature) = registration(
            ++_fresh,
            operators[actor],
            identities.nonceOf(identity)
        );
        vm.prank(operators[actor]);
        identities.rotate(identity, publicKey, signature);
        nodes[actor] = node;
        _keys.push(node);
    }

    function _opened(address node, uint32 round, bytes32 parent) private pure returns (Reveal memory opened) {
        opened.salt = keccak256(abi.encode(node, round));
        opened.parent = parent;
    }

    function _commit(address node, bool dissents) private {
        (uint32 round, Phase phase, , ) = views.phase(group);
        if (phase == Phase.Closed) ++round;
        bytes32 parent = dissents ? keccak256(abi.encode(node, _random)) : _expected(round);
        bytes24 commitment = views.makeCommitment(group, round, node, _opened(node, round, parent));
        if (!_try(node, abi.encodeCall(IRoundManager.commit, (RoundIds.make(group, round), bytes32("sealed"), commitment)))) return;
        assertTrue(!_votes[round][node].made, "a node committed twice in a round");
        // A member of the open round still sits where it did: a seat is released when its rounds are settled.
        _votes[round][node] = Vote(parent, views.seat(group, node).seat, true);
        _check();
    }

    function _reveal(address node) private {
        (uint32 round, , , ) = views.phase(group);
        Vote memory vote = _votes[round][node];
        if (!_try(node, abi.encodeCall(IRoundManager.reveal, (RoundIds.make(group, round), _opened(node, round, vote.parent)))))
            return;
        assertTrue(vote.made, "a node revealed what it did not commit");
        _named[round][vote.parent] |= 1 << vote.seat;
    }

    /// @dev What most nodes do: a whole round.
    function _round() private {
        (, Phase before, , ) = views.phase(group);
        if (before == Phase.Reveal) vm.warp(vm_now() + REVEAL);
        bool all = _below(3) != 0;
        for (uint256 i = 0; i < _keys.length; ++i) if (all || _below(3) != 0) _commit(_keys[i], _below(12) == 0);
        (, Phase phase, uint256 commitDeadline, ) = views.phase(group);
        if (phase == Phase.Commit) vm.warp(commitDeadline);
        for (uint256 i = 0; i < _keys.length; ++i) if (all || _below(3) != 0) _reveal(_keys[i]);
        (, , , uint256 revealDeadline) = views.phase(group);
        if (revealDeadline > vm_now()) vm.warp(revealDeadline);
    }

    function _settle() private {
        (bytes32 head, , uint32 settled, ) = views.head(group);
        (uint32 round, , , ) = views.phase(group);
        if (round > settled + 1) {
            (bool agreed, bytes32 leader) = views.agreedParent(group, settled + 2);
            Result memory result = _results[leader];
            if (agreed && result.round != 0 && leader != head) {
                if (_below(2) == 0) vm.warp(vm_now() + WINDOW);
                _try(address(this), abi.encodeCall(IRoundManager.present, (group, result)));
                if (_below(2) == 0) vm.warp(vm_now() + WINDOW);
                if (_try(address(this), abi.encodeCall(IRoundManager.finalize, (group, result)))) ++_finals;
                return;
            }
        }
        if (_try(address(this), abi.encodeCall(IRoundManager.settleVoid, (group)))) ++_voids;
    }

    function _claim(uint256 actor) private {
        uint256 count = 0;
        for (uint8 seat = 0; seat < 4; ++seat) if (views.seatAt(group, seat).identity == actor + 1) ++count;
        GroupId[] memory where = new GroupId[](2 * count);
        uint8[] memory seats = new uint8[](2 * count);
        for (uint8 seat = 0; seat < 4; ++seat) {
            if (views.seatAt(group, seat).identity != actor + 1) continue;
            // Each of them twice: the second time there is nothing left.
            (where[2 * count - 1], seats[2 * count - 1]) = (group, seat);
            (where[2 * count - 2], seats[2 * count - 2]) = (group, seat);
            --count;
        }
        vm.prank(operators[actor]);
        (bool done, ) = address(distributor).call(abi.encodeCall(distributor.claim, (where, seats)));
        done;
    }

    // ------------------------------------------------------------------------------------------------ what an honest node names

    /// @dev docs/specification.md, section 7; keeps every result it comes by.
    function _expected(uint32 round) private returns (bytes32 expected) {
        uint32 settled;
        bytes32 parent;
        (parent, , settled, ) = views.head(group);
        (uint32 last, , , uint256 closedAt) = views.phase(group);
        expected = parent;
        for (uint32 r = settled + 1; r < round; ++r) {
            Result memory result = resultOf(r, parent, _named[r][parent]);
            bytes32 base = parent;
            expected = parent;
            if (_popcount(result.included) >= 2) {
                expected = hashOf(result);
                _results[expected] = result;
            }
            if (r < last) {
                (bool agreed, bytes32 leader) = views.agreedParent(group, r + 1);
                bool idle = views.roundAt(group, r + 1).idle;
                if (idle) expected = base;
                parent = agreed && !idle ? leader : base;
            } else if (vm_now() >= closedAt + IDLE) {
                expected = base;
            }
        }
    }

    // ------------------------------------------------------------------------------------------------ what must hold

    function _check() private view {
        uint256 staked = 0;
        uint256 credits = distributor.budgetOf(group);
        uint256 held = token.balanceOf(address(this)) + token.balanceOf(address(vault)) + token.balanceOf(address(distributor));
        for (uint256 i = 0; i < ACTORS; ++i) {
            (uint256 free, uint256 locked) = vault.stakeOf(uint64(i + 1));
            staked += free + locked;
            credits += distributor.settledCreditOf(operators[i]);
            held += token.balanceOf(operators[i]);
        }
        uint256 weight = 0;
        uint256 count = 0;
        for (uint8 seat = 0; seat < 4; ++seat) {
            credits += distributor.creditOf(group, seat);
            IRoundViews.SeatView memory view_ = views.seatAt(group, seat);
            if (view_.node == address(0) || view_.untilRound != 0) continue;
            weight += view_.weight;
            ++count;
        }
        assertEq(token.totalSupply(), held, "supply");
        assertEq(token.balanceOf(address(vault)), staked, "vault");
        assertEq(token.balanceOf(address(distributor)), credits, "distributor");
        (uint8 seats, uint32 rosterWeight) = views.roster(group);
        assertEq(seats, count, "seats");
        assertEq(rosterWeight, weight, "weight of the roster");
        (uint32 round, , , ) = views.phase(group);
        if (round == 0) return;
        IRoundViews.RoundView memory open = views.roundAt(group, round);
        (uint256 committed, uint256 revealed, uint256 committedWeight, uint256 revealedWeight) = (0, 0, 0, 0);
        for (uint256 i = 0; i < _keys.length; ++i) {
            (bool didCommit, bool didReveal, uint16 w, ) = views.slot(group, _keys[i], round);
            if (didCommit) (committed, committedWeight) = (committed + 1, committedWeight + w);
            if (didReveal) (revealed, revealedWeight) = (revealed + 1, revealedWeight + w);
        }
        // The slots of a released seat are gone; its rounds are settled.
        (, , uint32 settled, ) = views.head(group);
        if (settled >= round) return;
        assertEq(open.committed, committed, "committed");
        assertEq(open.revealed, revealed, "revealed");
        assertEq(open.revealedWeight, revealedWeight, "revealed weight");
        assertTrue(committedWeight <= open.rosterWeight, "more weight committed than the roster has");
        assertTrue(open.leaderWeight <= open.revealedWeight, "leader's weight");
    }

    /// @dev Everybody leaves; the group settles whatever is open, and nothing stays behind.
    function _wind() private {
        for (uint8 seat = 0; seat < 4; ++seat) {
            IRoundViews.SeatView memory view_ = views.seatAt(group, seat);
            if (view_.node == address(0) || view_.untilRound != 0) continue;
            assertTrue(_try(operators[view_.identity - 1], abi.encodeCall(IRoundManager.leave, (group, view_.node))), "leave");
        }
        vm.warp(vm_now() + COMMIT + REVEAL + WINDOW + IDLE);
        (uint32 last, , , ) = views.phase(group);
        for (uint256 i = 0; i < 16 && settledRound() != last; ++i) _settleSomehow();
        assertEq(settledRound(), last, "settled");
        for (uint8 seat = 0; seat < 4; ++seat) {
            if (views.seatAt(group, seat).node != address(0)) rounds.release(group, seat);
        }
        _check();
        for (uint256 i = 0; i < ACTORS; ++i) {
            (, uint256 locked) = vault.stakeOf(uint64(i + 1));
            assertEq(locked, 0, "stake left locked");
            _claim(i);
            assertEq(distributor.settledCreditOf(operators[i]), 0, "credit left");
        }
        assertEq(token.balanceOf(address(distributor)), distributor.budgetOf(group), "only the budget is left");
        // And it can begin anew.
        (bytes32 head, , , ) = views.head(group);
        for (uint256 i = 0; i < 2; ++i) {
            vault.deposit(uint64(i + 1), STAKE);
            vm.prank(nodes[i]);
            rounds.join(group, nodes[i], "");
        }
        // The last round was void before the next opens, idle or struck: that one's votes bind nobody.
        uint32 next = last + 2;
        for (uint32 round = last + 1; round <= next; ++round) {
            for (uint256 i = 0; i < 2; ++i) commit(i, round, head);
            for (uint256 i = 0; i < 2; ++i) reveal(i, round, head);
        }
        (bool agreed, bytes32 parent) = views.agreedParent(group, next);
        assertTrue(agreed && parent == head, "two fresh members do not agree");
    }

    /// @dev Long after everything closed: void, final where it lies open, else struck because nobody presents it.
    function _settleSomehow() private {
        if (_try(address(this), abi.encodeCall(IRoundManager.settleVoid, (group)))) return;
        (, , uint32 settled, ) = views.head(group);
        (, bytes32 leader) = views.agreedParent(group, settled + 2);
        if (views.roundAt(group, settled + 2).presented) {
            assertTrue(_try(address(this), abi.encodeCall(IRoundManager.finalize, (group, _results[leader]))), "no call settles");
            return;
        }
        disputes.challengeUnpresented(group);
        vm.warp(vm_now() + WINDOW);
    }

    // ------------------------------------------------------------------------------------------------ small things

    function _below(uint256 bound) private returns (uint256) {
        _random = uint256(keccak256(abi.encode(_random)));
        return _random % bound;
    }

    function _popcount(uint256 bits) private pure returns (uint256 count) {
        for (; bits != 0; bits &= bits - 1) ++count;
    }
}

/// @title Settlement where every loop over seats runs to its end
contract DearestTest is Swarm {
    event Used(string what, uint256 gas);

    uint256 private constant TRANSACTION_GAS = 16_777_216;

    /// @dev The dearest settlements: 255 seats of which one left since, two thirds reveal, the rest forfeit; then evictions.
    function test_the_dearest_settlements_fit_a_transaction() public {
        Terms memory terms = defaultTerms();
        terms.capacity = 255;
        terms.maturity = 2;
        terms.maxMissed = 1;
        swarmOf(255, terms);
        for (uint256 i = 0; i < 255; ++i) commit(i, 1, genesis);
        for (uint256 i = 0; i < 171; ++i) reveal(i, 1, genesis);
        vm.warp(vm_now() + REVEAL);
        Result memory one = resultOf(1, genesis, (1 << 171) - 1);
        for (uint256 i = 0; i < 255; ++i) commit(i, 2, hashOf(one));
        // The open round's roster stays as it is.
        vm.prank(nodes[0]);
        rounds.leave(group, nodes[0]);
        emit Used("leave", vm.lastCallGas().gasTotalUsed);
        for (uint256 i = 84; i < 255; ++i) reveal(i, 2, hashOf(one));
        vm.warp(vm_now() + REVEAL + WINDOW);
        rounds.finalize(group, one);
        uint256 used = vm.lastCallGas().gasTotalUsed;
        emit Used("finalize", used);
        assertTrue(used < TRANSACTION_GAS, "finalize");
        vm.warp(vm_now() + IDLE);
        rounds.settleVoid(group);
        used = vm.lastCallGas().gasTotalUsed;
        emit Used("settleVoid", used);
        assertTrue(used < TRANSACTION_GAS, "settleVoid");
        rounds.evict(group, 200);
        used = vm.lastCallGas().gasTotalUsed;
        emit Used("evict", used);
        rounds.release(group, 0);
        emit Used("release", vm.lastCallGas().gasTotalUsed);
        assertTrue(used < TRANSACTION_GAS, "evict");
    }
}
