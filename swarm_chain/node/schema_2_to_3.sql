-- Signed transactions are in the outbox now. Those of version 2 need not come along: whatever of them was not mined is signed again from the
-- commit, of which the chain takes one a round.

CREATE TABLE commits_3 (
    id INTEGER PRIMARY KEY,
    round INTEGER NOT NULL CHECK (round > 0),
    commitment BLOB NOT NULL UNIQUE CHECK (length(commitment) = 24),
    salt BLOB NOT NULL UNIQUE CHECK (length(salt) = 32),
    parent BLOB NOT NULL CHECK (length(parent) = 32),
    update_root BLOB NOT NULL CHECK (length(update_root) = 32),
    samples INTEGER NOT NULL,
    metric INTEGER NOT NULL,
    scores BLOB NOT NULL,
    sealed_digest BLOB NOT NULL CHECK (length(sealed_digest) = 32),
    residual BLOB
) STRICT;
INSERT INTO commits_3
    SELECT id, round, commitment, salt, parent, update_root, samples, metric, scores, sealed_digest, residual FROM commits;
DROP TABLE commits;
ALTER TABLE commits_3 RENAME TO commits;
CREATE INDEX commits_by_round ON commits (round);
