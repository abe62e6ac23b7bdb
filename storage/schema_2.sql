-- Schema 2: digests that a client states, when the last byte came, what is remembered of uploads
-- that are gone.
--
-- Of schema 1 from here on: upload.digest is there as soon as all bytes are, so a damaged upload
-- can have one, too. progress.expires is also that of a complete partial upload: a part that no
-- final upload is made of counts as unfinished. progress.checkpoint is written by every commit.

ALTER TABLE upload
    ADD COLUMN stated_digest BLOB              -- what digest has to be, of digest_algorithm;
               CHECK (length(stated_digest) BETWEEN 16 AND 64);          -- NULL: nobody knows

ALTER TABLE upload
    ADD COLUMN explicit_completion INTEGER NOT NULL DEFAULT 0  -- 1: complete when the client says so;
               CHECK (explicit_completion IN (0, 1));          -- 0: when offset is length, in the
                                                               -- same transaction
ALTER TABLE progress
    ADD COLUMN appended INTEGER;               -- when offset last grew; NULL until it has

-- Uploads whose rows are gone. Only their ids are left, to tell a client that it comes too late.
CREATE TABLE tombstone
(
    id    BLOB    PRIMARY KEY
                  CHECK (length(id) = 16),
    until INTEGER NOT NULL                     -- from then on the id is unknown
) STRICT, WITHOUT ROWID;

CREATE INDEX tombstone_until ON tombstone (until);
