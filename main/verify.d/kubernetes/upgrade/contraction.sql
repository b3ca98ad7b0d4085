-- How it must not be done: the version before, which still runs, names the old column and fills no
-- other. main/lint-migrations refuses each of these.
ALTER TABLE products RENAME COLUMN price_minor TO present_price_minor;
ALTER TABLE products ADD COLUMN previous_price_minor bigint NOT NULL;
ALTER TABLE products DROP COLUMN brand;
