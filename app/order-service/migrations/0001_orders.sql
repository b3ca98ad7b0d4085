-- One row per order: request, state machine and lease together, so that each step of a checkout is
-- one UPDATE of one row.
CREATE TABLE orders (
  id               uuid PRIMARY KEY,  -- version 7: ascending by time
  user_id          uuid NOT NULL,

  -- The request that placed it.
  idempotency_key  text NOT NULL,
  request_hash     text NOT NULL,
  cart_revision    text NOT NULL,
  traceparent      text NOT NULL,

  -- What was ordered.
  currency         text NOT NULL,
  total_minor      bigint NOT NULL CHECK (total_minor >= 0),
  address          jsonb NOT NULL,
  payment_id       uuid NOT NULL,
  payment_token    text NOT NULL,

  -- How far it is.
  state            text NOT NULL CHECK (state IN (
                     'pending', 'reserved', 'authorized', 'committed', 'captured', 'confirmed',
                     'shipped', 'delivered', 'rejected', 'refunding', 'restocking', 'cancelled')),
  step             text CHECK (step IN (
                     'reserve', 'authorize', 'commit', 'capture', 'clear_cart', 'void_payment',
                     'release_stock', 'return_stock', 'refund', 'restock')),
  reason           text,
  reason_detail    text,
  refunded_minor   bigint NOT NULL DEFAULT 0 CHECK (refunded_minor BETWEEN 0 AND total_minor),
  cancel_requested boolean NOT NULL DEFAULT false,
  version          bigint NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT now(),
  updated_at       timestamptz NOT NULL DEFAULT now(),
  undone           boolean NOT NULL GENERATED ALWAYS AS (state IN ('rejected', 'cancelled')) STORED,

  -- The worker's. `due_at` is when any worker may take the order: the end of a lease or of a pause;
  -- NULL when there is nothing to do. `unfinished_since` is NULL with it and otherwise stays.
  token            bigint NOT NULL,
  due_at           timestamptz,
  unfinished_since timestamptz,
  attempts         integer NOT NULL DEFAULT 0,
  needs_attention  boolean NOT NULL DEFAULT false,

  CHECK ((due_at IS NULL) = (unfinished_since IS NULL)),
  CHECK (step IS NULL OR due_at IS NOT NULL),
  CHECK (state NOT IN ('rejected', 'cancelled') OR (due_at IS NULL AND reason IS NOT NULL))
);
-- For finding orders that are due. It is on `unfinished_since` and not on `due_at` or `state`, so
-- that no update of a checkout but the last changes an indexed column: the others are HOT and write
-- no index. Few orders are unfinished at a time; looking through them is cheap.
CREATE INDEX orders_unfinished ON orders (unfinished_since) WHERE unfinished_since IS NOT NULL;

CREATE UNIQUE INDEX orders_one_per_key ON orders (user_id, idempotency_key);
-- Two tabs with one cart pay once.
CREATE UNIQUE INDEX orders_one_per_cart ON orders (user_id, cart_revision) WHERE NOT undone;
CREATE INDEX orders_by_user ON orders (user_id, id);

CREATE TABLE order_lines (
  order_id         uuid NOT NULL REFERENCES orders,
  position         integer NOT NULL,
  product_id       uuid NOT NULL,
  sku              text NOT NULL,
  name             text NOT NULL,
  image            text,
  quantity         bigint NOT NULL CHECK (quantity BETWEEN 1 AND 1000),
  unit_price_minor bigint NOT NULL CHECK (unit_price_minor >= 0),
  line_total_minor bigint NOT NULL CHECK (line_total_minor = unit_price_minor * quantity),
  PRIMARY KEY (order_id, position)
);

-- The timeline. `seq` is the version that the change gave the order, so it is taken under the
-- order's row lock, without gaps, and committed in order.
CREATE TABLE order_events (
  order_id uuid NOT NULL REFERENCES orders,
  seq      bigint NOT NULL,
  type     text NOT NULL,
  state    text NOT NULL,
  at       timestamptz NOT NULL,
  detail   text,
  PRIMARY KEY (order_id, seq)
);

-- Money that goes back and stock that goes back with it. A cancellation after confirmation is one,
-- too; it has no key, because the worker makes it.
CREATE TABLE refunds (
  id              uuid PRIMARY KEY,
  order_id        uuid NOT NULL REFERENCES orders,
  idempotency_key text,
  request_hash    text,
  state           text NOT NULL CHECK (state IN ('refunding', 'restocking', 'done', 'refused')),
  amount_minor    bigint NOT NULL CHECK (amount_minor >= 0),
  reason          text NOT NULL,
  lines           jsonb NOT NULL,
  cancellation    boolean NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now(),
  UNIQUE (order_id, idempotency_key),
  CHECK (cancellation = (idempotency_key IS NULL))
);
