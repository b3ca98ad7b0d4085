-- What inventory has still to be told: opening stock, once for each product, and the stocktakes of
-- imports. Written with the product; delivered at least once, under a key that makes it once.
-- The messages of a product are delivered in their order.
CREATE TABLE stock_messages (
  message_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  product_id uuid NOT NULL REFERENCES products,
  key        text NOT NULL,  -- the Idempotency-Key
  reason     text NOT NULL,
  quantity   bigint NOT NULL CHECK (quantity >= 0),
  state      text NOT NULL DEFAULT 'waiting',
  refusal    text,           -- the type of inventory's problem
  attempts   integer NOT NULL DEFAULT 0,
  due_at     timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT stock_messages_key_unique UNIQUE (key),
  CONSTRAINT stock_messages_reason_known CHECK (reason IN ('opening', 'stocktake')),
  CONSTRAINT stock_messages_state_known CHECK (state IN ('waiting', 'sent', 'refused')),
  CONSTRAINT stock_messages_refusal_told CHECK ((state = 'refused') = (refusal IS NOT NULL))
);
CREATE INDEX stock_messages_due ON stock_messages (due_at, message_id) WHERE state = 'waiting';
CREATE INDEX stock_messages_in_order ON stock_messages (product_id, message_id)
  WHERE state = 'waiting';

-- Lines of imports under way: variants whose parent has not come yet.
CREATE TABLE import_lines (
  import_id  uuid NOT NULL,
  line       bigint NOT NULL,
  sku        text NOT NULL,
  document   text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (import_id, line)
);
