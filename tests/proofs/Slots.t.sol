// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Slot, Slots} from "../../contracts/libraries/Slots.sol";
import {Proof} from "./Proof.sol";

contract SlotsProofs is Proof {
    function check_commitRoundTrips(uint24 round, uint16 weight, uint8 seat, bytes24 commitment) external pure {
        Slot slot = Slots.committedIn(round, weight, seat, commitment);
        assert(slot.round() == round && slot.weight() == weight && slot.seat() == seat && slot.digest() == commitment);
        assert(!slot.isRevealed() && !slot.isRetired() && !slot.isHandedOver());
    }

    function check_revealChangesTheDigestAndItsFlagAlone(uint256 word, bytes24 digest) external pure {
        Slot slot = Slot.wrap(word).withReveal(digest);
        assert(slot.digest() == digest && slot.isRevealed());
        assert(sameBut(bits(word, 0, 64), bits(Slot.unwrap(slot), 0, 64), 48, 1));
    }

    function check_retiringChangesItsFlagAlone(uint256 word) external pure {
        Slot slot = Slot.wrap(word).retired();
        assert(slot.isRetired());
        assert(sameBut(word, Slot.unwrap(slot), 49, 1));
    }

    function check_handOverSaysTheSeatAndNoCommit(uint24 round, uint8 seat) external pure {
        Slot slot = Slots.handedOverIn(round, seat);
        assert(slot.round() == round && slot.seat() == seat && slot.isHandedOver());
        assert(!slot.isRevealed() && !slot.isRetired() && slot.weight() == 0 && slot.digest() == bytes24(0));
    }
}
