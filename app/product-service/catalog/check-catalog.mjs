// Checks the starting catalogue and its pictures:  node check-catalog.mjs [CATALOG]
// Prints one line about what it found. Exit status 1, with a line per fault, if anything is wrong.

import {
  catalog_path, load_icons, pictures_path, read_text, recolored, slug_of, tints,
} from "./catalog-files.mjs";

const least_products = 60; // without their variants
const least_top_categories = 8;
const most_price_minor = 1_000_000_000;
const most_quantity = 1_000_000;

const required = [
  "sku", "name", "description", "categories", "price_minor", "currency", "quantity", "attributes",
];
const optional = ["brand", "image", "variant_of"];

const is_text = (value, longest) =>
  typeof value === "string" && value !== "" && value === value.trim() &&
  value.length <= longest && !/[\u0000-\u001f\u007f]/.test(value);
const is_integer = (value, least, most) =>
  Number.isInteger(value) && value >= least && value <= most;
const is_list = (value, is_item) =>
  Array.isArray(value) && value.length > 0 && value.every(is_item) &&
  new Set(value).size === value.length;
const is_category = (value) =>
  is_text(value, 200) && value.split("/").every((part) => is_text(part, 60));
const is_attribute = ([name, value]) =>
  /^[a-z][a-z0-9_]*$/.test(name) &&
  (is_text(value, 100) || is_list(value, (item) => is_text(item, 100)));
const is_object = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const rules = {
  sku: (value) => typeof value === "string" && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(value),
  name: (value) => is_text(value, 200),
  description: (value) => is_text(value, 2000),
  categories: (value) => is_list(value, is_category),
  price_minor: (value) => is_integer(value, 1, most_price_minor),
  currency: (value) => value === "USD",
  quantity: (value) => is_integer(value, 0, most_quantity),
  attributes: (value) => is_object(value) && Object.entries(value).every(is_attribute),
  brand: (value) => is_text(value, 100),
  image: (value) => typeof value === "string" && slug_of(value) !== null,
  variant_of: (value) => typeof value === "string",
};

// The lines' products that keep the form, each with its line number.
function parsed(text, fault) {
  const products = [];
  if (!text.endsWith("\n")) fault("the last line has no end");
  text.replace(/\n$/, "").split("\n").forEach((line, index) => {
    const at = `line ${index + 1}`;
    let product;
    try {
      product = JSON.parse(line);
    } catch {
      return fault(`${at}: not JSON`);
    }
    if (!is_object(product)) return fault(`${at}: not an object`);
    const wrong = [
      ...required.filter((field) => !Object.hasOwn(product, field)).map((f) => `${f} is missing`),
      ...Object.keys(product).filter((field) => ![...required, ...optional].includes(field))
        .map((field) => `${field} is unknown`),
      ...Object.keys(rules).filter((field) => Object.hasOwn(product, field))
        .filter((field) => !rules[field](product[field])).map((field) => `${field} is not valid`),
    ];
    if (wrong.length > 0) fault(`${at}: ${wrong.join(", ")}`);
    else products.push({ ...product, at });
  });
  return products;
}

function check_relations(products, fault) {
  const by_sku = new Map();
  const names = new Set();
  for (const product of products) {
    if (by_sku.has(product.sku)) fault(`${product.at}: sku ${product.sku} occurs twice`);
    if (names.has(product.name)) fault(`${product.at}: name "${product.name}" occurs twice`);
    by_sku.set(product.sku, product);
    names.add(product.name);
  }
  const choices = new Map(); // parent's sku -> its variants' attributes
  for (const { at, sku, attributes, variant_of } of products) {
    if (variant_of === undefined) continue;
    const parent = by_sku.get(variant_of);
    if (parent === undefined) {
      fault(`${at}: ${sku} is a variant of ${variant_of}, which is not there`);
      continue;
    }
    if (parent.variant_of !== undefined) fault(`${at}: ${sku} is a variant of a variant`);
    if (parent.quantity !== 0) fault(`${parent.at}: ${parent.sku} has variants and a quantity`);
    const choice = JSON.stringify(Object.entries(attributes).sort());
    const taken = choices.get(variant_of) ?? new Set();
    if (choice === "[]" || taken.has(choice)) {
      fault(`${at}: ${sku} does not differ from ${variant_of}'s other variants`);
    }
    choices.set(variant_of, taken.add(choice));
  }
}

function check_pictures(products, pictures, icons, fault) {
  const shown = new Set();
  for (const { at, sku, image } of products) {
    if (image === undefined) {
      fault(`${at}: ${sku} has no image`);
      continue;
    }
    const slug = slug_of(image);
    shown.add(slug);
    if (!Object.hasOwn(pictures, slug)) fault(`${at}: pictures.json has no ${slug}`);
  }
  for (const [slug, { icon, tint, recolor }] of Object.entries(pictures)) {
    if (!shown.has(slug)) fault(`pictures.json: no product shows ${slug}`);
    if (!Object.hasOwn(tints, tint)) fault(`pictures.json: ${slug}: no tint "${tint}"`);
    const body = icons.find(icon);
    if (body === undefined) {
      fault(`pictures.json: ${slug}: no icon "${icon}"`);
      continue;
    }
    try {
      recolored(body, recolor);
    } catch (error) {
      fault(`pictures.json: ${slug}: ${error.message}`);
    }
  }
}

function check(path) {
  const faults = new Set();
  const fault = (message) => void faults.add(message);
  const products = parsed(read_text(path), fault);
  const pictures = JSON.parse(read_text(pictures_path));
  check_relations(products, fault);
  check_pictures(products, pictures, load_icons(), fault);

  const own = products.filter((product) => product.variant_of === undefined);
  const top = new Set(own.flatMap((product) => product.categories.map((c) => c.split("/")[0])));
  const brands = new Set(products.map((product) => product.brand).filter(Boolean));
  if (own.length < least_products) fault(`fewer than ${least_products} products`);
  if (top.size < least_top_categories) fault(`fewer than ${least_top_categories} top categories`);

  const summary = `${own.length} products, ${products.length - own.length} variants, ` +
    `${top.size} top categories, ${brands.size} brands, ${Object.keys(pictures).length} pictures`;
  return { faults, summary };
}

try {
  const { faults, summary } = check(process.argv[2] ?? catalog_path);
  for (const fault of faults) console.error(`check-catalog: ${fault}`);
  console.log(`catalog: ${summary}: ${faults.size === 0 ? "ok" : `faults: ${faults.size}`}`);
  process.exitCode = faults.size === 0 ? 0 : 1;
} catch (error) {
  console.error(`check-catalog: ${error.message}`);
  process.exitCode = 1;
}
