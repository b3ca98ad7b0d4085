-- The catalogue. `products` is the truth; what lists, search and facets read is derived from it by
-- a trigger, in the same transaction, so it can never lag behind or be forgotten.

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE EXTENSION IF NOT EXISTS fuzzystrmatch;

-- English stems of words without their accents: "turkiye" finds "Türkiye", "mugs" finds "mug".
CREATE TEXT SEARCH CONFIGURATION catalogue (COPY = pg_catalog.english);
ALTER TEXT SEARCH CONFIGURATION catalogue
  ALTER MAPPING FOR hword, hword_part, word WITH unaccent, english_stem;

-- ------------------------------------------------------------------------------------------------
-- Products, and their variants in the same table. Archived ones stay: the same sku revives them.

CREATE TABLE products (
  id           uuid PRIMARY KEY,
  seq          bigint GENERATED ALWAYS AS IDENTITY,  -- the order of making
  sku          text NOT NULL,
  slug         text NOT NULL,
  name         text NOT NULL,
  description  text NOT NULL,
  brand        text,
  image        text,
  categories   text[] NOT NULL,  -- paths A/B/C
  attributes   jsonb NOT NULL,   -- name -> list of texts
  price_minor  bigint NOT NULL,
  currency     text NOT NULL,
  variant_of   uuid,
  version      bigint NOT NULL DEFAULT 1,
  created_at   timestamptz NOT NULL DEFAULT now(),
  updated_at   timestamptz NOT NULL DEFAULT now(),
  archived_at  timestamptz,
  -- There is one level of variants only: the foreign key below asks for a parent of level 0.
  level        smallint GENERATED ALWAYS AS (CASE WHEN variant_of IS NULL THEN 0 ELSE 1 END) STORED,
  parent_level smallint GENERATED ALWAYS AS (CASE WHEN variant_of IS NOT NULL THEN 0 END) STORED,
  CONSTRAINT products_sku_unique UNIQUE (sku),
  CONSTRAINT products_slug_unique UNIQUE (slug),
  CONSTRAINT products_price_in_range CHECK (price_minor BETWEEN 1 AND 1000000000),
  CONSTRAINT products_level_unique UNIQUE (id, level),
  CONSTRAINT products_variant_of_a_parent
    FOREIGN KEY (variant_of, parent_level) REFERENCES products (id, level)
);
CREATE INDEX products_by_parent ON products (variant_of, seq) WHERE variant_of IS NOT NULL;

-- ------------------------------------------------------------------------------------------------
-- What is derived.
--
-- A fact is something a product can be filtered by, as one text: 'category=Kitchen/Knives' (one for
-- each level of the path), 'brand=Oak', 'attr.color=Blue', 'price=1000-1999', and '*', which all
-- have. A filter is a tsquery over facts, so any combination of filters is one index condition.

-- What lists show: the products that are no variants.
CREATE TABLE listings (
  product_id      uuid PRIMARY KEY,
  seq             bigint NOT NULL,
  shelf           bigint NOT NULL,  -- a mixed order that stays: those with a picture first
  name_key        text COLLATE "C" NOT NULL,
  min_price_minor bigint NOT NULL,  -- of what can be bought: the variants, or the product itself
  max_price_minor bigint NOT NULL,
  variants        uuid[] NOT NULL,
  options         jsonb NOT NULL,   -- attribute -> [{value, count}] of the variants
  -- Of the product and all its variants together; and without what only some of the variants have.
  facts           text[] COLLATE "C" NOT NULL,
  common_facts    text[] COLLATE "C" NOT NULL,
  words           text[] COLLATE "C" NOT NULL,
  -- Weighted: A name, B brand, C categories and attributes, D description; skus and facts whole.
  document        tsvector NOT NULL
);
CREATE INDEX listings_document ON listings USING gin (document) WITH (gin_pending_list_limit = 1024);
CREATE INDEX listings_shelf ON listings (shelf, product_id);
CREATE INDEX listings_newest ON listings (seq DESC);
CREATE INDEX listings_cheapest ON listings (min_price_minor, product_id);
CREATE INDEX listings_dearest ON listings (max_price_minor DESC, product_id);
CREATE INDEX listings_name ON listings (name_key, product_id);

