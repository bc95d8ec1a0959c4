// The map: layers of this server's WMTS over each other, with the values under the pointer.
//
// Georeferenced layers are shown in Web Mercator. A picture without georeference has pixels instead of places on
// earth, so it is shown alone, in its own pixel space. Where layers have times, a slider chooses one, and other layers
// are not shown at first.

import { element } from "./gallery.js";
import { TimeSlider, before, expanded } from "./times.js";

/* global ol */

const WMTS = new URL("../wmts", document.baseURI).href;
const MERCATOR = "WebMercatorQuad";
const IMAGE_CRS = "urn:ogc:def:crs:OGC::imageCRS";
const FORMAT = "image/png";
/** Milliseconds for which the pointer rests before values are requested. */
const REST = 120;

const capabilitiesAddress = `${WMTS}?SERVICE=WMTS&VERSION=1.0.0&REQUEST=GetCapabilities`;

/** The layers of the service: {identifier, title, source, isPicture, extent, dimension, times}, top-most last. */
async function readLayers() {
  const answer = await fetch(capabilitiesAddress);
  if (!answer.ok) {
    throw new Error(reason(await answer.text()) || `the server answered ${answer.status}`);
  }
  const capabilities = new ol.format.WMTSCapabilities().read(await answer.text());
  return (capabilities.Contents.Layer ?? []).map((layer) => describe(layer, capabilities)).filter(Boolean);
}

/** The text of an exception report, or the answer itself if it is plain text. */
function reason(text) {
  const parsed = new DOMParser().parseFromString(text, "text/xml");
  return parsed.getElementsByTagNameNS("*", "ExceptionText")[0]?.textContent ?? text.slice(0, 500);
}

function describe(layer, capabilities) {
  const sets = layer.TileMatrixSetLink.map((link) => link.TileMatrixSet);
  const isPicture = !layer.WGS84BoundingBox;
  const matrixSet = isPicture ? sets[0] : MERCATOR;
  if (!sets.includes(matrixSet)) {
    return null;
  }
  if (isPicture) {
    registerPixelSpace();
  }
  const wanted = { layer: layer.Identifier, matrixSet, format: FORMAT };
  const options = ol.source.WMTS.optionsFromCapabilities(capabilities, wanted);
  const extent = isPicture
    ? layer.BoundingBox[0].extent
    : ol.proj.transformExtent(layer.WGS84BoundingBox, "EPSG:4326", "EPSG:3857");
  const source = new ol.source.WMTS({ ...options, transition: 0 });
  const time = layer.Dimension?.find(({ Identifier }) => Identifier.toLowerCase() === "time");
  const times = expanded(time?.Value ?? []);
  return { identifier: layer.Identifier, title: layer.Title, source, isPicture, extent, dimension: time?.Identifier, times };
}

/** Make pixel space known to OpenLayers: y grows upwards, so pictures are below zero. */
function registerPixelSpace() {
  if (!ol.proj.get(IMAGE_CRS)) {
    ol.proj.addProjection(new ol.proj.Projection({ code: IMAGE_CRS, units: "pixels", metersPerUnit: 1 }));
  }
}

/** Shown where OpenLayers has not been installed. */
function missingOpenLayers() {
  const command = 'npm install --prefix "$(python3 -c \'import sys; print(sys.prefix)\')/share/iipserve" ol@^10';
  return [
    "OpenLayers, which shows the map, is not installed on the server. Run scripts/setup there, or in the server's Python environment:",
    element("code", {}, command),
  ];
}

class MapPage {
  #map = null;
  #root;
  #entries = [];
  #timer;
  #asked = null;
  #slider;

  constructor(root) {
    this.#root = root;
    this.#slider = new TimeSlider(root.querySelector("#times"), (time) => this.#goToTime(time));
    if (typeof ol === "undefined") {
      this.#tell(...missingOpenLayers());
      return;
    }
    this.#map = new ol.Map({ target: root.querySelector("#map"), view: new ol.View({ center: [0, 0], zoom: 1 }) });
    this.#map.addControl(new ol.control.ScaleLine());
    this.#map.on("pointermove", (event) => event.dragging || this.#rest(event.coordinate));
    this.#map.on("click", (event) => this.#rest(event.coordinate));
  }

  async start() {
    if (!this.#map) {
      return;
    }
    try {
      this.#entries = await readLayers();
      this.#list();
    } catch (error) {
      this.#tell(`The layers could not be loaded: ${error.message}`);
    }
  }

