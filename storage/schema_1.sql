-- The catalog of one Ferry server: schema 1.
--
-- The steps schema_1.sql, schema_2.sql, ... one after the other make the present shape. A step is
-- never changed, as databases that have taken it are out there: what a later one says about a
-- column of an earlier one holds.
--
-- Times are seconds since 1970-01-01 UTC, offsets and lengths are bytes. Numbers are dense and in
-- the order of creation; they never leave the server. What a PATCH changes stands in progress
-- alone, so that a commit touches one small page per upload and the rest stays as it was written.

PRAGMA application_id = 0x46657272; -- "Ferr"

CREATE TABLE upload
(
    number           INTEGER PRIMARY KEY,
    id               BLOB    NOT NULL UNIQUE   -- random; its hex digits are in the URL
                             CHECK (length(id) = 16),
    protocol         INTEGER NOT NULL          -- what created it; the server gives it a meaning
                             CHECK (protocol BETWEEN 0 AND 255),
    kind             INTEGER NOT NULL          -- 0 single, 1 partial, 2 final
                             CHECK (kind BETWEEN 0 AND 2),
    length           INTEGER                   -- NULL while the client has not stated it
                             CHECK (length >= 0),
    created          INTEGER NOT NULL,
    digest_algorithm INTEGER NOT NULL          -- 0 none, 1 BLAKE2b, 2 SHA-256
                             CHECK (digest_algorithm BETWEEN 0 AND 2),
    digest           BLOB                      -- of the whole; NULL until it is complete
                             CHECK (length(digest) BETWEEN 16 AND 64),
    metadata         BLOB,                     -- as the client sent it; NULL when it sent none
    response         BLOB                      -- the stored final response; NULL when there is none
) STRICT;

CREATE TABLE progress
(
    number     INTEGER PRIMARY KEY,            -- of the upload
    offset     INTEGER NOT NULL DEFAULT 0      -- bytes that are on the disk and acknowledged
                       CHECK (offset >= 0),
    state      INTEGER NOT NULL DEFAULT 0      -- 0 receiving, 1 complete, 2 invalidated,
                       CHECK (state BETWEEN 0 AND 4),         -- 3 damaged, 4 deleted
    expires    INTEGER,                        -- NULL: never; complete uploads have none
    checkpoint BLOB                            -- of the running digest, at or before offset
                       CHECK (length(checkpoint) <= 96)
) STRICT;

-- What the janitor looks for. A commit that leaves expires and state alone leaves these alone.
CREATE INDEX progress_expires ON progress (expires) WHERE expires IS NOT NULL;
CREATE INDEX progress_deleted ON progress (number) WHERE state = 4;

-- The parts of a final upload, in their order. A part may be in several finals, and twice in one.
CREATE TABLE part
(
    final    INTEGER NOT NULL,                 -- number of the final upload
    sequence INTEGER NOT NULL                  -- 0, 1, 2 ... within it
                     CHECK (sequence >= 0),
    part     INTEGER NOT NULL,                 -- number of the partial upload
    PRIMARY KEY (final, sequence)
) STRICT, WITHOUT ROWID;

CREATE INDEX part_finals ON part (part);       -- is it still part of anything?
