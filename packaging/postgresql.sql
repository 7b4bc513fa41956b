-- The logins and the database of a practice, made once by the database's own
-- administrator, before `posternd init` (docs/postgresql.md):
--
--     psql -v practice=postern -f postgresql.sql postgres
--
-- Four logins: the owner, as which the tools of posternd make and migrate the
-- schema, and one for each role that uses the store. What each role's login may
-- do, posternd grants; here it gets nothing but the way in. Passwords are given
-- afterwards, by \password in psql.
\set web :practice '_web'
\set courier :practice '_courier'
\set keeper :practice '_keeper'
CREATE ROLE :"practice" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
CREATE ROLE :"web" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
CREATE ROLE :"courier" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
CREATE ROLE :"keeper" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
CREATE DATABASE :"practice" OWNER :"practice" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
REVOKE ALL ON DATABASE :"practice" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"practice" TO :"web", :"courier", :"keeper";
