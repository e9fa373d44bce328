"""Wire forms of an update's codes: what is compressed and sealed in their place (specification, section 4).

Whatever an update travels as, the same int8 codes on the group's grid are aggregated, hashed and disputed. A wire form's size follows from
codec and dimension; it decodes in integers, and codes that it can express have exactly one. A coarse codec expresses few lists of codes: a
node chooses one near its update and carries what is left out to the next (error feedback: Seide et al., 2014; Karimireddy et al., 2019).
"""

from swarm_chain.protocol.codecs.codec import Codec
from swarm_chain.protocol.codecs.dense import DenseInt8
from swarm_chain.protocol.codecs.int4 import Int4
from swarm_chain.protocol.codecs.sign import Sign
from swarm_chain.protocol.codecs.top_k import TopK

__all__ = ["BY_NUMBER", "CODECS", "DENSE_INT8", "TOP_K", "Codec"]

DENSE_INT8 = DenseInt8()
TOP_K = TopK("top-k", number=3, kept=5)
CODECS: dict[str, Codec] = {codec.name: codec for codec in (DENSE_INT8, Int4(), Sign(), TOP_K)}
"""Codecs by the name in a manifest."""
BY_NUMBER = {codec.number: codec for codec in CODECS.values()}
"""Codecs by the byte that names them in a sealed update."""
