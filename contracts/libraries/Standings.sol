// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Weights} from "./Weights.sol";

/// @notice Standings of eight seats, a lane of 32 bits each. From the low end of a lane:
/// reputation 14 · age 8 · missed 8 · seated 1 · left 1. An empty lane is an empty seat.
type StandingWord is uint256;

using Standings for StandingWord global;

/// @title Reputation, age and missed rounds, eight seats a word
library Standings {
    uint256 internal constant START_REPUTATION = 1_000;
    uint256 internal constant MAX_REPUTATION = 10_000;

    uint256 private constant LANE = 32;
    uint256 private constant REPUTATION_MASK = 0x3FFF;
    uint256 private constant AGE = 14;
    uint256 private constant MISSED = 22;
    uint256 private constant ONES = 0x00000001_00000001_00000001_00000001_00000001_00000001_00000001_00000001;
    uint256 private constant SEATED = 1 << 30;
    uint256 private constant LEFT = 1 << 31;

    struct Standing {
        uint16 reputation;
        uint8 age;
        uint8 missed;
        bool seated;
    }

    function read(StandingWord word, uint256 lane) internal pure returns (Standing memory) {
        uint256 bits = StandingWord.unwrap(word) >> (lane * LANE);
        return
            Standing({
                reputation: uint16(bits & REPUTATION_MASK),
                age: uint8(bits >> AGE),
                missed: uint8(bits >> MISSED),
                seated: bits & SEATED != 0
            });
    }

    function isEmpty(StandingWord word, uint256 lane) internal pure returns (bool) {
        return uint32(StandingWord.unwrap(word) >> (lane * LANE)) == 0;
    }

    /// @dev Eight seats of which nothing is left to rise: a final round that includes all of them changes nothing.
    function isAtTop(StandingWord word, uint256 maturity) internal pure returns (bool) {
        unchecked {
            return StandingWord.unwrap(word) == (MAX_REPUTATION | (maturity << AGE) | SEATED) * ONES;
        }
    }

    /// @return seated bitmap of lanes on the next roster
    /// @return taken bitmap of lanes not empty: those, and members that left and are not released
    function occupied(StandingWord word) internal pure returns (uint256 seated, uint256 taken) {
        unchecked {
            uint256 bits = StandingWord.unwrap(word);
            for (uint256 lane = 0; lane < 8; ++lane) {
                if (bits & SEATED != 0) seated |= 1 << lane;
                if (uint32(bits) != 0) taken |= 1 << lane;
                bits >>= LANE;
            }
        }
    }

    function joined(StandingWord word, uint256 lane) internal pure returns (StandingWord) {
        return StandingWord.wrap(StandingWord.unwrap(word) | ((START_REPUTATION | SEATED) << (lane * LANE)));
    }

    function left(StandingWord word, uint256 lane) internal pure returns (StandingWord) {
        return StandingWord.wrap((StandingWord.unwrap(word) & ~(SEATED << (lane * LANE))) | (LEFT << (lane * LANE)));
    }

    function freed(StandingWord word, uint256 lane) internal pure returns (StandingWord) {
        return StandingWord.wrap(StandingWord.unwrap(word) & ~(uint256(type(uint32).max) << (lane * LANE)));
    }

    /// @notice A seat that named a struck result starts from the least reputation there is; none at all could never agree again.
    function slashed(StandingWord word, uint256 lane) internal pure returns (StandingWord) {
        uint256 cleared = StandingWord.unwrap(word) & ~(REPUTATION_MASK << (lane * LANE));
        return StandingWord.wrap(cleared | (uint256(1) << (lane * LANE)));
    }

    /// @notice What a void round makes of the standings: `lanes` did not reveal in it.
    function absent(StandingWord word, uint256 lanes) internal pure returns (StandingWord) {
        unchecked {
            uint256 bits = StandingWord.unwrap(word);
            for (uint256 shift = MISSED; lanes != 0; shift += LANE) {
                if (lanes & 1 != 0 && (bits >> shift) & 0xFF != 0xFF) bits += 1 << shift;
                lanes >>= 1;
            }
            return StandingWord.wrap(bits);
        }
    }

    /// @notice What a final round makes of the standings. All bitmaps are of the word's eight lanes.
    /// @param members on the round's roster; @param included their updates; @param revealed those that revealed
    /// @param maturity where the age stops, since nothing depends on it beyond
    function settled(
        StandingWord word,
        uint256 members,
        uint256 included,
        uint256 revealed,
        uint256 maturity
    ) internal pure returns (StandingWord) {
        unchecked {
            uint256 bits = StandingWord.unwrap(word);
            uint256 next = bits;
            for (uint256 shift = 0; members != 0; shift += LANE) {
                if (members & 1 != 0) {
                    uint256 lane = uint32(bits >> shift);
                    uint256 reputation = lane & REPUTATION_MASK;
                    uint256 age = (lane >> AGE) & 0xFF;
                    uint256 missed = (lane >> MISSED) & 0xFF;
                    if (included & 1 != 0) {
                        reputation = _risen(reputation);
                        if (age < maturity) ++age;
                        missed = 0;
                    } else {
                        // Never to nothing: a group whose members all failed can still agree.
                        reputation -= reputation / 8;
                        if (revealed & 1 == 0 && missed < 0xFF) ++missed;
                    }
                    uint256 after_ = (lane & (SEATED | LEFT)) | reputation | (age << AGE) | (missed << MISSED);
                    next ^= (lane ^ after_) << shift;
                }
                members >>= 1;
                included >>= 1;
                revealed >>= 1;
            }
            return StandingWord.wrap(next);
        }
    }

    /// @return mature sum of the reputations of the mature seats of the next roster; @return young of the newcomers
    function reputations(StandingWord word, uint256 maturity) internal pure returns (uint256 mature, uint256 young) {
        unchecked {
            for (uint256 bits = StandingWord.unwrap(word); bits != 0; bits >>= LANE) {
                if (bits & SEATED == 0) continue;
                if ((bits >> AGE) & 0xFF >= maturity) mature += bits & REPUTATION_MASK;
                else young += bits & REPUTATION_MASK;
            }
        }
    }

    /// @notice The seats' weights, as lanes of a `WeightWord`. Newcomers share `cap` by their reputations.
    /// @param young sum of all newcomers' reputations; @return shared what of the cap this word's newcomers have
    function weights(
        StandingWord word,
        uint256 maturity,
        uint256 cap,
        uint256 young
    ) internal pure returns (uint256 lanes, uint256 shared) {
        unchecked {
            uint256 bits = StandingWord.unwrap(word);
            for (uint256 lane = 0; bits != 0; ++lane) {
                if (bits & SEATED != 0) {
                    uint256 weight = bits & REPUTATION_MASK;
                    if ((bits >> AGE) & 0xFF < maturity) {
                        if (cap != young) weight = (weight * cap) / young;
                        shared += weight;
                    }
                    lanes = Weights.withMember(lanes, lane, weight);
                }
                bits >>= LANE;
            }
        }
    }

    /// @dev An eighth of the way to the score of an equal split, at least one step.
    function _risen(uint256 reputation) private pure returns (uint256) {
        unchecked {
            if (reputation == MAX_REPUTATION) return reputation;
            uint256 step = (MAX_REPUTATION - reputation) / 8;
            return reputation + (step == 0 ? 1 : step);
        }
    }
}
