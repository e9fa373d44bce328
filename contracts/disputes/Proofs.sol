// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGroupRegistry} from "../interfaces/IGroupRegistry.sol";
import {IRoundManager} from "../interfaces/IRoundManager.sol";
import {Inclusions} from "./Inclusions.sol";
import {NamedResults} from "./NamedResults.sol";
import {Numbers} from "./Numbers.sol";

/// @title Checking what proves a named result wrong
/// @dev A contract of its own, since the disputes' code would not fit one. `Disputes` creates it and asks it by static calls.
contract Proofs is Numbers, Inclusions {
    // solhint-disable-next-line no-empty-blocks
    constructor(IRoundManager rounds, IGroupRegistry groups) NamedResults(rounds, groups) {}
}
