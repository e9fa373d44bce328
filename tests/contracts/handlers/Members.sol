// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRewardDistributor} from "../../../contracts/interfaces/IRewardDistributor.sol";
import {IRoundManager} from "../../../contracts/interfaces/IRoundManager.sol";
import {IStakeVault} from "../../../contracts/interfaces/IStakeVault.sol";
import {GroupId, Phase, RoundIds} from "../../../contracts/types/Types.sol";
import {Settling} from "./Settling.sol";
import {Member, Situation} from "./Model.sol";

/// @title Seats that are taken, left, freed and handed over; stakes, budgets and claims
abstract contract Members is Settling {
    function _seatOf(uint256 g, address node) internal view returns (bool, uint256) {
        for (uint256 seat = 0; seat < capacity[g]; ++seat) {
            if (members[g][seat].actor != 0 && members[g][seat].node == node) return (true, seat);
        }
        return (false, 0);
    }

    function _isFull(uint256 g) internal view returns (bool) {
        for (uint256 seat = 0; seat < capacity[g]; ++seat) if (members[g][seat].actor == 0) return false;
        return true;
    }

    function _ensureStake(uint256 actor) internal {
        if (freeStake[actor] >= STAKE) return;
        uint256 amount = STAKE - freeStake[actor];
        vault.deposit(uint64(actor + 1), amount);
        freeStake[actor] += amount;
        ownWallet -= amount;
    }

    function _join(uint256 g, uint256 actor) internal {
        address node = nodes[actor];
        (bool isSeated, ) = _seatOf(g, node);
        bool mayJoin = !isSeated && !_isFull(g) && freeStake[actor] >= STAKE;
        bool done = _try(
            _below(2) == 0 ? node : operators[actor],
            address(rounds),
            abi.encodeCall(IRoundManager.join, (arena[g], node, ""))
        );
        _require(done == mayJoin, "joining");
        if (done) _tookSeat(g, actor);
    }

    function _tookSeat(uint256 g, uint256 actor) private {
        uint256 seat = rounds.placeOf(arena[g], nodes[actor]) - 1;
        _require(members[g][seat].actor == 0, "a seat was given away twice");
        _require(seat < capacity[g], "a seat beyond the capacity");
        if (credits[g][seat] != 0) broken = "an empty seat had credit";
        freeStake[actor] -= STAKE;
        lockedStake[actor] += STAKE;
        if (books[g].settled != 0 && members[g][seat].from != 0) _saw(Situation.SeatReused);
        members[g][seat] = Member({
            actor: uint64(actor + 1),
            node: nodes[actor],
            previous: address(0),
            from: books[g].last + 1,
            until: 0,
            keyFrom: books[g].last + 1,
            reputation: 1_000,
            age: 0,
            missed: 0,
            forfeits: 0
        });
        (, uint256 weight) = rounds.weightsOf(arena[g], 0).read(seat, type(uint32).max);
        if (weight < 1_000) _saw(Situation.NewcomersCapped);
        _saw(Situation.Joined);
    }

    function _leave(uint256 g, uint256 seat) internal {
        Member storage member = members[g][seat];
        vm.prank(operators[member.actor - 1]);
        rounds.leave(arena[g], member.node);
        member.until = books[g].last + 1;
        _saw(Situation.Left);
    }

    function _migrate(uint256 from, uint256 to, uint256 seat) internal {
        Member storage member = members[from][seat];
        uint256 actor = member.actor - 1;
        if (member.node != nodes[actor] || freeStake[actor] < STAKE || _isFull(to)) return;
        (bool isThere, ) = _seatOf(to, nodes[actor]);
        if (isThere) return;
        vm.prank(nodes[actor]);
        rounds.migrate(arena[from], arena[to], nodes[actor], "");
        member.until = books[from].last + 1;
        _tookSeat(to, actor);
        _saw(Situation.Migrated);
    }

    function _evict(uint256 g, uint256 seat) internal {
        Member storage member = members[g][seat];
        bool may = member.actor != 0 && member.until == 0 && member.missed >= MAX_MISSED;
        bool done = _try(STRANGER, address(rounds), abi.encodeCall(IRoundManager.evict, (arena[g], uint8(seat))));
        _require(done == may, "evicting");
        if (!done) return;
        member.until = books[g].last + 1;
        _saw(Situation.Evicted);
    }

    function _release(uint256 g, uint256 seat) internal {
        Member storage member = members[g][seat];
        bool may = member.actor != 0 && member.until != 0 && books[g].settled + 1 >= member.until;
        bool done = _try(STRANGER, address(rounds), abi.encodeCall(IRoundManager.release, (arena[g], uint8(seat))));
        _require(done == may, "releasing");
        if (!done) return;
        uint256 actor = member.actor - 1;
        uint256 left = STAKE - (STAKE / 100) * member.forfeits;
        lockedStake[actor] -= left;
        freeStake[actor] += left;
        earned[actor] += credits[g][seat];
        credits[g][seat] = 0;
        uint32 from = member.from;
        delete members[g][seat];
        members[g][seat].from = from;
        _saw(Situation.Released);
    }

    // ------------------------------------------------------------------------------------------------ keys

    function _rotate(uint256 actor) internal {
        uint64 identity = uint64(actor + 1);
        uint256 key = ++freshKey;
        uint256 nonce = identities.nonceOf(identity);
        (address node, bytes memory publicKey, bytes memory signature) = registration(key, operators[actor], nonce);
        vm.prank(operators[actor]);
        identities.rotate(identity, publicKey, signature);
        nodes[actor] = node;
        keyOf[node] = key;
    }

    function _rekey(uint256 g, uint256 seat) internal {
        Member storage member = members[g][seat];
        if (member.actor == 0) return;
        uint256 actor = member.actor - 1;
        (bool isSeated, ) = _seatOf(g, nodes[actor]);
        bool may = !isSeated && member.until == 0 && books[g].settled + 1 >= member.keyFrom;
        bool done = _try(STRANGER, address(rounds), abi.encodeCall(IRoundManager.rekey, (arena[g], uint8(seat))));
        _require(done == may, "rekeying");
        if (!done) return;
        (member.previous, member.node, member.keyFrom) = (member.node, nodes[actor], books[g].last + 1);
        // The credit is the operator's from here on: it is put apart when a seat is assigned anew.
        earned[actor] += credits[g][seat];
        credits[g][seat] = 0;
        (, Phase phase) = _phase(g);
        if (phase != Phase.Closed) _saw(Situation.RekeyedMidRound);
    }

    // ------------------------------------------------------------------------------------------------ money

    function _claim(uint256 actor) internal {
        (GroupId[] memory where, uint8[] memory seats, uint256 amount) = _claimable(actor);
        amount += earned[actor];
        bytes memory call = abi.encodeCall(IRewardDistributor.claim, (where, seats));
        bool done = _try(operators[actor], address(distributor), call);
        _require(done == (amount != 0), "claiming");
        if (!done) return;
        earned[actor] = 0;
        for (uint256 i = 0; i < seats.length; ++i) {
            for (uint256 g = 0; g < ARENAS; ++g) {
                if (GroupId.unwrap(arena[g]) == GroupId.unwrap(where[i])) credits[g][seats[i]] = 0;
            }
        }
        wallets[actor] += amount;
        _saw(Situation.Claimed);
        // A second time there is nothing.
        _require(!_try(operators[actor], address(distributor), call), "claimed twice");
    }

    /// @dev Each of the operator's seats, twice: the second time it has nothing.
    function _claimable(uint256 actor) private view returns (GroupId[] memory where, uint8[] memory seats, uint256 amount) {
        uint256 count = 0;
        for (uint256 i = 0; i < ARENAS * 5; ++i) if (members[i / 5][i % 5].actor == actor + 1) ++count;
        (where, seats) = (new GroupId[](2 * count), new uint8[](2 * count));
        for (uint256 i = 0; i < ARENAS * 5; ++i) {
            if (members[i / 5][i % 5].actor != actor + 1) continue;
            --count;
            (where[2 * count], seats[2 * count]) = (arena[i / 5], uint8(i % 5));
            (where[2 * count + 1], seats[2 * count + 1]) = (arena[i / 5], uint8(i % 5));
            amount += credits[i / 5][i % 5];
        }
    }

    function _withdraw(uint256 actor) internal {
        uint256 amount = 1 + _below(2 * STAKE);
        bool may = amount <= freeStake[actor];
        bytes memory call = abi.encodeCall(IStakeVault.withdraw, (uint64(actor + 1), amount, operators[actor]));
        bool done = _try(operators[actor], address(vault), call);
        _require(done == may, "withdrawing");
        if (!done) return;
        freeStake[actor] -= amount;
        wallets[actor] += amount;
        _saw(Situation.Withdrawn);
    }

    function _fund(uint256 g) internal {
        uint256 amount = 1 + _below(3 * REWARD);
        groups.fund(arena[g], amount);
        books[g].budget += amount;
        ownWallet -= amount;
        _saw(Situation.Funded);
    }

    /// @dev Tokens sent straight to a contract are nobody's.
    function _donate(uint256 which) internal {
        uint256 amount = 1 + _below(1e18);
        address[4] memory targets = [address(vault), address(distributor), address(disputes), address(rounds)];
        token.transfer(targets[which % 4], amount);
        donated[which % 4] += amount;
        ownWallet -= amount;
        _saw(Situation.Donated);
    }
}
