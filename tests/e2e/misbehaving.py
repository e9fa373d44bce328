"""A node that misbehaves in some rounds: ``python misbehaving.py '{"never_reveals": [2]}' SETTINGS``; no rounds named are all rounds.

Everything but the misdeed is the real node.
"""

import json
import os
import secrets
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from swarm_chain.node import __main__ as program
from swarm_chain.node import aggregate as computes
from swarm_chain.node.commit import commit as seal_and_commit
from swarm_chain.node.commit import send_commit
from swarm_chain.node.daemon import Daemon
from swarm_chain.node.journal import JournaledCommit
from swarm_chain.node.wiring import wired
from swarm_chain.protocol.commitment import commitment
from swarm_chain.protocol.model import encode_model, model_root
from swarm_chain.protocol.sealing import fresh_salt
from swarm_chain.types import ZERO32, Reveal

DIED = 77


class Misbehaving(Daemon):
    def __init__(self, behaviour, member, settings, stop):
        super().__init__(member, settings, None, stop)
        self.behaviour = behaviour
        self.sent = None
        self.home = settings.home
        if "lies" in behaviour:
            computes.outcome.compute = self._lying(computes.outcome.compute)
            self._watch.watch = lambda snapshot: False

    def does(self, what, round_):
        rounds = self.behaviour.get(what)
        return rounds is not None and (not rounds or round_ in rounds)

    def _train(self, round_, parent):
        while self.does("waits", round_) and not (self.home / "go").exists() and not self._stop.is_set():
            snapshot = self._look()
            self._collector.fetch(round_, self._collector.commits(snapshot, round_))
            time.sleep(0.1)
        if self.does("votes_only", round_):
            return None
        update = super()._train(round_, parent)
        if update is not None and self.does("sends_noise", round_):
            noise = np.random.default_rng().normal(0, 32, len(update.codes)).round()
            update = replace(update, codes=np.clip(noise, -127, 127).astype(np.int8))
        if update is not None and self.does("repeats_itself", round_):
            self.sent = update.codes if self.sent is None else self.sent
            update = replace(update, codes=self.sent)
        return update

    def _commit(self, round_, parent, update):
        if self.does("dies_before_sending", round_):
            self._member.outbox.sender.broadcast = lambda *_: os._exit(DIED)
        if update is not None and self.does("seals_openly", round_):
            seal_and_commit(replace(self._member, group_key=None), round_, parent, update)
            return
        if update is not None and self.does("seals_garbage", round_):
            digest = self._member.store.put(secrets.token_bytes(4_000)).digest
        elif update is not None and self.does("copies", round_):
            digest = self._digest_of_another(round_)
        else:
            super()._commit(round_, parent, update)
            return
        salt, root = fresh_salt(), secrets.token_bytes(32)
        hash_ = commitment(self._member.domain, round_, self._member.node, Reveal(salt, parent, root, 9, 10**6, available=0))
        journaled = JournaledCommit(round_, hash_, salt, parent, root, 9, 10**6, digest, None)
        self._member.journal.record_commit(journaled)
        send_commit(self._member, journaled)

    def _reveal(self, snapshot):
        round_ = snapshot.phase.round
        late = self.does("reveals_late", round_) and not (self.home / "go").exists()
        return False if late or self.does("never_reveals", round_) else super()._reveal(snapshot)

    def _lying(self, compute):
        """What a round came to, with one weight off by one: the same lie on every node that tells it."""

        def lie(domain, terms, round_, parent_hash, parent, commits, opened, model_digest, passes, known):
            outcome = compute(domain, terms, round_, parent_hash, parent, commits, opened, model_digest, passes, known)
            if outcome.result is None or not self.does("lies", round_):
                return outcome
            weights = outcome.model.weights.copy()
            weights[1_000] += 1
            model = replace(outcome.model, weights=weights)
            data = encode_model(model)
            result = replace(outcome.result, model_digest=model_digest(data), model_root=model_root(model))
            return replace(outcome, result=result, model=model, model_bytes=data)

        return lie

    def _digest_of_another(self, round_):
        while True:
            snapshot = self._look()
            commits = self._collector.commits(snapshot, round_)
            self._collector.fetch(round_, commits)
            for commit in commits:
                if commit.node != self._member.node and commit.sealed_digest != ZERO32:
                    return commit.sealed_digest
            time.sleep(0.1)


@contextmanager
def wired_badly(behaviour, settings):
    with wired(settings) as member:
        if "trains_on_nan" in behaviour:
            member = replace(member, own=replace(member.own, images=np.full_like(member.own.images, np.nan)))
        yield member


def run_badly(behaviour):
    def run(settings, stop):
        with wired_badly(behaviour, settings) as member:
            daemon = Misbehaving(behaviour, member, settings, stop)
            try:
                return daemon.run()
            finally:
                daemon.close()

    return run


if __name__ == "__main__":
    program.run = run_badly(json.loads(sys.argv[1]))
    sys.exit(program.main(Path(sys.argv[2])))
