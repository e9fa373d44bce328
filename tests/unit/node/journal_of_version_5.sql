-- What a node must find again after a crash. Written before any transaction leaves.

CREATE TABLE binding (                       -- whose journal this is: one row
    chain BLOB NOT NULL                      -- digest of chain, contract, group and node
) STRICT;

CREATE TABLE run (                           -- the run in progress: at most one row
    first_round INTEGER NOT NULL CHECK (first_round > 0)
) STRICT;

CREATE TABLE commits (                       -- a round can have several: only one of them reached the chain
    id INTEGER PRIMARY KEY,
    round INTEGER NOT NULL CHECK (round > 0),
    commitment BLOB NOT NULL UNIQUE CHECK (length(commitment) = 24),
    salt BLOB NOT NULL UNIQUE CHECK (length(salt) = 32),   -- a salt is used once
    parent BLOB NOT NULL CHECK (length(parent) = 32),
    update_root BLOB NOT NULL CHECK (length(update_root) = 32),
    samples INTEGER NOT NULL,
    metric INTEGER NOT NULL,
    scores BLOB NOT NULL,
    sealed_digest BLOB NOT NULL CHECK (length(sealed_digest) = 32),
    residual BLOB,                           -- float32, what quantising left out; null for an empty update
    momentum BLOB                            -- float32, worker momentum that was sent; null without one
) STRICT;
CREATE INDEX commits_by_round ON commits (round);

CREATE TABLE private_steps (                 -- what was ever released of this node's samples; kept for ever
    rate REAL PRIMARY KEY CHECK (rate > 0 AND rate <= 1),   -- that a step samples with
    steps INTEGER NOT NULL CHECK (steps > 0)
) STRICT;

CREATE TABLE results (                       -- what this node computed; kept for ever
    round INTEGER PRIMARY KEY CHECK (round > 0),
    hash BLOB,                               -- null: the round came to nothing
    parent BLOB NOT NULL CHECK (length(parent) = 32),
    model_digest BLOB,
    model_root BLOB,
    columns_root BLOB,
    included BLOB,
    choice_root BLOB,
    metric INTEGER,
    CHECK ((hash IS NULL) = (model_digest IS NULL))
) STRICT;
CREATE INDEX results_by_hash ON results (hash);

CREATE TABLE held (                          -- bytes in the store, and the last round they are for
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    round INTEGER NOT NULL
) STRICT;
CREATE INDEX held_by_round ON held (round);
