#include "repository.hpp"

#include <algorithm>
#include <set>

namespace souk {

// jsonb columns.
template <>
struct pg::codec<product::attribute_map> {
  static product::attribute_map read(std::string_view text) {
    auto value = json::read<product::attribute_map>(text);
    if (!value) throw std::invalid_argument("not an object of lists of texts");
    return std::move(*value);
  }
};

template <>
struct pg::codec<product::counted_attributes> {
  static product::counted_attributes read(std::string_view text) {
    auto value = json::read<product::counted_attributes>(text);
    if (!value) throw std::invalid_argument("not an object of lists of counted values");
    return std::move(*value);
  }
};

}  // namespace souk

namespace souk::product {
namespace {

using namespace std::chrono_literals;

// ---------------------------------------------------------------------------------------------
// Products

struct product_row {
  uuid id;
  std::string sku, slug, name, description;
  std::optional<std::string> brand, image;
  std::vector<std::string> categories;
  std::int64_t price_minor = 0;
  std::string currency;
  attribute_map attributes;
  std::optional<uuid> variant_of;
  std::int64_t version = 0;
  timestamp updated_at;
};
BOOST_DESCRIBE_STRUCT(product_row, (),
                      (id, sku, slug, name, description, brand, image, categories, price_minor,
                       currency, attributes, variant_of, version, updated_at))
#define PRODUCT_COLUMNS                                                                         \
  "p.id, p.sku, p.slug, p.name, p.description, p.brand, p.image, p.categories, p.price_minor, " \
  "p.currency, p.attributes, p.variant_of, p.version, p.updated_at"

// The product itself, then its variants.
constexpr pg::statement select_product{"select_product", "SELECT " PRODUCT_COLUMNS R"(
  FROM products p WHERE (p.id = $1 OR p.variant_of = $1) AND p.archived_at IS NULL
  ORDER BY p.id <> $1, p.seq)"};

constexpr pg::statement select_product_by_slug{"select_product_by_slug", R"(
  WITH named AS (SELECT id FROM products WHERE slug = $1)
  SELECT )" PRODUCT_COLUMNS R"(
  FROM products p
  WHERE (p.id = (SELECT id FROM named) OR p.variant_of = (SELECT id FROM named))
    AND p.archived_at IS NULL
  ORDER BY p.id <> (SELECT id FROM named), p.seq)"};

struct listed_row : product_row {
  std::vector<uuid> variants;
  counted_attributes options;
  std::int64_t min_price_minor = 0, max_price_minor = 0;
  std::string sort_key;
};
BOOST_DESCRIBE_STRUCT(listed_row, (product_row),
                      (variants, options, min_price_minor, max_price_minor, sort_key))
#define LISTED_COLUMNS                                                               \
  PRODUCT_COLUMNS                                                                    \
  ", COALESCE(l.variants, '{}') AS variants, COALESCE(l.options, '{}') AS options, " \
  "COALESCE(l.min_price_minor, p.price_minor) AS min_price_minor, "                  \
  "COALESCE(l.max_price_minor, p.price_minor) AS max_price_minor"

constexpr pg::statement select_products{"select_products", "SELECT " LISTED_COLUMNS R"(,
    '' AS sort_key
  FROM products p LEFT JOIN listings l ON l.product_id = p.id
  WHERE p.id = ANY ($1::uuid[]) AND p.archived_at IS NULL
  ORDER BY array_position($1::uuid[], p.id))"};

// ---------------------------------------------------------------------------------------------
// Lists
//
// $1 what was typed, $2 the same loosely, $3 the filters as a query over facts, $4 and $5 the range
// of prices, $6 whether one variant has to meet all filters, $7 and $8 the key of the last row
// shown, $9 how many.

constexpr auto search_timeout = 2'500ms;

#define IS_FOUND                                                             \
  "l.document @@ COALESCE(search_query($1, $2) && $3::tsquery, $3::tsquery)" \
  " AND l.max_price_minor >= $4::bigint AND l.min_price_minor <= $5::bigint" \
  " AND (NOT $6::boolean OR cardinality(l.variants) = 0 OR EXISTS ("         \
  "   SELECT FROM variant_facts v WHERE v.listing_id = l.product_id"         \
  "     AND v.facts @@ $3::tsquery AND v.price_minor BETWEEN $4::bigint AND $5::bigint))"

#define LIST_PAGE(PAGE, ORDER)                                                               \
  "SELECT " LISTED_COLUMNS ", page.sort_key::text AS sort_key FROM (" PAGE                   \
  " LIMIT $9::bigint) AS page JOIN listings l USING (product_id) JOIN products p ON p.id = " \
  "page.product_id "                                                                         \
  "ORDER BY " ORDER

// In the order of an index on (KEY, product_id), both ascending or both descending.
#define LIST_BY(KEY, TYPE, COMPARE, DIRECTION)                                             \
  LIST_PAGE("SELECT l.product_id, " KEY " AS sort_key FROM listings l WHERE " IS_FOUND     \
            " AND ($7::" TYPE " IS NULL OR (" KEY ", l.product_id) " COMPARE " ($7::" TYPE \
            ", $8::uuid)) ORDER BY " KEY DIRECTION ", l.product_id" DIRECTION,             \
            "page.sort_key" DIRECTION ", page.product_id" DIRECTION)

constexpr pg::statement list_featured{"list_featured", LIST_BY("l.shelf", "bigint", ">", ""),
                                      search_timeout};
constexpr pg::statement list_newest{"list_newest", LIST_BY("l.seq", "bigint", "<", " DESC"),
                                    search_timeout};
constexpr pg::statement list_cheapest{
    "list_cheapest", LIST_BY("l.min_price_minor", "bigint", ">", ""), search_timeout};
constexpr pg::statement list_dearest{
    "list_dearest", LIST_BY("l.max_price_minor", "bigint", "<", " DESC"), search_timeout};
constexpr pg::statement list_by_name{"list_by_name", LIST_BY("l.name_key", "text", ">", ""),
                                     search_timeout};

// The rank as a whole number, so that a cursor can carry it exactly.
constexpr pg::statement list_by_relevance{
    "list_by_relevance",
    LIST_PAGE(
        "SELECT * FROM (SELECT l.product_id, (1000000 * ts_rank('{0.05,0.2,0.5,1}', "
        "l.document, search_query($1, $2)))::bigint AS sort_key FROM listings l WHERE " IS_FOUND
        ") AS ranked WHERE $7::bigint IS NULL OR (sort_key, product_id) < ($7::bigint, $8::uuid)"
        " ORDER BY sort_key DESC, product_id DESC",
        "page.sort_key DESC, page.product_id DESC"),
    search_timeout};

#undef LIST_BY
#undef LIST_PAGE
#undef IS_FOUND

const pg::statement& list_statement(sort_order order) {
  switch (order) {
    case sort_order::featured:
      return list_featured;
    case sort_order::relevance:
      return list_by_relevance;
    case sort_order::newest:
      return list_newest;
    case sort_order::price_asc:
      return list_cheapest;
    case sort_order::price_desc:
      return list_dearest;
    case sort_order::name:
      return list_by_name;
  }
  std::unreachable();
}

// ---------------------------------------------------------------------------------------------
// Facets
//
// $1, $2 as above; $3 to $6 the scopes: facet, filters, range of prices; $7 how many listings are
// looked at in each, $8 how many values are told of each facet, $9 of categories, $10 the facets
// that are filtered by. A listing counts once for a fact, if one of its variants has it and meets
// the filters.

struct scoped_count {
  std::string facet, fact;
  std::int64_t listings = 0;
};
BOOST_DESCRIBE_STRUCT(scoped_count, (), (facet, fact, listings))

constexpr pg::statement count_scoped_facets{"count_facets", R"(
  WITH scopes AS (
    SELECT * FROM unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[])
      AS s (facet, facts, min_price, max_price)
  ), counted AS (
    SELECT s.facet, c.fact, c.listings
    FROM scopes s CROSS JOIN LATERAL (
      WITH candidates AS MATERIALIZED (
        SELECT * FROM (
          SELECT l.product_id, l.facts, l.common_facts, cardinality(l.variants) > 0 AS has_variants
          FROM listings l
          WHERE ($1::text IS NOT NULL OR s.facts <> '''*''')
            AND l.document @@ COALESCE(search_query($1, $2) && s.facts::tsquery, s.facts::tsquery)
            AND l.max_price_minor >= s.min_price AND l.min_price_minor <= s.max_price
          UNION ALL  -- only the price narrows it: read until there are enough, without any index
          SELECT l.product_id, l.facts, l.common_facts, cardinality(l.variants) > 0
          FROM listings l
          WHERE $1::text IS NULL AND s.facts = '''*'''
            AND l.max_price_minor + 0 >= s.min_price AND l.min_price_minor + 0 <= s.max_price) AS found
        LIMIT $7::bigint
      ), offers AS MATERIALIZED (
        SELECT v.listing_id, v.own_facts
        FROM candidates c JOIN variant_facts v ON v.listing_id = c.product_id
        WHERE c.has_variants AND v.facts @@ s.facts::tsquery
          AND v.price_minor BETWEEN s.min_price AND s.max_price
      )
      SELECT fact, count(*) AS listings FROM (
        SELECT unnest(facts) AS fact FROM candidates WHERE NOT has_variants
        UNION ALL
        SELECT unnest(common_facts) FROM candidates
        WHERE has_variants AND product_id IN (SELECT listing_id FROM offers)
        UNION ALL
        SELECT fact FROM (SELECT DISTINCT listing_id, fact
                          FROM offers, unnest(own_facts) AS fact) AS own
      ) AS facts
      WHERE s.facet = '' OR fact = '*' OR starts_with(fact, s.facet || '=')
      GROUP BY fact) AS c
  )
  SELECT facet, fact, listings FROM (
    SELECT facet, fact, listings, row_number() OVER (
             PARTITION BY facet, split_part(fact, '=', 1) ORDER BY listings DESC, fact) AS place
    FROM counted c
    WHERE facet <> '' OR NOT EXISTS (
      SELECT FROM unnest($10::text[]) AS filtered
      WHERE starts_with(c.fact, filtered || '='))) AS placed
  WHERE place <= CASE WHEN starts_with(fact, 'category=') THEN $9::bigint ELSE $8::bigint END
     OR starts_with(fact, 'price=')
  ORDER BY listings DESC, fact)",
                                            search_timeout};

