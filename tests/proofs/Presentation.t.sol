// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Presentation, Presented} from "../../contracts/libraries/Presentation.sol";
import {Proof} from "./Proof.sol";

contract PresentationProofs is Proof {
    function check_presentedRoundTrips(uint24 round, bytes32 hash, uint40 dueFloor) external pure {
        Presented presented = Presentation.make(round, hash, dueFloor);
        assert(presented.dueFloor() == dueFloor);
        assert(presented.matches(round, hash));
    }

    function check_matchesItsRoundAndHashAlone(
        uint24 round,
        bytes32 hash,
        uint40 dueFloor,
        uint32 other,
        bytes32 otherHash
    ) external pure {
        given(other < 1 << 24);
        bool isSame = other == round && bytes24(otherHash) == bytes24(hash);
        assert(Presentation.make(round, hash, dueFloor).matches(other, otherHash) == isSame);
    }

    function check_holdMovesTheFloorUpAlone(uint256 word, uint40 until) external pure {
        Presented before = Presented.wrap(word);
        Presented next = before.held(until);
        assert(next.dueFloor() == (until > before.dueFloor() ? until : before.dueFloor()));
        assert(sameBut(word, Presented.unwrap(next), 24, 40));
    }
}
