-- Postern's store, PostgreSQL. The same tables and columns as in the file of
-- the same name for SQLite, and two more at the end. Forward only.
--
-- Every table: what it is for, how long it is kept. Every column that is not
-- self-evident: unit, format; [P] marks personal data. *_enc columns are
-- encrypted by the vault (XChaCha20-Poly1305, bound to table, column and row):
-- under the vault's field key, or, where "patient key" is said, under the
-- patient's own. *_index columns are keyed hashes (BLAKE2b) for equality.
-- Identifiers are UUIDs of 16 bytes, UUIDv7 unless said otherwise. *_ms are
-- UTC milliseconds since 1970. *_days are days since 1970-01-01.

-- The practice itself: exactly one row. Kept for ever.
CREATE TABLE practice (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    origin TEXT NOT NULL,
    root_key BYTEA,                 -- Ed25519 public key, 32 bytes; set once
    created_at_ms BIGINT NOT NULL,
    version BIGINT NOT NULL DEFAULT 1
);

-- Everybody who can be named: staff, patients, representatives. Kept as long
-- as anything refers to them.
CREATE TABLE person (
    id BYTEA PRIMARY KEY,
    roles BIGINT NOT NULL,         -- bit mask of enum pst_role
    state BIGINT NOT NULL,         -- 0 invited, 1 active, 2 disabled, 3 merged, 4 ended
    name_enc BYTEA NOT NULL,        -- [P]
    break_glass BIGINT NOT NULL DEFAULT 0, -- 1: may override not-established
    created_at_ms BIGINT NOT NULL,
    version BIGINT NOT NULL DEFAULT 1 -- grows with every change of standing
);

-- How a person signs in. Kept while the person is active.
CREATE TABLE account (
    person BYTEA PRIMARY KEY REFERENCES person (id),
    login_index BYTEA NOT NULL UNIQUE, -- [P] keyed hash of the login name
    login_enc BYTEA NOT NULL,       -- [P]
    auth_hash BYTEA NOT NULL,       -- keyed BLAKE2b of auth, 32 bytes
    salt BYTEA NOT NULL,            -- 16 bytes, Argon2id
    memory_kib BIGINT NOT NULL,
    passes BIGINT NOT NULL,
    recovery_hash BYTEA,            -- keyed BLAKE2b of the recovery auth
    ring_enc BYTEA NOT NULL,        -- sealed key ring, encrypted once more
    ring_version BIGINT NOT NULL
);

-- The ring's key, wrapped once for each way to open it.
CREATE TABLE wrap (
    person BYTEA NOT NULL REFERENCES person (id),
    kind TEXT NOT NULL,            -- passphrase, recovery, prf:<credential>
    wrap_enc BYTEA NOT NULL,
    PRIMARY KEY (person, kind)
);

-- Second factors.
CREATE TABLE factor (
    id BYTEA PRIMARY KEY,
    person BYTEA NOT NULL REFERENCES person (id),
    kind TEXT NOT NULL,            -- totp
    secret_enc BYTEA NOT NULL,
    last_step BIGINT NOT NULL DEFAULT 0, -- newest TOTP time step used: each code once
    created_at_ms BIGINT NOT NULL
);
CREATE INDEX factor_person ON factor (person);

-- Live sessions; removed when ended or over.
CREATE TABLE session (
    token_hash BYTEA PRIMARY KEY,   -- SHA-256 of the token
    id BYTEA NOT NULL UNIQUE,
    person BYTEA NOT NULL REFERENCES person (id),
    created_at_ms BIGINT NOT NULL,
    used_at_ms BIGINT NOT NULL,    -- to the minute
    expires_at_ms BIGINT NOT NULL, -- absolute limit
    step_up_at_ms BIGINT NOT NULL  -- 0: never
);
CREATE INDEX session_person ON session (person);

-- Failed sign-ins and the like, for throttling; swept after a day.
CREATE TABLE attempt (
    subject BYTEA NOT NULL,         -- [P] keyed hash of login or address, with its kind
    at_ms BIGINT NOT NULL,
    nonce BYTEA NOT NULL,           -- 8 random bytes: two in one millisecond both count
    PRIMARY KEY (subject, at_ms, nonce)
);

