// What OpenSeadragon needs to know about an image in each protocol. Descriptions are fetched here
// first, so that an error can be shown in the server's own words.

import { transform } from "./adjustments.js";
import * as addresses from "./addresses.js";

/** No answer came. */
export class Unreachable extends Error {
  constructor() {
    super("The server cannot be reached. The image is shown as soon as it can.");
  }
}

async function text(address) {
  const answer = await fetch(address).catch(() => {
    throw new Unreachable();
  });
  if (!answer.ok) {
    throw new Error(`${(await answer.text()).trim() || answer.statusText} (${answer.status})`);
  }
  return answer.text();
}

async function iiif(name) {
  const description = JSON.parse(await text(addresses.iiifInfo(name)));
  // Behind a proxy the public id may have another origin; this page reads tiles from its own.
  return { ...description, id: addresses.iiif(name) };
}

async function deepzoom(name) {
  await text(addresses.deepzoom(name));
  return addresses.deepzoom(name);
}

async function zoomify(name) {
  const description = await text(addresses.zoomifyInfo(name));
  const properties = new DOMParser().parseFromString(description, "text/xml").documentElement;
  return {
    type: "zoomifytileservice",
    width: Number(properties.getAttribute("WIDTH")),
    height: Number(properties.getAttribute("HEIGHT")),
    tileSize: Number(properties.getAttribute("TILESIZE")),
    tilesUrl: `${addresses.zoomify(name)}/`,
  };
}

async function iip(name, adjustments) {
  await text(`${addresses.iip(name)}&obj=IIP,1.0&obj=Max-size&obj=Tile-size&obj=Resolution-number&obj=Resolutions`);
  return { iipsrv: addresses.iipServer(), image: addresses.iipName(name), transform: transform(adjustments) };
}

/** The server's description of an image, and of what it can do with it. */
export const describe = async (name) => JSON.parse(await text(addresses.description(name)));

/** Each of (name, adjustments); only IIP has commands for these. */
export const SOURCES = { iiif, deepzoom, zoomify, iip };
export const LABELS = { iiif: "IIIF", deepzoom: "DeepZoom", zoomify: "Zoomify", iip: "IIP" };

let library = null;

/** OpenSeadragon, loaded when it is first needed. */
export function openSeadragon() {
  library ??= new Promise((resolve, reject) => {
    forestallStyle();
    const script = document.createElement("script");
    script.src = new URL("viewer/openseadragon/openseadragon.min.js", document.baseURI);
    script.onload = () => resolve(window.OpenSeadragon);
    script.onerror = () => {
      library = null;
      script.remove();
      reject(new MissingOpenSeadragon());
    };
    document.head.append(script);
  });
  return library;
}

/** OpenSeadragon 6 adds a style element unless it finds this one; the Content-Security-Policy refuses it. */
function forestallStyle() {
  const standIn = document.createElementNS("about:blank", "style");
  standIn.setAttribute("data-openseadragon-mobile-css", "");
  document.head.append(standIn);
}

export class MissingOpenSeadragon extends Error {
  command = 'npm install --prefix "$(python3 -c \'import sys; print(sys.prefix)\')/share/iipserve" openseadragon@^6';

  constructor() {
    super("OpenSeadragon, which zooms through the images, is not installed on the server. Run scripts/setup there, or in the server's Python environment:");
  }
}
