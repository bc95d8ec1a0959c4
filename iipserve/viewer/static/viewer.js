// The page: a wall of thumbnails, and one image opened over it. The fragment of the address says what is
// open, so that links can be shared and the browser's Back closes the image.
//
// The state of a history entry has `below` if the entry below it is the wall: an image is closed by going back to it,
// so that nothing is left of it in the history, and never to another site. That of the wall has `anchor`, its place in
// the window.

import { read } from "./adjustments.js";
import { Gallery } from "./gallery.js";
import { Reader } from "./reader.js";
import { readView, writeView } from "./views.js";

const gallery = new Gallery(document.getElementById("gallery"));
const reader = new Reader(document.getElementById("reader"), gallery);
/** Name of the image that is open; null for none; undefined before the address was read. */
let opened;
/** The fragment that the page shows; the address is ahead of it until the browser has reported its change. */
let followed = null;
/** Whether the browser has been asked to go back, and has not done it yet. */
let leaving = false;

const stateOf = (fragment) => new URLSearchParams(fragment.slice(1));
const folderOf = (name) => name.split("/").slice(0, -1).join("/");

/** The list that an address is about: where nothing is searched, an image is shown in its own folder. */
function placeOf(state) {
  const filter = state.get("filter") ?? "";
  const image = state.get("image");
  return { folder: image && !filter ? folderOf(image) : (state.get("folder") ?? ""), filter };
}

/** The parameters of the address of a list, or of an image in it. */
function parameters({ folder = "", filter = "", image = null }, more = {}) {
  return new URLSearchParams({
    ...(image && { image, ...more }),
    ...(filter && { filter }),
    ...(folder && (filter || !image) && { folder }),
  });
}

async function follow() {
  leaving = false;
  const state = stateOf(location.hash);
  const name = state.get("image") || null;
  if (!history.state) {
    history.replaceState({ below: name !== null && opened === null }, "");
  }
  if (location.href.endsWith("#")) {
    rewrite(state);
  }
  followed = location.hash;
  const place = placeOf(state);
  const closed = opened;
  opened = name;
  document.title = [name ?? place.folder, "Images"].filter(Boolean).join(" · ");
  if (name) {
    const anchor = closed === undefined ? { key: name, top: innerHeight / 3 } : null;
    gallery.show(place, anchor);
    reader.open(name, state.get("source"), readView(state.get("view")), read(state), state);
    return;
  }
  reader.close();
  await gallery.show(place, history.state.anchor);
  if (closed && !opened) {
    gallery.reveal(closed);
  }
}

/** Whether the page shows what the address says, and nothing else has been asked for. */
const isCurrent = () => !leaving && location.hash === followed;

/** Write the state into the address, without a new history entry; `more` are parameters of the reader's own. */
function remember({ name, source, view, adjustments, more = {} }) {
  if (name !== opened || !isCurrent()) {
    return; // of an image that is being left
  }
  const state = parameters({ ...gallery.place, image: name }, { source, ...adjustments, ...more });
  if (view) {
    state.set("view", writeView(view));
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
    rewrite(parameters(gallery.place));
    follow();
  }
}

/** Open another image in the place of the one that is open. */
function step(name) {
  if (opened && isCurrent()) {
    const source = stateOf(location.hash).get("source") ?? "iiif";
    rewrite(parameters({ ...gallery.place, image: name }, { source }));
    follow();
  }
}

function search(filter) {
  if (!opened && isCurrent()) {
    history.replaceState({ ...history.state, anchor: null }, "");
    rewrite(parameters({ ...gallery.place, filter }));
    follow();
  }
}

/** Note the place of the wall in the window, for Back and for loading the page again. */
function mark() {
  if (!opened && isCurrent()) {
    history.replaceState({ ...history.state, anchor: gallery.anchor }, "");
  }
}

function changed() {
  if (!isCurrent()) {
    follow();
  }
}

history.scrollRestoration = "manual";
addEventListener("popstate", changed);
addEventListener("hashchange", changed);
addEventListener("pagehide", mark);
addEventListener("pageshow", (event) => event.persisted && follow());
// before a link is followed
document.addEventListener("click", mark, { capture: true });
gallery.fragment = (place) => parameters(place, { source: "iiif" });
gallery.onfilter = search;
gallery.onmove = mark;
reader.onchange = remember;
reader.onleave = leave;
reader.onstep = step;
follow();
