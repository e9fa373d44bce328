// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {RoundId, SignedCommit, SignedReveal} from "../types/Types.sol";

/// @title Commits and reveals of many nodes in one transaction
/// @notice Anyone submits what nodes have signed (EIP-712). A signature is good for one round of one group on one chain, and the
/// round takes one commit and one reveal a node, so there is nothing to replay. What does not fit (a bad signature, a node without
/// a seat, a commit that is there already) is left out: nobody can spoil a batch for the others.
interface IRelay {
    /// @notice Nothing of a batch was taken.
    error NothingAccepted(RoundId id);

    function relayCommits(RoundId id, SignedCommit[] calldata commits) external returns (uint256 accepted);
    /// @param parent what all of the batch vote for
    function relayReveals(RoundId id, bytes32 parent, SignedReveal[] calldata reveals) external returns (uint256 accepted);
}
