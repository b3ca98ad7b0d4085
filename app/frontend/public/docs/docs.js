// Swagger UI over the five services' own documents.

const services = ["product", "cart", "order", "payment", "inventory"];

// A service describes its paths as it serves them. From here they begin with /api, and those that
// are not for the outside can't be reached at all.
const inside = [/^\/health/, /^\/metrics$/, /^\/openapi\.json$/];

function seen_from_outside(text) {
  let document;
  try {
    document = JSON.parse(text);
  } catch {
    return text;
  }
  const service = services.find((name) => window.ui.specSelectors.url().includes(`/${name}/`));
  document.servers = [{ url: "/api", description: "this store" }];
  for (const path of Object.keys(document.paths ?? {})) {
    if (inside.some((pattern) => pattern.test(path))) {
      delete document.paths[path];
    } else if (path === "/books" && service) {
      document.paths[`/books/${service}`] = document.paths[path];
      delete document.paths[path];
    }
  }
  return JSON.stringify(document);
}

const outside_view = () => ({
  statePlugins: {
    spec: { wrapActions: { updateSpec: (update) => (text) => update(seen_from_outside(text)) } },
  },
});

window.ui = SwaggerUIBundle({
  dom_id: "#documentation",
  urls: services.map((name) => ({ name, url: `/docs/${name}/openapi.json` })),
  "urls.primaryName": "product",
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  plugins: [outside_view],
  layout: "StandaloneLayout",
  deepLinking: true,
  docExpansion: "list",
  displayRequestDuration: true,
  validatorUrl: null,
});
