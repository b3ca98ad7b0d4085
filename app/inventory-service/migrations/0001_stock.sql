-- What is in the warehouse. `reserved` is the part that held reservations have promised.
CREATE TABLE stock (
  product_id uuid PRIMARY KEY,
  on_hand    bigint NOT NULL,
  reserved   bigint NOT NULL DEFAULT 0,
  -- Counts the changes of on_hand: what a stocktake must not overlook. A reservation leaves it.
  version    bigint NOT NULL DEFAULT 1,
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT stock_on_hand_not_negative CHECK (on_hand >= 0),
  CONSTRAINT stock_reserved_not_negative CHECK (reserved >= 0),
  CONSTRAINT stock_covers_reserved CHECK (reserved <= on_hand)
);

-- The ledger: every change of a stock row, written in the transaction that makes it, never changed.
CREATE TABLE movements (
  movement_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  product_id     uuid NOT NULL REFERENCES stock,
  delta_on_hand  bigint NOT NULL,
  delta_reserved bigint NOT NULL,
  reason         text NOT NULL,
  order_id       uuid,
  key            text,
  actor          text NOT NULL,
  on_hand_after  bigint NOT NULL,
  reserved_after bigint NOT NULL,
  at             timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX movements_by_product ON movements (product_id, movement_id DESC);

-- One row an order. State and expiry are the whole basket's; the lines have none of their own.
CREATE TABLE reservations (
  order_id   uuid PRIMARY KEY,
  state      text NOT NULL,
  expires_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT reservations_state_known
    CHECK (state IN ('held', 'committed', 'released', 'expired', 'returned')),
  CONSTRAINT reservations_held_expires CHECK (state <> 'held' OR expires_at IS NOT NULL)
);
CREATE INDEX reservations_due ON reservations (expires_at) WHERE state = 'held';

CREATE TABLE reservation_lines (
  order_id   uuid NOT NULL REFERENCES reservations,
  product_id uuid NOT NULL REFERENCES stock,
  quantity   bigint NOT NULL CHECK (quantity > 0),
  returned   bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (order_id, product_id),
  CONSTRAINT reservation_lines_returned_at_most_all CHECK (returned BETWEEN 0 AND quantity)
);

-- Returns already made, so that a repeat of one does nothing.
CREATE TABLE returns (
  order_id  uuid NOT NULL REFERENCES reservations,
  refund_id uuid NOT NULL,
  body_hash text NOT NULL,
  at        timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (order_id, refund_id)
);

-- Idempotency keys of adjustments with their first answer.
CREATE TABLE adjustments (
  product_id uuid NOT NULL,
  key        text NOT NULL,
  body_hash  text NOT NULL,
  on_hand    bigint,
  reserved   bigint,
  version    bigint,
  at         timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (product_id, key)
);
