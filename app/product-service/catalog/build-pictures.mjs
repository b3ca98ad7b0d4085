// Writes one SVG for each picture in pictures.json:  node build-pictures.mjs OUTDIR
// The same input gives the same bytes. Exit status 1 and a message if something is missing.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  catalog_path, icon_package, load_icons, pictures_path, read_text, recolored, slug_of, tints,
} from "./catalog-files.mjs";

const side = 400; // of the picture's square
const icon_side = 220;
const icon_top = 116;
const arch = "M54 400V190C54 116 146 98 200 30C254 98 346 116 346 190V400Z";
const inner_arch = "M70 400V194C70 128 154 109 200 56C246 109 330 128 330 194V400";

// What would let a picture run code or fetch something.
const foreign = /<(?:script|style|image|foreignObject|a)\b|\son\w+=|href="(?!#)|url\((?!#)/i;

const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

// Each picture's title: the name of the first product that shows it, before its variants.
function titles() {
  const lines = read_text(catalog_path).split("\n").filter((line) => line !== "");
  const products = lines.map((line) => JSON.parse(line));
  const own = products.filter((product) => product.variant_of === undefined);
  const variants = products.filter((product) => product.variant_of !== undefined);
  const result = new Map();
  for (const product of [...own, ...variants]) {
    const slug = slug_of(product.image ?? "");
    if (slug !== null && !result.has(slug)) result.set(slug, product.name);
  }
  return result;
}

function picture(title, tint, body, body_side) {
  const [top, bottom] = tints[tint];
  const x = (side - icon_side) / 2;
  const scale = icon_side / body_side;
  const night = tint === "dusk";
  const [niche, niche_opacity] = night ? ["#ffd591", ".2"] : ["#fff", ".5"];
  const [edge, edge_opacity] = night ? ["#ffe2b0", ".4"] : ["#fff", ".8"];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${side} ${side}" role="img">` +
    `<title>${escaped(title)}</title>` +
    `<defs><linearGradient id="sky" x2="0" y2="1"><stop stop-color="${top}"/>` +
    `<stop offset="1" stop-color="${bottom}"/></linearGradient>` +
    `<radialGradient id="shade"><stop stop-color="#2b1c10" stop-opacity=".3"/>` +
    `<stop offset="1" stop-color="#2b1c10" stop-opacity="0"/></radialGradient></defs>` +
    `<path fill="url(#sky)" d="M0 0h${side}v${side}H0z"/>` +
    `<path fill="${niche}" fill-opacity="${niche_opacity}" d="${arch}"/>` +
    `<path fill="none" stroke="${edge}" stroke-opacity="${edge_opacity}" ` +
    `stroke-width="2" d="${inner_arch}"/>` +
    `<ellipse cx="200" cy="${icon_top + icon_side}" rx="112" ry="15" fill="url(#shade)"/>` +
    `<g transform="translate(${x} ${icon_top}) scale(${scale})">${body}</g></svg>\n`;
}

function build(directory) {
  const icons = load_icons();
  const pictures = JSON.parse(read_text(pictures_path));
  const title_of = titles();
  const files = [];
  for (const [slug, { icon, tint, recolor }] of Object.entries(pictures)) {
    const fail = (message) => {
      throw new Error(`picture ${slug}: ${message}`);
    };
    const body = icons.find(icon) ?? fail(`${icon_package} has no icon "${icon}"`);
    if (foreign.test(body)) fail(`icon "${icon}" refers to something outside of it`);
    if (!Object.hasOwn(tints, tint)) fail(`there is no tint "${tint}"`);
    const title = title_of.get(slug) ?? fail("no product shows it");
    files.push([`${slug}.svg`, picture(title, tint, recolored(body, recolor), icons.size)]);
  }
  for (const slug of title_of.keys()) {
    if (!Object.hasOwn(pictures, slug)) throw new Error(`pictures.json has no picture ${slug}`);
  }
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of files) writeFileSync(join(directory, name), text);
  return files.length;
}

if (process.argv.length !== 3) {
  console.error("usage: node build-pictures.mjs OUTDIR");
  process.exit(2);
}
try {
  console.log(`${build(process.argv[2])} pictures written to ${process.argv[2]}`);
} catch (error) {
  console.error(`build-pictures: ${error.message}`);
  process.exit(1);
}
