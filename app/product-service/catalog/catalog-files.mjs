// Reading the catalogue's files and the icon package, for the two scripts beside.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

export const icon_package = "@iconify-json/fluent-emoji-flat";
export const catalog_path = new URL("souk-catalog.jsonl", import.meta.url);
export const pictures_path = new URL("pictures.json", import.meta.url);

// Background of a picture: colours of the sky's top and bottom.
export const tints = {
  apricot: ["#fff3dc", "#fcd79b"],
  aqua: ["#e6f8f6", "#a9dfdb"],
  blush: ["#fdeef1", "#f3c0cb"],
  clay: ["#fbeee4", "#e8bd9f"],
  dusk: ["#4b4a80", "#26254d"],
  leaf: ["#f0f7e2", "#c3dc9c"],
  lilac: ["#f3effa", "#cfc1e8"],
  peach: ["#fff0e6", "#fbc7a4"],
  rose: ["#fbe9e7", "#e8aca6"],
  saffron: ["#fff5d6", "#fad77e"],
  sage: ["#eff5ec", "#bfd6b8"],
  sand: ["#faf4e6", "#e3d0a6"],
  sea: ["#e6f2fb", "#a8cfee"],
  sky: ["#ecf1fd", "#bccbf2"],
  stone: ["#f1f2f4", "#c5cbd3"],
};

// Text of a file that must be UTF-8.
export function read_text(path) {
  const bytes = readFileSync(path);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error(`${path} is not valid UTF-8`);
  }
}

// The picture's slug of a product's image path, or null if the path has another form.
export function slug_of(image) {
  const match = /^\/images\/([a-z0-9]+(?:-[a-z0-9]+)*)\.svg$/.exec(image);
  return match ? match[1] : null;
}

// Returns find(name): an icon's SVG body, drawn on a square of `size`, or undefined.
export function load_icons() {
  let path;
  try {
    path = createRequire(import.meta.url).resolve(`${icon_package}/icons.json`);
  } catch {
    throw new Error(
      `the icon package ${icon_package} is missing: run "npm ci" in the repository's root`,
    );
  }
  const set = JSON.parse(read_text(path));
  return {
    size: set.width ?? 32,
    find: (name) => (Object.hasOwn(set.icons, name) ? set.icons[name].body : undefined),
  };
}

// An icon's body in other colours: `recolor` maps colours (#rrggbb) of the icon to new ones.
// Throws if the icon has no such colour.
export function recolored(body, recolor = {}) {
  const missing = new Set(Object.keys(recolor));
  const result = body.replace(/#[0-9a-f]{6}\b/gi, (color) => {
    const key = color.toLowerCase();
    missing.delete(key);
    return recolor[key] ?? color;
  });
  if (missing.size > 0) throw new Error(`the icon has no colour ${[...missing].join(", ")}`);
  return result;
}
