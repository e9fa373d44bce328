// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IIdentityRegistry} from "./interfaces/IIdentityRegistry.sol";

/// @title Who owns which node
contract IdentityRegistry is IIdentityRegistry, EIP712 {
    bytes32 private constant REGISTRATION = keccak256("Registration(address operator,uint256 nonce)");
    uint256 private constant PUBLIC_KEY_LENGTH = 64;
    uint256 private constant MAX_ENDPOINT_LENGTH = 512;

    /// @inheritdoc IIdentityRegistry
    mapping(uint64 identity => address) public operatorOf;
    /// @inheritdoc IIdentityRegistry
    mapping(uint64 identity => address) public nodeOf;
    /// @inheritdoc IIdentityRegistry
    mapping(uint64 identity => uint256) public nonceOf;
    /// @notice Identities so far; their numbers start at 1.
    uint64 public identityCount;
    /// @dev Keys of the past included.
    mapping(address node => uint64) private _identities;

    // solhint-disable-next-line no-empty-blocks
    constructor() EIP712("IdentityRegistry", "1") {}

    /// @inheritdoc IIdentityRegistry
    function register(bytes calldata publicKey, bytes calldata signature) external returns (uint64 identity) {
        address node = _checkKey(publicKey, signature, 0);
        identity = ++identityCount;
        operatorOf[identity] = msg.sender;
        nodeOf[identity] = node;
        _identities[node] = identity;
        emit NodeRegistered(identity, msg.sender, node, publicKey);
    }

    /// @inheritdoc IIdentityRegistry
    function rotate(uint64 identity, bytes calldata publicKey, bytes calldata signature) external {
        if (operatorOf[identity] != msg.sender) revert NotOperator(identity, msg.sender);
        address newNode = _checkKey(publicKey, signature, nonceOf[identity]);
        address oldNode = nodeOf[identity];
        ++nonceOf[identity];
        nodeOf[identity] = newNode;
        _identities[newNode] = identity;
        emit NodeKeyRotated(identity, oldNode, newNode, publicKey);
    }

    /// @inheritdoc IIdentityRegistry
    function announce(string calldata endpoint) external {
        uint64 identity = identityOf(msg.sender);
        if (identity == 0) revert UnknownNode(msg.sender);
        if (bytes(endpoint).length > MAX_ENDPOINT_LENGTH) revert EndpointLength(bytes(endpoint).length);
        emit EndpointAnnounced(identity, msg.sender, endpoint);
    }

    /// @inheritdoc IIdentityRegistry
    function identityOf(address node) public view returns (uint64 identity) {
        identity = _identities[node];
        if (nodeOf[identity] != node) return 0;
    }

    /// @return node the account of the public key, which signed for the caller to be its operator and is not registered yet
    function _checkKey(bytes calldata publicKey, bytes calldata signature, uint256 nonce) private view returns (address node) {
        if (publicKey.length != PUBLIC_KEY_LENGTH) revert PublicKeyLength(publicKey.length);
        node = address(uint160(uint256(keccak256(publicKey))));
        if (_identities[node] != 0) revert NodeKeyTaken(node, _identities[node]);
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(REGISTRATION, msg.sender, nonce)));
        (address signer, ECDSA.RecoverError problem, ) = ECDSA.tryRecover(digest, signature);
        if (problem != ECDSA.RecoverError.NoError || signer != node) revert BadNodeSignature(node, msg.sender);
    }
}
