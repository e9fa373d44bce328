// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Who owns which node
/// @notice A *node* is a running trainer, known by its node key. An *operator* owns its stake and rewards, and can replace
/// its key. The node key is a secp256k1 key, at once the node's EVM account and its libp2p identity: registration takes the
/// 64-byte public key, so anyone can derive the peer ID and nobody can squat another's.
interface IIdentityRegistry {
    /// @notice The public key is not 64 bytes long.
    error PublicKeyLength(uint256 length);
    /// @notice The node key did not sign `Registration(operator, nonce)`.
    error BadNodeSignature(address node, address operator);
    /// @notice A node key is registered once, ever: keys of the past included.
    error NodeKeyTaken(address node, uint64 identity);
    error NotOperator(uint64 identity, address caller);
    error UnknownNode(address node);
    error EndpointLength(uint256 length);

    event NodeRegistered(uint64 indexed identity, address indexed operator, address indexed node, bytes publicKey);
    event NodeKeyRotated(uint64 indexed identity, address indexed oldNode, address indexed newNode, bytes publicKey);
    /// @notice Where a node's bytes can be fetched: a gateway URL or a multiaddr.
    event EndpointAnnounced(uint64 indexed identity, address indexed node, string endpoint);

    /// @notice Registers a node key for the caller, its operator.
    /// @param publicKey x and y, 64 bytes
    /// @param signature the node key's, EIP-712 `Registration(address operator,uint256 nonce)` with nonce 0
    function register(bytes calldata publicKey, bytes calldata signature) external returns (uint64 identity);

    /// @notice Replaces an identity's node key; only its operator. Seats follow with `RoundManager.rekey`.
    /// @param signature the new node key's, with the identity's current nonce
    function rotate(uint64 identity, bytes calldata publicKey, bytes calldata signature) external;

    /// @notice Announces where the calling node serves its bytes, at most 512 bytes.
    function announce(string calldata endpoint) external;

    /// @return identity of a current node key; 0 if there is none
    function identityOf(address node) external view returns (uint64 identity);
    function operatorOf(uint64 identity) external view returns (address operator);
    function nodeOf(uint64 identity) external view returns (address node);
    /// @notice Rotations so far: the nonce the next node key signs.
    function nonceOf(uint64 identity) external view returns (uint256 nonce);
}