// $1 the facet, "" for all, $2 how many values of each, $3 of categories.
constexpr pg::statement count_all_facets{"count_all_facets", R"(
  SELECT '' AS facet, fact, listings FROM (
    SELECT fact, listings, row_number() OVER (
             PARTITION BY split_part(fact, '=', 1) ORDER BY listings DESC, fact) AS place
    FROM fact_counts WHERE $1 = '' OR starts_with(fact, $1 || '=')) AS placed
  WHERE place <= CASE WHEN starts_with(fact, 'category=') THEN $3::bigint ELSE $2::bigint END
     OR starts_with(fact, 'price=')
  ORDER BY listings DESC, fact)",
                                         search_timeout};

constexpr pg::statement select_categories{"select_categories", R"(
  SELECT fact, listings FROM fact_counts WHERE fact >= 'category=' AND fact < 'category>')"};

// ---------------------------------------------------------------------------------------------
// Words

constexpr pg::statement correct_words{"correct_words", R"(
  SELECT typed.word, nearest.word AS correction
  FROM (SELECT word, left(plain_text(word), 40) AS plain, n
        FROM unnest($1::text[]) WITH ORDINALITY AS t (word, n)) AS typed
  LEFT JOIN LATERAL (
    SELECT word FROM nearest_words(typed.plain, false)
    ORDER BY distance, listings DESC, word LIMIT 1) AS nearest ON true
  ORDER BY typed.n)",
                                      search_timeout};

