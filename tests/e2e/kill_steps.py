"""The moments at which a node is killed: by name, where in the product each of them is.

Most are before or after something reaches the disk or leaves the process, for that is where a node that dies can lose or do twice.
"""

from typing import NamedTuple


class Step(NamedTuple):
    """Before or after a call of the product.

    Attributes:
        when: "before" or "after".
        where: module and attribute that holds the function.
        about: only calls whose arguments match this, as ``killed.words_of`` puts them.
    """

    when: str
    where: str
    about: str = ""


NODE, CHAIN = "swarm_chain.node", "swarm_chain.chain"
RENAME = "pathlib:Path.replace"
WRITE = "swarm_chain.database:Database.write"


def sent(what: str, about: str) -> dict[str, Step]:
    """A transaction on its way: from the outbox's taking it up until it is known to be mined."""
    return {
        f"{what} not in the outbox yet": Step("before", f"{CHAIN}.steps:Steps.put", about),
        f"{what} waits in the outbox": Step("after", f"{CHAIN}.steps:Steps.put", about),
        f"{what} signed, not on disk": Step("before", f"{CHAIN}.steps:Steps.signed", about),
        f"{what} on disk, not out": Step("before", f"{CHAIN}.sender:Sender.broadcast", about),
        f"{what} out, not noted": Step("after", f"{CHAIN}.sender:Sender.broadcast", about),
        f"{what} mined, not noted": Step("before", f"{CHAIN}.steps:Steps.mined", about),
        f"{what} noted as mined": Step("after", f"{CHAIN}.steps:Steps.mined", about),
    }


STEPS: dict[str, Step] = {
    # ------------------------------------------------------------------------------------------- starting
    "home or key locked, its holder not written": Step("before", f"{NODE}.lock:os.pwrite"),
    "home or key locked": Step("after", f"{NODE}.lock:os.pwrite"),
    "old journal copied, the backup not in place": Step("before", RENAME, r"journal\.db\.v2\.backup\.partial"),
    "old journal backed up, not migrated": Step("after", RENAME, r"journal\.db\.v2\.backup\.partial"),
    "journal migrated": Step("after", "swarm_chain.database:Database._run", "commits_3"),
    "journal open": Step("after", f"{NODE}.journal:Journal.__init__"),
    "store open": Step("after", "swarm_chain.storage.embedded:EmbeddedStore.__init__"),
    "gateway listens": Step("after", "swarm_chain.storage.gateway:Gateway.start"),
    "outbox open": Step("after", f"{CHAIN}.outbox:Outbox.__init__"),
    "rivals looked for": Step("after", f"{NODE}.rivals:Rivals.check"),
    **sent("announcement", "^announce "),
    "genesis loaded": Step("after", f"{NODE}.wiring:load_genesis"),
    # ------------------------------------------------------------------------------------------- at every look
    "outbox looked after": Step("after", f"{CHAIN}.outbox:Outbox.drive"),
    "half of an old step let go": Step("before", WRITE, r"^DELETE FROM versions WHERE step IN "),
    "status written, not in place": Step("before", RENAME, r"/status\.partial "),
    # ------------------------------------------------------------------------------------------- training and committing
    "first step of training": Step("before", f"{NODE}.trainer:Trainer._on_step", r"^\d+ 1 \d+ "),
    "last step of training": Step("before", f"{NODE}.trainer:Trainer._on_step", r"^\d+ (\d+) \1 "),
    "update sealed": Step("after", f"{NODE}.commit:seal"),
    "block written, not in place": Step("before", RENAME, "/store/partial/"),
    "block in place": Step("after", RENAME, "/store/partial/"),
    "blocks in place, not pinned": Step("after", "swarm_chain.storage.embedded:_sync_folder"),
    "bytes in the store, not noted": Step("before", f"{NODE}.journal:Journal.record_held"),
    "bytes in the store, noted": Step("after", f"{NODE}.journal:Journal.record_held"),
    "commit not in the journal yet": Step("before", f"{NODE}.journal:Journal.record_commit"),
    "commit in the journal, old residuals too": Step("before", WRITE, "^UPDATE commits SET residual"),
    "commit in the journal": Step("after", f"{NODE}.journal:Journal.record_commit"),
    **sent("commit", "^commit "),
    "half of a signed step written": Step("before", WRITE, "^INSERT INTO versions"),
    # ------------------------------------------------------------------------------------------- collecting and revealing
    "others' bytes not fetched yet": Step("before", "swarm_chain.storage.embedded:retrieval.retrieve"),
    "others' bytes fetched, not stored": Step("after", "swarm_chain.storage.embedded:retrieval.retrieve"),
    **sent("reveal", "^reveal "),
    # ------------------------------------------------------------------------------------------- aggregating and settling
    "round not computed yet": Step("before", f"{NODE}.aggregate:outcome.compute"),
    "round computed, its model not stored": Step("after", f"{NODE}.aggregate:outcome.compute"),
    "result not in the journal yet": Step("before", f"{NODE}.journal:Journal.record_result"),
    "result in the journal": Step("after", f"{NODE}.journal:Journal.record_result"),
    "checkpoint written, not in place": Step("before", RENAME, r"/round-\d+\.partial "),
    "checkpoint in place": Step("after", RENAME, r"/round-\d+\.partial "),
    "round's figures not written yet": Step("before", f"{NODE}.status:RoundsFile.append"),
    "round's figures written": Step("after", f"{NODE}.status:RoundsFile.append"),
    "result judged": Step("after", f"{NODE}.watch:Judge.judge"),
    **sent("finalization", r"^make round \d+ final"),
    # ------------------------------------------------------------------------------------------- when a round is settled
    **sent("eviction", "^evict "),
    "old bytes not removed yet": Step("before", f"{NODE}.daemon:prune"),
    "old bytes removed, still noted": Step("before", f"{NODE}.journal:Journal.forget"),
    "old bytes removed": Step("after", f"{NODE}.journal:Journal.forget"),
    "old commits let go": Step("after", f"{NODE}.journal:Journal.forget_commits_before"),
}
