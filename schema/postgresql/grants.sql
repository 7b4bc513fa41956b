-- What each role's login may do, and nothing else: run by the owner after the
-- migrations, at every posternd init and migrate. The logins are named after
-- the owner's: OWNER_web, OWNER_courier, OWNER_keeper. A new statement that
-- needs more belongs here too; a test holds this against the list of statements.
-- Evidence (consents, grants, visits, events, rosters, terms) is added to, never changed.
DO $$
DECLARE
    owner CONSTANT TEXT := current_user;
    login TEXT;
    allowed RECORD;
BEGIN
    FOREACH login IN ARRAY ARRAY[owner || '_web', owner || '_courier', owner || '_keeper'] LOOP
        IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = login) THEN
            RAISE EXCEPTION 'there is no login %: CREATE ROLE % LOGIN, with a password', login, login;
        END IF;
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA public FROM %I', login);
        EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', login);
        EXECUTE format('GRANT SELECT ON migration, copy TO %I', login);
        EXECUTE format('GRANT SELECT, UPDATE ON alone TO %I', login);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON writer TO %I', login);
    END LOOP;
    FOR allowed IN SELECT * FROM (VALUES
        ('web', 'SELECT, INSERT, UPDATE', 'account, invitation, message, patient, person, receipt'),
        ('web', 'SELECT, INSERT, UPDATE', 'representative, restriction, statement, team, thread'),
        ('web', 'SELECT, INSERT, UPDATE, DELETE', 'address, draft, factor, session, stranger'),
        ('web', 'SELECT, INSERT, DELETE', 'attempt, notice, staging, team_member, wrap'),
        ('web', 'SELECT, INSERT', 'body, break_glass, consent, consent_purpose, credential, event'),
        ('web', 'SELECT, INSERT', 'message_grant, message_key, records_key, redirect'),
        ('web', 'SELECT, INSERT', 'room_member, roster'),
        ('web', 'SELECT, INSERT', 'team_key, terms, visit'),
        ('web', 'SELECT, UPDATE', 'practice'),
        ('courier', 'SELECT', 'address, person, practice, records_key'),
        ('courier', 'INSERT', 'event'),
        ('keeper', 'SELECT, DELETE', 'attempt, session, stranger'),
        ('keeper', 'SELECT, INSERT', 'event'),
        ('keeper', 'SELECT', 'person, practice, records_key')
    ) AS list (role, rights, tables) LOOP
        EXECUTE format('GRANT %s ON %s TO %I', allowed.rights, allowed.tables,
                       owner || '_' || allowed.role);
    END LOOP;
END
$$;
