// The page that manages collections of images. It reads and changes them through the REST interface alone (stac.js).

import { Additions, isUnfinished } from "./additions.js";
import { FootprintMap, sides } from "./footprints.js";
import { count, element, fileSize } from "./gallery.js";
import * as stac from "./stac.js";
import { fillStyle, readStyle } from "./collection_style.js";
import { isWatch, Watched } from "./watched.js";

/* global ol */

/** Items on one page of the list. */
const PAGE = 50;
const find = (selector) => document.querySelector(selector);

class CollectionsPage {
  #map = null;
  #editable = false;
  #current = null;
  #next = null;
  #loading = new AbortController();
  #additions = new Additions(find("#additions"), () => this.#refresh());
  #watched = new Watched(find("#watched"), (action) => this.#attempt(action), () => this.#refresh());

  constructor() {
    if (typeof ol !== "undefined") {
      this.#map = new FootprintMap(find("#map"), (id) => this.#choose(id));
    }
    addEventListener("hashchange", () => this.#attempt(() => this.#open()));
    this.#onSubmit("#create", (form) => this.#create(form));
    this.#onSubmit("#search", () => this.#search());
    this.#onSubmit("#add-names", (form) => this.#addFolder(form.elements.folder.value));
    this.#onSubmit("#add-files", (form) => this.#addFiles(form));
    this.#onSubmit("#watch", (form) => this.#watch(form));
    this.#onSubmit("#style", (form) => this.#changeStyle(form));
    this.#onSubmit("#check", (form) => this.#additions.start(this.#current.id, { kind: "check", repair: form.elements.repair.checked }));
    this.#onSubmit("#overview", () => this.#additions.start(this.#current.id, { kind: "overview" }));
    find("#more").addEventListener("click", () => this.#attempt(() => this.#load(this.#next, true)));
    find("#delete").addEventListener("click", () => this.#attempt(() => this.#deleteCollection()));
    find("#sign-in").addEventListener("click", () => askToken());
  }

  async start() {
    await this.#attempt(async () => {
      this.#editable = await stac.isEditable();
      for (const part of ["#new", "#adding", "#maintenance", "#appearance", "#delete", "#sign-in"]) {
        find(part).hidden = !this.#editable;
      }
      await this.#open();
    });
    if (!this.#map) {
      this.#tell("OpenLayers, which shows the map, is not installed on the server: run scripts/setup there.");
    }
  }

  /** Do something, and say what went wrong; ask for a token, once, if that is all that is missing. */
  async #attempt(action) {
    find("#problem").hidden = true;
    try {
      try {
        await action();
      } catch (error) {
        if (!error.needsToken || !(await askToken())) {
          throw error;
        }
        await action();
      }
    } catch (error) {
      if (error.name !== "AbortError") {
        this.#tell(error.message);
      }
    }
  }