  #list() {
    if (!this.#entries.length) {
      this.#tell("There are no layers: no image in this folder is georeferenced.");
      return;
    }
    const hasTimes = this.#entries.some(({ times }) => times.length);
    for (const entry of this.#entries) {
      const visible = hasTimes ? entry.times.length > 0 : !entry.isPicture;
      entry.layer = new ol.layer.Tile({ source: entry.source, extent: entry.extent, visible });
      entry.layer.setProperties({ name: entry.identifier });
      this.#map.addLayer(entry.layer);
    }
    // the top-most layer is listed first
    this.#root.querySelector("#layers ul").append(...[...this.#entries].reverse().map((entry) => this.#row(entry)));
    this.#slider.offer(expanded(this.#entries.flatMap(({ times }) => times)));
    this.#goToTime(this.#slider.time);
    const first = this.#entries.find((entry) => entry.layer.getVisible()) ?? this.#entries[0];
    this.#show(first);
    this.#goTo(first);
  }

  /** Show all layers that have times as they were at one, or in all of them if it is null. */
  #goToTime(time) {
    for (const { source, dimension, times } of this.#entries.filter((entry) => entry.times.length)) {
      source.updateDimensions({ [dimension]: time ? before(times, time) : `${times[0]}/${times.at(-1)}` });
    }
  }

  #row(entry) {
    const shown = element("input", { type: "checkbox", checked: entry.layer.getVisible() });
    const opacity = element("input", { type: "range", min: 0, max: 1, step: 0.05, value: 1 });
    opacity.setAttribute("aria-label", `Opacity of ${entry.title}`);
    const zoom = element("button", { type: "button" }, "Zoom to");
    entry.shown = shown;
    shown.addEventListener("change", () => (shown.checked ? this.#show(entry) : entry.layer.setVisible(false)));
    opacity.addEventListener("input", () => entry.layer.setOpacity(Number(opacity.value)));
    zoom.addEventListener("click", () => {
      this.#show(entry);
      this.#goTo(entry);
    });
    const settings = element("div", { className: "settings" }, opacity, zoom);
    return element("li", {}, element("label", {}, shown, element("span", {}, entry.title)), settings);
  }

  /** Show a layer: with the others on the map, or alone if it is a picture. */
  #show(entry) {
    for (const other of this.#entries) {
      const fits = other === entry || (!entry.isPicture && !other.isPicture && other.layer.getVisible());
      other.layer.setVisible(fits);
      other.shown.checked = fits;
    }
    // the length of a pixel of a picture is not known
    this.#map.getTargetElement().classList.toggle("picture", entry.isPicture);
    const projection = entry.source.getProjection();
    if (this.#map.getView().getProjection() !== projection) {
      const extent = entry.isPicture ? entry.extent : undefined;
      this.#map.setView(new ol.View({ projection, extent, showFullExtent: true }));
      this.#goTo(entry);
    }
  }

  #goTo(entry) {
    // the list covers the right of a wide window, the lower part of a narrow one; the slider is at the other end
    const list = this.#root.querySelector("#layers").getBoundingClientRect();
    const isWide = list.left > innerWidth / 2;
    const padding = isWide ? [60, innerWidth - list.left + 20, 90, 60] : [150, 20, innerHeight - list.top + 20, 20];
    this.#map.getView().fit(entry.extent, { padding });
  }

  #rest(coordinate) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(coordinate), REST);
  }

  /** Show the values of all visible layers at a place. */
  async #ask(coordinate) {
    this.#asked?.abort();
    const request = (this.#asked = new AbortController());
    this.#root.querySelector("#place").textContent = this.#place(coordinate);
    const visible = this.#entries.filter((entry) => entry.layer.getVisible()).reverse();
    try {
      const answers = await Promise.all(visible.map((entry) => this.#valuesOf(entry, coordinate, request.signal)));
      const lines = visible.flatMap((entry, index) => [
        element("dt", {}, entry.title),
        element("dd", {}, answers[index]),
      ]);
      this.#root.querySelector("#values").replaceChildren(...lines);
    } catch (error) {
      if (error.name !== "AbortError") {
        this.#tell(`The values could not be loaded: ${error.message}`);
      }
    }
  }

  #place([x, y]) {
    if (this.#map.getView().getProjection().getCode() === IMAGE_CRS) {
      return `column ${Math.floor(x)}, row ${Math.floor(-y)}`;
    }
    const [longitude, latitude] = ol.proj.toLonLat([x, y]);
    return `${latitude.toFixed(5)}°, ${longitude.toFixed(5)}°`;
  }

  async #valuesOf(entry, [x, y], signal) {
    const grid = entry.source.getTileGrid();
    const level = grid.getZForResolution(this.#map.getView().getResolution());
    const asked = new URLSearchParams({
      SERVICE: "WMTS",
      VERSION: "1.0.0",
      REQUEST: "GetFeatureInfo",
      LAYER: entry.identifier,
      zoomlevel: level,
      x,
      y,
      infoformat: "application/json",
      ...(entry.times.length ? entry.source.getDimensions() : {}),
      ...(entry.isPicture ? {} : { SRID: 3857 }),
    });
    const answer = await fetch(`${WMTS}?${asked}`, { signal });
    if (!answer.ok) {
      throw new Error(reason(await answer.text()));
    }
    const { features } = await answer.json();
    return features.length ? features.map(({ properties }) => valueText(properties)).join("; ") : "no data";
  }

  #tell(...parts) {
    const problem = this.#root.querySelector("#problem");
    problem.replaceChildren(...parts);
    problem.hidden = false;
  }
}

/** The values of all bands, the first one first. */
function valueText({ nodata, bands }) {
  const shown = [...bands].reverse().map(({ name, value, unit }) => `${name} ${value}${unit ? ` ${unit}` : ""}`);
  return nodata ? "no data" : shown.join(", ");
}

new MapPage(document.querySelector("main")).start();