-- Invitations to enrol. Kept as evidence of who certified whom.
CREATE TABLE invitation (
    id BYTEA PRIMARY KEY,
    person BYTEA NOT NULL REFERENCES person (id),
    record_enc BYTEA NOT NULL,      -- [P] the signed record holds the name
    hash BYTEA NOT NULL,
    key BYTEA NOT NULL,             -- Ed25519 public key derived from the code
    until_ms BIGINT NOT NULL,
    used_at_ms BIGINT,
    inviter BYTEA,                  -- NULL: the practice's first
    created_at_ms BIGINT NOT NULL
);
CREATE INDEX invitation_person ON invitation (person);
CREATE INDEX invitation_hash ON invitation (hash);

-- Key statements, all of them, for ever: old messages verify by them.
CREATE TABLE statement (
    person BYTEA NOT NULL REFERENCES person (id),
    serial BIGINT NOT NULL,
    hash BYTEA NOT NULL UNIQUE,
    record_enc BYTEA NOT NULL,      -- [P]
    invitation BYTEA,               -- invitation.id, where one admitted it
    sign_key BYTEA NOT NULL,        -- Ed25519, 32 bytes
    sign_key_id BYTEA NOT NULL,     -- 16 bytes
    recipient BYTEA NOT NULL,       -- X25519, 32 bytes
    recipient_id BYTEA NOT NULL,    -- 16 bytes
    at_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,
    replaced_at_ms BIGINT,
    PRIMARY KEY (person, serial)
);
CREATE INDEX statement_sign_key ON statement (sign_key_id);
CREATE INDEX statement_recipient ON statement (recipient_id);

-- The practice's records keys, newest last. Serial 0 is what init was given,
-- until the root signs it as serial 1.
CREATE TABLE records_key (
    serial BIGINT PRIMARY KEY,
    record TEXT,                   -- signed record; NULL for serial 0
    recipient BYTEA NOT NULL,
    recipient_id BYTEA NOT NULL,
    at_ms BIGINT NOT NULL
);

-- Checked credentials of clinicians. Kept as evidence.
CREATE TABLE credential (
    id BYTEA PRIMARY KEY,
    person BYTEA NOT NULL REFERENCES person (id),
    kind TEXT NOT NULL,            -- npi, licence
    number_enc BYTEA NOT NULL,      -- [P]
    specialty TEXT NOT NULL,
    subspecialty TEXT NOT NULL DEFAULT '',
    checked_by BYTEA NOT NULL,
    checked_at_ms BIGINT NOT NULL,
    until_days BIGINT NOT NULL,    -- last day it holds
    disclosure TEXT NOT NULL DEFAULT ''
);
CREATE INDEX credential_person ON credential (person);

-- Care teams.
CREATE TABLE team (
    id BYTEA PRIMARY KEY,
    name TEXT NOT NULL,
    state BIGINT NOT NULL DEFAULT 1, -- 1 active, 2 closed
    created_at_ms BIGINT NOT NULL,
    version BIGINT NOT NULL DEFAULT 1
);

-- Signed rosters, all of them.
CREATE TABLE roster (
    team BYTEA NOT NULL REFERENCES team (id),
    serial BIGINT NOT NULL,
    record TEXT NOT NULL,
    hash BYTEA NOT NULL,
    recipient BYTEA NOT NULL,
    recipient_id BYTEA NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (team, serial)
);
CREATE INDEX roster_recipient ON roster (recipient_id);

-- Who is in a team now: derived from its newest roster in the transaction
-- that accepts it.
CREATE TABLE team_member (
    team BYTEA NOT NULL REFERENCES team (id),
    person BYTEA NOT NULL REFERENCES person (id),
    PRIMARY KEY (team, person)
);
CREATE INDEX team_member_person ON team_member (person);

-- The team's identity, sealed to each member, for each roster.
CREATE TABLE team_key (
    team BYTEA NOT NULL,
    serial BIGINT NOT NULL,
    person BYTEA NOT NULL,
    sealed BYTEA NOT NULL,          -- age file
    PRIMARY KEY (team, serial, person)
);

