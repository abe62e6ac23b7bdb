-- Schema 3: concatenation, and requests that can be repeated.
--
-- Of schema 1 from here on: the offset of a final is 0 until all its parts are complete, then its length.
-- progress.expires is that of complete partial uploads as before, but none goes while a final needs its
-- bytes. A final that waits never expires: its parts do, and then it has an end, too.

CREATE TABLE progress_3
(
    number     INTEGER PRIMARY KEY,            -- of the upload
    offset     INTEGER NOT NULL DEFAULT 0      -- bytes that are on the disk and acknowledged
                       CHECK (offset >= 0),
    state      INTEGER NOT NULL DEFAULT 0      -- 0 receiving, 1 complete, 2 invalidated,
                       CHECK (state BETWEEN 0 AND 5),         -- 3 damaged, 4 deleted, 5 verifying
    expires    INTEGER,                        -- NULL: never; complete uploads have none
    checkpoint BLOB                            -- of the running digest, at or before offset
                       CHECK (length(checkpoint) <= 96),
    appended   INTEGER,                        -- when offset last grew; NULL until it has
    place      INTEGER NOT NULL DEFAULT 0      -- where its bytes lie: 0 in its file, 1 in its parts'
                       CHECK (place BETWEEN 0 AND 3)          -- files, 2 in those of finals, and
) STRICT;                                                     -- its own has to go yet, 3 it has gone

INSERT INTO progress_3 (number, offset, state, expires, checkpoint, appended)
SELECT number, offset, state, expires, checkpoint, appended
  FROM progress;

DROP TABLE progress;
ALTER TABLE progress_3 RENAME TO progress;

-- What is looked for. A commit that leaves expires, state and place alone leaves these alone.
CREATE INDEX progress_expires ON progress (expires) WHERE expires IS NOT NULL;
CREATE INDEX progress_deleted ON progress (number) WHERE state = 4;
CREATE INDEX progress_verifying ON progress (number) WHERE state = 5;
CREATE INDEX progress_joined ON progress (number) WHERE state = 1 AND place = 1;
CREATE INDEX progress_freed ON progress (number) WHERE place = 2;

-- What only final uploads have. Parts count as often as they stand in it.
CREATE TABLE final
(
    number      INTEGER PRIMARY KEY,           -- of the upload
    fingerprint BLOB    NOT NULL               -- of parts, metadata and stated digest
                        CHECK (length(fingerprint) = 32),
    words       BLOB,                          -- how its parts were named; NULL: not at all
    missing     INTEGER NOT NULL               -- parts that are not complete
                        CHECK (missing >= 0),
    unknown     INTEGER NOT NULL               -- parts whose length is not known
                        CHECK (unknown >= 0),
    known_bytes INTEGER NOT NULL               -- the lengths of all others together
                        CHECK (known_bytes >= 0),
    max_length  INTEGER NOT NULL               -- which known_bytes must not pass
                        CHECK (max_length >= 0),
    copied      INTEGER NOT NULL DEFAULT 0     -- bytes that are on the disk in a file of its own
                        CHECK (copied >= 0)    -- already, while place is 1
) STRICT;

CREATE INDEX final_fingerprint ON final (fingerprint);

-- Requests that named a key, so that the same one makes nothing new.
CREATE TABLE repeat
(
    key         BLOB    PRIMARY KEY            -- SHA-256 of it
                        CHECK (length(key) = 32),
    fingerprint BLOB    NOT NULL               -- of the request
                        CHECK (length(fingerprint) = 32),
    id          BLOB    NOT NULL               -- of the upload that it made; which may be gone
                        CHECK (length(id) = 16),
    until       INTEGER NOT NULL               -- from then on the key is unknown
) STRICT, WITHOUT ROWID;

CREATE INDEX repeat_until ON repeat (until);
