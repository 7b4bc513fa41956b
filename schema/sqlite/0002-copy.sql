-- This store as the destination of posternd migrate --to: at most one row, and
-- none in a store that posternd init made. Kept for ever. Of this store alone:
-- it is never copied itself, as the table of migrations is not.
--
-- How far a table is copied is its own greatest key: rows come in the order of
-- their primary keys, and a batch commits together with this row.
CREATE TABLE copy (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    origin TEXT NOT NULL,              -- practice.origin of the source
    practice_at_ms BIGINT NOT NULL,    -- practice.created_at_ms of the source
    last_event BLOB,                   -- the source's newest event.id when it began: who used it since?
    begun_at_ms BIGINT NOT NULL,
    row_count BIGINT NOT NULL,         -- copied so far; only who knows it may go on
    completed_at_ms BIGINT             -- verified row by row; NULL: nobody opens this store
);
