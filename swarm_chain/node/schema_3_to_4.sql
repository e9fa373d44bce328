-- Worker momentum is kept beside the residual. A commit of version 3 had none.

ALTER TABLE commits ADD COLUMN momentum BLOB;
