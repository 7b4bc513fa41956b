-- Messages given to newer keys. Rules of writing as in 0001.

-- Grants: somebody who can open a message wrapped its file key once more, for
-- a key that came later. Evidence, added to and never changed; kept as long as
-- the message. The key of the table lets another member grant again where one
-- made a grant that does not open.
CREATE TABLE message_grant (
    message BYTEA NOT NULL,        -- message.id
    key_id BYTEA NOT NULL,         -- the key it was given to, 16 bytes
    granter BYTEA NOT NULL REFERENCES person (id), -- who made and signed it
    at_ms BIGINT NOT NULL,         -- when it was accepted
    hash BYTEA NOT NULL,           -- of the signed record
    event BYTEA NOT NULL,          -- event.id of its acceptance
    record_enc BYTEA NOT NULL,     -- patient key, in a room the vault's: the signed record
    PRIMARY KEY (message, key_id, granter)
);
