-- The administrators: postgres, by its user, and one with a password, :secret, for restores. Both
-- through the socket alone (pg_hba.conf).

ALTER ROLE postgres PASSWORD :'secret';

SELECT 'CREATE ROLE administrator'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'administrator') \gexec

ALTER ROLE administrator LOGIN SUPERUSER CONNECTION LIMIT 10 PASSWORD :'secret';
