// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRelay} from "../../contracts/interfaces/IRelay.sol";
import {IRoundManager} from "../../contracts/interfaces/IRoundManager.sol";
import {IRoundViews} from "../../contracts/interfaces/IRoundViews.sol";
import {
    GroupId,
    Phase,
    Result,
    Reveal,
    RoundId,
    RoundIds,
    SignedCommit,
    SignedReveal,
    Terms
} from "../../contracts/types/Types.sol";
import {Swarm} from "./Swarm.sol";

/// @dev Stands in for the round manager: takes everything, and keeps whom it was told of.
contract Register {
    address[] public told;

    function commitFor(RoundId, IRoundManager.CommitOf[] calldata commits) external returns (uint256) {
        for (uint256 i = 0; i < commits.length; ++i) told.push(commits[i].node);
        return commits.length;
    }

    function count() external view returns (uint256) {
        return told.length;
    }
}

/// @title Relayed commits and reveals: whom they count for, and that nothing is replayed
contract RelayTest is Swarm {
    /// @dev What a signature is bound to.
    struct Signing {
        string name;
        string version;
        uint256 chainId;
        address verifier;
        GroupId group;
        uint32 round;
        bytes32 first;
        bytes32 second;
        uint256 key;
    }

    event Measured(string what, uint256 gas);

    string private constant COMMIT_TYPE = "Commit(uint32 group,uint32 round,bytes32 sealedDigest,bytes24 commitment)";
    string private constant REVEAL_TYPE = "Reveal(uint32 group,uint32 round,bytes32 salt,uint256 available)";
    uint256 private constant ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
    uint256 private constant FIELDS = 9;
    /// @dev Gas of a commit and a reveal, all told.
    uint256 private constant GOAL = 30_000;
    uint256 private constant NEW_KEY = 77_000;

    // ------------------------------------------------------------------------------------------------ what is taken

    function test_a_relayed_round_is_as_one_that_nodes_send() public {
        swarmOf(3);
        GroupId relayed = group;
        for (uint32 round = 1; round <= 3; ++round) _relayRound(3, round);
        GroupId sent = _anotherGroup(3);
        for (uint32 round = 1; round <= 3; ++round) _sentRound(3, round);
        for (uint32 round = 1; round <= 3; ++round) {
            IRoundViews.RoundView memory a = views.roundAt(relayed, round);
            IRoundViews.RoundView memory b = views.roundAt(sent, round);
            assertEq(a.committed, 3, "all committed");
            assertEq(a.committed, b.committed, "committed");
            assertEq(a.revealed, 3, "all revealed");
            assertEq(a.revealed, b.revealed, "revealed");
            assertEq(a.revealedWeight, b.revealedWeight, "weight");
            assertEq(a.leaderWeight, b.leaderWeight, "leader's weight");
            assertEq(a.revealDeadline - a.openedAt, b.revealDeadline - b.openedAt, "duration");
        }
        assertEq(_finalRound(relayed), 2, "final");
        assertEq(_finalRound(sent), 2, "final");
        for (uint8 seat = 0; seat < 3; ++seat) {
            assertTrue(distributor.creditOf(relayed, seat) != 0, "paid");
            assertEq(distributor.creditOf(relayed, seat), distributor.creditOf(sent, seat), "credit");
            assertEq(views.seatAt(relayed, seat).reputation, views.seatAt(sent, seat).reputation, "reputation");
        }
    }

    function test_slots_hold_what_was_signed() public {
        swarmOf(2);
        _relayCommits(1, _commits(2, 1));
        bytes24 commitment = _commitmentOf(1, 1);
        (bool committed, , uint16 weight, bytes24 digest) = views.slot(group, nodes[1], 1);
        assertTrue(committed, "committed");
        assertEq(weight, 1_000, "weight");
        assertEq(digest, commitment, "commitment");
        _relayReveals(1, _reveals(2, 1));
        (, bool revealed, , bytes24 after_) = views.slot(group, nodes[1], 1);
        assertTrue(revealed, "revealed");
        assertEq(after_, bytes24(keccak256(abi.encode(commitment, uint256(0x1F)))), "digest of the reveal");
        assertPhase(1, Phase.Closed);
    }

    function test_a_batch_tells_what_was_taken() public {
        swarmOf(2);
        RoundId id = RoundIds.make(group, 1);
        bytes memory taken;
        for (uint256 i = 0; i < 2; ++i) taken = abi.encodePacked(taken, nodes[i], keccak256(abi.encode("sealed", i, uint32(1))));
        SignedCommit[] memory commits = _commits(2, 1);
        uint256 deadline = vm_now() + REVEAL;
        vm.expectEmit(address(rounds));
        emit IRoundManager.CommitsRelayed(id, taken);
        vm.expectEmit(address(rounds));
        emit IRoundManager.RevealStarted(group, 1, deadline);
        relay.relayCommits(id, commits);
        taken = bytes.concat(_told(0), _told(1));
        SignedReveal[] memory reveals = _reveals(2, 1);
        vm.expectEmit(address(rounds));
        emit IRoundManager.RevealsRelayed(id, genesis, taken);
        vm.expectEmit(address(rounds));
        emit IRoundManager.RoundClosed(group, 1);
        relay.relayReveals(id, genesis, reveals);
    }

    /// @dev What a batch tells of a node's reveal in the first round.
    function _told(uint256 index) private view returns (bytes memory) {
        Reveal memory opened = opening(index, 1, genesis);
        return abi.encodePacked(nodes[index], opened.updateRoot, opened.report, opened.available, opened.salt);
    }

    function test_anyone_relays() public {
        swarmOf(2);
        SignedCommit[] memory commits = _commits(2, 1);
        vm.prank(address(0xBEEF));
        assertEq(relay.relayCommits(RoundIds.make(group, 1), commits), 2, "accepted");
    }

    function test_nodes_that_send_and_nodes_that_do_not_share_a_round() public {
        swarmOf(3);
        commit(0, 1, genesis);
        SignedCommit[] memory commits = _commits(3, 1);
        assertEq(_relayCommits(1, commits), 2, "those that had not sent");
        assertPhase(1, Phase.Reveal);
        reveal(1, 1, genesis);
        assertEq(_relayReveals(1, _reveals(3, 1)), 2, "those that had not revealed");
        assertPhase(1, Phase.Closed);
        assertEq(views.roundAt(group, 1).revealedWeight, 3_000, "each once");
    }

    // ------------------------------------------------------------------------------------------------ what is left out

    function test_a_bad_entry_does_not_spoil_a_batch() public {
        swarmOf(3);
        uint256 stranger = register();
        SignedCommit[] memory good = _commits(3, 1);
        SignedCommit[] memory spoilt = _commits(3, 1);
        SignedCommit[] memory batch = new SignedCommit[](8);
        batch[0].commitment = "no signature at all";
        batch[1] = good[0];
        batch[2] = _signedCommit(_signing(stranger, 1, keccak256("s"), bytes32(bytes24("c"))));
        batch[3] = good[0]; // twice
        batch[4] = spoilt[1];
        batch[4].vs = bytes32(uint256(batch[4].vs) ^ (1 << 255)); // the other parity: somebody else's
        batch[5] = good[1];
        batch[6] = spoilt[2];
        batch[6].r = 0;
        batch[7] = good[2];
        bytes memory taken;
        for (uint256 i = 0; i < 3; ++i) taken = abi.encodePacked(taken, nodes[i], keccak256(abi.encode("sealed", i, uint32(1))));
        RoundId id = RoundIds.make(group, 1);
        vm.expectEmit(address(rounds));
        emit IRoundManager.CommitsRelayed(id, taken);
        assertEq(relay.relayCommits(id, batch), 3, "accepted");
        assertPhase(1, Phase.Reveal);

        SignedReveal[] memory opened = _reveals(3, 1);
        SignedReveal[] memory altered = _reveals(3, 1);
        SignedReveal[] memory reveals = new SignedReveal[](6);
        reveals[0] = altered[0];
        reveals[0].updateRoot = keccak256("not what was committed");
        reveals[1] = opened[1];
        reveals[2] = opened[1];
        reveals[3] = altered[2];
        reveals[3].available = 0; // not what was signed
        reveals[4] = altered[1];
        reveals[4].r = 0; // nobody's
        reveals[5] = opened[2];
        taken = bytes.concat(_told(1), _told(2));
        vm.expectEmit(address(rounds));
        emit IRoundManager.RevealsRelayed(id, genesis, taken);
        assertEq(relay.relayReveals(id, genesis, reveals), 2, "accepted");
        (, bool revealed, , ) = views.slot(group, nodes[0], 1);
        assertTrue(!revealed, "nothing but what was committed is revealed");
        reveal(0, 1, genesis);
        assertPhase(1, Phase.Closed);
    }

    function test_nothing_accepted() public {
        swarmOf(2);
        RoundId id = RoundIds.make(group, 1);
        vm.expectRevert(abi.encodeWithSelector(IRelay.NothingAccepted.selector, id));
        relay.relayCommits(id, new SignedCommit[](0));
        vm.expectRevert(abi.encodeWithSelector(IRelay.NothingAccepted.selector, id));
        relay.relayCommits(id, new SignedCommit[](2));
        assertPhase(0, Phase.Closed); // nobody opens a round by sending nothing
        _relayCommits(1, _commits(2, 1));
        vm.expectRevert(abi.encodeWithSelector(IRelay.NothingAccepted.selector, id));
        relay.relayReveals(id, genesis, new SignedReveal[](0));
        vm.expectRevert(abi.encodeWithSelector(IRelay.NothingAccepted.selector, id));
        relay.relayReveals(id, genesis, new SignedReveal[](2));
        SignedReveal[] memory reveals = _reveals(2, 1);
        vm.expectRevert(abi.encodeWithSelector(IRelay.NothingAccepted.selector, id));
        relay.relayReveals(id, keccak256("another parent than they committed to"), reveals);
    }

    function test_strangers_do_not_open_a_round() public {
        swarmOf(2);
        uint256 stranger = register();
        SignedCommit[] memory batch = new SignedCommit[](1);
        batch[0] = _signedCommit(_signing(stranger, 1, 0, bytes32(bytes24("c"))));
        vm.expectRevert(abi.encodeWithSelector(IRelay.NothingAccepted.selector, RoundIds.make(group, 1)));
        relay.relayCommits(RoundIds.make(group, 1), batch);
        assertPhase(0, Phase.Closed);
    }

    function test_wrong_phase_or_round() public {
        swarmOf(3);
        SignedCommit[] memory commits = _commits(3, 1);
        SignedReveal[] memory reveals = _reveals(3, 1);
        RoundId id = RoundIds.make(group, 1);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.UnexpectedRound.selector, group, 0, 1));
        relay.relayReveals(id, genesis, reveals);
        SignedCommit[] memory two = new SignedCommit[](2);
        (two[0], two[1]) = (commits[0], commits[1]);
        _relayCommits(1, two);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.UnexpectedPhase.selector, id, Phase.Commit));
        relay.relayReveals(id, genesis, reveals);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.UnexpectedRound.selector, group, 1, 2));
        relay.relayCommits(RoundIds.make(group, 2), commits);
        vm.warp(START + COMMIT);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.UnexpectedPhase.selector, id, Phase.Reveal));
        relay.relayCommits(id, commits);
        vm.warp(START + COMMIT + REVEAL);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.UnexpectedPhase.selector, id, Phase.Closed));
        relay.relayReveals(id, genesis, reveals);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.UnexpectedRound.selector, group, 2, 1));
        relay.relayCommits(id, commits);
    }

    function test_only_the_relay_speaks_for_others() public {
        swarmOf(2);
        RoundId id = RoundIds.make(group, 1);
        IRoundManager.CommitOf[] memory forged = new IRoundManager.CommitOf[](1);
        forged[0].node = nodes[0];
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.OnlyRelay.selector, address(this)));
        rounds.commitFor(id, forged);
        IRoundManager.RevealOf[] memory opened = new IRoundManager.RevealOf[](1);
        opened[0].node = nodes[0];
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.OnlyRelay.selector, address(this)));
        rounds.revealFor(id, opened);
        // Another relay on the same round manager has no say either.
        IRelay other = IRelay(deploy("Relay", abi.encode(rounds)));
        Signing memory signing = _signing(0, 1, 0, bytes32(bytes24("c")));
        signing.verifier = address(other);
        SignedCommit[] memory batch = new SignedCommit[](1);
        batch[0] = _signedCommit(signing);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.OnlyRelay.selector, address(other)));
        other.relayCommits(id, batch);
    }

    /// @dev The event names one parent for all of a batch.
    function test_a_batch_of_reveals_has_one_parent() public {
        swarmOf(2);
        RoundId id = RoundIds.make(group, 1);
        bytes32 other = keccak256("another result");
        commit(0, 1, genesis);
        commit(1, 1, other);
        IRoundManager.RevealOf[] memory reveals = new IRoundManager.RevealOf[](2);
        reveals[0] = IRoundManager.RevealOf(nodes[0], opening(0, 1, genesis));
        reveals[1] = IRoundManager.RevealOf(nodes[1], opening(1, 1, other));
        vm.prank(address(relay));
        assertEq(rounds.revealFor(id, reveals), 1, "the first one's alone");
        assertEq(views.roundAt(group, 1).revealed, 1, "votes");
        reveal(1, 1, other);
    }

    // ------------------------------------------------------------------------------------------------ replay

    function test_a_signature_is_used_once() public {
        swarmOf(3);
        RoundId id = RoundIds.make(group, 1);
        SignedCommit[] memory one = new SignedCommit[](1);
        one[0] = _commits(1, 1)[0];
        _relayCommits(1, one);
        vm.expectRevert(abi.encodeWithSelector(IRelay.NothingAccepted.selector, id));
        relay.relayCommits(id, one);
        commit(1, 1, genesis);
        commit(2, 1, genesis);
        SignedReveal[] memory opened = new SignedReveal[](1);
        opened[0] = _reveals(1, 1)[0];
        _relayReveals(1, opened);
        vm.expectRevert(abi.encodeWithSelector(IRelay.NothingAccepted.selector, id));
        relay.relayReveals(id, genesis, opened);
        assertEq(views.roundAt(group, 1).revealedWeight, 1_000, "once");
    }

    /// @dev One field of what a commit's signature is bound to is another.
    function testFuzz_a_commit_counts_for_nothing_else(uint256 which, uint256 change) public {
        swarmOf(2);
        Signing memory signing = _changed(_commitSigning(0, 1), which, change);
        SignedCommit[] memory batch = new SignedCommit[](1);
        batch[0] = _signedCommit(signing);
        // The relayer claims what the node really would commit: only the signature is of something else.
        batch[0].sealedDigest = keccak256(abi.encode("sealed", uint256(0), uint32(1)));
        batch[0].commitment = _commitmentOf(0, 1);
        vm.expectRevert(abi.encodeWithSelector(IRelay.NothingAccepted.selector, RoundIds.make(group, 1)));
        relay.relayCommits(RoundIds.make(group, 1), batch);
        assertPhase(0, Phase.Closed);
    }

    function testFuzz_a_reveal_counts_for_nothing_else(uint256 which, uint256 change) public {
        swarmOf(2);
        _relayCommits(1, _commits(2, 1));
        Signing memory signing = _changed(_revealSigning(0, 1), which, change);
        SignedReveal[] memory batch = new SignedReveal[](1);
        batch[0] = _reveals(1, 1)[0];
        (batch[0].r, batch[0].vs) = _sign(REVEAL_TYPE, signing);
        vm.expectRevert(abi.encodeWithSelector(IRelay.NothingAccepted.selector, RoundIds.make(group, 1)));
        relay.relayReveals(RoundIds.make(group, 1), genesis, batch);
        (, bool revealed, , ) = views.slot(group, nodes[0], 1);
        assertTrue(!revealed, "not revealed");
    }

    /// @dev The relayer changes what was signed, instead of the signature.
    function testFuzz_nothing_signed_can_be_altered(bytes32 sealedDigest, bytes24 commitment, uint256 available) public {
        swarmOf(2);
        SignedCommit[] memory commits = new SignedCommit[](1);
        commits[0] = _commits(1, 1)[0];
        if (sealedDigest != commits[0].sealedDigest) {
            bytes32 signed = commits[0].sealedDigest;
            commits[0].sealedDigest = sealedDigest;
            _expectNothing(commits);
            commits[0].sealedDigest = signed;
        }
        if (commitment != commits[0].commitment) {
            bytes24 signed = commits[0].commitment;
            commits[0].commitment = commitment;
            _expectNothing(commits);
            commits[0].commitment = signed;
        }
        _relayCommits(1, commits);
        commit(1, 1, genesis);
        SignedReveal[] memory reveals = new SignedReveal[](1);
        reveals[0] = _reveals(1, 1)[0];
        if (available != reveals[0].available) {
            reveals[0].available = available;
            vm.expectRevert(abi.encodeWithSelector(IRelay.NothingAccepted.selector, RoundIds.make(group, 1)));
            relay.relayReveals(RoundIds.make(group, 1), genesis, reveals);
            reveals[0].available = 0x1F;
        }
        assertEq(_relayReveals(1, reveals), 1, "as it was signed");
    }

    function testFuzz_not_on_another_chain(uint64 other) public {
        if (other == 0 || other == block.chainid) other = 7;
        swarmOf(2);
        SignedCommit[] memory commits = _commits(2, 1);
        uint256 here = block.chainid;
        vm.chainId(other);
        _expectNothing(commits);
        vm.chainId(here);
        assertEq(_relayCommits(1, commits), 2, "on this one");
    }

    function test_not_in_another_group() public {
        swarmOf(2);
        GroupId first = group;
        SignedCommit[] memory commits = _commits(2, 1);
        createGroup(defaultTerms());
        stakeAndJoin(0);
        stakeAndJoin(1);
        assertTrue(views.seat(group, nodes[0]).node == nodes[0], "the same nodes sit in both");
        _expectNothing(commits);
        group = first;
        assertEq(_relayCommits(1, commits), 2, "in theirs");
    }

    function test_not_in_another_round() public {
        swarmOf(2);
        SignedCommit[] memory commits = _commits(2, 1);
        _relayCommits(1, commits);
        SignedReveal[] memory reveals = _reveals(2, 1);
        _relayReveals(1, reveals);
        vm.expectRevert(abi.encodeWithSelector(IRelay.NothingAccepted.selector, RoundIds.make(group, 2)));
        relay.relayCommits(RoundIds.make(group, 2), commits);
        _relayCommits(2, _commits(2, 2));
        vm.expectRevert(abi.encodeWithSelector(IRelay.NothingAccepted.selector, RoundIds.make(group, 2)));
        relay.relayReveals(RoundIds.make(group, 2), genesis, reveals);
        vm.expectRevert(abi.encodeWithSelector(IRoundManager.UnexpectedRound.selector, group, 2, 1));
        relay.relayReveals(RoundIds.make(group, 1), genesis, reveals);
    }

    function test_a_copied_commit_cannot_be_opened_by_its_copier() public {
        swarmOf(2);
        SignedCommit[] memory commits = _commits(2, 1);
        Signing memory copied = _commitSigning(0, 1);
        copied.key = keys[1];
        commits[1] = _signedCommit(copied);
        assertEq(_relayCommits(1, commits), 2, "both are commits");
        SignedReveal[] memory reveals = _reveals(2, 1);
        Signing memory opened = _revealSigning(0, 1);
        opened.key = keys[1];
        reveals[1] = _reveals(1, 1)[0];
        (reveals[1].r, reveals[1].vs) = _sign(REVEAL_TYPE, opened);
        assertEq(_relayReveals(1, reveals), 1, "its author's alone");
        (, bool revealed, , ) = views.slot(group, nodes[1], 1);
        assertTrue(!revealed, "not the copier's");
    }

    /// @dev The same words under the other type.
    function testFuzz_a_commit_is_no_reveal(bytes24 words) public {
        swarmOf(2);
        Signing memory signing = _signing(0, 1, keccak256("first"), bytes32(words));
        SignedCommit[] memory commits = new SignedCommit[](1);
        commits[0] = _signedCommit(signing);
        (commits[0].r, commits[0].vs) = _sign(REVEAL_TYPE, signing);
        _expectNothing(commits);

        _relayCommits(1, _commits(2, 1));
        SignedReveal[] memory reveals = new SignedReveal[](1);
        reveals[0] = _reveals(1, 1)[0];
        (reveals[0].r, reveals[0].vs) = _sign(COMMIT_TYPE, _revealSigning(0, 1));
        vm.expectRevert(abi.encodeWithSelector(IRelay.NothingAccepted.selector, RoundIds.make(group, 1)));
        relay.relayReveals(RoundIds.make(group, 1), genesis, reveals);
    }

    // ------------------------------------------------------------------------------------------------ keys

    function test_a_replaced_key_reveals_what_it_committed_and_commits_no_more() public {
        swarmOf(2);
        _relayCommits(1, _commits(2, 1));
        address oldNode = nodes[0];
        SignedReveal[] memory reveals = _reveals(2, 1);
        SignedCommit[] memory commits = new SignedCommit[](1);
        commits[0] = _commits(1, 2)[0];
        (address newNode, bytes memory publicKey, bytes memory signature) = registration(
            NEW_KEY,
            operators[0],
            identities.nonceOf(1)
        );
        vm.prank(operators[0]);
        identities.rotate(1, publicKey, signature);
        rounds.rekey(group, 0);
        assertTrue(views.seat(group, newNode).node == newNode && newNode != oldNode, "the seat is the new key's");
        assertEq(_relayReveals(1, reveals), 2, "the old key's reveal among them");
        vm.expectRevert(abi.encodeWithSelector(IRelay.NothingAccepted.selector, RoundIds.make(group, 2)));
        relay.relayCommits(RoundIds.make(group, 2), commits);
        nodes[0] = newNode;
        keys[0] = NEW_KEY;
        assertEq(_relayCommits(2, _commits(2, 2)), 2, "the new key commits");
    }

    // ------------------------------------------------------------------------------------------------ signatures

    function test_the_upper_half_of_s_is_nobodys() public {
        swarmOf(2);
        SignedCommit[] memory batch = new SignedCommit[](1);
        batch[0] = _commits(1, 1)[0];
        uint256 vs = uint256(batch[0].vs);
        uint256 s = vs & ~(uint256(1) << 255);
        uint256 otherParity = (vs >> 255) ^ 1;
        batch[0].vs = bytes32((ORDER - s) | (otherParity << 255));
        _expectNothing(batch);
    }

    /// @dev Whatever r is, s of the upper half gives nobody, where the lower half gives some address or other.
    function testFuzz_s_is_of_the_lower_half(uint256 key, uint256 s, uint256 parity) public {
        Register register_ = new Register();
        IRelay probe = IRelay(deploy("Relay", abi.encode(register_)));
        key = 1 + (key % (ORDER - 1));
        (, bytes32 r, ) = vm.sign(key, keccak256("any"));
        SignedCommit[] memory batch = new SignedCommit[](1);
        batch[0].r = r;
        parity = (parity & 1) << 255;
        batch[0].vs = bytes32(_between(s, ORDER / 2 + 1, (1 << 255) - 1) | parity);
        vm.expectRevert(abi.encodeWithSelector(IRelay.NothingAccepted.selector, RoundIds.make(group, 1)));
        probe.relayCommits(RoundIds.make(group, 1), batch);
        batch[0].vs = bytes32(_between(s, 1, ORDER / 2) | parity);
        probe.relayCommits(RoundIds.make(group, 1), batch);
        assertEq(register_.count(), 1, "the lower half gives an address");
        assertTrue(register_.told(0) != address(0), "not the zero one");
    }

    /// @dev The relay's answer is the precompile's, for the hash that EIP-712 says.
    function testFuzz_the_signer_is_the_node(uint256 key, uint32 round, bytes32 sealedDigest, bytes24 commitment) public {
        Register register_ = new Register();
        IRelay probe = IRelay(deploy("Relay", abi.encode(register_)));
        Signing memory signing = _signing(0, round, sealedDigest, bytes32(commitment), 1 + (key % (ORDER - 1)));
        signing.verifier = address(probe);
        SignedCommit[] memory batch = new SignedCommit[](3);
        batch[1] = _signedCommit(signing);
        assertEq(probe.relayCommits(RoundIds.make(group, round), batch), 1, "one signature");
        assertEq(register_.told(0), vm.createWallet(signing.key).addr, "whose it is");
    }

    // ------------------------------------------------------------------------------------------------ gas

    function test_gas_of_100_in_batches_of_32() public {
        _measure(100, 32);
    }

    function test_gas_of_100_at_once() public {
        _measure(100, 100);
    }

    function test_gas_of_a_full_group_fits_a_transaction() public {
        Terms memory terms = defaultTerms();
        terms.capacity = 255;
        swarmOf(255, terms);
        _relayCommits(1, _commits(255, 1));
        assertTrue(vm.lastCallGas().gasTotalUsed < 16_777_216, "255 first commits");
        _relayReveals(1, _reveals(255, 1));
        assertTrue(vm.lastCallGas().gasTotalUsed < 16_777_216, "255 reveals");
    }

    /// @dev Rounds until slots are used again, then one measured; a node's commit and reveal, transactions and all.
    function _measure(uint256 count, uint256 batch) private {
        Terms memory terms = defaultTerms();
        terms.capacity = 255;
        swarmOf(count, terms);
        uint256 used;
        for (uint32 round = 1; round <= 18; ++round) {
            used = 0;
            SignedCommit[] memory commits = _commits(count, round);
            SignedReveal[] memory reveals = _reveals(count, round);
            for (uint256 at = 0; at < count; at += batch) {
                _relayCommits(round, _slice(commits, at, batch));
                used += vm.lastCallGas().gasTotalUsed;
            }
            if (round == 18) emit Measured("relayed commit", used / count);
            for (uint256 at = 0; at < count; at += batch) {
                _relayReveals(round, _slice(reveals, at, batch));
                used += vm.lastCallGas().gasTotalUsed;
            }
            if (round > 1) rounds.settleVoid(group);
        }
        emit Measured("relayed commit and reveal", used / count);
        assertTrue(used / count <= GOAL, string.concat("a node's round: ", vm.toString(used / count)));
    }

    // ------------------------------------------------------------------------------------------------ signing

    function _signing(uint256 index, uint32 round, bytes32 first, bytes32 second) private view returns (Signing memory) {
        return _signing(index, round, first, second, keys[index]);
    }

    function _signing(uint256, uint32 round, bytes32 first, bytes32 second, uint256 key) private view returns (Signing memory) {
        return Signing("Relay", "1", block.chainid, address(relay), group, round, first, second, key);
    }

    function _commitSigning(uint256 index, uint32 round) private view returns (Signing memory) {
        return _signing(index, round, keccak256(abi.encode("sealed", index, round)), bytes32(_commitmentOf(index, round)));
    }

    function _revealSigning(uint256 index, uint32 round) private view returns (Signing memory) {
        Reveal memory opened = opening(index, round, genesis);
        return _signing(index, round, opened.salt, bytes32(opened.available));
    }

    function _commitmentOf(uint256 index, uint32 round) private view returns (bytes24) {
        return views.makeCommitment(group, round, nodes[index], opening(index, round, parentOf[round]));
    }

    /// @dev One of its fields is another.
    function _changed(Signing memory signing, uint256 which, uint256 change) private pure returns (Signing memory) {
        which = which % FIELDS;
        bytes32 mask = bytes32(change == 0 ? 1 << 255 : change);
        if (which == 0) signing.name = string.concat("Relay ", vm.toString(change));
        else if (which == 1) signing.version = string.concat("1.", vm.toString(change));
        else if (which == 2) signing.chainId ^= uint64(change) | 1;
        else if (which == 3) signing.verifier = address(uint160(signing.verifier) ^ (uint160(change) | 1));
        else if (which == 4) signing.group = GroupId.wrap(GroupId.unwrap(signing.group) ^ (uint32(change) | 1));
        else if (which == 5) signing.round ^= uint32(change) | 1;
        else if (which == 6) signing.first ^= mask;
        else if (which == 7) signing.second ^= bytes32(bytes24(mask) == 0 ? 1 << 255 : uint256(bytes32(bytes24(mask))));
        else signing.key = 1 + (change % (ORDER - 1)) == signing.key ? 5 : 1 + (change % (ORDER - 1));
        return signing;
    }

    function _sign(string memory kind, Signing memory s) private pure returns (bytes32 r, bytes32 vs) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(s.name)),
                keccak256(bytes(s.version)),
                s.chainId,
                s.verifier
            )
        );
        bytes32 content = keccak256(abi.encode(keccak256(bytes(kind)), s.group, s.round, s.first, s.second));
        uint8 v;
        bytes32 half;
        (v, r, half) = vm.sign(s.key, keccak256(abi.encodePacked(hex"1901", domain, content)));
        vs = half | bytes32(uint256(v - 27) << 255);
    }

    function _signedCommit(Signing memory signing) private pure returns (SignedCommit memory signed) {
        signed.sealedDigest = signing.first;
        signed.commitment = bytes24(signing.second);
        (signed.r, signed.vs) = _sign(COMMIT_TYPE, signing);
    }

    function _commits(uint256 count, uint32 round) private returns (SignedCommit[] memory commits) {
        if (parentOf[round] == 0) parentOf[round] = genesis;
        commits = new SignedCommit[](count);
        for (uint256 i = 0; i < count; ++i) commits[i] = _signedCommit(_commitSigning(i, round));
    }

    function _reveals(uint256 count, uint32 round) private view returns (SignedReveal[] memory reveals) {
        reveals = new SignedReveal[](count);
        for (uint256 i = 0; i < count; ++i) {
            Reveal memory opened = opening(i, round, parentOf[round]);
            reveals[i].salt = opened.salt;
            reveals[i].updateRoot = opened.updateRoot;
            reveals[i].report = opened.report;
            reveals[i].available = opened.available;
            (reveals[i].r, reveals[i].vs) = _sign(REVEAL_TYPE, _revealSigning(i, round));
        }
    }

    // ------------------------------------------------------------------------------------------------ relaying

    /// @dev What the nodes name as parent in a round: the genesis, unless a test says otherwise.
    mapping(uint32 round => bytes32) private parentOf;

    function _relayCommits(uint32 round, SignedCommit[] memory commits) private returns (uint256) {
        return relay.relayCommits(RoundIds.make(group, round), commits);
    }

    function _relayReveals(uint32 round, SignedReveal[] memory reveals) private returns (uint256) {
        return relay.relayReveals(RoundIds.make(group, round), parentOf[round], reveals);
    }

    function _expectNothing(SignedCommit[] memory commits) private {
        vm.expectRevert(abi.encodeWithSelector(IRelay.NothingAccepted.selector, RoundIds.make(group, 1)));
        relay.relayCommits(RoundIds.make(group, 1), commits);
    }

    /// @dev The result of a round, agreed in the next, final after that.
    function _resultOf(uint32 round) private view returns (Result memory result) {
        return resultOf(round, parentOf[round], 7);
    }

    function _nextParent(uint32 round) private {
        parentOf[round] = round == 1 ? genesis : hashOf(_resultOf(round - 1));
    }

    function _afterRound(uint32 round) private {
        if (round == 1) return;
        vm.warp(vm_now() + WINDOW);
        rounds.finalize(group, _resultOf(round - 1));
    }

    function _relayRound(uint256 count, uint32 round) private {
        _nextParent(round);
        _relayCommits(round, _commits(count, round));
        vm.warp(vm_now() + 3);
        _relayReveals(round, _reveals(count, round));
        if (round > 1) rounds.present(group, _resultOf(round - 1));
        _afterRound(round);
    }

    function _sentRound(uint256 count, uint32 round) private {
        _nextParent(round);
        for (uint256 i = 0; i < count; ++i) commit(i, round, parentOf[round]);
        vm.warp(vm_now() + 3);
        for (uint256 i = 0; i < count; ++i) reveal(i, round, parentOf[round]);
        _afterRound(round);
    }

    /// @dev A group of its own for nodes of its own, which take the places of the first ones.
    function _anotherGroup(uint256 count) private returns (GroupId) {
        delete nodes;
        delete operators;
        delete keys;
        for (uint256 i = 0; i < count; ++i) {
            uint256 key = 9_000 + i;
            address operator = address(uint160(0xB0000 + i));
            (address node, bytes memory publicKey, bytes memory signature) = registration(key, operator, 0);
            vm.prank(operator);
            uint64 identity = identities.register(publicKey, signature);
            nodes.push(node);
            operators.push(operator);
            keys.push(key);
            vault.deposit(identity, STAKE);
        }
        createGroup(defaultTerms());
        fund(10 * uint256(REWARD));
        for (uint256 i = 0; i < count; ++i) {
            vm.prank(nodes[i]);
            rounds.join(group, nodes[i], "");
        }
        return group;
    }

    function _finalRound(GroupId of_) private view returns (uint32 final_) {
        (, final_, , ) = views.head(of_);
    }

    function _between(uint256 value, uint256 low, uint256 high) private pure returns (uint256) {
        return low + (value % (high - low + 1));
    }

    function _slice(SignedCommit[] memory all, uint256 at, uint256 most) private pure returns (SignedCommit[] memory part) {
        part = new SignedCommit[](all.length - at < most ? all.length - at : most);
        for (uint256 i = 0; i < part.length; ++i) part[i] = all[at + i];
    }

    function _slice(SignedReveal[] memory all, uint256 at, uint256 most) private pure returns (SignedReveal[] memory part) {
        part = new SignedReveal[](all.length - at < most ? all.length - at : most);
        for (uint256 i = 0; i < part.length; ++i) part[i] = all[at + i];
    }
}
