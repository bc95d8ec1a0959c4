// The page: a wall of thumbnails, and one image opened over it. The fragment of the address says what is
// open, so that links can be shared and the browser's Back closes the image.
//
// The state of a history entry has `below` if the entry below it is the wall: an image is closed by going back to it,
// so that nothing is left of it in the history, and never to another site.

import { read } from "./adjustments.js";
import { Gallery } from "./gallery.js";
import { Reader } from "./reader.js";

const gallery = new Gallery(document.getElementById("gallery"));
const reader = new Reader(document.getElementById("reader"), gallery);
/** Name of the image that is open; null for none; undefined before the address was read. */
let opened;
/** The fragment that the page shows; the address is ahead of it until the browser has reported its change. */
let followed = null;
/** Whether the browser has been asked to go back, and has not done it yet. */
let leaving = false;

const stateOf = (fragment) => new URLSearchParams(fragment.slice(1));

function follow() {
  leaving = false;
  const state = stateOf(location.hash);
  const name = state.get("image") || null;
  if (!history.state) {
    history.replaceState({ below: name !== null && opened === null }, "");
  }
  followed = location.hash;
  const closed = opened;
  opened = name;
  document.title = name ? `${name} · Images` : "Images";
  if (name) {
    reader.open(name, state.get("source"), viewOf(state), read(state), state);
  } else {
    reader.close();
    if (closed) {
      gallery.reveal(closed);
    }
  }
}

function viewOf(state) {
  const [x, y, zoom] = (state.get("view") ?? "").split(",").map(Number);
  return [x, y, zoom].every(Number.isFinite) && zoom > 0 ? { x, y, zoom } : null;
}

/** Write the state into the address, without a new history entry; `more` are parameters of the reader's own. */
function remember({ name, source, view, adjustments, more = {} }) {
  if (leaving || name !== opened || location.hash !== followed) {
    return; // of an image that is being left
  }
  const state = new URLSearchParams({ image: name, source, ...adjustments, ...more });
  if (view) {
    state.set("view", [view.x, view.y, view.zoom].map((number) => Number(number.toPrecision(6))).join(","));
  }
  rewrite(state);
}

/** Give the present history entry another address. */
function rewrite(state) {
  const fragment = String(state);
  history.replaceState(history.state, "", fragment ? `#${fragment}` : location.pathname + location.search);
  followed = location.hash;
}

function leave() {
  if (leaving || !opened) {
    return;
  }
  if (history.state?.below) {
    leaving = true;
    history.back();
  } else {
    rewrite(new URLSearchParams());
    follow();
  }
}

/** Open another image in the place of the one that is open. */
function step(name) {
  if (!leaving && location.hash === followed) {
    const source = stateOf(location.hash).get("source") ?? "iiif";
    rewrite(new URLSearchParams({ image: name, source }));
    follow();
  }
}

function changed() {
  if (location.hash !== followed || leaving) {
    follow();
  }
}

addEventListener("popstate", changed);
addEventListener("hashchange", changed);
addEventListener("pageshow", (event) => event.persisted && follow());
reader.onchange = remember;
reader.onleave = leave;
reader.onstep = step;
follow();
gallery.start();
