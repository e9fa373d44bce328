// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";

import {IGroupRegistry} from "../../contracts/interfaces/IGroupRegistry.sol";
import {IIdentityRegistry} from "../../contracts/interfaces/IIdentityRegistry.sol";
import {IRewardDistributor} from "../../contracts/interfaces/IRewardDistributor.sol";
import {IRoundManager} from "../../contracts/interfaces/IRoundManager.sol";
import {IRoundViews} from "../../contracts/interfaces/IRoundViews.sol";
import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {IRelay} from "../../contracts/interfaces/IRelay.sol";
import {IStakeVault} from "../../contracts/interfaces/IStakeVault.sol";
import {Commitment} from "../../contracts/libraries/Commitment.sol";
import {
    GroupId,
    Mixing,
    Phase,
    Report,
    Result,
    Reveal,
    Rule,
    Scoring,
    Terms,
    RoundId,
    RoundIds
} from "../../contracts/types/Types.sol";
import {Vm} from "./Vm.sol";

/// @title The contracts, some registered nodes and what they do in a round
/// @dev Node `i` has operator `operators[i]` and identity `i + 1`. A member is a node with a seat; tests join them in order, so
/// that node `i` sits in seat `i`.
abstract contract Swarm {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    /// @dev forge looks for it on test contracts.
    // solhint-disable-next-line const-name-snakecase
    bool public constant IS_TEST = true;

    uint256 internal constant START = 1_750_000_000;
    uint32 internal constant COMMIT = 60;
    uint32 internal constant REVEAL = 20;
    uint32 internal constant WINDOW = 10;
    uint32 internal constant IDLE = 300;
    uint128 internal constant STAKE = 100e18;
    uint128 internal constant REWARD = 100e18;

    ERC20Burnable internal token;
    IIdentityRegistry internal identities;
    IStakeVault internal vault;
    IRewardDistributor internal distributor;
    IGroupRegistry internal groups;
    IRoundManager internal rounds;
    IRoundViews internal views;
    IDisputes internal disputes;
    IRelay internal relay;
    GroupId internal group;
    bytes32 internal genesis;

    address[] internal nodes;
    address[] internal operators;
    uint256[] internal keys;

    function setUp() public virtual {
        vm.warp(START);
        uint256 nonce = vm.getNonce(address(this));
        address groupsAt = vm.computeCreateAddress(address(this), nonce + 4);
        address roundsAt = vm.computeCreateAddress(address(this), nonce + 6);
        address disputesAt = vm.computeCreateAddress(address(this), nonce + 7);
        address relayAt = vm.computeCreateAddress(address(this), nonce + 8);
        token = ERC20Burnable(deploy("SwarmToken", abi.encode(address(this))));
        identities = IIdentityRegistry(deploy("IdentityRegistry", ""));
        vault = IStakeVault(deploy("StakeVault", abi.encode(token, identities, roundsAt)));
        distributor = IRewardDistributor(deploy("RewardDistributor", abi.encode(token, groupsAt, roundsAt)));
        groups = IGroupRegistry(deploy("GroupRegistry", abi.encode(token, distributor, roundsAt)));
        seating = deploy("Seating", "");
        rounds = IRoundManager(deploy("RoundManager", abi.encode(identities, vault, groups, distributor, disputesAt, relayAt)));
        disputes = IDisputes(deploy("Disputes", abi.encode(rounds, groups, identities, vault)));
        relay = IRelay(deploy("Relay", abi.encode(rounds)));
        views = IRoundViews(deploy("RoundViews", abi.encode(rounds)));
        assertEq(address(groups), groupsAt, "group registry address");
        assertEq(address(rounds), roundsAt, "round manager address");
        assertEq(address(disputes), disputesAt, "disputes address");
        assertEq(address(relay), relayAt, "relay address");
        token.approve(address(vault), type(uint256).max);
        token.approve(address(groups), type(uint256).max);
    }

    // ------------------------------------------------------------------------------------------------ building

    /// @dev The library that the round manager is linked to.
    address internal seating;

    /// @dev Deploys what people install.
    function deploy(string memory name, bytes memory arguments) internal returns (address deployed) {
        string memory path = string.concat("swarm_chain/chain/artifacts/", name, ".json");
        string memory artifact = vm.readFile(path);
        bytes memory code = abi.encodePacked(vm.parseJsonBytes(artifact, ".bytecode"), arguments);
        if (vm.keyExistsJson(artifact, ".links.Seating")) {
            uint256[] memory places = vm.parseJsonUintArray(artifact, ".links.Seating");
            for (uint256 i = 0; i < places.length; ++i) {
                for (uint256 j = 0; j < 20; ++j) code[places[i] + j] = bytes20(seating)[j];
            }
        }
        assembly ("memory-safe") {
            deployed := create(0, add(code, 32), mload(code))
        }
        assertTrue(deployed.code.length != 0 && deployed.code.length <= 24_576, name);
    }

    function defaultTerms() internal pure returns (Terms memory) {
        return
            Terms({
                dimension: 1_000,
                fractionBits: 24,
                minExponent: -8,
                maxExponent: 20,
                rule: Rule.TrimmedMean,
                mixing: Mixing.None,
                scoring: Scoring.Equal,
                capacity: 5,
                minUpdates: 2,
                quorumBps: 5_000,
                byInvitation: false,
                commitDuration: COMMIT,
                revealDuration: REVEAL,
                challengeWindow: WINDOW,
                idleTimeout: IDLE,
                maxMissed: 3,
                maturity: 8,
                stake: STAKE,
                rewardPerRound: REWARD
            });
    }

    function createGroup(Terms memory terms) internal {
        group = groups.create(terms, keccak256("manifest"), keccak256("genesis model"), keccak256("genesis root"));
        genesis = Commitment.genesisHash(address(rounds), group, keccak256("genesis model"), keccak256("genesis root"));
    }

    function fund(uint256 amount) internal {
        groups.fund(group, amount);
    }

    function registration(uint256 key, address operator, uint256 nonce) internal returns (address, bytes memory, bytes memory) {
        Vm.Wallet memory wallet = vm.createWallet(key);
        bytes32 content = keccak256(abi.encode(keccak256("Registration(address operator,uint256 nonce)"), operator, nonce));
        bytes memory signature = signTyped(key, "IdentityRegistry", address(identities), content);
        return (wallet.addr, abi.encode(wallet.publicKeyX, wallet.publicKeyY), signature);
    }

    function signTyped(uint256 key, string memory name, address verifier, bytes32 content) internal view returns (bytes memory) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256("1"),
                block.chainid,
                verifier
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, keccak256(abi.encodePacked(hex"1901", domain, content)));
        return abi.encodePacked(r, s, v);
    }

    /// @return index of the node registered
    function register() internal returns (uint256 index) {
        index = nodes.length;
        uint256 key = 1_000 + index;
        address operator = address(uint160(0xA0000 + index));
        (address node, bytes memory publicKey, bytes memory signature) = registration(key, operator, 0);
        vm.prank(operator);
        identities.register(publicKey, signature);
        nodes.push(node);
        operators.push(operator);
        keys.push(key);
    }

    function stakeAndJoin(uint256 index) internal returns (uint8 seat) {
        vault.deposit(uint64(index + 1), STAKE);
        vm.prank(nodes[index]);
        return rounds.join(group, nodes[index], "");
    }

    /// @dev A group of the given terms with `count` members and ten rounds' rewards.
    function swarmOf(uint256 count, Terms memory terms) internal {
        createGroup(terms);
        fund(10 * uint256(REWARD));
        for (uint256 i = 0; i < count; ++i) stakeAndJoin(register());
    }

    function swarmOf(uint256 count) internal {
        swarmOf(count, defaultTerms());
    }

    // ------------------------------------------------------------------------------------------------ acting

    /// @dev What node `index` reveals in a round; all nodes are available.
    function opening(uint256 index, uint32 round, bytes32 parent) internal pure returns (Reveal memory) {
        return
            Reveal({
                salt: keccak256(abi.encode("salt", index, round)),
                parent: parent,
                updateRoot: keccak256(abi.encode("update", index, round)),
                report: reportOf(100, 500_000),
                available: 0x1F
            });
    }

    function reportOf(uint32 samples, int64 metric) internal pure returns (Report) {
        return Report.wrap((uint96(samples) << 64) | uint64(metric));
    }

    function commit(uint256 index, uint32 round, bytes32 parent) internal {
        bytes24 commitment = views.makeCommitment(group, round, nodes[index], opening(index, round, parent));
        vm.prank(nodes[index]);
        rounds.commit(RoundIds.make(group, round), keccak256(abi.encode("sealed", index, round)), commitment);
    }

    /// @dev Whoever is first to vote for a result presents it, as nodes do.
    function reveal(uint256 index, uint32 round, bytes32 parent) internal {
        Result memory result = known[parent];
        bool isToPresent =
            result.round != 0 &&
                result.round + 1 == round &&
                !rounds.presentedOf(group, result.round % 8).matches(result.round, parent);
        RoundId id = RoundIds.make(group, round);
        Reveal memory opened = opening(index, round, parent);
        vm.prank(nodes[index]);
        if (isToPresent) rounds.revealWith(id, opened, result);
        else rounds.reveal(id, opened);
    }

    /// @dev Results that tests have made, by hash.
    mapping(bytes32 hash => Result) internal known;

    /// @dev A whole round of the first `count` nodes, all of one mind; `took` seconds from its opening to its close.
    function play(uint256 count, uint32 round, bytes32 parent, uint256 took) internal {
        for (uint256 i = 0; i < count; ++i) commit(i, round, parent);
        vm.warp(vm_now() + took);
        for (uint256 i = 0; i < count; ++i) reveal(i, round, parent);
    }

    /// @dev The compiler may take the time for constant within a call; the chain's is read through this.
    function vm_now() internal view returns (uint256) {
        return clock.time();
    }

    Clock internal clock = new Clock();

    function resultOf(uint32 round, bytes32 parent, uint256 included) internal pure returns (Result memory) {
        return
            Result({
                round: round,
                parent: parent,
                modelDigest: keccak256(abi.encode("model", round)),
                modelRoot: keccak256(abi.encode("model root", round)),
                columnsRoot: keccak256(abi.encode("columns", round)),
                included: included,
                choice: "",
                scores: "",
                metric: 500_000
            });
    }

    function hashOf(Result memory result) internal returns (bytes32 hash) {
        hash = Commitment.resultHash(address(rounds), group, result);
        known[hash] = result;
    }

    function settledRound() internal view returns (uint32 settled) {
        (, , settled, ) = views.head(group);
    }

    // ------------------------------------------------------------------------------------------------ checking

    function assertTrue(bool condition, string memory what) internal pure {
        require(condition, what);
    }

    function assertEq(uint256 given, uint256 expected, string memory what) internal pure {
        require(given == expected, string.concat(what, ": ", vm.toString(given), " is not ", vm.toString(expected)));
    }

    function assertEq(address given, address expected, string memory what) internal pure {
        require(given == expected, what);
    }

    function assertEq(bytes32 given, bytes32 expected, string memory what) internal pure {
        require(given == expected, what);
    }

    function assertPhase(uint32 round, Phase expected) internal view {
        (uint32 number, Phase phase, , ) = views.phase(group);
        assertEq(number, round, "round");
        assertEq(uint256(phase), uint256(expected), "phase");
    }
}

/// @dev Tells the time from another contract, where the compiler cannot fold two readings into one.
contract Clock {
    function time() external view returns (uint256) {
        return block.timestamp;
    }
}
