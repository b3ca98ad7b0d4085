-- A service's role and database. :name is both their names, :secret the role's password.

SELECT format('CREATE ROLE %I', :'name')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec

ALTER ROLE :"name" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
  CONNECTION LIMIT 60 PASSWORD :'secret';
ALTER ROLE :"name" SET statement_timeout = '10s';
ALTER ROLE :"name" SET lock_timeout = '3s';
ALTER ROLE :"name" SET idle_in_transaction_session_timeout = '10s';

SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec

REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;