// $1 the words that are typed to their end as a tsquery, if any, $2 the same as text, $3 the word
// that is being typed. It is completed from the vocabulary; only if that has no such word, from the
// nearest ones.
constexpr pg::statement select_suggestions{"suggest", R"(
  WITH typed AS MATERIALIZED (
    SELECT left(plain_text($3::text), 40) AS word
  ), completions AS MATERIALIZED (
    SELECT v.word, v.listings FROM vocabulary v, typed
    WHERE v.word >= typed.word AND v.word < typed.word || chr(1114111)
    ORDER BY v.listings DESC, v.word LIMIT 8
  ), near AS MATERIALIZED (
    SELECT word, listings FROM (
      SELECT word, listings FROM completions
      UNION ALL
      (SELECT n.word, n.listings FROM typed, nearest_words(typed.word, true) AS n
       WHERE NOT EXISTS (SELECT FROM completions) AND length(typed.word) > 2
       ORDER BY n.distance, n.listings DESC, n.word LIMIT 3)) AS possible
    WHERE $1::text IS NULL OR EXISTS (
      SELECT FROM listings
      WHERE document @@ (to_tsquery('catalogue', $1) && plainto_tsquery('catalogue', word)))
  ), query AS MATERIALIZED (
    SELECT COALESCE(to_tsquery('catalogue', $1) && last.word, last.word,
                    to_tsquery('catalogue', $1)) AS words
    FROM (SELECT to_tsquery('catalogue', COALESCE(
                   (SELECT string_agg('''' || word || ''':A', ' | ') FROM near),
                   '''' || NULLIF(replace(replace(word, '\', ''), '''', ''), '') || ''':*A')) AS word
          FROM typed) AS last
  ), places AS MATERIALIZED (
    SELECT split_part(fact, '=', 1) AS kind, substr(fact, strpos(fact, '=') + 1) AS text, listings
    FROM fact_counts f
    WHERE (fact >= 'brand=' AND fact < 'brand>' OR fact >= 'category=' AND fact < 'category>')
      AND $1 IS NULL
      AND EXISTS (
        SELECT FROM near
        WHERE strpos(' ' || plain_text(regexp_replace(f.fact, '^.*[=/]', '')), ' ' || near.word) > 0)
  )
  (SELECT 'search' AS kind, concat_ws(' ', $2::text, word) AS text, NULL AS slug, NULL AS image,
          CASE WHEN $1 IS NULL THEN listings END AS count
   FROM near WHERE NOT EXISTS (SELECT FROM typed WHERE typed.word = near.word)
   ORDER BY listings DESC, word LIMIT 2)
  UNION ALL
  (SELECT kind, text, NULL, NULL, listings FROM places WHERE kind = 'category'
   ORDER BY listings DESC, text LIMIT 2)
  UNION ALL
  (SELECT kind, text, NULL, NULL, listings FROM places WHERE kind = 'brand'
   ORDER BY listings DESC, text LIMIT 1)
  UNION ALL
  (SELECT 'product', p.name, p.slug, p.image, NULL
   FROM (SELECT found.product_id, found.name_key,
                starts_with(found.name_key, concat_ws(' ', plain_text($2), typed.word)) AS is_first
         FROM typed, (SELECT l.product_id, l.name_key FROM listings l, query
                      WHERE l.document @@ query.words LIMIT 200) AS found
         ORDER BY is_first DESC, length(found.name_key), found.name_key, found.product_id
         LIMIT 8) AS best
   JOIN products p ON p.id = best.product_id
   ORDER BY best.is_first DESC, length(best.name_key), best.name_key, best.product_id))",
                                           search_timeout};

// ---------------------------------------------------------------------------------------------
// Writing

// Writers go one after the other; see the trigger on products.
constexpr pg::statement lock_catalogue{
    "lock_catalogue", "SELECT 1 FROM pg_advisory_xact_lock(hashtext('souk catalogue'))", 10s};

struct stored_row {
  uuid id;
  std::string sku, slug, name, description;
  std::optional<std::string> brand, image;
  std::vector<std::string> categories;
  std::int64_t price_minor = 0;
  std::string currency;
  attribute_map attributes;
  std::optional<uuid> variant_of;
  std::int64_t version = 0;
  bool archived = false;
  std::int64_t variants = 0;
};
BOOST_DESCRIBE_STRUCT(stored_row, (),
                      (id, sku, slug, name, description, brand, image, categories, price_minor,
                       currency, attributes, variant_of, version, archived, variants))
#define STORED_PRODUCTS                                                                        \
  "SELECT id, sku, slug, name, description, brand, image, categories, price_minor, currency, " \
  "attributes, variant_of, version, archived_at IS NOT NULL AS archived, "                     \
  "(SELECT count(*) FROM products v WHERE v.variant_of = p.id AND v.archived_at IS NULL) "     \
  "AS variants FROM products p "

constexpr pg::statement select_stored{"select_stored", STORED_PRODUCTS "WHERE id = $1"};
constexpr pg::statement select_stored_by_sku{"select_stored_by_sku",
                                             STORED_PRODUCTS "WHERE sku = ANY ($1::text[])"};

constexpr pg::statement select_taken_slugs{
    "select_taken_slugs", "SELECT slug FROM products WHERE slug = ANY ($1::text[])"};

struct product_record {
  std::int64_t position = 0;
  uuid id;
  std::string sku, slug, name, description;
  std::optional<std::string> brand, image;
  std::vector<std::string> categories;
  attribute_map attributes;
  std::int64_t price_minor = 0;
  std::string currency;
  std::optional<uuid> variant_of;
};
BOOST_DESCRIBE_STRUCT(product_record, (),
                      (position, id, sku, slug, name, description, brand, image, categories,
                       attributes, price_minor, currency, variant_of))
// New products, new versions of known ones, and archived ones revived. A slug stays as it is.
constexpr pg::statement write_products{"write_products", R"(
  INSERT INTO products AS p (id, sku, slug, name, description, brand, image, categories, attributes,
                             price_minor, currency, variant_of)
  SELECT id, sku, slug, name, description, brand, image, categories, attributes, price_minor,
         currency, variant_of
  FROM jsonb_to_recordset($1::jsonb) AS r (
    position bigint, id uuid, sku text, slug text, name text, description text, brand text,
    image text, categories text[], attributes jsonb, price_minor bigint, currency text,
    variant_of uuid)
  ORDER BY position
  ON CONFLICT (id) DO UPDATE SET
    sku = excluded.sku, name = excluded.name, description = excluded.description,
    brand = excluded.brand, image = excluded.image, categories = excluded.categories,
    attributes = excluded.attributes, price_minor = excluded.price_minor,
    currency = excluded.currency, variant_of = excluded.variant_of, archived_at = NULL,
    version = p.version + 1, updated_at = now())",
                                       60s};

// An archived variant whose parent becomes a variant itself has none any more: there is one level.
constexpr pg::statement free_archived_variants{"free_archived_variants", R"(
  UPDATE products SET variant_of = NULL
  WHERE archived_at IS NOT NULL AND variant_of = ANY ($1::uuid[]))",
                                               10s};

constexpr pg::statement archive_product{"archive_product", R"(
  UPDATE products SET archived_at = now(), updated_at = now(), version = version + 1
  WHERE (id = $1 OR variant_of = $1) AND archived_at IS NULL)",
                                        10s};

