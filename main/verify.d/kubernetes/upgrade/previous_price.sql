-- What a product cost before its price was changed last: shown beside the new one. Empty until then,
-- and for what the version before writes, which does not know the column.
ALTER TABLE products ADD COLUMN previous_price_minor bigint;