  #onSubmit(selector, action) {
    find(selector).addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = event.target.querySelector("button");
      button.disabled = true;
      await this.#attempt(() => action(event.target));
      button.disabled = false;
    });
  }

  #tell(text) {
    Object.assign(find("#problem"), { textContent: text, hidden: false });
  }

  /** Show what the address names: one collection, or the list of all. */
  async #open() {
    const id = new URLSearchParams(location.hash.slice(1)).get("collection");
    find("#all").hidden = id !== null;
    find("#one").hidden = id === null;
    find("#up").href = id === null ? ".." : "#";
    this.#additions.leave();
    this.#watched.leave();
    await (id === null ? this.#showAll() : this.#showOne(id));
  }

  // -- all collections ----------------------------------------------------------------------------

  async #showAll() {
    this.#current = null;
    find("#title").textContent = "Collections";
    const found = await stac.collections();
    find("#none").hidden = found.length > 0;
    find("#collections").replaceChildren(...found.map(collectionRow));
    const isPlaced = found.filter((each) => each["iipserve:count"] !== 0);
    this.#map?.showMosaic(null);
    this.#map?.show(isPlaced.map(outline));
    this.#map?.goToAll();
  }

  async #create(form) {
    const { id, title, description } = Object.fromEntries(new FormData(form));
    await stac.createCollection({
      type: "Collection",
      id,
      ...(title && { title }),
      description: description || title || id,
    });
    form.reset();
    find("#new").open = false;
    location.hash = new URLSearchParams({ collection: id });
  }

  // -- one collection -----------------------------------------------------------------------------

  async #showOne(id) {
    await this.#describe(id);
    find("#search").reset();
    await this.#search();
    this.#map?.goTo(boxOf(this.#current));
    this.#followJob(id);
  }

  /** Show the folders that are watched, and tell how far a job is that was started before the page was opened; only editors know of jobs. */
  async #followJob(id) {
    const found = this.#editable ? await stac.jobs(id).catch(() => []) : [];
    if (this.#current?.id !== id) {
      return;
    }
    this.#watched.show(id, found);
    const job = found.find((each) => isUnfinished(each) && !isWatch(each));
    if (job) {
      await this.#attempt(() => this.#additions.follow(id, job));
    }
  }

  async #describe(id) {
    this.#current = await stac.collection(id);
    const { title, description } = this.#current;
    find("#title").textContent = title || id;
    find("#facts").textContent = [description, ...facts(this.#current)].filter((each) => each && each !== title).join(" · ");
    find("#as-document").href = new URL(`../stac/collections/${encodeURIComponent(id)}`, document.baseURI).href;
    fillStyle(find("#style"), this.#current);
    this.#map?.showMosaic(this.#current["iipserve:count"] === 0 ? null : id, Date.now(), boxOf(this.#current));
  }

  async #search() {
    const { from, to, filter, inside } = Object.fromEntries(new FormData(find("#search")));
    const interval = from || to ? `${from ? `${from}T00:00:00Z` : ".."}/${to ? `${to}T23:59:59Z` : ".."}` : "";
    const box = inside && this.#map ? this.#map.box : "";
    const asked = { limit: PAGE, datetime: interval, filter: filter.trim(), bbox: box };
    await this.#load(stac.itemsAddress(this.#current.id, asked), false);
  }

  /** Show a page of items, after those that are there if `isMore`. */
  async #load(address, isMore) {
    this.#loading.abort();
    this.#loading = new AbortController();
    const { items, matched, next } = await stac.itemsPage(address, this.#loading.signal);
    const rows = items.map((item) => this.#itemRow(item));
    isMore ? find("#items").append(...rows) : find("#items").replaceChildren(...rows);
    this.#map?.show(items, isMore);
    this.#next = next;
    find("#more").hidden = next === null;
    const shown = find("#items").childElementCount;
    const images = (number) => `${count(number)} ${number === 1 ? "image" : "images"}`;
    find("#matched").textContent = matched > shown ? `${count(shown)} of ${images(matched)}` : `${images(shown)}${next ? " so far" : ""}`;
  }

  #itemRow(item) {
    const { id, properties, assets = {} } = item;
    const thumbnail = Object.values(assets).find(({ roles = [] }) => roles.includes("thumbnail"));
    const name = element("button", { type: "button", className: "name", title: "Show on the map" }, id);
    name.append(element("small", {}, [time(properties), pixels(properties)].filter(Boolean).join(" · ")));
    const status = properties["iipserve:status"];
    status && name.append(element("small", { className: "warning" }, status));
    name.addEventListener("click", () => this.#choose(id, true));
    const row = element("li", {}, preview(thumbnail), name);
    row.dataset.id = id;
    if (this.#editable) {
      const button = element("button", { type: "button", className: "danger" }, "Delete");
      button.setAttribute("aria-label", `Delete ${id}`);
      button.addEventListener("click", () => this.#attempt(() => this.#deleteItem(id)));
      row.append(button);
    }
    return row;
  }

  /** Mark an item in the list and on the map. On the map of all collections, open the collection. */
  #choose(id, isShown = false) {
    if (!this.#current) {
      location.hash = new URLSearchParams({ collection: id });
      return;
    }
    this.#map?.choose(id, isShown);
    for (const row of find("#items").children) {
      row.classList.toggle("chosen", row.dataset.id === id);
      row.dataset.id === id && row.scrollIntoView({ block: "nearest" });
    }
  }

  async #refresh() {
    if (!this.#current) {
      return;
    }
    await this.#attempt(async () => {
      await this.#describe(this.#current.id);
      await this.#search();
    });
  }

  /** Add an image of the server, or those of a folder or a pattern; without a name all. */
  async #addFolder(folder) {
    const href = folder.trim().replace(/^\/+/, "") || ".";
    await this.#additions.start(this.#current.id, { kind: "add", href });
  }

  async #watch(form) {
    await this.#watched.start(this.#current.id, form.elements.folder.value.trim().replace(/^\/+/, ""));
    form.reset();
  }

  async #addFiles(form) {
    const { files } = form.elements.files;
    if (!files.length) {
      throw new Error("choose one or more files to upload");
    }
    await this.#additions.addFiles(this.#current.id, files);
    form.reset();
  }

  async #changeStyle(form) {
    await stac.changeCollection(this.#current.id, readStyle(form, this.#current));
    await this.#describe(this.#current.id);
  }

  async #deleteItem(id) {
    if (await isConfirmed(`Take ${id} out of this collection? The file stays where it is.`)) {
      await stac.deleteItem(this.#current.id, id);
      await this.#refresh();
    }
  }

  async #deleteCollection() {
    const { id, title } = this.#current;
    if (await isConfirmed(`Delete the collection ${title || id}? The files of its images stay where they are.`)) {
      await stac.deleteCollection(id);
      location.hash = "";
    }
  }
}