// ---------------------------------------------------------------------------------------------
// Imports

constexpr pg::statement keep_lines{"keep_import_lines", R"(
  INSERT INTO import_lines (import_id, line, sku, document)
  SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::text[]))"};

// Kept lines that a later line of the same product has made obsolete; and the same lines, kept by
// an earlier attempt whose commit nobody learned of.
constexpr pg::statement drop_lines{"drop_import_lines", R"(
  DELETE FROM import_lines WHERE import_id = $1 AND sku = ANY ($2::text[]))"};

constexpr pg::statement select_kept_lines{"select_kept_import_lines", R"(
  SELECT line, document FROM import_lines
  WHERE import_id = $1 AND line > $2 ORDER BY line LIMIT $3)"};

constexpr pg::statement delete_lines{"delete_import_lines", R"(
  DELETE FROM import_lines WHERE import_id = $1 OR created_at < now() - interval '1 day')",
                                     30s};

// What an import has left in the index's list of pending entries would slow down each search.
constexpr pg::statement tidy_index{"tidy_search_index",
                                   "SELECT gin_clean_pending_list('listings_document')", 30s};

// ---------------------------------------------------------------------------------------------
// Stock messages

constexpr pg::statement insert_messages{"insert_stock_messages", R"(
  INSERT INTO stock_messages (product_id, key, reason, quantity)
  SELECT m.product_id, m.key, $4, m.quantity
  FROM unnest($1::uuid[], $2::text[], $3::bigint[]) WITH ORDINALITY
       AS m (product_id, key, quantity, position)
  ORDER BY m.position
  ON CONFLICT (key) DO NOTHING)"};

constexpr pg::statement claim_messages{"claim_stock_messages", R"(
  UPDATE stock_messages m SET attempts = m.attempts + 1, due_at = now() + interval '30 seconds'
  FROM (SELECT message_id FROM stock_messages due
        WHERE state = 'waiting' AND due_at <= now()
          AND NOT EXISTS (SELECT FROM stock_messages earlier
                          WHERE earlier.product_id = due.product_id AND earlier.state = 'waiting'
                            AND earlier.message_id < due.message_id)
        ORDER BY due_at, message_id LIMIT $1 FOR UPDATE SKIP LOCKED) AS claimed
  WHERE m.message_id = claimed.message_id
  RETURNING m.message_id, m.product_id, m.key, m.reason, m.quantity)"};

constexpr pg::statement mark_messages_sent{"mark_stock_messages_sent", R"(
  UPDATE stock_messages SET state = 'sent'
  WHERE message_id = ANY ($1::bigint[]) AND state = 'waiting')"};

constexpr pg::statement mark_message_refused{"mark_stock_message_refused", R"(
  UPDATE stock_messages SET state = 'refused', refusal = $2
  WHERE message_id = $1 AND state = 'waiting')"};

constexpr pg::statement postpone_messages{"postpone_stock_messages", R"(
  UPDATE stock_messages
  SET due_at = now() + LEAST(60, 0.5 * 2 ^ LEAST(attempts, 10)) * (0.75 + random() / 2)
                       * interval '1 second'
  WHERE message_id = ANY ($1::bigint[]) AND state = 'waiting')"};

