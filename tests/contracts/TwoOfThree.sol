// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title An account of three owners, any two of whom act and sign (ERC-1271)
/// @dev As small as such an account can be. Signatures are 65 bytes each, by ascending owner.
contract TwoOfThree {
    error NotTwoOwners();

    address[3] public owners;
    uint256 public nonce;

    constructor(address[3] memory owners_) {
        owners = owners_;
    }

    /// @notice Calls what two owners signed: `digestOf(nonce, to, data)`.
    function execute(address to, bytes calldata data, bytes calldata signatures) external returns (bytes memory) {
        if (!_areTwo(digestOf(nonce, to, data), signatures)) revert NotTwoOwners();
        ++nonce;
        (bool done, bytes memory answer) = to.call(data);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(answer, 32), mload(answer))
            }
        }
        return answer;
    }

    function isValidSignature(bytes32 digest, bytes calldata signatures) external view returns (bytes4) {
        return _areTwo(digest, signatures) ? this.isValidSignature.selector : bytes4(0xffffffff);
    }

    function digestOf(uint256 nonce_, address to, bytes calldata data) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), nonce_, to, keccak256(data)));
    }

    function _areTwo(bytes32 digest, bytes calldata signatures) private view returns (bool) {
        if (signatures.length != 130) return false;
        address first = _signer(digest, signatures[:65]);
        address second = _signer(digest, signatures[65:]);
        return _isOwner(first) && _isOwner(second) && first < second;
    }

    function _signer(bytes32 digest, bytes calldata signature) private pure returns (address) {
        return ecrecover(digest, uint8(signature[64]), bytes32(signature[:32]), bytes32(signature[32:64]));
    }

    function _isOwner(address account) private view returns (bool) {
        return account != address(0) && (account == owners[0] || account == owners[1] || account == owners[2]);
    }
}