-- Patients: one row for each person with that role. Ends with retention.
CREATE TABLE patient (
    person BYTEA PRIMARY KEY REFERENCES person (id),
    key_enc BYTEA NOT NULL,         -- the patient key, under the vault key; NULLed bytes when shredded
    name_index BYTEA NOT NULL,      -- [P] keyed hash
    birth_enc BYTEA NOT NULL,       -- [P] patient key
    language TEXT NOT NULL,        -- BCP 47
    identity_enc BYTEA NOT NULL,    -- [P] patient key: document seen, by whom, when (JSON)
    merged_into BYTEA,
    ended_at_ms BIGINT,
    end_reason TEXT,               -- moved, deceased, discharged, other
    created_by BYTEA NOT NULL,
    created_at_ms BIGINT NOT NULL,
    version BIGINT NOT NULL DEFAULT 1 -- grows with every change of a fact about this patient
);
CREATE INDEX patient_name ON patient (name_index);

-- Ways to reach a patient.
CREATE TABLE address (
    patient BYTEA NOT NULL REFERENCES patient (person),
    kind TEXT NOT NULL,            -- email, phone
    address_enc BYTEA NOT NULL,     -- [P] patient key
    address_index BYTEA NOT NULL,   -- [P] keyed hash
    changed_at_ms BIGINT NOT NULL,
    PRIMARY KEY (patient, kind)
);
CREATE INDEX address_index ON address (address_index);

-- Professional services: the evidence of an established relationship.
CREATE TABLE visit (
    id BYTEA PRIMARY KEY,
    patient BYTEA NOT NULL REFERENCES patient (person),
    clinician BYTEA NOT NULL REFERENCES person (id),
    specialty TEXT NOT NULL,       -- the clinician's when it took place
    subspecialty TEXT NOT NULL,
    date_days BIGINT NOT NULL,
    kind TEXT NOT NULL,            -- in-person, telehealth
    code TEXT NOT NULL DEFAULT '', -- CPT or other service code
    recorded_by BYTEA NOT NULL,
    recorded_at_ms BIGINT NOT NULL
);
CREATE INDEX visit_patient ON visit (patient, date_days);
CREATE INDEX visit_clinician ON visit (clinician, patient);

-- People who may act for a patient.
CREATE TABLE representative (
    patient BYTEA NOT NULL REFERENCES patient (person),
    person BYTEA NOT NULL REFERENCES person (id),
    authority TEXT NOT NULL,       -- parent, guardian, power-of-attorney, other
    until_days BIGINT,             -- last day; NULL: open
    ended_at_ms BIGINT,
    recorded_by BYTEA NOT NULL,
    recorded_at_ms BIGINT NOT NULL,
    PRIMARY KEY (patient, person)
);
CREATE INDEX representative_person ON representative (person);

-- What a patient asked not to happen.
CREATE TABLE restriction (
    id BYTEA PRIMARY KEY,
    patient BYTEA NOT NULL REFERENCES patient (person),
    kind TEXT NOT NULL,            -- no-messages, no-email-notice, no-sms-notice, not-team
    team BYTEA,
    note_enc BYTEA,                 -- [P] patient key
    recorded_by BYTEA NOT NULL,
    recorded_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT
);
CREATE INDEX restriction_patient ON restriction (patient);

-- Overrides of not-established, each waiting for review.
CREATE TABLE break_glass (
    id BYTEA PRIMARY KEY,
    patient BYTEA NOT NULL REFERENCES patient (person),
    clinician BYTEA NOT NULL REFERENCES person (id),
    reason_enc BYTEA NOT NULL,      -- [P] patient key
    at_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL
);
CREATE INDEX break_glass_patient ON break_glass (patient, clinician);

-- The wording patients agree to: never changed, only superseded.
CREATE TABLE terms (
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    language TEXT NOT NULL,
    hash BYTEA NOT NULL,            -- SHA-256 of the text
    text TEXT NOT NULL,            -- UTF-8
    effective_at_ms BIGINT NOT NULL,
    PRIMARY KEY (id, version, language)
);