constexpr pg::statement select_backlog{"select_stock_backlog", R"(
  SELECT count(*) AS pending,
         COALESCE(EXTRACT(epoch FROM now() - min(created_at)), 0)::double precision AS lag_seconds
  FROM stock_messages WHERE state = 'waiting')"};

// ---------------------------------------------------------------------------------------------
// The books

constexpr pg::statement select_books{"select_books", R"(
  SELECT p.id AS product_id, p.sku, COALESCE(m.quantity, 0) AS opening_quantity,
         COALESCE(m.state = 'sent', true) AS opening_sent
  FROM products p LEFT JOIN stock_messages m ON m.key = 'import:' || p.id
  WHERE p.id > $1 AND p.id <= $2 ORDER BY p.id LIMIT $3)",
                                     30s};

constexpr pg::statement check_variants{"check_variants", R"(
  SELECT 'variant-without-parent' AS violation, v.id::text AS subject,
         'its parent is archived' AS detail
  FROM products v JOIN products p ON p.id = v.variant_of
  WHERE v.archived_at IS NULL AND p.archived_at IS NOT NULL ORDER BY v.id LIMIT 1000)",
                                       60s};

constexpr pg::statement check_listings{"check_listings", R"(
  SELECT 'listing-differs-from-product' AS violation,
         COALESCE(p.id, l.product_id)::text AS subject,
         CASE WHEN p.id IS NULL THEN 'listed, but archived or a variant' ELSE 'not listed' END
           AS detail
  FROM (SELECT id FROM products WHERE archived_at IS NULL AND variant_of IS NULL) AS p
  FULL JOIN listings l ON l.product_id = p.id
  WHERE p.id IS NULL OR l.product_id IS NULL ORDER BY 2 LIMIT 1000)",
                                       60s};

constexpr pg::statement check_fact_counts{"check_fact_counts", R"(
  SELECT 'facet-count-differs' AS violation, fact AS subject,
         format('counted %s, listings %s', COALESCE(c.listings, 0), COALESCE(l.listings, 0)) AS detail
  FROM fact_counts c FULL JOIN (
    SELECT fact, count(*) AS listings FROM listings, unnest(facts) AS fact GROUP BY fact) AS l
    USING (fact)
  WHERE c.listings IS DISTINCT FROM l.listings ORDER BY fact LIMIT 1000)",
                                          60s};

constexpr pg::statement check_messages{"check_stock_messages", R"(
  SELECT CASE state WHEN 'refused' THEN 'stock-message-refused' ELSE 'stock-message-late' END
           AS violation,
         product_id::text AS subject,
         format('%s of %s, since %s%s', reason, quantity, created_at,
                ': ' || refusal) AS detail
  FROM stock_messages
  WHERE reason = 'opening' AND state = 'refused'
     OR state = 'waiting' AND created_at < now() - interval '10 minutes'
  ORDER BY message_id LIMIT 1000)",
                                       60s};

constexpr pg::statement count_checked{
    "count_checked",
    "SELECT (SELECT count(*) FROM products) + (SELECT count(*) FROM stock_messages)", 60s};

// ---------------------------------------------------------------------------------------------

product_view view_of(product_row&& row) {
  return {.id = row.id,
          .sku = std::move(row.sku),
          .slug = std::move(row.slug),
          .name = std::move(row.name),
          .description = std::move(row.description),
          .brand = std::move(row.brand),
          .image = std::move(row.image),
          .categories = std::move(row.categories),
          .price_minor = row.price_minor,
          .currency = std::move(row.currency),
          .attributes = std::move(row.attributes),
          .variant_of = row.variant_of,
          .version = row.version,
          .updated_at = row.updated_at};
}

variant_view variant_of(product_row&& row) {
  return {.id = row.id,
          .sku = std::move(row.sku),
          .slug = std::move(row.slug),
          .name = std::move(row.name),
          .image = std::move(row.image),
          .price_minor = row.price_minor,
          .attributes = std::move(row.attributes),
          .version = row.version,
          .updated_at = row.updated_at};
}

// The first row is the product, the others its variants.
std::optional<product_detail> detail_of(std::vector<product_row> rows) {
  if (rows.empty()) return std::nullopt;
  product_detail out;
  static_cast<product_view&>(out) = view_of(std::move(rows.front()));
  for (auto row = rows.begin() + 1; row != rows.end(); ++row)
    out.variants.push_back(variant_of(std::move(*row)));
  describe_variants(out);
  return out;
}

listed_product listed(listed_row&& row) {
  listed_product out;
  const bool has_variants = !row.variants.empty();
  out.stock_of = has_variants ? std::move(row.variants) : std::vector{row.id};
  auto options = std::move(row.options);
  const price_range prices{row.min_price_minor, row.max_price_minor};
  out.product = view_of(std::move(row));
  if (has_variants) {
    out.product.variants_count = static_cast<std::int64_t>(out.stock_of.size());
    out.product.price_range = prices;
    out.product.variant_attributes = std::move(options);
  }
  return out;
}

stored_product stored(stored_row&& row) {
  return {.id = row.id,
          .slug = std::move(row.slug),
          .content = {.sku = std::move(row.sku),
                      .name = std::move(row.name),
                      .description = std::move(row.description),
                      .brand = std::move(row.brand),
                      .image = std::move(row.image),
                      .categories = std::move(row.categories),
                      .attributes = std::move(row.attributes),
                      .price_minor = row.price_minor,
                      .currency = std::move(row.currency)},
          .variant_of = row.variant_of,
          .variants = row.variants,
          .version = row.version,
          .archived = row.archived};
}

std::vector<stored_product> stored(std::vector<stored_row> rows) {
  std::vector<stored_product> out;
  for (auto& row : rows) out.push_back(stored(std::move(row)));
  return out;
}

