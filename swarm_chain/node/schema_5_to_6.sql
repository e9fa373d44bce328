-- A result says how its updates are mixed and what each scores, instead of a root over that; nodes report no scores of others' updates.
-- No node of version 5 did either.

ALTER TABLE results DROP COLUMN choice_root;
ALTER TABLE results ADD COLUMN choice BLOB;
ALTER TABLE results ADD COLUMN scores BLOB;
UPDATE results SET choice = x'', scores = x'' WHERE hash IS NOT NULL;
ALTER TABLE commits DROP COLUMN scores;
