// The welcome page: are the services up, and a few products.

const health_line = document.getElementById("health");
const product_list = document.getElementById("products");

function price(product) {
  const minor = product.price_minor ?? product.price_min_minor;
  if (minor === undefined || !product.currency) return "";
  return new Intl.NumberFormat("en", { style: "currency", currency: product.currency }).format(minor / 100);
}

function card(product) {
  const item = document.createElement("li");
  if (product.image) {
    const picture = document.createElement("img");
    picture.src = product.image;
    picture.alt = "";
    picture.loading = "lazy";
    item.append(picture);
  }
  for (const [text, kind] of [[product.name, "name"], [price(product), "price"]]) {
    const line = document.createElement("p");
    line.className = kind;
    line.textContent = text;
    item.append(line);
  }
  return item;
}

async function json(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return answer.json();
}

async function show_health() {
  const { services } = await json("/api/system/health");
  const down = Object.keys(services).filter((name) => services[name].status === "down");
  const version = Object.values(services).find((service) => service.version)?.version;
  health_line.textContent = down.length === 0
    ? `All ${Object.keys(services).length} services are up${version ? `, version ${version}` : ""}.`
    : `Down: ${down.join(", ")}. The rest of the store goes on.`;
}

show_health().catch(() => { health_line.textContent = "The services can't be asked right now."; });
json("/api/products?limit=12")
  .then(({ items }) => product_list.replaceChildren(...items.map(card)))
  .catch(() => { product_list.textContent = "The catalogue can't be read right now."; });
