-- What an account is to send, and all that was signed for it. Written before anything leaves.

CREATE TABLE steps (
    id INTEGER PRIMARY KEY,
    account BLOB NOT NULL,                   -- digest of chain and account
    name TEXT NOT NULL,                      -- of which there is one for each thing to be done
    state TEXT NOT NULL CHECK (state IN ('waiting', 'signed', 'sent', 'mined', 'confirmed', 'refused')),
    since INTEGER NOT NULL,                  -- block in which it was taken up
    recipient TEXT NOT NULL,
    data BLOB NOT NULL,
    gas INTEGER NOT NULL,
    why TEXT NOT NULL DEFAULT '',            -- it waits, or was refused; for people
    mined_hash BLOB,                         -- of the version that was mined
    mined_block BLOB,                        -- and of its block
    mined_number INTEGER,
    UNIQUE (account, name)
) STRICT;
CREATE INDEX steps_by_state ON steps (account, state);

CREATE TABLE versions (                      -- signed transactions; at most one of a step's is ever mined
    id INTEGER PRIMARY KEY,
    step INTEGER NOT NULL REFERENCES steps (id),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    raw BLOB NOT NULL,
    nonce INTEGER NOT NULL,
    highest INTEGER NOT NULL,                -- wei a gas
    tip INTEGER NOT NULL,
    out_since INTEGER NOT NULL               -- number of the last block when it was signed, or lost its block
) STRICT;
CREATE INDEX versions_by_step ON versions (step);
