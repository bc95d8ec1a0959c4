// The wall of thumbnails: rows of equal height, filled as one scrolls, filtered on the server.

import { thumbnail } from "./addresses.js";

const FORMATS = { tiff: "TIFF", jpeg2000: "JPEG 2000" };
const MIN_RATIO = 0.5;
const MAX_RATIO = 3;
const SIDES = [360, 540, 720];
/** Usual height of a thumbnail in CSS pixels: rows grow to fill the width. */
const USUAL_HEIGHT = 310;

export const count = (number) => number.toLocaleString("en");
export const pixels = ({ width, height }) => `${count(width)} × ${count(height)}`;

export function formatName({ format, name }) {
  const extension = /\.(\w{2,5})$/.exec(name)?.[1];
  return FORMATS[format] ?? (extension ?? format).toUpperCase();
}

export function megapixels({ width, height }) {
  const millions = (width * height) / 1e6;
  if (millions >= 1000) {
    return `${(millions / 1000).toFixed(1)} gigapixels`;
  }
  return `${millions >= 10 ? Math.round(millions) : millions.toFixed(1)} megapixels`;
}

export function fileSize(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let power = 0;
  while (bytes >= 1000 && power < units.length - 1) {
    bytes /= 1000;
    power += 1;
  }
  return `${power && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[power]}`;
}

/** An element with properties and children; text is always text, never markup. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export class Gallery {
  /** Descriptions of the images shown so far, by name. */
  known = new Map();
  /** Longest side of an export in pixels; null is no limit. */
  maxExport = null;
  #wall;
  #more;
  #next = 0;
  #loading = null;

  constructor(root) {
    this.root = root;
    this.#wall = root.querySelector("#images");
    this.#more = root.querySelector("#more");
    this.#more.addEventListener("click", () => this.#load());
    root.querySelector("#filter").addEventListener("input", debounced(() => this.start(), 200));
  }

  /** Show the list from its beginning. */
  async start() {
    this.#loading?.abort();
    this.#loading = null;
    this.#next = 0;
    this.#more.hidden = true;
    this.#wall.setAttribute("aria-busy", "true");
    await this.#load();
  }

  /**
   * The images before and after one in the list.
   *
   * @returns {previous, next, position, total}: names or null, and the place from 1 on, or null if it is not known
   */
  async neighbours(name) {
    const names = [...this.known.values()].filter((image) => !image.reason).map((image) => image.name);
    const index = names.indexOf(name);
    const found = index >= 0;
    return {
      previous: (found && names[index - 1]) || null,
      next: (found && names[index + 1]) || null,
      position: found ? index + 1 : null,
      total: names.length,
    };
  }

  /** Bring the thumbnail of an image into the window, and the keyboard focus to it. */
  reveal(name) {
    const link = [...this.#wall.querySelectorAll("a")].find((each) => each.dataset.name === name);
    link?.focus({ preventScroll: true });
    link?.scrollIntoView({ block: "nearest" });
  }

  async #load() {
    if (this.#loading) {
      return;
    }
    const first = this.#next === 0;
    const request = (this.#loading = new AbortController());
    try {
      this.#show(await this.#fetch(request.signal), first);
    } catch (error) {
      if (error.name !== "AbortError") {
        this.#say(`The list of images could not be loaded: ${error.message}`);
      }
    } finally {
      if (this.#loading === request) {
        this.#loading = null;
      }
    }
  }

  async #fetch(signal) {
    const filter = this.root.querySelector("#filter").value.trim();
    const wanted = new URLSearchParams({ offset: this.#next, ...(filter && { filter }) });
    const answer = await fetch(new URL(`viewer/images.json?${wanted}`, document.baseURI), { signal });
    if (!answer.ok) {
      throw new Error(await answer.text());
    }
    return answer.json();
  }

  #show(list, first) {
    const items = list.images.map((image) => (image.reason ? unreadable(image) : card(image)));
    list.images.forEach((image) => this.known.set(image.name, image));
    this.maxExport = list.max_export;
    if (first) {
      this.#wall.replaceChildren(...items);
    } else {
      this.#wall.append(...items);
    }
    this.#wall.removeAttribute("aria-busy");
    this.#next = list.next ?? 0;
    this.#more.hidden = list.next === null;
    this.root.querySelector("#server").textContent = list.server;
    this.#tell(list);
    this.#watchEnd();
  }

  #tell({ total, complete }) {
    const filtered = this.root.querySelector("#filter").value.trim() !== "";
    const images = `${complete || filtered ? "" : "the first "}${count(total)} ${total === 1 ? "image" : "images"}`;
    this.root.querySelector("#count").textContent = total ? `${images}${filtered ? " found" : ""}` : "";
    this.#say(total ? "" : filtered ? "No name contains these words." : "There are no images in this folder yet.");
  }

  #say(text) {
    const notice = this.root.querySelector("#nothing");
    notice.textContent = text;
    notice.hidden = !text;
  }

  /** Load the next part when the button comes near the window; keyboard users can still press it. */
  #watchEnd() {
    this.observer ??= new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && this.#load(),
      { rootMargin: "600px" },
    );
    this.observer.unobserve(this.#more);
    if (!this.#more.hidden) {
      this.observer.observe(this.#more);
    }
  }
}

function card(image) {
  const item = element("li");
  const ratio = Math.min(MAX_RATIO, Math.max(MIN_RATIO, image.width / image.height));
  item.style.setProperty("--ratio", ratio.toFixed(4));
  const link = element(
    "a",
    { href: `#${new URLSearchParams({ image: image.name, source: "iiif" })}` },
    picture(image, ratio),
    caption(image, `${pixels(image)} · ${formatName(image)} · ${levels(image)}`),
  );
  link.dataset.name = image.name;
  item.append(link);
  return item;
}

export const levels = ({ levels }) => (levels === 1 ? "1 level" : `${levels} levels`);

function picture(image, ratio) {
  const longest = Math.max(image.width, image.height);
  const wide = (side) => Math.max(1, Math.round((side * image.width) / longest));
  const made = element("img", { alt: "", loading: "lazy", decoding: "async" });
  made.width = wide(360);
  made.height = Math.max(1, Math.round((360 * image.height) / longest));
  made.sizes = `${Math.round(ratio * USUAL_HEIGHT)}px`;
  const sides = SIDES.filter((side, index) => index === 0 || side <= longest);
  made.srcset = sides.map((side) => `${thumbnail(image.name, side)} ${wide(side)}w`).join(", ");
  made.src = thumbnail(image.name, 360);
  made.addEventListener("error", () => made.replaceWith(element("span", { className: "blank" }, "No preview")));
  return made;
}

function unreadable(image) {
  const item = element("li", { className: "unreadable" });
  item.style.setProperty("--ratio", "1.4");
  const blank = element("span", { className: "blank" }, "Cannot be shown");
  item.append(element("div", {}, blank, caption(image, image.reason)));
  return item;
}

function caption(image, text) {
  const parts = image.name.split("/");
  const file = parts.pop();
  const folder = parts.length ? element("span", { className: "folder" }, `${parts.join(" / ")} /`) : "";
  return element(
    "div",
    { className: "caption" },
    element("strong", { title: image.name }, file),
    folder,
    element("small", {}, text),
  );
}

function debounced(action, milliseconds) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, milliseconds);
  };
}