-- Consents, refusals and withdrawals: nothing is overwritten. Six years and
-- more after the last one counted.
CREATE TABLE consent (
    id BYTEA PRIMARY KEY,
    patient BYTEA NOT NULL REFERENCES patient (person),
    seq BIGINT NOT NULL,           -- 1, 2, … per patient; the highest is the latest
    decision BIGINT NOT NULL,      -- enum pst_consent_decision
    purposes BIGINT NOT NULL,      -- bit mask of enum pst_purpose
    terms_id TEXT NOT NULL,
    terms_version BIGINT NOT NULL,
    language TEXT NOT NULL,
    expires_at_ms BIGINT,
    at_ms BIGINT NOT NULL,         -- signed time
    recorded_at_ms BIGINT NOT NULL,
    recorded_by BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    record_enc BYTEA NOT NULL,      -- [P] patient key: the signed record
    UNIQUE (patient, seq)
);

-- Exact addresses and proxies that a consent covers.
CREATE TABLE consent_purpose (
    consent BYTEA NOT NULL REFERENCES consent (id),
    purpose BIGINT NOT NULL,       -- enum pst_purpose
    address_index BYTEA NOT NULL,   -- [P] keyed hash of the address; for proxy the person id
    PRIMARY KEY (consent, purpose, address_index)
);

-- Conversations.
CREATE TABLE thread (
    id BYTEA PRIMARY KEY,
    patient BYTEA REFERENCES patient (person), -- NULL: a colleague room
    team BYTEA REFERENCES team (id),
    state BIGINT NOT NULL,         -- 0 open, 1 closed
    assigned BYTEA,
    last_seq BIGINT NOT NULL DEFAULT 0,
    size_bytes BIGINT NOT NULL DEFAULT 0, -- of all its accepted messages, for the quota
    created_by BYTEA NOT NULL,
    created_at_ms BIGINT NOT NULL,
    changed_at_ms BIGINT NOT NULL
);
CREATE INDEX thread_patient ON thread (patient, changed_at_ms);
CREATE INDEX thread_team ON thread (team, changed_at_ms);
CREATE INDEX thread_team_patient ON thread (team, patient);

-- Members of colleague rooms.
CREATE TABLE room_member (
    thread BYTEA NOT NULL REFERENCES thread (id),
    person BYTEA NOT NULL REFERENCES person (id),
    PRIMARY KEY (thread, person)
);
CREATE INDEX room_member_person ON room_member (person);

-- Accepted messages, without their bodies. Retention: messages.
CREATE TABLE message (
    id BYTEA PRIMARY KEY,
    thread BYTEA NOT NULL REFERENCES thread (id),
    seq BIGINT NOT NULL,           -- 1, 2, … per thread
    sender BYTEA NOT NULL,
    category BIGINT NOT NULL,      -- enum pst_category
    sent_ms BIGINT NOT NULL,       -- sender's clock
    accepted_ms BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL,    -- of the whole envelope
    attachments BIGINT NOT NULL,
    images BIGINT NOT NULL,
    replyto BYTEA,
    via BIGINT NOT NULL DEFAULT 0, -- enum pst_via
    hash BYTEA NOT NULL,            -- SHA-256 of the whole envelope
    event BYTEA NOT NULL,           -- event.id of its acceptance
    consent BYTEA,                  -- consent.id it was accepted under
    answered_at_ms BIGINT,         -- first accepted answer to it
    retracted_at_ms BIGINT,
    retraction TEXT,               -- signed record
    UNIQUE (thread, seq)
);
CREATE INDEX message_sender ON message (sender, accepted_ms);

-- Bodies, in parts of at most 256 KiB, so that lists read none. Part 0 is the
-- envelope's three lines and the age header, under the patient key; parts from
-- 1 are the age payload as it came.
CREATE TABLE body (
    message BYTEA NOT NULL,
    part BIGINT NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (message, part)
);

-- Parts of large uploads before their verdict; swept at start and when over.
CREATE TABLE staging (
    upload BYTEA NOT NULL,
    part BIGINT NOT NULL,
    person BYTEA NOT NULL,
    at_ms BIGINT NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (upload, part)
);
CREATE INDEX staging_person ON staging (person);

-- The keys a message was sealed to, in the order of its header.
CREATE TABLE message_key (
    message BYTEA NOT NULL,
    position BIGINT NOT NULL,
    key_id BYTEA NOT NULL,
    PRIMARY KEY (message, position)
);

