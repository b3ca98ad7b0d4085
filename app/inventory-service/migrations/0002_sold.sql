-- What was sold lately, for the metrics of stock that is nearly gone: read once a minute, from the
-- index alone. It grows at its end, with one entry for each line sold.
CREATE INDEX movements_sold ON movements (at) INCLUDE (product_id, delta_on_hand)
  WHERE reason = 'commit';
