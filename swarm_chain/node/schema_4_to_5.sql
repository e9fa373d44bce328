-- Steps with differential privacy are counted. No update of version 4 had any.

CREATE TABLE private_steps (
    rate REAL PRIMARY KEY CHECK (rate > 0 AND rate <= 1),
    steps INTEGER NOT NULL CHECK (steps > 0)
) STRICT;
