"""What networks differ in: how many blocks must lie on top of one before a node acts on what it says."""

from typing import NamedTuple


class Network(NamedTuple):
    """A chain by its ID, and its confirmations. ``why`` says what the number rests on."""

    name: str
    confirmations: int
    why: str


_SLOTS = "12 s a block; reorgs deeper than a few were seen with much of the stake asleep, none of 12"
_SEQUENCED = "one sequencer orders it: what it published it replaces only when the chain below is reorganised"
_TEST = "play money, and a chain that is restarted or reorganised at times"

NETWORKS = {
    1: Network("Ethereum", 12, _SLOTS),
    10: Network("OP Mainnet", 2, _SEQUENCED),
    100: Network("Gnosis", 12, "5 s a block, and fewer validators than Ethereum"),
    137: Network("Polygon PoS", 5, "blocks are final after a milestone of a few seconds; before milestones reorgs were more than 100 deep"),
    324: Network("ZKsync Era", 2, _SEQUENCED),
    1337: Network("a local chain", 0, "its one miner replaces nothing"),
    8453: Network("Base", 2, _SEQUENCED),
    31337: Network("a local chain", 0, "its one miner replaces nothing"),
    42161: Network("Arbitrum One", 2, _SEQUENCED),
    43114: Network("Avalanche C-Chain", 1, "a block that is accepted is final"),
    59144: Network("Linea", 2, _SEQUENCED),
    534352: Network("Scroll", 2, _SEQUENCED),
    17000: Network("Holesky", 4, _TEST),
    84532: Network("Base Sepolia", 2, _SEQUENCED),
    421614: Network("Arbitrum Sepolia", 2, _SEQUENCED),
    560048: Network("Hoodi", 4, _TEST),
    11155111: Network("Sepolia", 4, _TEST),
    11155420: Network("OP Sepolia", 2, _SEQUENCED),
}
"""By chain ID, as EIP-155 numbers them."""
UNKNOWN = Network("a network not known here", 12, "as careful as on Ethereum")


def network(chain_id: int) -> Network:
    """What is known of a chain."""
    return NETWORKS.get(chain_id, UNKNOWN)


def confirmations(chain_id: int, chosen: int | None = None) -> int:
    """Blocks to wait on a chain: as chosen, else the network's."""
    return network(chain_id).confirmations if chosen is None else chosen