std::string opening_key(uuid product) {
  return "import:" + product.str();
}

std::string stocktake_key(uuid import_id, uuid product, std::int64_t line) {
  return "stocktake:" + import_id.str() + ':' + product.str() + ':' + std::to_string(line);
}

// Gives a slug to each product that has none yet.
task<> name_slugs(pg::transaction& tx, std::vector<product_write>& writes) {
  std::vector<std::string> wanted;
  for (const auto& w : writes) {
    if (!w.slug.empty()) continue;
    const auto candidates = slug_candidates(w.content.name, w.content.sku, w.id);
    wanted.insert(wanted.end(), candidates.begin(), candidates.end());
  }
  if (wanted.empty()) co_return;
  const auto rows = co_await tx.query<std::string>(select_taken_slugs, wanted);
  std::set<std::string> taken(rows.begin(), rows.end());
  for (auto& w : writes) {
    if (!w.slug.empty()) continue;
    for (auto& candidate : slug_candidates(w.content.name, w.content.sku, w.id)) {
      if (!taken.insert(candidate).second) continue;
      w.slug = std::move(candidate);
      break;
    }
  }
}

task<> write(pg::transaction& tx, std::vector<product_write> writes) {
  if (writes.empty()) co_return;
  co_await name_slugs(tx, writes);
  std::vector<uuid> variants;
  for (const auto& w : writes)
    if (w.variant_of) variants.push_back(w.id);
  if (!variants.empty()) co_await tx.execute(free_archived_variants, variants);
  std::vector<product_record> records;
  for (auto& w : writes) {
    auto& c = w.content;
    records.push_back({.position = static_cast<std::int64_t>(records.size()),
                       .id = w.id,
                       .sku = std::move(c.sku),
                       .slug = std::move(w.slug),
                       .name = std::move(c.name),
                       .description = std::move(c.description),
                       .brand = std::move(c.brand),
                       .image = std::move(c.image),
                       .categories = std::move(c.categories),
                       .attributes = std::move(c.attributes),
                       .price_minor = c.price_minor,
                       .currency = std::move(c.currency),
                       .variant_of = w.variant_of});
  }
  const auto document = json::write(records);
  co_await tx.execute(write_products, document);
}

// The product that `text` names by its id or its sku.
task<std::optional<stored_product>> find_parent(pg::transaction& tx, const std::string& text) {
  if (const auto id = uuid::parse(text)) {
    auto row = co_await tx.query_one<stored_row>(select_stored, *id);
    if (row) co_return stored(std::move(*row));
  }
  const std::vector<std::string> one{text};
  auto row = co_await tx.query_one<stored_row>(select_stored_by_sku, one);
  if (!row) co_return std::nullopt;
  co_return stored(std::move(*row));
}

task<std::optional<product_detail>> read_back(pg::transaction& tx, uuid id) {
  auto rows = co_await tx.query<product_row>(select_product, id);
  co_return detail_of(std::move(rows));
}

}  // namespace

// ---------------------------------------------------------------------------------------------

std::string search_url(const std::string& database_url) {
  return database_url + (database_url.find('?') == database_url.npos ? '?' : '&') +
         "options=-c%20plan_cache_mode%3Dforce_custom_plan";
}

task<std::optional<product_detail>> repository::find(const context& ctx, uuid id) {
  auto rows = co_await db_.query<product_row>(ctx, select_product, id);
  co_return detail_of(std::move(rows));
}

task<std::optional<product_detail>> repository::find_by_slug(const context& ctx,
                                                             std::string_view slug) {
  auto rows = co_await db_.query<product_row>(ctx, select_product_by_slug, slug);
  co_return detail_of(std::move(rows));
}

task<std::vector<product_view>> repository::find_all(const context& ctx,
                                                     const std::vector<uuid>& ids) {
  auto rows = co_await db_.query<listed_row>(ctx, select_products, ids);
  std::vector<product_view> out;
  for (auto& row : rows) out.push_back(listed(std::move(row)).product);
  co_return out;
}

namespace {

struct search_parameters {
  std::optional<std::string> typed, loosely;
  explicit search_parameters(const listing_query& query) {
    if (!query.search) return;
    typed = query.search->typed;
    if (query.search->loosely) loosely = loose_query(query.search->typed);
  }
};

}  // namespace

task<listing_page> repository::list(const context& ctx, const listing_query& query,
                                    const std::optional<page_key>& after) {
  const search_parameters search(query);
  const auto& where = query.where;
  std::optional<std::string> after_key;
  std::optional<uuid> after_id;
  if (after) {
    after_key = after->sort_key;
    after_id = after->id;
  }
  auto rows = co_await searches_.query<listed_row>(
      ctx, list_statement(query.order), search.typed, search.loosely, facts_query(where),
      where.min_price.value_or(0), where.max_price.value_or(max_price_minor),
      must_look_at_variants(where), after_key, after_id, query.limit + 1);
  listing_page page;
  if (static_cast<std::int64_t>(rows.size()) > query.limit) {
    rows.pop_back();
    page.next = page_key{rows.back().sort_key, rows.back().id};
  }
  for (auto& row : rows) page.items.push_back(listed(std::move(row)));
  co_return page;
}

