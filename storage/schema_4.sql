-- Schema 4: lists and counts of uploads that do not read the tables they are about.
--
-- Triggers keep both, in the transaction of the change itself. They run when an upload comes, goes, or
-- changes its state; a commit that moves the offset alone does not know of them.

-- Uploads of one state in the order of their creation, which may be another one than that of their
-- numbers when the clock was set.
CREATE TABLE listing
(
    state   INTEGER NOT NULL,                  -- as in progress
    created INTEGER NOT NULL,                  -- as in upload
    number  INTEGER NOT NULL,
    PRIMARY KEY (state, created, number)
) STRICT, WITHOUT ROWID;

-- How many there are of each state.
CREATE TABLE tally
(
    state   INTEGER PRIMARY KEY,
    uploads INTEGER NOT NULL
                    CHECK (uploads >= 0)
) STRICT;

INSERT INTO listing (state, created, number)
SELECT state, created, number
  FROM upload JOIN progress USING (number)
 ORDER BY state, created, number;

INSERT INTO tally (state, uploads)
VALUES (0, (SELECT count(*) FROM listing WHERE state = 0)),
       (1, (SELECT count(*) FROM listing WHERE state = 1)),
       (2, (SELECT count(*) FROM listing WHERE state = 2)),
       (3, (SELECT count(*) FROM listing WHERE state = 3)),
       (4, (SELECT count(*) FROM listing WHERE state = 4)),
       (5, (SELECT count(*) FROM listing WHERE state = 5));

CREATE TRIGGER progress_comes AFTER INSERT ON progress
BEGIN
    INSERT INTO listing (state, created, number)
    SELECT NEW.state, created, number
      FROM upload
     WHERE number = NEW.number;
    UPDATE tally SET uploads = uploads + 1 WHERE state = NEW.state;
END;

CREATE TRIGGER progress_changes AFTER UPDATE OF state ON progress
WHEN OLD.state <> NEW.state
BEGIN
    UPDATE listing
       SET state = NEW.state
     WHERE state = OLD.state
       AND created = (SELECT created FROM upload WHERE number = NEW.number)
       AND number = NEW.number;
    UPDATE tally SET uploads = uploads - 1 WHERE state = OLD.state;
    UPDATE tally SET uploads = uploads + 1 WHERE state = NEW.state;
END;

CREATE TRIGGER progress_goes AFTER DELETE ON progress -- before its upload does
BEGIN
    DELETE FROM listing
     WHERE state = OLD.state
       AND created = (SELECT created FROM upload WHERE number = OLD.number)
       AND number = OLD.number;
    UPDATE tally SET uploads = uploads - 1 WHERE state = OLD.state;
END;
