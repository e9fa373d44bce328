// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputes} from "../../../contracts/interfaces/IDisputes.sol";
import {IGroupRegistry} from "../../../contracts/interfaces/IGroupRegistry.sol";
import {IIdentityRegistry} from "../../../contracts/interfaces/IIdentityRegistry.sol";
import {IRewardDistributor} from "../../../contracts/interfaces/IRewardDistributor.sol";
import {IRoundManager} from "../../../contracts/interfaces/IRoundManager.sol";
import {IStakeVault} from "../../../contracts/interfaces/IStakeVault.sol";
import {GroupId, Phase, RoundId, RoundIds} from "../../../contracts/types/Types.sol";
import {Checks} from "./Checks.sol";
import {Member, Situation, Struck, Vote} from "./Model.sol";

/// @title What members, watchers, members that cheat and strangers do in whatever order: the fuzzer's hands
/// @dev Every action does something valid if there is something, so that long runs get far. A seed says the rest.
contract Handler is Checks {
    uint256 private constant IN_A_ROW = 9;

    function populate() external {
        for (uint256 i = 0; i < ACTORS; ++i) {
            _ensureStake(i);
            _join(i < 4 ? 0 : 1, i);
        }
    }

    modifier stirred(uint256 seed) {
        _stir(seed);
        _;
    }

    // ------------------------------------------------------------------------------------------------ rounds

    function doCommit(uint256 seed) external stirred(seed) {
        uint256 g = _below(ARENAS);
        uint32 round = _committable(g);
        if (round == 0) return _refused(g);
        uint256 waiting = _waiting(g, round);
        if (waiting == 0) return;
        Play memory play = _somehow(g, round);
        uint256 seat = _pick(waiting);
        bool isAgainst = (play.against >> seat) & 1 == 1;
        bytes32 parent = isAgainst ? play.other : play.parent;
        Vote memory vote = Vote(_keyIn(g, seat, round), play.available, play.empty != 0, play.bad != 0, parent);
        _commit(g, round, seat, vote);
    }

    function doReveal(uint256 seed) external stirred(seed) {
        uint256 g = _below(ARENAS);
        (uint32 round, Phase phase) = _phase(g);
        if (phase == Phase.Commit && _below(3) == 0) {
            vm.warp(rounds.liveOf(arena[g]).commitDeadline());
            (, phase) = _phase(g);
        }
        uint256 waiting = _unopened(g, round);
        if (phase == Phase.Reveal && waiting != 0) _reveal(g, round, _pick(waiting), _below(3) != 0);
    }

    function doRound(uint256 seed) external stirred(seed) {
        _round(_below(ARENAS));
    }

    function doRoundAndSettle(uint256 seed) external stirred(seed) {
        uint256 g = _below(ARENAS);
        _round(g);
        if (_below(3) == 0) _watch(g, _challenger(g));
        _settle(g, true);
    }

    /// @dev Rounds that nobody settles, until the ring is full.
    function doRush(uint256 seed) external stirred(seed) {
        uint256 g = _below(ARENAS);
        if (_below(3) != 0) return;
        for (uint256 i = 0; i < IN_A_ROW && _committable(g) != 0; ++i) _round(g);
        _refused(g);
    }

    function doSettle(uint256 seed) external stirred(seed) {
        uint256 g = _below(ARENAS);
        if (!_settle(g, _below(3) != 0)) _challengeUnpresented(g);
    }

    function doWait(uint256 seed) external stirred(seed) {
        uint256[6] memory waits = [uint256(1), 5, WINDOW, REVEAL, COMMIT, 2 * IDLE];
        vm.warp(vm_now() + waits[_below(_below(4) == 0 ? 6 : 5)]);
    }

    function _round(uint256 g) private {
        (, Phase phase) = _phase(g);
        if (phase == Phase.Reveal) vm.warp(rounds.liveOf(arena[g]).revealDeadline());
        uint32 round = _committable(g);
        if (round != 0) _play(g, _somehow(g, round));
    }

    /// @dev Where the ring is full nobody can open a round.
    function _refused(uint256 g) private {
        (uint32 round, Phase phase) = _phase(g);
        uint256 who = _seatsOf(g, round + 1);
        if (phase != Phase.Closed || who == 0 || round < books[g].settled + 8) return;
        RoundId id = RoundIds.make(arena[g], round + 1);
        address node = members[g][_pick(who)].node;
        _require(!_try(node, address(rounds), abi.encodeCall(IRoundManager.commit, (id, 0, 0))), "a full ring took a round");
        _saw(Situation.RingFull);
    }

    // ------------------------------------------------------------------------------------------------ disputes

    function doWatch(uint256 seed) external stirred(seed) {
        uint256 g = _below(ARENAS);
        _watch(g, _challenger(g));
    }

    function doPunish(uint256 seed) external stirred(seed) {
        uint256 g = _below(ARENAS);
        uint256 count = strikes[g].length;
        for (uint256 i = count > 3 ? count - 3 : 0; i < count; ++i) {
            for (uint256 seat = 0; seat < capacity[g]; ++seat) if (_below(3) != 0) _slash(g, i, seat);
            if (_below(2) == 0) _collect(g, i);
        }
    }

    function doDemand(uint256 seed) external stirred(seed) {
        uint256 g = _below(ARENAS);
        if (_below(3) == 0 && books[g].last > books[g].settled + 1) {
            uint32 round = books[g].settled + 1;
            (bool agreed, bytes32 hash) = views.agreedParent(arena[g], round + 1);
            if (agreed && known[hash].round == round) rounds.present(arena[g], known[hash]);
        }
        _demand(g);
        if (_below(3) == 0) vm.warp(vm_now() + WINDOW);
        if (_below(2) == 0) _answer(g);
        _endDemands(g);
    }

    function _challenger(uint256 g) private returns (address) {
        uint256 actor = members[g][_below(capacity[g])].actor;
        return actor == 0 || _below(3) != 0 ? WATCHER : operators[actor - 1];
    }

    // ------------------------------------------------------------------------------------------------ seats

    function doJoin(uint256 seed) external stirred(seed) {
        uint256 actor = _below(ACTORS);
        if (_below(4) != 0) _ensureStake(actor);
        _join(_below(3) == 0 ? 1 : 0, actor);
    }

    function doLeave(uint256 seed) external stirred(seed) {
        uint256 g = _below(ARENAS);
        uint256 seat = _below(capacity[g]);
        Member storage member = members[g][seat];
        if (member.actor == 0 || member.until != 0) return;
        if (_below(2) == 0) {
            _ensureStake(member.actor - 1);
            _migrate(g, 1 - g, seat);
        } else if (_below(2) == 0) {
            _leave(g, seat);
        }
    }

    function doEvictAndRelease(uint256 seed) external stirred(seed) {
        uint256 g = _below(ARENAS);
        for (uint256 seat = 0; seat < capacity[g]; ++seat) {
            if (_below(2) == 0) _evict(g, seat);
            if (_below(2) == 0) _release(g, seat);
        }
    }

    function doRekey(uint256 seed) external stirred(seed) {
        uint256 g = _below(ARENAS);
        uint256 seat = _below(capacity[g]);
        uint256 actor = members[g][seat].actor;
        if (actor != 0 && _below(2) == 0) _rotate(actor - 1);
        _rekey(g, seat);
    }

    // ------------------------------------------------------------------------------------------------ money

    function doMoney(uint256 seed) external stirred(seed) {
        _claim(_below(ACTORS));
        if (_below(2) == 0) _withdraw(_below(ACTORS));
        if (_below(3) == 0) _donate(_below(4));
        if (_below(6) == 0) _fund(_below(ARENAS));
    }

    /// @dev What is others' business: refused to strangers, to members, and to the deployer, who is the groups' creator too.
    function doMeddle(uint256 seed) external stirred(seed) {
        uint256 g = _below(ARENAS);
        uint256 victim = _below(ACTORS);
        address[3] memory meddlers = [STRANGER, address(this), operators[(victim + 1) % ACTORS]];
        address who = meddlers[_below(3)];
        uint64 identity = uint64(victim + 1);
        GroupId id = arena[g];
        _mustFail(who, address(vault), abi.encodeCall(IStakeVault.lock, (identity, 1)));
        _mustFail(who, address(vault), abi.encodeCall(IStakeVault.unlock, (identity, 1)));
        _mustFail(who, address(vault), abi.encodeCall(IStakeVault.slash, (identity, 1, who, 1)));
        _mustFail(who, address(vault), abi.encodeCall(IStakeVault.withdraw, (identity, 0, who)));
        _mustFail(who, address(rounds), abi.encodeCall(IRoundManager.slash, (id, 0)));
        _mustFail(who, address(rounds), abi.encodeCall(IRoundManager.strike, (id, 1, books[g].head)));
        _mustFail(who, address(rounds), abi.encodeCall(IRoundManager.hold, (id, 1, type(uint40).max)));
        _mustFail(who, address(rounds), abi.encodeCall(IRoundManager.leave, (id, nodes[victim])));
        _mustFail(who, address(rounds), abi.encodeCall(IRoundManager.join, (id, nodes[victim], "")));
        _mustFail(
            who,
            address(rounds),
            abi.encodeCall(IRoundManager.commitFor, (RoundIds.make(id, books[g].last + 1), new IRoundManager.CommitOf[](0)))
        );
        _mustFail(
            who,
            address(rounds),
            abi.encodeCall(IRoundManager.revealFor, (RoundIds.make(id, books[g].last), new IRoundManager.RevealOf[](0)))
        );
        _meddleWithPay(g, who, identity);
        _saw(Situation.OutsiderRefused);
    }

    function _meddleWithPay(uint256 g, address who, uint64 identity) private {
        GroupId id = arena[g];
        IRewardDistributor.Payment memory payment = IRewardDistributor.Payment(1, 1e18, 1, 1, 31, 0, 31, "");
        _mustFail(who, address(distributor), abi.encodeCall(IRewardDistributor.pay, (id, payment)));
        _mustFail(who, address(distributor), abi.encodeCall(IRewardDistributor.addBudget, (id, 1)));
        _mustFail(who, address(distributor), abi.encodeCall(IRewardDistributor.assign, (id, 0, who, who)));
        _mustFail(who, address(groups), abi.encodeCall(IGroupRegistry.admit, (id, identity, "")));
        _mustFail(who, address(identities), abi.encodeCall(IIdentityRegistry.rotate, (identity, new bytes(64), new bytes(65))));
        for (uint8 seat = 0; seat < capacity[g]; ++seat) {
            uint256 actor = members[g][seat].actor;
            if (actor != 0 && operators[actor - 1] == who) continue;
            (GroupId[] memory where, uint8[] memory seats) = (new GroupId[](1), new uint8[](1));
            (where[0], seats[0]) = (id, seat);
            _mustFail(who, address(distributor), abi.encodeCall(IRewardDistributor.claim, (where, seats)));
        }
    }

    function _mustFail(address who, address target, bytes memory call) private {
        _require(!_try(who, target, call), "an outsider was let in");
    }

    function _pick(uint256 bits) private returns (uint256 seat) {
        uint256 skip = _below(_popcount(bits));
        for (seat = 0; ; ++seat) {
            if ((bits >> seat) & 1 == 0) continue;
            if (skip == 0) return seat;
            --skip;
        }
    }

    // ------------------------------------------------------------------------------------------------ liveness

    /// @notice From wherever a group is: waiting and calls by anyone settle every round, and a fresh honest round becomes final,
    /// also where every voter was slashed. Then all leave, and nothing of theirs stays behind.
    function everything_moves_on_and_comes_free() external {
        for (uint256 g = 0; g < ARENAS; ++g) {
            _settleAll(g);
            _slashAll(g);
            _settleAll(g);
            _fill(g);
            _becomesFinal(g);
            for (uint256 seat = 0; seat < capacity[g]; ++seat) {
                Member storage member = members[g][seat];
                if (member.actor != 0 && member.until == 0) _leave(g, seat);
            }
            _settleAll(g);
            for (uint256 seat = 0; seat < capacity[g]; ++seat) if (members[g][seat].actor != 0) _release(g, seat);
            for (uint256 i = 0; i < strikes[g].length; ++i) _collect(g, i);
            _endDemands(g);
        }
        for (uint256 i = 0; i < ACTORS; ++i) {
            (, uint256 locked) = vault.stakeOf(uint64(i + 1));
            assertEq(locked, 0, "a stake stays locked");
            _claim(i);
            assertEq(distributor.settledCreditOf(operators[i]), 0, "credit stays behind");
        }
        assertEq(token.balanceOf(address(disputes)), donated[2], "escrow stays behind");
    }

    function _settleAll(uint256 g) private {
        uint256 stuck = 0;
        for (uint256 i = 0; i < 80 && books[g].settled != books[g].last; ++i) {
            if (_watch(g, WATCHER) || _settle(g, true) || _challengeUnpresented(g)) {
                stuck = 0;
                continue;
            }
            require(++stuck < 4, _plight(g));
            vm.warp(vm_now() + COMMIT + REVEAL + WINDOW + IDLE);
        }
        assertEq(books[g].settled, books[g].last, "rounds stay unsettled");
    }

    function _plight(uint256 g) private view returns (string memory) {
        uint32 round = books[g].settled + 1;
        (bool agreed, bytes32 hash) = _agreedByBooks(g, round + 1);
        string memory what = string.concat("nobody can move the group on from round ", vm.toString(round));
        what = string.concat(what, " of ", vm.toString(books[g].last), agreed ? ", agreed" : "", isHonest[hash] ? ", right" : "");
        what = string.concat(what, struckPlace[g][hash] != 0 ? ", struck" : "", known[hash].parent == books[g].head ? "" : ", off");
        return string.concat(what, ", result of ", vm.toString(known[hash].round), ", fault ", vm.toString(uint256(faults[hash])));
    }

    function _slashAll(uint256 g) private {
        for (uint256 i = 0; i < strikes[g].length; ++i) {
            for (uint256 seat = 0; seat < capacity[g]; ++seat) _slash(g, i, seat);
        }
    }

    function _fill(uint256 g) private {
        for (uint256 seat = 0; seat < capacity[g]; ++seat) {
            if (members[g][seat].actor != 0 && members[g][seat].until != 0) _release(g, seat);
        }
        for (uint256 i = 0; i < ACTORS && _popcount(_seatsOf(g, books[g].last + 1)) < 2; ++i) {
            _ensureStake(i);
            _join(g, i);
        }
    }

    /// @dev The first round may build on a struck or idle one, so it takes up to three.
    function _becomesFinal(uint256 g) private {
        uint32 before = books[g].finalized;
        for (uint256 i = 0; i < 4 && books[g].finalized == before; ++i) {
            _play(g, _honestly(g, books[g].last + 1));
            vm.warp(vm_now() + WINDOW);
            _settle(g, true);
        }
        assertTrue(books[g].finalized > before, "honest members do not get a round final");
    }

    // ------------------------------------------------------------------------------------------------ the canary

    /// @dev A line of how often each situation was reached, for the campaign's canary.
    function report() external {
        string memory path = campaign.envOr("INVARIANTS_LOG", string(""));
        if (bytes(path).length == 0) return;
        string memory line = vm.toString(reached[0]);
        for (uint256 i = 1; i < uint256(Situation.End); ++i) line = string.concat(line, " ", vm.toString(reached[i]));
        campaign.writeLine(path, line);
    }
}
