// A <mapml-viewer> with the layers of this server. `?projection=WGS84` shows them in another projection than OSMTILE,
// `?links=image` by one map of the window for each layer, `?links=tile` by maps of WMS, instead of tiles of WMTS.

import { element } from "./gallery.js";

const COLLECTIONS = new URL("../ogc/collections?f=json&limit=1000", document.baseURI).href;
const options = new URLSearchParams(location.search);
const projection = options.get("projection") ?? "OSMTILE";
const links = options.get("links");

/** Say what went wrong. */
function tell(...parts) {
  const problem = document.querySelector("#problem");
  problem.replaceChildren(...parts);
  problem.hidden = false;
}

/** The layers that have a place on earth: {id, title, box}, the box in degrees: west, south, east, north. */
async function readLayers() {
  const answer = await fetch(COLLECTIONS);
  if (!answer.ok) {
    throw new Error(`the server answered ${answer.status}`);
  }
  const { collections } = await answer.json();
  return collections
    .map(({ id, title, extent }) => ({ id, title, box: extent?.spatial?.bbox?.[0] }))
    .filter(({ box }) => box);
}

/** The zoom at which a box is about as wide as the window, in the levels of OSMTILE. */
function zoomOf([west, , east]) {
  const degrees = (east - west + 360) % 360 || 360;
  return Math.max(0, Math.floor(Math.log2((360 * innerWidth) / (256 * degrees))));
}

/** The address of the document of a layer. */
function documentOf(id) {
  if (!links) {
    return new URL(`../mapml/${encodeURIComponent(id)}/${projection}`, document.baseURI).href;
  }
  const asked = { SERVICE: "WMS", REQUEST: "GetMapML", LAYER: id, STYLE: "", PROJECTION: projection, LINK_REL: links };
  return new URL(`../wms?${new URLSearchParams(asked)}`, document.baseURI).href;
}

function show(layers) {
  const [west, south, east, north] = layers[0].box;
  const viewer = element("mapml-viewer", {});
  const place = { projection, lat: (south + north) / 2, lon: (west + east) / 2, zoom: zoomOf(layers[0].box), controls: "" };
  Object.entries(place).forEach(([name, value]) => viewer.setAttribute(name, value));
  for (const { id, title } of layers) {
    const layer = element("map-layer", {});
    Object.entries({ label: title, src: documentOf(id), checked: "" }).forEach(([name, value]) => layer.setAttribute(name, value));
    viewer.append(layer);
  }
  document.querySelector("main").append(viewer);
}

try {
  await import("./maps4html/mapml.js");
  const layers = await readLayers();
  layers.length ? show(layers) : tell("There are no layers: no image in this folder is georeferenced.");
} catch (error) {
  const command = "npm install --ignore-scripts --prefix \"$(python3 -c 'import sys; print(sys.prefix)')/share/iipserve\" @maps4html/mapml@^0.18";
  const missing = !customElements.get("mapml-viewer");
  tell(
    ...(missing
      ? ["The viewer of MapML is not installed on the server. Run scripts/setup there, or: ", element("code", {}, command)]
      : [`The layers could not be loaded: ${error.message}`]),
  );
}