task<repository::facet_counts> repository::count_facets(const context& ctx,
                                                        const listing_query& query) {
  std::vector<std::string> facets, facts, filtered;
  std::vector<std::int64_t> min_prices, max_prices;
  std::vector<scoped_count> rows;
  facet_counts out;
  for (const auto& s : facet_scopes(query)) {
    if (!s.facet.empty()) filtered.push_back(s.facet);
    if (s.whole_catalogue) {
      auto all = co_await searches_.query<scoped_count>(ctx, count_all_facets, s.facet,
                                                        facet_values, category_values);
      rows.insert(rows.end(), std::make_move_iterator(all.begin()),
                  std::make_move_iterator(all.end()));
      continue;
    }
    facets.push_back(s.facet);
    facts.push_back(s.facts);
    min_prices.push_back(s.min_price);
    max_prices.push_back(s.max_price);
  }
  if (!facets.empty()) {
    const search_parameters search(query);
    auto counted = co_await searches_.query<scoped_count>(
        ctx, count_scoped_facets, search.typed, search.loosely, facets, facts, min_prices,
        max_prices, counted_candidates + 1, facet_values, category_values, filtered);
    for (const auto& c : counted)
      if (c.fact == "*" && c.listings > counted_candidates) out.capped = true;
    rows.insert(rows.end(), std::make_move_iterator(counted.begin()),
                std::make_move_iterator(counted.end()));
  }
  for (auto& row : rows) {
    if (row.fact != "*")
      out.counts.push_back({std::move(row.fact), row.listings});
    else if (row.facet.empty())
      out.total = row.listings;
  }
  std::ranges::sort(out.counts, [](const fact_count& a, const fact_count& b) {
    return a.listings != b.listings ? a.listings > b.listings : a.fact < b.fact;
  });
  co_return out;
}

task<std::vector<fact_count>> repository::count_categories(const context& ctx) {
  co_return co_await db_.query<fact_count>(ctx, select_categories);
}

task<std::vector<corrected_word>> repository::correct(const context& ctx,
                                                      const std::vector<std::string>& words) {
  co_return co_await searches_.query<corrected_word>(ctx, correct_words, words);
}

task<std::vector<suggestion>> repository::suggest(const context& ctx,
                                                  const std::vector<std::string>& words) {
  if (words.empty()) co_return std::vector<suggestion>{};
  std::optional<std::string> finished_query, finished_text;
  if (words.size() > 1) {
    const std::vector<std::string> finished(words.begin(), words.end() - 1);
    const auto corrected = co_await correct(ctx, finished);
    std::string text;
    for (const auto& c : corrected) {
      if (!text.empty()) text += ' ';
      text += c.correction.value_or(c.word);
    }
    finished_query = loose_query(text);
    finished_text = text;
  }
  auto rows = co_await searches_.query<suggestion>(ctx, select_suggestions, finished_query,
                                                   finished_text, words.back());
  constexpr std::size_t most = 8;
  if (rows.size() > most) rows.resize(most);
  co_return rows;
}

// ---------------------------------------------------------------------------------------------

task<outcome<product_detail>> repository::create(const context& ctx, const product_content& content,
                                                 const std::optional<std::string>& parent_name,
                                                 std::optional<std::int64_t> opening_quantity) {
  const catalogue_change change(version_);
  auto tx = co_await db_.begin(ctx);
  co_await tx.execute(lock_catalogue);
  const std::vector<std::string> skus{content.sku};
  auto rows = co_await tx.query<stored_row>(select_stored_by_sku, skus);
  const auto present = stored(std::move(rows));
  if (!present.empty() && !present.front().archived) co_return std::unexpected(failure::sku_taken);

  product_write w{.id = present.empty() ? uuid::v7() : present.front().id, .content = content};
  if (!present.empty()) w.slug = present.front().slug;
  if (parent_name) {
    const auto parent = co_await find_parent(tx, *parent_name);
    const auto refused =
        why_not_variant(present.empty() ? nullptr : &present.front(), parent ? &*parent : nullptr);
    if (refused) co_return std::unexpected(*refused);
    w.variant_of = parent->id;
  }
  const auto id = w.id;
  std::vector<product_write> writes;
  writes.push_back(std::move(w));
  co_await write(tx, std::move(writes));
  if (opening_quantity) {
    const std::vector<uuid> products{id};
    const std::vector<std::string> keys{opening_key(id)};
    const std::vector<std::int64_t> quantities{*opening_quantity};
    co_await tx.execute(insert_messages, products, keys, quantities, stock_message_reason::opening);
  }
  auto detail = co_await read_back(tx, id);
  co_await tx.commit();
  co_return std::move(*detail);
}

task<std::optional<stored_product>> repository::find_stored(const context& ctx, uuid id) {
  auto row = co_await db_.query_one<stored_row>(ctx, select_stored, id);
  if (!row || row->archived) co_return std::nullopt;
  co_return stored(std::move(*row));
}

task<outcome<product_detail>> repository::replace(const context& ctx, uuid id,
                                                  std::optional<std::int64_t> version,
                                                  const product_content& content,
                                                  const std::optional<std::string>& parent_name) {
  const catalogue_change change(version_);
  auto tx = co_await db_.begin(ctx);
  co_await tx.execute(lock_catalogue);
  auto row = co_await tx.query_one<stored_row>(select_stored, id);
  if (!row || row->archived) co_return std::unexpected(failure::not_found);
  const auto present = stored(std::move(*row));
  if (version && present.version != *version) co_return std::unexpected(failure::changed_meanwhile);

  if (content.sku != present.content.sku) {
    const std::vector<std::string> skus{content.sku};
    const auto others = co_await tx.query<stored_row>(select_stored_by_sku, skus);
    if (!others.empty()) co_return std::unexpected(failure::sku_taken);
  }
  product_write w{.id = id, .content = content, .slug = present.slug};
  if (parent_name) {
    const auto parent = co_await find_parent(tx, *parent_name);
    const auto refused = why_not_variant(&present, parent ? &*parent : nullptr);
    if (refused) co_return std::unexpected(*refused);
    w.variant_of = parent->id;
  }
  if (w.content != present.content || w.variant_of != present.variant_of) {
    std::vector<product_write> writes;
    writes.push_back(std::move(w));
    co_await write(tx, std::move(writes));
  }
  auto detail = co_await read_back(tx, id);
  co_await tx.commit();
  co_return std::move(*detail);
}

