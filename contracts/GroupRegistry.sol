// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {IGroupRegistry} from "./interfaces/IGroupRegistry.sol";
import {IRewardDistributor} from "./interfaces/IRewardDistributor.sol";
import {GroupId, Terms} from "./types/Types.sol";

/// @title What each group is
contract GroupRegistry is IGroupRegistry, EIP712 {
    using SafeERC20 for IERC20;

    struct Group {
        address creator;
        bytes32 manifestDigest;
        bytes32 genesisDigest;
        bytes32 genesisRoot;
        Terms terms;
    }

    bytes32 private constant INVITATION = keccak256("Invitation(uint32 group,uint64 identity,uint64 expiry,bytes32 nonce)");
    uint256 private constant MAX_DURATION = 30 days;

    IERC20 public immutable TOKEN;
    IRewardDistributor public immutable DISTRIBUTOR;
    address public immutable ROUND_MANAGER;

    /// @inheritdoc IGroupRegistry
    uint32 public groupCount;
    /// @notice Invitations (their EIP-712 digests) that were used.
    mapping(bytes32 invitation => bool) public isUsed;
    mapping(GroupId group => Group) private _groups;

    constructor(IERC20 token, IRewardDistributor distributor, address roundManager) EIP712("GroupRegistry", "1") {
        TOKEN = token;
        DISTRIBUTOR = distributor;
        ROUND_MANAGER = roundManager;
    }

    /// @inheritdoc IGroupRegistry
    function create(
        Terms calldata terms_,
        bytes32 manifestDigest,
        bytes32 genesisDigest,
        bytes32 genesisRoot
    ) external returns (GroupId group) {
        _check(terms_);
        group = GroupId.wrap(++groupCount);
        _groups[group] = Group(msg.sender, manifestDigest, genesisDigest, genesisRoot, terms_);
        emit GroupCreated(group, msg.sender, manifestDigest, genesisDigest, genesisRoot, terms_);
    }

    /// @inheritdoc IGroupRegistry
    function fund(GroupId group, uint256 amount) external {
        _existing(group);
        emit GroupFunded(group, msg.sender, amount);
        TOKEN.safeTransferFrom(msg.sender, address(DISTRIBUTOR), amount);
        DISTRIBUTOR.addBudget(group, amount);
    }

    /// @inheritdoc IGroupRegistry
    function admit(GroupId group, uint64 identity, bytes calldata invitation) external {
        if (msg.sender != ROUND_MANAGER) revert OnlyRoundManager(msg.sender);
        Group storage entry = _existing(group);
        if (!entry.terms.byInvitation) return;
        if (invitation.length == 0) revert InvitationNeeded(group);
        (uint64 expiry, bytes32 nonce, bytes memory signature) = abi.decode(invitation, (uint64, bytes32, bytes));
        if (block.timestamp > expiry) revert InvitationExpired(expiry, block.timestamp);
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(INVITATION, group, identity, expiry, nonce)));
        if (isUsed[digest]) revert InvitationUsed(digest);
        isUsed[digest] = true;
        emit InvitationAccepted(group, identity, digest);
        // An ERC-1271 creator is asked by a static call, so it cannot act in between.
        if (!SignatureChecker.isValidSignatureNow(entry.creator, digest, signature)) {
            revert BadInvitationSignature(group, entry.creator);
        }
    }

    /// @inheritdoc IGroupRegistry
    function terms(GroupId group) external view returns (Terms memory) {
        return _existing(group).terms;
    }

    /// @inheritdoc IGroupRegistry
    function creatorOf(GroupId group) external view returns (address) {
        return _existing(group).creator;
    }

    /// @inheritdoc IGroupRegistry
    function manifestOf(GroupId group) external view returns (bytes32 manifestDigest) {
        return _existing(group).manifestDigest;
    }

    /// @inheritdoc IGroupRegistry
    function genesisOf(GroupId group) external view returns (bytes32 genesisDigest, bytes32 genesisRoot) {
        Group storage entry = _existing(group);
        return (entry.genesisDigest, entry.genesisRoot);
    }

    function _existing(GroupId group) private view returns (Group storage entry) {
        entry = _groups[group];
        if (entry.creator == address(0)) revert UnknownGroup(group);
    }

    /// @dev The bounds that the packed words, the loops over seats and the arithmetic rely on.
    function _check(Terms calldata t) private view {
        _bound(t.dimension >= 1 && t.dimension <= 2 ** 31, "dimension");
        _bound(t.fractionBits >= 1 && t.fractionBits <= 30, "fractionBits");
        _bound(t.minExponent >= -16 && t.minExponent <= t.maxExponent, "minExponent");
        _bound(t.maxExponent <= int8(t.fractionBits), "maxExponent");
        _bound(t.capacity >= 1, "capacity");
        _bound(t.minUpdates >= 1 && t.minUpdates <= t.capacity, "minUpdates");
        _bound(t.quorumBps >= 5_000 && t.quorumBps <= 10_000, "quorumBps");
        _bound(t.commitDuration >= 1 && t.commitDuration <= MAX_DURATION, "commitDuration");
        _bound(t.revealDuration >= 1 && t.revealDuration <= MAX_DURATION, "revealDuration");
        _bound(t.challengeWindow >= 1 && t.challengeWindow <= MAX_DURATION, "challengeWindow");
        // A ring full of rounds that wait for their window must not make the last of them idle.
        _bound(t.idleTimeout > t.challengeWindow && t.idleTimeout <= 180 days, "idleTimeout");
        _bound(t.maxMissed >= 1, "maxMissed");
        _bound(t.maturity >= 1, "maturity");
        uint256 supply = TOKEN.totalSupply();
        _bound(t.stake <= supply, "stake");
        _bound(t.rewardPerRound <= supply, "rewardPerRound");
    }

    function _bound(bool holds, string memory term) private pure {
        if (!holds) revert BadTerm(term);
    }
}
