-- Settings for the merchant's tests: one row.
CREATE TABLE behaviour (
  only_row          boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  latency_ms        bigint NOT NULL DEFAULT 0,
  latency_jitter_ms bigint NOT NULL DEFAULT 0,
  error_rate        double precision NOT NULL DEFAULT 0,
  decline_rate      double precision NOT NULL DEFAULT 0,
  unknown_rate      double precision NOT NULL DEFAULT 0
);
INSERT INTO behaviour DEFAULT VALUES;

-- Cards by the hash of the token that stands for them: never the number.
CREATE TABLE card_tokens (
  token_hash text PRIMARY KEY,
  kind       text NOT NULL,
  brand      text NOT NULL,
  last4      text NOT NULL CHECK (last4 ~ '^[0-9]{4}$'),
  expires_at timestamptz NOT NULL
);

-- What became of each reference. A row is made once, by an authorization or by a cancellation,
-- whichever comes first.
CREATE TABLE charges (
  reference           uuid PRIMARY KEY,
  merchant_order      uuid,
  state               text NOT NULL,
  reason              text,
  asked_minor         bigint,
  currency            text,
  token_hash          text,
  kind                text,
  brand               text,
  last4               text,
  authorized_minor    bigint NOT NULL DEFAULT 0,
  captured_minor      bigint NOT NULL DEFAULT 0,
  voided_minor        bigint NOT NULL DEFAULT 0,
  refunded_minor      bigint NOT NULL DEFAULT 0,
  capture_asked_minor bigint,
  created_at          timestamptz NOT NULL DEFAULT now(),
  updated_at          timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT charges_state_known CHECK (state IN ('authorized', 'declined', 'cancelled', 'captured',
                                                  'capture_refused', 'voided')),
  CONSTRAINT charges_amounts CHECK (
    authorized_minor >= 0 AND captured_minor BETWEEN 0 AND authorized_minor
    AND voided_minor BETWEEN 0 AND authorized_minor
    AND refunded_minor BETWEEN 0 AND captured_minor)
);
CREATE INDEX charges_by_order ON charges (merchant_order);

CREATE TABLE refunds (
  refund_reference uuid PRIMARY KEY,
  reference        uuid NOT NULL REFERENCES charges,
  amount_minor     bigint NOT NULL CHECK (amount_minor > 0),
  outcome          text NOT NULL CHECK (outcome IN ('refunded', 'refused')),
  reason           text,
  created_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX refunds_by_reference ON refunds (reference);

-- How often an authorization with the error card has failed.
CREATE TABLE failed_tries (
  reference uuid PRIMARY KEY,
  tries     integer NOT NULL
);