-- Who fetched and who opened which message.
CREATE TABLE receipt (
    message BYTEA NOT NULL,
    person BYTEA NOT NULL,
    fetched_at_ms BIGINT NOT NULL,
    opened_at_ms BIGINT,
    record TEXT,                   -- signed record "opened"
    PRIMARY KEY (message, person)
);

-- Drafts, sealed to their owner; replaced at will, swept when sent.
CREATE TABLE draft (
    thread BYTEA NOT NULL,
    person BYTEA NOT NULL,
    version BIGINT NOT NULL,
    changed_at_ms BIGINT NOT NULL,
    bytes BYTEA NOT NULL,           -- age file
    PRIMARY KEY (thread, person)
);

-- Contacts by personal channels that were sent back into the safe one.
CREATE TABLE redirect (
    id BYTEA PRIMARY KEY,
    patient BYTEA NOT NULL REFERENCES patient (person),
    clinician BYTEA NOT NULL,
    channel BIGINT NOT NULL,       -- enum pst_channel
    address_index BYTEA,            -- [P] keyed hash, never the address
    thread BYTEA,
    at_ms BIGINT NOT NULL,
    event BYTEA NOT NULL
);
CREATE INDEX redirect_patient ON redirect (patient, at_ms);
CREATE INDEX redirect_clinician ON redirect (clinician, at_ms);

-- Content-free notices that wait for the courier.
CREATE TABLE notice (
    id BYTEA PRIMARY KEY,
    patient BYTEA NOT NULL,
    person BYTEA NOT NULL,          -- whom to tell
    thread BYTEA NOT NULL,
    kind TEXT NOT NULL,            -- email, sms
    state BIGINT NOT NULL,         -- 0 waiting, 1 sent, 2 failed, 3 dropped
    created_at_ms BIGINT NOT NULL,
    next_at_ms BIGINT NOT NULL,
    tries BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX notice_waiting ON notice (next_at_ms) WHERE state = 0;
CREATE INDEX notice_thread ON notice (thread, person);

-- The record: one content-free line an event, in the order they committed.
CREATE TABLE event (
    id BYTEA PRIMARY KEY,
    line TEXT NOT NULL,            -- canonical JSON, at most 4 KiB
    leaf BIGINT                    -- index in the Merkle tree; NULL: not yet
);
CREATE INDEX event_pending ON event (id) WHERE leaf IS NULL;

-- Refusals of strangers, counted by code, address and minute, until their
-- minute is over and an event tells the count.
CREATE TABLE stranger (
    code TEXT NOT NULL,
    address_index BYTEA NOT NULL,   -- [P] keyed hash
    minute BIGINT NOT NULL,        -- minutes since 1970
    count BIGINT NOT NULL,
    PRIMARY KEY (code, address_index, minute)
);

-- What is encrypted or sealed does not compress: kept outside the row as it is.
ALTER TABLE body ALTER COLUMN bytes SET STORAGE EXTERNAL;
ALTER TABLE staging ALTER COLUMN bytes SET STORAGE EXTERNAL;
ALTER TABLE draft ALTER COLUMN bytes SET STORAGE EXTERNAL;
ALTER TABLE account ALTER COLUMN ring_enc SET STORAGE EXTERNAL;

-- Every message writes its thread's row anew: what is left of the old ones is
-- removed soon, or a busy patient's threads are found more slowly each hour.
ALTER TABLE thread SET (autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0.02,
                        autovacuum_vacuum_cost_delay = 0);

-- Of this engine alone, and not part of the practice: one row that a write
-- which is not shared locks until it ends, so that there is one at a time on
-- whatever gateway.
CREATE TABLE alone (
    id BIGINT PRIMARY KEY CHECK (id = 1)
);
INSERT INTO alone (id) VALUES (1);

-- Of this engine alone: the last transaction of every writing connection, so
-- that a commit whose answer was lost can be looked up. Removed when the
-- connection closes, or a week after its last write.
CREATE TABLE writer (
    id BYTEA PRIMARY KEY,          -- 16 random bytes, of the connection
    mark BIGINT NOT NULL,          -- number of its last transaction that stands
    at_ms BIGINT NOT NULL
) WITH (fillfactor = 50);
