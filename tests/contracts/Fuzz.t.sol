// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRewardDistributor} from "../../contracts/interfaces/IRewardDistributor.sol";
import {Aggregation} from "../../contracts/libraries/Aggregation.sol";
import {Bitmap} from "../../contracts/libraries/Bitmap.sol";
import {Merkle} from "../../contracts/libraries/Merkle.sol";
import {Presentation, Presented} from "../../contracts/libraries/Presentation.sol";
import {Live, Record, Round} from "../../contracts/libraries/Round.sol";
import {Slot, Slots} from "../../contracts/libraries/Slots.sol";
import {StandingWord, Standings} from "../../contracts/libraries/Standings.sol";
import {Weights, WeightWord} from "../../contracts/libraries/Weights.sol";
import {GroupId, Rule} from "../../contracts/types/Types.sol";
import {Mix, Mixer, Mixes} from "./Mixer.sol";
import {Swarm} from "./Swarm.sol";

/// @title Libraries and single functions against plain ones, 10,000 random inputs each
/// forge-config: default.fuzz.runs = 10000
contract FuzzTest is Swarm {
    using Mixes for Mix;

    uint256 private constant UNIT = 1e9;

    Folder private _folder = new Folder();
    Mixer private _mixer = new Mixer();

    function testFuzz_a_bitmap_counts_its_bits(uint256 bits) public pure {
        uint256 count = 0;
        for (uint256 i = 0; i < 256; ++i) count += (bits >> i) & 1;
        assertEq(Bitmap.count(bits), count, "count");
        if (bits == 0) return;
        uint256 lowest = 0;
        while ((bits >> lowest) & 1 == 0) ++lowest;
        assertEq(Bitmap.lowest(bits), lowest, "lowest");
    }

    function testFuzz_changed_weights_hold_from_their_round(uint256 old, uint256 lane, uint16 weight, uint24 from) public pure {
        lane %= 8;
        weight %= 10_001;
        from = from < 2 ? 2 : from;
        WeightWord word = WeightWord.wrap(old & type(uint224).max);
        (bool was, uint16 before) = word.read(lane, from);
        WeightWord changed = word.changed(Weights.withMember(word.current(), lane, weight), from);
        (bool isMember, uint16 now_) = changed.read(lane, from);
        assertTrue(isMember && now_ == weight, "what holds from the round on");
        (bool still, uint16 earlier) = changed.read(lane, from - 1);
        assertTrue(still == was && earlier == before, "what held before it");
        for (uint256 other = 0; other < 8; ++other) {
            if (other == lane) continue;
            (bool a, uint16 x) = word.read(other, from);
            (bool b, uint16 y) = changed.read(other, from);
            assertTrue(a == b && x == y, "another seat's weight moved");
        }
    }

    function testFuzz_a_live_word_keeps_its_fields(
        uint24 number,
        uint32 commits,
        uint32 reveals,
        uint8 seats,
        bool quiet
    ) public pure {
        Live live = Round.open(number, commits, reveals, seats, quiet);
        assertEq(live.round(), number, "round");
        assertEq(live.commitDeadline(), commits, "commit deadline");
        assertEq(live.revealDeadline(), reveals, "reveal deadline");
        assertEq(live.seats(), seats, "seats");
        assertTrue(live.isQuiet() == quiet, "quiet");
        assertEq(uint256(live.committed()) + live.revealed() + live.revealedWeight() + live.leaderWeight(), 0, "nobody yet");
    }

    /// @dev A whole round of random size and weights: counts and weights are sums, deadlines only come nearer.
    function testFuzz_a_round_adds_up(uint8 seats, uint256 seed) public pure {
        seats = uint8(1 + (seats % 12));
        Live live = Round.open(7, 1_060, 1_080, seats, false);
        uint256 commits = 1 + (seed % seats);
        for (uint256 i = 0; i < commits; ++i) {
            Live next = live.withCommit(1_000 + i);
            assertTrue(next.commitDeadline() <= live.commitDeadline() && next.revealDeadline() <= live.revealDeadline(), "nearer");
            live = next;
        }
        assertEq(live.committed(), commits, "commits");
        assertEq(live.revealDeadline() - live.commitDeadline(), 20, "the reveal phase stays as long");
        uint256 sum = 0;
        uint256 time = live.commitDeadline();
        uint256 reveals = (seed >> 8) % (commits + 1);
        for (uint256 i = 0; i < reveals; ++i) {
            uint256 weight = uint256(keccak256(abi.encode(seed, i))) % 10_001;
            live = i == 0 ? live.withLeader(bytes32(seed), weight) : live.withLeaderWeight(weight);
            live = live.withReveal(weight, time);
            sum += weight;
        }
        assertEq(live.revealed(), reveals, "reveals");
        assertEq(live.revealedWeight(), sum, "revealed weight");
        assertEq(live.leaderWeight(), sum, "leader's weight");
        assertTrue((live.revealDeadline() == time) == (reveals == commits), "it closes with the last reveal");
        Live ended = live.aborted(time);
        assertEq(ended.committed(), reveals, "aborted commits");
        assertEq(ended.seats(), reveals, "aborted seats");
        assertEq(ended.revealedWeight(), sum, "aborted weight");
    }

    function testFuzz_agreement_needs_two_thirds_and_the_quorum(
        uint32 leader,
        uint32 others,
        uint32 roster,
        uint16 quorum
    ) public pure {
        (leader, others) = (leader % 1_000_001, others % 1_000_001);
        roster %= 2_550_001;
        quorum = 5_000 + (quorum % 5_001);
        Live live = Round.open(1, 10, 20, 255, false).withCommit(5).withCommit(5).withLeader("a", leader);
        live = live.withReveal(leader, 11).withReveal(others, 11);
        bool expected =
            leader != 0 &&
                3 * uint256(leader) >= 2 * (uint256(leader) + others) &&
                10_000 * uint256(leader) >= uint256(quorum) * roster;
        assertTrue(live.agrees(roster, quorum) == expected, "agrees");
    }

    function testFuzz_a_record_keeps_the_votes_and_the_opening(
        uint256 word,
        uint32 openedAt,
        uint24 weight,
        bool idle,
        bool struck
    ) public pure {
        Record kept = Round.record(Live.wrap(word), openedAt, weight, idle, struck);
        assertEq(Live.unwrap(kept.votes()), uint160(word), "votes");
        assertEq(kept.openedAt(), openedAt, "opened at");
        assertEq(kept.rosterWeight(), weight, "weight");
        assertTrue(kept.idle() == idle && kept.struck() == struck, "idle, struck");
        assertTrue(kept.binds() == (!idle && !struck), "binds");
        assertTrue(kept.withStrike().struck() && kept.withStrike().idle() == idle, "with a strike");
    }

    function testFuzz_a_slot_opens_what_it_holds(
        uint24 number,
        uint16 weight,
        uint8 seat,
        bytes24 digest,
        bytes24 after_
    ) public pure {
        number = number == 0 ? 1 : number;
        Slot slot = Slots.committedIn(number, weight, seat, digest);
        assertTrue(slot.awaits(number) && !slot.isRevealed() && slot.digest() == digest, "committed");
        assertTrue(!slot.awaits(number ^ 1), "awaits another round");
        Slot opened = slot.withReveal(after_);
        assertTrue(!opened.awaits(number) && opened.isRevealed() && opened.digest() == after_, "revealed");
        assertTrue(opened.weight() == weight && opened.seat() == seat && opened.round() == number, "the rest");
        assertTrue(slot.retired().awaits(number) && slot.retired().isRetired(), "a retired key still reveals");
        assertTrue(!Slots.handedOverIn(number, seat).isRevealed() && Slots.handedOverIn(number, seat).digest() == 0, "handed over");
    }

    function testFuzz_what_lies_open_matches_itself_alone(
        uint24 number,
        bytes32 hash,
        uint40 due,
        uint40 until,
        uint256 flip
    ) public pure {
        Presented presented = Presentation.make(number, hash, due);
        assertTrue(presented.matches(number, hash), "itself");
        assertTrue(!presented.matches(number ^ 1, hash), "another round's");
        assertTrue(!presented.matches(number, hash ^ bytes32(1 << (64 + (flip % 192)))), "another hash");
        assertEq(presented.held(until).dueFloor(), until > due ? until : due, "a hold only delays");
        assertTrue(presented.held(until).matches(number, hash), "a hold changes what lies open");
    }

    /// @dev Seat by seat, as the specification has it.
    function testFuzz_standings_move_as_written(
        uint256 seed,
        uint8 members,
        uint8 included,
        uint8 revealed,
        uint8 maturity
    ) public pure {
        maturity = maturity == 0 ? 1 : maturity;
        uint256 word = 0;
        for (uint256 lane = 0; lane < 8; ++lane) {
            uint256 random = uint256(keccak256(abi.encode(seed, lane)));
            uint256 bits = (random % 10_001) | (((random >> 64) % (uint256(maturity) + 1)) << 14) | (((random >> 128) % 256) << 22);
            word |= (bits | (1 << 30)) << (32 * lane);
        }
        StandingWord after_ = StandingWord.wrap(word).settled(members, included, revealed, maturity);
        for (uint256 lane = 0; lane < 8; ++lane) {
            Standings.Standing memory a = StandingWord.wrap(word).read(lane);
            Standings.Standing memory b = after_.read(lane);
            (uint256 reputation, uint256 age, uint256 missed) = (a.reputation, a.age, a.missed);
            if ((members >> lane) & 1 == 1) {
                if ((included >> lane) & 1 == 1) {
                    uint256 step = (10_000 - reputation) / 8;
                    if (reputation < 10_000) reputation += step == 0 ? 1 : step;
                    if (age < maturity) ++age;
                    missed = 0;
                } else {
                    reputation -= reputation / 8;
                    if ((revealed >> lane) & 1 == 0 && missed < 255) ++missed;
                }
            }
            assertEq(b.reputation, reputation, "reputation");
            assertEq(b.age, age, "age");
            assertEq(b.missed, missed, "missed");
            assertTrue(b.seated, "seated");
        }
    }

    function testFuzz_newcomers_share_their_part(uint256 seed, uint16 cap) public pure {
        uint256 word = 0;
        for (uint256 lane = 0; lane < 8; ++lane) {
            uint256 random = uint256(keccak256(abi.encode(seed, lane)));
            word |= ((1 + (random % 10_000)) | (((random >> 64) % 5) << 14) | (1 << 30)) << (32 * lane);
        }
        StandingWord standings = StandingWord.wrap(word);
        (uint256 mature, uint256 young) = standings.reputations(4);
        if (young == 0) return;
        uint256 part = cap % (young + 1);
        (uint256 lanes, uint256 shared) = standings.weights(4, part, young);
        WeightWord weights = WeightWord.wrap(lanes);
        (uint256 old, uint256 fresh) = (0, 0);
        for (uint256 lane = 0; lane < 8; ++lane) {
            (bool isMember, uint256 weight) = weights.read(lane, 0);
            assertTrue(isMember, "member");
            if (standings.read(lane).age >= 4) old += weight;
            else fresh += weight;
        }
        assertEq(old, mature, "the mature weigh their reputations");
        assertEq(fresh, shared, "shared");
        assertTrue(shared <= part && part - shared < 8, "newcomers have their part, but for what rounding leaves");
    }

    /// @dev Against sorting.
    function testFuzz_a_step_is_what_sorting_gives(
        uint256 seed,
        uint8 size,
        int32 weight,
        uint8 fraction,
        int8 exponent
    ) public pure {
        uint256 n = 1 + (size % 24);
        fraction = 1 + (fraction % 30);
        exponent = int8(-16 + int256(uint256(uint8(exponent)) % (17 + uint256(fraction))));
        int8[] memory codes = new int8[](n);
        for (uint256 i = 0; i < n; ++i) codes[i] = int8(int256(uint256(keccak256(abi.encode(seed, i))) % 255) - 127);
        for (uint256 r = 0; r < 4; ++r) {
            int32 given = Aggregation.next(Rule(r), codes, weight, fraction, exponent);
            assertTrue(given == _sorted(Rule(r), codes, weight, uint256(int256(uint256(fraction)) - exponent)), "step");
        }
    }

    function _sorted(Rule rule, int8[] memory given, int32 weight, uint256 shift) private pure returns (int32) {
        uint256 n = given.length;
        int256[] memory codes = new int256[](n);
        for (uint256 i = 0; i < n; ++i) {
            uint256 j = i;
            for (; j != 0 && codes[j - 1] > given[i]; --j) codes[j] = codes[j - 1];
            codes[j] = given[i];
        }
        (int256 a, int256 b) = (0, 0);
        if (rule == Rule.Median) {
            (a, b) = n % 2 == 1 ? (codes[n / 2], int256(1)) : (codes[n / 2 - 1] + codes[n / 2], int256(2));
        } else {
            uint256 cut = rule == Rule.TrimmedMean && n >= 5 ? n / 4 : 0;
            if (rule == Rule.TrimmedThird) cut = (n - 1) / 3;
            for (uint256 i = cut; i < n - cut; ++i) (a, b) = (a + codes[i], b + 1);
        }
        int256 moved = int256(weight) + (a * int256(2 ** shift)) / b;
        if (moved > type(int32).max) return type(int32).max;
        return moved < type(int32).min ? type(int32).min : int32(moved);
    }

    /// @dev Of mixtures too, against ranks.
    function testFuzz_a_mixed_step_is_what_ranks_give(
        uint256 seed,
        uint8 size,
        int32 weight,
        uint8 fraction,
        int8 exponent
    ) public view {
        uint256 n = 1 + (size % 12);
        uint256 rows = 1 + ((size >> 4) % n);
        fraction = 1 + (fraction % 30);
        exponent = int8(-16 + int256(uint256(uint8(exponent)) % (17 + uint256(fraction))));
        int8[] memory codes = new int8[](n);
        for (uint256 i = 0; i < n; ++i) codes[i] = int8(int256(uint256(keccak256(abi.encode(seed, i))) % 255) - 127);
        Mix memory mix = Mixes.random(seed, n, rows);
        bytes memory choice = mix.encoded();
        assertTrue(_mixer.isWellFormed(choice, n), "well-formed");
        uint256 shift = uint256(int256(uint256(fraction)) - exponent);
        for (uint256 rule = 0; rule < 4; ++rule) {
            int32 given = _mixer.next(Rule(rule), choice, codes, weight, fraction, exponent);
            assertTrue(given == mix.next(Rule(rule), codes, weight, shift), "step");
        }
    }

    /// @dev A proof opens its own leaf at its own place, and nothing else.
    function testFuzz_a_merkle_proof_is_bound_to_leaf_and_place(
        bytes32 seed,
        uint256 index,
        uint256 count,
        uint256 flip
    ) public view {
        count = 1 + (count % 300);
        index %= count;
        uint256 depth = Merkle.depthOf(count);
        assertTrue(2 ** depth >= count && (depth == 0 || 2 ** (depth - 1) < count), "depth");
        bytes32[] memory proof = new bytes32[](depth);
        for (uint256 i = 0; i < depth; ++i) proof[i] = keccak256(abi.encode(seed, i));
        bytes32 root = _folder.fold(seed, index, proof);
        assertTrue(_folder.verify(root, seed, index, depth, proof), "itself");
        assertTrue(!_folder.verify(root, seed ^ bytes32(1 << (flip % 256)), index, depth, proof), "another leaf");
        if (depth == 0) return;
        assertTrue(!_folder.verify(root, seed, index ^ (1 << (flip % depth)), depth, proof), "another place");
        proof[flip % depth] ^= bytes32(uint256(1));
        assertTrue(!_folder.verify(root, seed, index, depth, proof), "another sibling");
    }

    /// @dev What a round pays is at most its reward, whole seats get twice a half's, and dust stays in the budget.
    function testFuzz_a_payment_is_split_without_dust(
        uint96 budget,
        uint96 reward,
        uint256 whole,
        uint256 half,
        uint32 elapsed
    ) public {
        (whole, half) = (whole & 0xFFFF, half & 0xFFFF & ~whole);
        elapsed %= 200;
        budget = uint96(budget % 1e27);
        IRewardDistributor pool = _pool;
        GroupId id = GroupId.wrap(++_count);
        pool.addBudget(id, budget);
        for (uint8 seat = 0; seat < 16; ++seat) pool.assign(id, seat, address(0xA11CE), address(uint160(0xB0B) + seat));
        pool.pay(id, IRewardDistributor.Payment(1, reward, elapsed, 100, whole, half, 0xFFFF, ""));
        uint256 pot = reward < budget ? reward : budget;
        if (elapsed < 100) pot = (pot * elapsed) / 100;
        uint256 paid = 0;
        uint256 n = Bitmap.count(whole | half);
        for (uint8 seat = 0; seat < 16; ++seat) {
            uint256 credit = pool.creditOf(id, seat);
            uint256 part = n == 0 ? 0 : pot / n / 1e9;
            if ((whole >> seat) & 1 == 1) assertEq(credit, part * 1e9, "whole");
            else if ((half >> seat) & 1 == 1) assertEq(credit, (part / 2) * 1e9, "half");
            else assertEq(credit, 0, "not included");
            paid += credit;
        }
        assertTrue(paid <= pot, "more than the pot");
        assertEq(pool.budgetOf(id), uint256(budget) - paid, "what is not paid stays");
    }

    /// @dev Two rounds of up to twelve seats in three words, some not taken: each seat has what it must, and what is paid is the sum.
    function testFuzz_what_scores_pay_is_what_seats_are_credited(uint256 seed, uint96 budget, uint96 reward) public {
        GroupId id = GroupId.wrap(++_count);
        budget %= 1e27;
        if (seed % 3 == 0) (budget, reward) = (budget % uint96(1_000 * UNIT), reward % uint96(1_000 * UNIT));
        _pool.addBudget(id, budget);
        uint256 taken = _twelve(seed >> 8);
        for (uint256 i = 0; i < 12; ++i) {
            if ((taken >> _seat(i)) & 1 == 1) _pool.assign(id, _seat(i), address(0xA11CE), address(uint160(0xB0B00 + i)));
        }
        uint256[12] memory credits;
        for (uint32 round = 1; round <= 2; ++round) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 left = _pool.budgetOf(id);
            IRewardDistributor.Payment memory payment = _payment(seed, round, reward, taken);
            _pool.pay(id, payment);
            uint256 pot = reward < left ? reward : left;
            if (payment.elapsed < 80) pot = (pot * payment.elapsed) / 80;
            uint256 paid = _creditPlainly(credits, payment, pot);
            assertTrue(paid <= pot, "more than the pot");
            assertEq(_pool.budgetOf(id), left - paid, "what is not paid stays");
            for (uint256 i = 0; i < 12; ++i) assertEq(_pool.creditOf(id, _seat(i)), credits[i], "a seat's");
        }
    }

    /// @dev Four seats each in words 0, 1 and 63 but one.
    function _seat(uint256 i) private pure returns (uint8) {
        return uint8(i < 8 ? i : 240 + i);
    }

    function _twelve(uint256 bits) private pure returns (uint256 seats) {
        for (uint256 i = 0; i < 12; ++i) seats |= ((bits >> i) & 1) << _seat(i);
    }

    function _payment(
        uint256 seed,
        uint32 round,
        uint256 reward,
        uint256 taken
    ) private pure returns (IRewardDistributor.Payment memory payment) {
        payment = IRewardDistributor.Payment(round, reward, (seed >> 64) % 100, 80, 0, 0, taken, "");
        payment.whole = _twelve(seed) & taken;
        payment.half = _twelve(seed >> 16) & taken & ~payment.whole;
        for (uint256 i = 0; i < 12; ++i) {
            if (((payment.whole | payment.half) >> _seat(i)) & 1 == 0) continue;
            uint256 drawn = uint256(keccak256(abi.encode(seed, i)));
            payment.scores = abi.encodePacked(
                payment.scores,
                uint16([drawn % 65_536, drawn % 10_001, drawn % 4, 0][(drawn >> 200) % 4])
            );
        }
    }

    /// @dev Adds a round's credits, as the specification has them; scores are read two bytes at a time.
    function _creditPlainly(
        uint256[12] memory credits,
        IRewardDistributor.Payment memory payment,
        uint256 pot
    ) private pure returns (uint256 paid) {
        (uint256 best, uint256 sum) = (0, 0);
        for (uint256 i = 0; i < payment.scores.length; i += 2) {
            uint256 score = _scoreAt(payment.scores, i);
            if (score > best) best = score;
            sum += score;
        }
        if (sum == 0) return 0;
        uint256 share = (pot * best) / sum / UNIT;
        uint256 at = 0;
        for (uint256 i = 0; i < 12; ++i) {
            if (((payment.whole | payment.half) >> _seat(i)) & 1 == 0) continue;
            uint256 units = (share * _scoreAt(payment.scores, at)) / best;
            if ((payment.half >> _seat(i)) & 1 == 1) units /= 2;
            credits[i] += units * UNIT;
            paid += units * UNIT;
            at += 2;
        }
    }

    function _scoreAt(bytes memory scores, uint256 at) private pure returns (uint256) {
        return 256 * uint256(uint8(scores[at])) + uint8(scores[at + 1]);
    }

    IRewardDistributor private _pool;
    uint32 private _count;

    function setUp() public override {
        super.setUp();
        _pool = IRewardDistributor(deploy("RewardDistributor", abi.encode(token, address(this), address(this))));
    }
}

/// @dev The library reads calldata, so it is asked by calls.
contract Folder {
    function fold(bytes32 hash, uint256 index, bytes32[] calldata proof) external pure returns (bytes32) {
        for (uint256 level = 0; level < proof.length; ++level) {
            hash = (index >> level) & 1 == 0 ? Merkle.nodeHash(hash, proof[level]) : Merkle.nodeHash(proof[level], hash);
        }
        return hash;
    }

    function verify(
        bytes32 root,
        bytes32 leaf,
        uint256 index,
        uint256 depth,
        bytes32[] calldata proof
    ) external pure returns (bool) {
        return Merkle.verify(root, leaf, index, depth, proof);
    }
}