-- Facts of each variant of a listing: filters must be met by one of them, not by several together.
-- A variant has its parent's facts, except for the attributes that it states itself.
CREATE TABLE variant_facts (
  product_id  uuid PRIMARY KEY,
  listing_id  uuid NOT NULL,
  price_minor bigint NOT NULL,
  facts       tsvector NOT NULL,
  own_facts   text[] COLLATE "C" NOT NULL  -- those that are not common to all variants
);
CREATE INDEX variant_facts_by_listing ON variant_facts (listing_id);

-- How many listings have a fact: facets of the whole catalogue, and its categories.
CREATE TABLE fact_counts (
  fact     text COLLATE "C" PRIMARY KEY,
  listings bigint NOT NULL
) WITH (fillfactor = 40);  -- room for updates in place, which need no new index entries

-- How many listings have a word: completes and corrects what is typed.
CREATE TABLE vocabulary (
  word     text COLLATE "C" PRIMARY KEY,
  listings bigint NOT NULL
) WITH (fillfactor = 40);
CREATE INDEX vocabulary_similar ON vocabulary USING gist (word gist_trgm_ops);

CREATE FUNCTION plain_text(value text) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$ SELECT lower(unaccent(value)) $$;

-- '1000-1999' and the like: steps of 1, 2, 5 in each power of ten, both ends included.
CREATE FUNCTION price_range_of(price_minor bigint) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT (CASE WHEN n = 0 THEN 1 ELSE steps[n] END) || '-' || COALESCE(steps[n + 1] - 1, 1000000000)
  FROM (SELECT steps, width_bucket(price_minor, steps) AS n
        FROM (VALUES ('{100,200,500,1000,2000,5000,10000,20000,50000,100000,200000,500000,1000000,
                        2000000,5000000,10000000,20000000,50000000,100000000,200000000,
                        500000000}'::bigint[])) AS s (steps)) AS found
$$;

-- The query for what a shopper typed: as web search engines read it (or as the given tsquery text),
-- or the whole text as a sku. Never an empty query, which others would swallow.
CREATE FUNCTION search_query(typed text, loosely text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT COALESCE(to_tsquery('catalogue', loosely), websearch_to_tsquery('catalogue', typed))
      || ('''' || replace(replace(lower(typed), '\', '\\'), '''', '''''') || '''')::tsquery
$$;

-- Known words that differ little from a typed one, or whose beginning does: in one letter if it is
-- short, in two otherwise; two letters in the wrong order count as one.
CREATE FUNCTION nearest_words(typed text, as_beginning boolean)
RETURNS TABLE (word text, listings bigint, distance integer)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT near.word, near.listings, min(near.distance) FROM (
    SELECT v.word, v.listings,
           CASE WHEN as_beginning
                THEN LEAST(levenshtein(left(v.word, length(typed)), typed),
                           levenshtein(left(v.word, length(typed) + 1), typed))
                ELSE levenshtein(v.word, typed) END AS distance
    FROM (SELECT * FROM vocabulary ORDER BY vocabulary.word <-> typed LIMIT 100) AS v
    UNION ALL
    SELECT v.word, v.listings, 1
    FROM generate_series(1, length(typed) - 1) AS i,
         overlay(typed PLACING substr(typed, i + 1, 1) || substr(typed, i, 1) FROM i FOR 2) AS swapped,
         vocabulary v
    WHERE v.word >= swapped
      AND v.word < swapped || CASE WHEN as_beginning THEN chr(1114111) ELSE chr(1) END) AS near
  WHERE near.distance <= CASE WHEN length(typed) < 5 THEN 1 ELSE 2 END
  GROUP BY near.word, near.listings
$$;

-- Derives anew what concerns these products (those of them that are no listings are passed over).
-- A listing takes up at most 1,000 facts and 100 kB of them, so that a document keeps below
-- PostgreSQL's 1 MB: as words they take up to about three times that, the skus 256 kB.
CREATE FUNCTION refresh_listings(touched uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  old_facts text[];
  old_words text[];
BEGIN
  SELECT array_agg(fact) INTO old_facts
  FROM listings, unnest(facts) AS fact WHERE product_id = ANY (touched);
  SELECT array_agg(word) INTO old_words
  FROM listings, unnest(words) AS word WHERE product_id = ANY (touched);
  DELETE FROM variant_facts WHERE listing_id = ANY (touched) OR product_id = ANY (touched);
  DELETE FROM listings WHERE product_id = ANY (touched);

  WITH parents AS MATERIALIZED (
    SELECT * FROM products
    WHERE id = ANY (touched) AND variant_of IS NULL AND archived_at IS NULL
  ), variants AS MATERIALIZED (
    SELECT v.* FROM parents p JOIN products v ON v.variant_of = p.id WHERE v.archived_at IS NULL
  ), offers AS MATERIALIZED (  -- what can be bought: variants, and products that have none
    SELECT p.id AS listing_id, v.id, p.categories, p.brand, p.attributes || v.attributes AS attributes,
           v.price_minor
    FROM parents p JOIN variants v ON v.variant_of = p.id
    UNION ALL
    SELECT id, id, categories, brand, attributes, price_minor FROM parents p
    WHERE NOT EXISTS (SELECT FROM variants v WHERE v.variant_of = p.id)
  ), offer_facts AS MATERIALIZED (
    SELECT listing_id, id, '*' AS fact FROM offers
    UNION
    SELECT listing_id, id, 'category=' || array_to_string(parts[1:depth], '/')
    FROM offers, unnest(categories) AS path, string_to_array(path, '/') AS parts,
         generate_series(1, cardinality(parts)) AS depth
    UNION
    SELECT listing_id, id, 'brand=' || brand FROM offers WHERE brand IS NOT NULL
    UNION
    SELECT listing_id, id, 'attr.' || a.name || '=' || value
    FROM offers, jsonb_each(attributes) AS a (name, list), jsonb_array_elements_text(a.list) AS value
    UNION
    SELECT listing_id, id, 'price=' || price_range_of(price_minor) FROM offers
  ), counted AS MATERIALIZED (
    SELECT listing_id, offers, fact, n, n = offers AS is_common,
           row_number() OVER frequent_first <= 1000
             AND sum(octet_length(fact)) OVER frequent_first <= 100000 AS has_room
    FROM (SELECT listing_id, fact, count(*) AS n,
                 max(count(*)) OVER (PARTITION BY listing_id) AS offers  -- all have '*'
          FROM offer_facts GROUP BY listing_id, fact) AS c
    WINDOW frequent_first AS (PARTITION BY listing_id ORDER BY n DESC, fact ROWS UNBOUNDED PRECEDING)
  ), rolled_up AS MATERIALIZED (
    SELECT listing_id, array_agg(fact ORDER BY n DESC, fact) FILTER (WHERE has_room) AS facts,
           array_agg(fact) FILTER (WHERE is_common) AS common,
           string_agg(substr(fact, strpos(fact, '=') + 1), ' ')
             FILTER (WHERE has_room AND (fact LIKE 'category=%' OR fact LIKE 'attr.%')) AS texts
    FROM counted GROUP BY listing_id
  ), noted AS (
    INSERT INTO variant_facts (product_id, listing_id, price_minor, facts, own_facts)
    SELECT v.id, v.variant_of, v.price_minor, array_to_tsvector(array_agg(f.fact)),
           COALESCE(array_agg(f.fact) FILTER (WHERE NOT c.is_common), '{}')
    FROM variants v JOIN offer_facts f ON f.id = v.id
         JOIN counted c ON c.listing_id = v.variant_of AND c.fact = f.fact
    GROUP BY v.id, v.variant_of, v.price_minor
  ), options AS (
    SELECT listing_id, jsonb_object_agg(name, list) AS counted FROM (
      SELECT listing_id, name,
             jsonb_agg(jsonb_build_object('value', value, 'count', n) ORDER BY seq, position) AS list
      FROM (SELECT variant_of AS listing_id, a.name, value, count(*) AS n, min(seq) AS seq,
                   min(position) AS position
            FROM variants, jsonb_each(attributes) AS a (name, list),
                 jsonb_array_elements_text(a.list) WITH ORDINALITY AS e (value, position)
            GROUP BY variant_of, a.name, value) AS counts
      GROUP BY listing_id, name) AS lists
    GROUP BY listing_id
  ), ranges AS (
    SELECT variant_of AS listing_id, min(price_minor) AS min_price, max(price_minor) AS max_price,
           array_agg(id ORDER BY seq) AS ids, (array_agg(lower(sku) ORDER BY seq))[:1000] AS skus
    FROM variants GROUP BY variant_of
  ), word_lists AS (
    SELECT id AS listing_id, array_agg(DISTINCT word) AS words
    FROM parents p JOIN rolled_up r ON r.listing_id = p.id,
         regexp_split_to_table(plain_text(concat_ws(' ', p.name, p.brand, r.texts)),
                               '[^[:alpha:]]+') AS word
    WHERE length(word) BETWEEN 3 AND 40 GROUP BY id
  )
  INSERT INTO listings (product_id, seq, shelf, name_key, min_price_minor, max_price_minor,
                        variants, options, facts, common_facts, words, document)
  SELECT p.id, p.seq,
         (hashtextextended(p.id::text, 0) & ((1::bigint << 61) - 1))
           + CASE WHEN p.image IS NULL THEN 1::bigint << 61 ELSE 0 END,
         plain_text(p.name),
         COALESCE(v.min_price, p.price_minor), COALESCE(v.max_price, p.price_minor),
         COALESCE(v.ids, '{}'), COALESCE(o.counted, '{}'),
         r.facts, r.common, COALESCE(w.words, '{}'),
         setweight(to_tsvector('catalogue', p.name), 'A')
           || setweight(to_tsvector('catalogue', COALESCE(p.brand, '')), 'B')
           || setweight(to_tsvector('catalogue', COALESCE(r.texts, '')), 'C')
           || setweight(to_tsvector('catalogue', p.description), 'D')
           || array_to_tsvector(r.facts || lower(p.sku) || COALESCE(v.skus, '{}'))
  FROM parents p JOIN rolled_up r ON r.listing_id = p.id
       LEFT JOIN ranges v ON v.listing_id = p.id
       LEFT JOIN options o ON o.listing_id = p.id
       LEFT JOIN word_lists w ON w.listing_id = p.id;

  INSERT INTO fact_counts AS c (fact, listings)
  SELECT fact, sum(n) FROM (
    SELECT unnest(old_facts) AS fact, -1 AS n
    UNION ALL
    SELECT unnest(facts), 1 FROM listings WHERE product_id = ANY (touched)) AS changes
  GROUP BY fact HAVING sum(n) <> 0
  ON CONFLICT (fact) DO UPDATE SET listings = c.listings + excluded.listings;
  DELETE FROM fact_counts WHERE fact = ANY (old_facts) AND listings = 0;

  INSERT INTO vocabulary AS v (word, listings)
  SELECT word, sum(n) FROM (
    SELECT unnest(old_words) AS word, -1 AS n
    UNION ALL
    SELECT unnest(words), 1 FROM listings WHERE product_id = ANY (touched)) AS changes
  GROUP BY word HAVING sum(n) <> 0
  ON CONFLICT (word) DO UPDATE SET listings = v.listings + excluded.listings;
  DELETE FROM vocabulary WHERE word = ANY (old_words) AND listings = 0;
END
$$;

-- Writers of the catalogue go one after the other (they are few); so counts and rules that span
-- rows hold. Readers of other replicas are told; notifications of one transaction become one.
CREATE FUNCTION catalogue_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  touched uuid[];
BEGIN
  IF TG_OP = 'INSERT' THEN
    touched := ARRAY(SELECT id FROM new_rows UNION SELECT variant_of FROM new_rows);
  ELSIF TG_OP = 'UPDATE' THEN
    touched := ARRAY(SELECT id FROM old_rows UNION SELECT variant_of FROM old_rows
                     UNION SELECT variant_of FROM new_rows);
  ELSE
    touched := ARRAY(SELECT id FROM old_rows UNION SELECT variant_of FROM old_rows);
  END IF;
  IF cardinality(touched) > 0 THEN
    PERFORM pg_advisory_xact_lock(hashtext('souk catalogue'));
    PERFORM refresh_listings(touched);
    NOTIFY catalogue;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER products_inserted AFTER INSERT ON products
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER products_updated AFTER UPDATE ON products
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER products_deleted AFTER DELETE ON products
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION catalogue_changed();
