-- The role of the exporter, which may see statistics and no shopper's data. :secret is its password.

SELECT 'CREATE ROLE monitor'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'monitor') \gexec

ALTER ROLE monitor LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
  CONNECTION LIMIT 5 PASSWORD :'secret';
ALTER ROLE monitor SET statement_timeout = '5s';
GRANT pg_monitor TO monitor;
GRANT CONNECT ON DATABASE postgres TO monitor;
