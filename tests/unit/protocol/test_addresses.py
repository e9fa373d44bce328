import pytest

from swarm_chain.protocol.addresses import read_address

RIGHT = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # of EIP-55


@pytest.mark.parametrize("text", [RIGHT, RIGHT.lower(), "0x" + RIGHT[2:].upper(), "0X" + RIGHT[2:]])
def test_an_address_is_read_in_one_case_or_with_its_checksum(text: str) -> None:
    assert read_address(text) == RIGHT


@pytest.mark.parametrize(
    "text", ["", "0x", RIGHT[2:], RIGHT[:-1], RIGHT + "0", "0x" + "g" * 40, "0x" + "\N{FULLWIDTH DIGIT ONE}" * 40, f" {RIGHT}"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="40 figures"):
        read_address(text)


@pytest.mark.parametrize("text", [RIGHT[:-1] + "e", RIGHT.replace("5aA", "5aa"), RIGHT.swapcase().replace("X", "x")])
def test_a_mistyped_digit_shows_by_the_checksum(text: str) -> None:
    with pytest.raises(ValueError, match="capitals do not fit"):
        read_address(text)