// -- dialogs ---------------------------------------------------------------------------------------

/** Open a dialog; whether it was closed by its button `yes`. */
function answered(dialog) {
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

function isConfirmed(question) {
  find("#question").textContent = question;
  return answered(find("#confirm"));
}

async function askToken() {
  const field = find("#token");
  field.value = stac.token.get();
  const isGiven = await answered(find("#ask-token"));
  if (isGiven) {
    stac.token.set(field.value.trim());
  }
  field.value = "";
  return isGiven;
}

// -- rows ------------------------------------------------------------------------------------------

function collectionRow(collection) {
  const link = element("a", { href: `#${new URLSearchParams({ collection: collection.id })}` }, collection.title || collection.id);
  link.append(element("small", {}, facts(collection).join(" · ")));
  return element("li", {}, element("span"), link);
}

/** What is to be known of a collection, in few words. */
function facts(collection) {
  const number = collection["iipserve:count"];
  const [start, end] = (collection.extent?.temporal?.interval?.[0] ?? []).map((each) => each?.slice(0, 10));
  const images = number === undefined ? "" : `${count(number)} ${number === 1 ? "image" : "images"}`;
  const bytes = collection["iipserve:bytes"] ? fileSize(collection["iipserve:bytes"]) : "";
  return [images, start === end ? start : `${start ?? "…"} to ${end ?? "…"}`, bytes].filter(Boolean);
}

/** The first box of a collection, in degrees. */
const boxOf = ({ extent }) => extent?.spatial?.bbox?.[0] ?? [-180, -90, 180, 90];

/** The box of a collection as an item of the map. */
function outline({ id, extent }) {
  const { west, south, east, north } = sides(boxOf({ extent }));
  const ring = [[west, south], [east, south], [east, north], [west, north], [west, south]];
  return { id, geometry: { type: "Polygon", coordinates: [ring] } };
}

function time(properties) {
  const { datetime, start_datetime: start, end_datetime: end } = properties;
  return datetime ? datetime.slice(0, 16).replace("T00:00", "").replace("T", " ") : [start, end].filter(Boolean).map((each) => each.slice(0, 10)).join(" to ");
}

function pixels(properties) {
  const [height, width] = properties["proj:shape"] ?? [];
  return width ? `${count(width)} × ${count(height)}` : "";
}

function preview(thumbnail) {
  if (!thumbnail) {
    return element("span", { className: "blank" });
  }
  // a proxy may hide the host that the address names
  const { pathname, search } = new URL(thumbnail.href, document.baseURI);
  return element("img", { src: pathname + search, alt: "", loading: "lazy" });
}

new CollectionsPage().start();
