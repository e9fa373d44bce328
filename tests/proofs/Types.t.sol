// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {GroupId, RoundId, RoundIds} from "../../contracts/types/Types.sol";
import {Proof} from "./Proof.sol";

contract RoundIdProofs is Proof {
    function check_roundIdRoundTrips(uint32 group, uint32 round) external pure {
        RoundId id = RoundIds.make(GroupId.wrap(group), round);
        assert(GroupId.unwrap(id.group()) == group && id.round() == round);
    }

    function check_roundIdNamesOneRound(uint32 group, uint32 round, uint32 otherGroup, uint32 otherRound) external pure {
        RoundId one = RoundIds.make(GroupId.wrap(group), round);
        RoundId other = RoundIds.make(GroupId.wrap(otherGroup), otherRound);
        assert((RoundId.unwrap(one) == RoundId.unwrap(other)) == (group == otherGroup && round == otherRound));
    }
}
