// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title The swarm's token: stakes and rewards
/// @notice Fixed supply, all of it the treasury's at first, an ordinary holder. Nobody can mint; holders can burn their own.
contract SwarmToken is ERC20Burnable, ERC20Permit {
    uint256 public constant SUPPLY = 1_000_000_000e18;

    constructor(address treasury) ERC20("Swarm", "SWARM") ERC20Permit("Swarm") {
        _mint(treasury, SUPPLY);
    }
}
