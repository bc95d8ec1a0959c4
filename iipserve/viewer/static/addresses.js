// The address of an image in each protocol. All are resolved against the page, so that it works
// below any prefix. Slashes in a name separate folders, and are part of the name in IIIF.

import { commands, none, page } from "./adjustments.js";

const absolute = (address) => new URL(address, document.baseURI).href;
const folders = (name) => name.split("/").map(encodeURIComponent).join("/");

/** Base of the IIIF image service, API 3. */
export const iiif = (name, suffix = "") => absolute(`iiif/3/${encodeURIComponent(name)}${suffix}`);
export const iiifInfo = (name) => `${iiif(name)}/info.json`;
export const deepzoom = (name) => absolute(`deepzoom/${folders(name)}.dzi`);
/** Folder of the Zoomify tiles. */
export const zoomify = (name) => absolute(`zoomify/${folders(name)}`);
export const zoomifyInfo = (name) => `${zoomify(name)}/ImageProperties.xml`;
export const iipServer = () => absolute("iip");
/** The name as the value of FIF. */
export const iipName = folders;
export const iip = (name) => `${iipServer()}?FIF=${folders(name)}`;
/** The manifest of IIIF's Presentation API. */
export const manifest = (name) => absolute(`iiif/manifest/${encodeURIComponent(name)}`);

const ofPage = (address, parameters) => absolute(`viewer/${address}?${new URLSearchParams(parameters)}`);

/** What the page needs to know about an image. */
export const description = (name) => ofPage("image.json", { name });
/** Why the image is slow. */
export const doctor = (name, layer) => ofPage("doctor.html", { name, ...(layer && { page: layer }) });
/** Mirador with the image in it. */
export const mirador = (name) => ofPage("mirador.html", { manifest: manifest(name) });
/** The samples of an image by number, as JSON. */
export const histogram = (name, { stack } = {}) =>
  `${iip(name)}${commands(stack ? { stack } : {})}&OBJ=histogram`;

/**
 * What other viewers open, by protocol: with the adjustments, but not turned, since viewers turn images by themselves.
 * IIIF has addresses of its own for pages.
 */
export function described(name, { turn: _, ...adjustments }) {
  const { stack: __, ...tones } = adjustments;
  const layer = page(adjustments);
  const [all, others] = [commands(adjustments), commands(layer === null ? adjustments : tones)];
  const query = (modifiers, protocol, target) => absolute(`iip?${modifiers.slice(1)}&${protocol}=${target}`);
  const named = `${encodeURIComponent(name)}${pageSuffix(layer)}`;
  return {
    iiif: others ? query(others, "IIIF", `${named}/info.json`) : `${iiif(name, pageSuffix(layer))}/info.json`,
    deepzoom: all ? query(all, "DeepZoom", `${folders(name)}.dzi`) : deepzoom(name),
    zoomify: all ? query(all, "Zoomify", `${folders(name)}/ImageProperties.xml`) : zoomifyInfo(name),
    iip: `${iip(name)}${all}`,
  };
}

const pageSuffix = (layer) => (layer ? `;page=${layer + 1}` : "");

/**
 * An image as one file, by IIP: at most `limit` pixels on its longer side (null: no limit).
 *
 * @param image name, width and height
 * @param options region in pixels of the full size, or null for all of it; width of the file, or null for the largest;
 *   adjustments; format
 */
export function exported({ name, ...full }, { region, width, limit, adjustments = {}, format = "jpeg" }) {
  const part = region ? `&RGN=${fractions(region, full)}` : "";
  const size = exportedSize(full, { region, width, limit });
  return `${iip(name)}${commands(adjustments)}${part}&WID=${size.width}&CVT=${format}`;
}

/** The size of an export before it is turned; arguments as of `exported`. */
export function exportedSize(full, { region, width, limit }) {
  const part = region ?? full;
  const wanted = Math.min(1, (width ?? part.width) / part.width);
  const scale = limit ? Math.min(wanted, limit / Math.max(part.width, part.height)) : wanted;
  const side = (length) => Math.max(1, Math.floor(length * scale + 1e-9));
  return { width: side(part.width), height: side(part.height) };
}

/** A region for RGN: the server finds the same pixels again. */
function fractions({ x, y, width, height }, full) {
  const parts = [x / full.width, y / full.height, width / full.width, height / full.height];
  return parts.map((part) => Number(part.toPrecision(9))).join(",");
}

/** A thumbnail that fits in a square of `side` pixels. */
export const thumbnail = (name, side) => `${iiif(name)}/full/!${side},${side}/0/default.jpg`;

/**
 * An image or a region of it as one JPEG whose longer side has at most `side` pixels: by IIIF, or by IIP where it is adjusted in
 * ways that only IIP has.
 */
export function picture(image, { region = null, side, adjustments }) {
  const { stack: _, turn = "0", ...tones } = adjustments;
  const layer = page(adjustments);
  if (layer === null || !none(tones)) {
    return exported(image, { region, limit: side, adjustments });
  }
  const { x, y, width, height } = region ?? { x: 0, y: 0, ...image };
  const part = region ? `${x},${y},${width},${height}` : "full";
  const fitted = side && Math.max(width, height) > side ? `!${side},${side}` : "max";
  return `${iiif(image.name, pageSuffix(layer))}/${part}/${fitted}/${turn}/default.jpg`;
}
