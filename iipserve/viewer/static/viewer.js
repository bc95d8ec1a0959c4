// The page: a wall of thumbnails, and one image opened over it. The fragment of the address says what is
// open, so that links can be shared and the browser's Back closes the image.

import { read } from "./adjustments.js";
import { Gallery } from "./gallery.js";
import { Reader } from "./reader.js";

const gallery = new Gallery(document.getElementById("gallery"));
const reader = new Reader(document.getElementById("reader"), gallery);
let openedHere = false;

function follow() {
  const state = new URLSearchParams(location.hash.slice(1));
  const name = state.get("image");
  if (name) {
    reader.open(name, state.get("source"), viewOf(state), read(state));
  } else {
    reader.close();
    openedHere = false;
  }
  document.title = name ? `${name} · Images` : "Images";
}

function viewOf(state) {
  const [x, y, zoom] = (state.get("view") ?? "").split(",").map(Number);
  return [x, y, zoom].every(Number.isFinite) && zoom > 0 ? { x, y, zoom } : null;
}

/** Write the state into the address, without a new history entry. */
function remember({ name, source, view, adjustments }) {
  const state = new URLSearchParams({ image: name, source, ...adjustments });
  if (view) {
    state.set("view", [view.x, view.y, view.zoom].map((number) => Number(number.toPrecision(6))).join(","));
  }
  history.replaceState(null, "", `#${state}`);
}

function leave() {
  if (openedHere) {
    history.back();
  } else {
    history.replaceState(null, "", location.pathname + location.search);
    follow();
  }
}

addEventListener("hashchange", (event) => {
  openedHere = !new URL(event.oldURL).hash.includes("image=");
  follow();
});
reader.onchange = remember;
reader.onleave = leave;
follow();
gallery.start();
