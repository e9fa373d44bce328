// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IRewardDistributor} from "./interfaces/IRewardDistributor.sol";
import {Bitmap} from "./libraries/Bitmap.sol";
import {GroupId} from "./types/Types.sol";

/// @title Budgets and credits
/// @dev 64 bits of units hold 1.8e19 * 1e9 wei, eighteen times the token's whole supply.
contract RewardDistributor is IRewardDistributor {
    using SafeERC20 for IERC20;

    /// @param budget in wei
    /// @param shares sum of the shares of all rounds so far, in units
    struct Pool {
        uint128 budget;
        uint64 shares;
    }

    /// @param operator whose credits the seat earns; @param node who sits there
    struct Holder {
        address operator;
        address node;
    }

    struct Place {
        GroupId group;
        uint8 seat;
    }

    uint256 private constant UNIT = 1e9;

    IERC20 public immutable TOKEN;
    address public immutable GROUP_REGISTRY;
    address public immutable ROUND_MANAGER;

    mapping(GroupId group => Pool) private _pools;
    /// @dev Four seats a word: what of the group's shares a seat did not get, in units.
    mapping(GroupId group => mapping(uint256 index => uint256)) private _missed;
    mapping(GroupId group => mapping(uint8 seat => Holder)) private _holders;
    mapping(address node => Place) private _places;
    mapping(address operator => uint256) private _settled;

    modifier onlyRoundManager() {
        if (msg.sender != ROUND_MANAGER) revert OnlyRoundManager(msg.sender);
        _;
    }

    constructor(IERC20 token, address groupRegistry, address roundManager) {
        TOKEN = token;
        GROUP_REGISTRY = groupRegistry;
        ROUND_MANAGER = roundManager;
    }

    /// @inheritdoc IRewardDistributor
    function addBudget(GroupId group, uint256 amount) external {
        if (msg.sender != GROUP_REGISTRY) revert OnlyGroupRegistry(msg.sender);
        // The tokens are here already: no amount exceeds the supply.
        _pools[group].budget += uint128(amount);
        emit BudgetAdded(group, amount);
    }

    /// @inheritdoc IRewardDistributor
    function assign(GroupId group, uint8 seat, address operator, address node) external onlyRoundManager {
        Holder memory earlier = _holders[group][seat];
        if (earlier.operator != address(0)) _settled[earlier.operator] += _collect(group, seat);
        else _setMissed(group, seat, _pools[group].shares);
        _holders[group][seat] = Holder(operator, node);
        if (node != address(0)) _places[node] = Place(group, seat);
        emit SeatAssigned(group, seat, operator, node);
    }

    /// @inheritdoc IRewardDistributor
    function pay(GroupId group, Payment calldata payment) external onlyRoundManager {
        Pool memory pool = _pools[group];
        uint256 pot = payment.reward < pool.budget ? payment.reward : pool.budget;
        if (payment.elapsed < payment.duration) pot = (pot * payment.elapsed) / payment.duration;
        uint256 seats = Bitmap.count(payment.whole | payment.half);
        // Anything but two bytes a seat says nothing: all score the same.
        bytes calldata scores = payment.scores.length == 2 * seats ? payment.scores : payment.scores[:0];
        (uint256 best, uint256 sum) = scores.length == 0 ? (1, seats) : _bestAndSum(scores);
        uint256 share = sum == 0 ? 0 : (pot * best) / sum / UNIT;
        // Paid tokens come back as budget, so the sum has no bound of its own. At its end a group pays no more, but moves on.
        if (share > type(uint64).max - pool.shares) share = 0;
        if (share == 0) return;
        uint256 units =
            scores.length == 0 ? _creditAlike(group, payment, share) : _creditByScores(group, payment, scores, share, best);
        uint256 paid = units * UNIT;

        _pools[group] = Pool(pool.budget - uint128(paid), pool.shares + uint64(share));
        emit RoundPaid(group, payment.round, paid, share * UNIT, (share / 2) * UNIT, payment.whole, payment.half, scores);
    }

    /// @inheritdoc IRewardDistributor
    function claim(GroupId[] calldata groups, uint8[] calldata seats) external returns (uint256 amount) {
        if (groups.length != seats.length) revert LengthMismatch(groups.length, seats.length);
        amount = _settled[msg.sender];
        _settled[msg.sender] = 0;
        for (uint256 i = 0; i < groups.length; ++i) {
            if (_holders[groups[i]][seats[i]].operator != msg.sender) revert NotSeatOperator(groups[i], seats[i], msg.sender);
            amount += _collect(groups[i], seats[i]);
        }
        if (amount == 0) revert NothingToClaim(msg.sender);
        emit Claimed(msg.sender, amount);
        TOKEN.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IRewardDistributor
    function budgetOf(GroupId group) external view returns (uint256) {
        return _pools[group].budget;
    }

    /// @inheritdoc IRewardDistributor
    function creditOf(GroupId group, uint8 seat) public view returns (uint256) {
        if (_holders[group][seat].operator == address(0)) return 0;
        return (_pools[group].shares - _missedOf(group, seat)) * UNIT;
    }

    /// @inheritdoc IRewardDistributor
    function settledCreditOf(address operator) external view returns (uint256) {
        return _settled[operator];
    }

    /// @inheritdoc IRewardDistributor
    function rewards(address node) external view returns (GroupId group, uint8 seat, address operator, uint256 unclaimed) {
        Place memory place = _places[node];
        Holder memory holder = _holders[place.group][place.seat];
        if (node == address(0) || holder.node != node) return (GroupId.wrap(0), 0, address(0), 0);
        return (place.group, place.seat, holder.operator, creditOf(place.group, place.seat));
    }

    /// @return units credited, the same share to every seat
    function _creditAlike(GroupId group, Payment calldata payment, uint256 share) private returns (uint256 units) {
        uint256 halfShare = share / 2;
        _miss(group, payment.half, share - halfShare);
        _miss(group, payment.taken & ~(payment.whole | payment.half), share);
        return share * Bitmap.count(payment.whole) + halfShare * Bitmap.count(payment.half);
    }

    /// @return units credited; a seat's share is to the best one's as its score to the best
    function _creditByScores(
        GroupId group,
        Payment calldata payment,
        bytes calldata scores,
        uint256 share,
        uint256 best
    ) private returns (uint256 units) {
        uint256 at = 0;
        for (uint256 index = 0; payment.taken >> (4 * index) != 0; ++index) {
            uint256 added = 0;
            for (uint256 lane = 0; lane < 4; ++lane) {
                uint256 seat = 1 << (4 * index + lane);
                if (payment.taken & seat == 0) continue;
                uint256 credit = 0;
                if ((payment.whole | payment.half) & seat != 0) {
                    credit = (share * uint16(bytes2(scores[at:at + 2]))) / best;
                    if (payment.half & seat != 0) credit /= 2;
                    at += 2;
                }
                units += credit;
                added |= (share - credit) << (64 * lane);
            }
            // No lane overflows into the next: a seat misses at most all shares.
            if (added != 0) _missed[group][index] += added;
        }
    }

    function _bestAndSum(bytes calldata scores) private pure returns (uint256 best, uint256 sum) {
        for (uint256 at = 0; at < scores.length; at += 2) {
            uint256 score = uint16(bytes2(scores[at:at + 2]));
            if (score > best) best = score;
            sum += score;
        }
    }

    /// @dev Takes a seat's credit, in wei.
    function _collect(GroupId group, uint8 seat) private returns (uint256 amount) {
        amount = creditOf(group, seat);
        if (amount != 0) _setMissed(group, seat, _pools[group].shares);
    }

    /// @dev Every seat of a bitmap misses some units.
    function _miss(GroupId group, uint256 seats, uint256 units) private {
        for (uint256 index = 0; seats != 0; ++index) {
            uint256 added = 0;
            for (uint256 lane = 0; lane < 4; ++lane) {
                added |= ((seats >> lane) & 1) * (units << (64 * lane));
            }
            // No lane overflows into the next: a seat misses at most all shares.
            if (added != 0) _missed[group][index] += added;
            seats >>= 4;
        }
    }

    function _missedOf(GroupId group, uint8 seat) private view returns (uint256) {
        return uint64(_missed[group][seat / 4] >> (64 * (seat % 4)));
    }

    function _setMissed(GroupId group, uint8 seat, uint256 units) private {
        uint256 shift = 64 * (seat % 4);
        uint256 word = _missed[group][seat / 4];
        _missed[group][seat / 4] = (word & ~(uint256(type(uint64).max) << shift)) | (units << shift);
    }
}
