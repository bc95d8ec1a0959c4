// The address of an image in each protocol. All are resolved against the page, so that it works
// below any prefix. Slashes in a name separate folders, and are part of the name in IIIF.

const absolute = (address) => new URL(address, document.baseURI).href;
const folders = (name) => name.split("/").map(encodeURIComponent).join("/");

/** Base of the IIIF image service, API 3. */
export const iiif = (name) => absolute(`iiif/3/${encodeURIComponent(name)}`);
export const iiifInfo = (name) => `${iiif(name)}/info.json`;
export const deepzoom = (name) => absolute(`deepzoom/${folders(name)}.dzi`);
/** Folder of the Zoomify tiles. */
export const zoomify = (name) => absolute(`zoomify/${folders(name)}`);
export const zoomifyInfo = (name) => `${zoomify(name)}/ImageProperties.xml`;
export const iipServer = () => absolute("iip");
/** The name as the value of FIF. */
export const iipName = folders;
export const iip = (name) => `${iipServer()}?FIF=${folders(name)}`;

/** What the page needs to know about an image. */
export const description = (name) => absolute(`viewer/image.json?${new URLSearchParams({ name })}`);

/**
 * The whole image in one file, at most `limit` pixels on its longer side (null: no limit).
 *
 * @param commands of IIP, each with the ampersand before it
 */
export function exported(name, width, height, limit, commands = "", format = "jpeg") {
  const scale = limit ? Math.min(1, limit / Math.max(width, height)) : 1;
  return `${iip(name)}${commands}&WID=${Math.max(1, Math.floor(width * scale))}&CVT=${format}`;
}

/** A thumbnail that fits in a square of `side` pixels. */
export const thumbnail = (name, side) => `${iiif(name)}/full/!${side},${side}/0/default.jpg`;

/** A region, in pixels of the full size, as one JPEG that fits in a square of `side` pixels. */
export function region(name, { x, y, width, height }, side) {
  const fitted = Math.max(width, height) > side ? `!${side},${side}` : "max";
  return `${iiif(name)}/${x},${y},${width},${height}/${fitted}/0/default.jpg`;
}
