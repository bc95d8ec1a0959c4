// What part of an image is in view, {x, y, zoom} in OpenSeadragon's units, as it is written in the page's address.

/** The view that a text says; null if it says none. */
export function readView(text) {
  const [x, y, zoom] = (text ?? "").split(",").map(Number);
  return [x, y, zoom].every(Number.isFinite) && zoom > 0 ? { x, y, zoom } : null;
}

export function writeView({ x, y, zoom }) {
  return [x, y, zoom].map((number) => Number(number.toPrecision(6))).join(",");
}
