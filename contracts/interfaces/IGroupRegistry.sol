// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {GroupId, Terms} from "../types/Types.sol";

/// @title What each group is
/// @notice Anyone creates a group; nobody, its creator included, can change it afterwards. The creator's one power is to
/// invite, in groups that are by invitation.
interface IGroupRegistry {
    /// @notice A term is outside what the protocol allows; `term` is its name in `Terms`.
    error BadTerm(string term);
    error UnknownGroup(GroupId group);
    error OnlyRoundManager(address caller);
    error InvitationNeeded(GroupId group);
    error InvitationExpired(uint256 expiry, uint256 time);
    error InvitationUsed(bytes32 invitation);
    error BadInvitationSignature(GroupId group, address creator);

    event GroupCreated(
        GroupId indexed group,
        address indexed creator,
        bytes32 manifestDigest,
        bytes32 genesisDigest,
        bytes32 genesisRoot,
        Terms terms
    );
    event GroupFunded(GroupId indexed group, address indexed sponsor, uint256 amount);
    event InvitationAccepted(GroupId indexed group, uint64 indexed identity, bytes32 invitation);

    /// @param manifestDigest sha2-256 digest of the manifest's CID: task, model, data, local training, metric, size cap, codec
    /// @param genesisDigest sha2-256 digest of the first model's CID
    /// @param genesisRoot Merkle root of the first model
    function create(
        Terms calldata terms,
        bytes32 manifestDigest,
        bytes32 genesisDigest,
        bytes32 genesisRoot
    ) external returns (GroupId group);

    /// @notice Puts reward tokens into a group's budget. The caller approves this contract first.
    function fund(GroupId group, uint256 amount) external;

    /// @notice Checks and uses up an invitation; only the round manager.
    /// @param invitation `abi.encode(uint64 expiry, bytes32 nonce, bytes signature)`, or empty where none is needed. The
    /// creator (an account or an ERC-1271 contract) signs `Invitation(uint32 group,uint64 identity,uint64 expiry,bytes32 nonce)`.
    function admit(GroupId group, uint64 identity, bytes calldata invitation) external;

    function terms(GroupId group) external view returns (Terms memory);
    function creatorOf(GroupId group) external view returns (address);
    function manifestOf(GroupId group) external view returns (bytes32 manifestDigest);
    function genesisOf(GroupId group) external view returns (bytes32 genesisDigest, bytes32 genesisRoot);
    function groupCount() external view returns (uint32);
}
