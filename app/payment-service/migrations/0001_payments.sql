-- Cards that shoppers have entered, as the gateway's tokens. Our own token is kept as its SHA-256:
-- what lies here pays for nothing. A token pays for one payment, the first that takes it.
CREATE TABLE card_tokens (
  token_hash    text PRIMARY KEY,
  user_id       text NOT NULL,
  gateway_token text NOT NULL,
  brand         text NOT NULL,
  last4         text NOT NULL,
  payment_id    uuid,
  order_id      uuid,
  expires_at    timestamptz NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT card_tokens_last4_is_short CHECK (last4 ~ '^[0-9]{4}$')
);
CREATE INDEX card_tokens_expired ON card_tokens (expires_at);

CREATE TABLE payments (
  id                   uuid PRIMARY KEY,
  order_id             uuid NOT NULL,
  user_id              text NOT NULL,
  state                text NOT NULL,
  reason               text,
  amount_minor         bigint NOT NULL,
  currency             text NOT NULL,
  captured_minor       bigint NOT NULL DEFAULT 0,
  refunded_minor       bigint NOT NULL DEFAULT 0,
  refund_pending_minor bigint NOT NULL DEFAULT 0,
  token_hash           text,
  gateway_token        text,
  brand                text,
  last4                text,
  -- A void came while the authorization's outcome was unknown.
  void_requested       boolean NOT NULL DEFAULT false,
  -- A request to the gateway is under way, or has to be repeated.
  unsettled            boolean NOT NULL GENERATED ALWAYS AS (
                         state IN ('authorizing', 'capturing', 'voiding')
                         OR (state = 'authorized' AND void_requested)) STORED,
  -- Attempts since the last known outcome; the time before which there is no other; until when the
  -- attempt that is under way has the payment for itself, and which one that is.
  tries                integer NOT NULL DEFAULT 0,
  next_attempt_at      timestamptz NOT NULL DEFAULT '-infinity',
  lease_until          timestamptz,
  lease                bigint NOT NULL DEFAULT 0,
  version              bigint NOT NULL DEFAULT 1,
  created_at           timestamptz NOT NULL DEFAULT now(),
  updated_at           timestamptz NOT NULL DEFAULT now(),
  -- An order is paid once.
  CONSTRAINT payments_one_per_order UNIQUE (order_id),
  CONSTRAINT payments_state_known CHECK (state IN ('authorizing', 'authorized', 'declined',
    'capturing', 'captured', 'refused', 'voiding', 'voided')),
  CONSTRAINT payments_amount_not_negative CHECK (amount_minor >= 0),
  CONSTRAINT payments_captured_at_most_authorized CHECK (captured_minor BETWEEN 0 AND amount_minor),
  CONSTRAINT payments_captured_as_state_says
    CHECK (captured_minor = CASE WHEN state = 'captured' THEN amount_minor ELSE 0 END),
  CONSTRAINT payments_refunds_not_negative
    CHECK (refunded_minor >= 0 AND refund_pending_minor >= 0),
  CONSTRAINT payments_refunds_at_most_captured
    CHECK (refunded_minor + refund_pending_minor <= captured_minor),
  CONSTRAINT payments_refusal_has_reason
    CHECK (state NOT IN ('declined', 'refused') OR reason IS NOT NULL)
);
CREATE INDEX payments_due ON payments (next_attempt_at) WHERE unsettled;
CREATE INDEX payments_by_age ON payments (created_at DESC, id DESC);
CREATE INDEX payments_by_state ON payments (state, created_at DESC, id DESC);

CREATE TABLE refunds (
  refund_id       uuid PRIMARY KEY,
  payment_id      uuid NOT NULL REFERENCES payments,
  state           text NOT NULL,
  amount_minor    bigint NOT NULL,
  reason          text NOT NULL,
  tries           integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL DEFAULT '-infinity',
  lease_until     timestamptz,
  lease           bigint NOT NULL DEFAULT 0,
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT refunds_state_known CHECK (state IN ('refunding', 'refunded', 'refused')),
  CONSTRAINT refunds_amount_positive CHECK (amount_minor > 0)
);
CREATE INDEX refunds_by_payment ON refunds (payment_id);
CREATE INDEX refunds_due ON refunds (next_attempt_at) WHERE state = 'refunding';

-- Every call to the gateway that changes something: written before it is made, completed after.
-- `outcome` is empty while it is under way, and for ever if the process died meanwhile.
CREATE TABLE attempts (
  attempt_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  payment_id  uuid NOT NULL REFERENCES payments,
  refund_id   uuid REFERENCES refunds,
  operation   text NOT NULL,
  outcome     text,
  detail      text,
  trace_id    text,
  started_at  timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  CONSTRAINT attempts_operation_known
    CHECK (operation IN ('authorize', 'cancel', 'capture', 'void', 'refund')),
  CONSTRAINT attempts_outcome_known CHECK (outcome IN ('approved', 'declined', 'cancelled',
    'captured', 'refused', 'voided', 'refunded', 'unknown')),
  CONSTRAINT attempts_refund_has_id CHECK ((operation = 'refund') = (refund_id IS NOT NULL)),
  CONSTRAINT attempts_finished_has_outcome CHECK ((outcome IS NULL) = (finished_at IS NULL))
);
CREATE INDEX attempts_by_payment ON attempts (payment_id, attempt_id DESC);