task<outcome<void>> repository::archive(const context& ctx, uuid id,
                                        std::optional<std::int64_t> version) {
  const catalogue_change change(version_);
  auto tx = co_await db_.begin(ctx);
  co_await tx.execute(lock_catalogue);
  const auto row = co_await tx.query_one<stored_row>(select_stored, id);
  if (!row || row->archived) co_return std::unexpected(failure::not_found);
  if (version && row->version != *version) co_return std::unexpected(failure::changed_meanwhile);
  co_await tx.execute(archive_product, id);
  co_await tx.commit();
  co_return outcome<void>{};
}

// ---------------------------------------------------------------------------------------------

task<std::vector<line_result>> repository::import_lines(const context& ctx, uuid import_id,
                                                        const std::vector<import_line>& lines,
                                                        import_stock stock, bool is_last_chance) {
  const catalogue_change change(version_);
  auto tx = co_await bulk_.begin(ctx);
  co_await tx.execute(lock_catalogue);
  std::vector<std::string> skus, parents;
  for (const auto& line : lines) {
    skus.push_back(line.content.sku);
    if (line.parent_sku) parents.push_back(*line.parent_sku);
  }
  parents.insert(parents.end(), skus.begin(), skus.end());
  auto rows = co_await tx.query<stored_row>(select_stored_by_sku, parents);
  import_plan plan(stored(std::move(rows)));

  std::vector<line_result> results;
  std::vector<uuid> products;
  std::vector<std::string> keys, kept_skus, kept_documents;
  std::vector<std::int64_t> quantities, kept_numbers;
  for (const auto& line : lines) {
    auto result = plan.add(line);
    if (result == line_result::kept && is_last_chance) result = line_result::parent_unknown;
    results.push_back(result);
    if (result == line_result::kept) {
      kept_numbers.push_back(line.number);
      kept_skus.push_back(line.content.sku);
      kept_documents.push_back(line.document);
    }
    const bool counts = stock == import_stock::set ? result <= line_result::unchanged
                                                   : result == line_result::created;
    if (!line.quantity || !counts) continue;
    const auto id = plan.find(line.content.sku)->id;
    products.push_back(id);
    keys.push_back(stock == import_stock::set ? stocktake_key(import_id, id, line.number)
                                              : opening_key(id));
    quantities.push_back(*line.quantity);
  }
  co_await write(tx, plan.writes());
  if (!products.empty())
    co_await tx.execute(insert_messages, products, keys, quantities,
                        stock == import_stock::set ? stock_message_reason::stocktake
                                                   : stock_message_reason::opening);
  if (!is_last_chance) co_await tx.execute(drop_lines, import_id, skus);
  if (!kept_numbers.empty())
    co_await tx.execute(keep_lines, import_id, kept_numbers, kept_skus, kept_documents);
  co_await tx.commit();
  co_return results;
}

task<std::vector<repository::kept_line>> repository::find_kept_lines(const context& ctx,
                                                                     uuid import_id,
                                                                     std::int64_t after,
                                                                     std::int64_t limit) {
  co_return co_await bulk_.query<kept_line>(ctx, select_kept_lines, import_id, after, limit);
}

task<> repository::end_import(const context& ctx, uuid import_id) {
  co_await bulk_.execute(ctx, delete_lines, import_id);
  co_await bulk_.execute(ctx, tidy_index);
}

// ---------------------------------------------------------------------------------------------

task<std::vector<stock_message>> repository::claim_stock_messages(const context& ctx,
                                                                  std::int64_t limit) {
  co_return co_await db_.execute_returning<stock_message>(ctx, claim_messages, limit);
}

task<> repository::mark_sent(const context& ctx, const std::vector<std::int64_t>& messages) {
  co_await db_.execute(ctx, mark_messages_sent, messages);
}

task<> repository::mark_refused(const context& ctx, std::int64_t message,
                                std::string_view refusal) {
  co_await db_.execute(ctx, mark_message_refused, message, refusal);
}

task<> repository::postpone(const context& ctx, const std::vector<std::int64_t>& messages) {
  co_await db_.execute(ctx, postpone_messages, messages);
}

task<repository::backlog> repository::stock_backlog(const context& ctx) {
  auto row = co_await db_.query_one<backlog>(ctx, select_backlog);
  co_return row.value_or(backlog{});
}

// ---------------------------------------------------------------------------------------------

task<std::vector<repository::book_entry>> repository::list_books(const context& ctx, uuid after,
                                                                 uuid through, std::int64_t limit) {
  co_return co_await bulk_.query<book_entry>(ctx, select_books, after, through, limit);
}

task<repository::check_result> repository::check(const context& ctx) {
  auto tx = co_await bulk_.begin(ctx, pg::isolation::repeatable_read_read_only);
  check_result result;
  for (const auto* statement :
       {&check_variants, &check_listings, &check_fact_counts, &check_messages}) {
    auto found = co_await tx.query<violation>(*statement);
    result.violations.insert(result.violations.end(), std::make_move_iterator(found.begin()),
                             std::make_move_iterator(found.end()));
  }
  const auto checked = co_await tx.query_one<std::int64_t>(count_checked);
  result.checked = checked.value_or(0);
  co_await tx.rollback();
  co_return result;
}

}  // namespace souk::product
