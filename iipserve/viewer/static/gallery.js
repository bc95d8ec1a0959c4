// The wall of thumbnails: the folders and images in a folder, or the images found below it, loaded as one scrolls.

import { element, folderCard, imageCard, placeholders, several } from "./cards.js";
import { pauseOf, whenBack } from "./network.js";

export { count, element, fileSize, formatName, levels, megapixels, pixels } from "./cards.js";

const NOBODY = { previous: null, next: null, position: null, total: 0 };
const PART = 60;
/** Loaded where the window is not at the beginning of the list. */
const PART_AROUND = 200;
/** Of the window, loaded before it is seen. */
const MARGIN = "600px";

export class Gallery {
  /** Descriptions of the images shown so far, by name. */
  known = new Map();
  /** Longest side of an export in pixels; null is no limit. */
  maxExport = null;
  /** Called with the text of the filter when it has been changed. */
  onfilter = () => {};
  /** Called when the window has moved over the wall, some time after it. */
  onmove = () => {};
  /** The folder that is shown, and the words that names must contain; empty: all. */
  place = { folder: "", filter: "" };
  /** Returns the fragment of the address of {folder, filter, image}; set by the page. */
  fragment = () => "";
  #folders;
  #wall;
  #more;
  #earlier;
  #begin = 0;
  #next = null;
  #loading = null;
  #ready = null;

  constructor(root) {
    this.root = root;
    this.#folders = this.#find("folders");
    this.#wall = this.#find("images");
    this.#more = this.#find("more");
    this.#earlier = this.#find("earlier");
    this.#more.addEventListener("click", () => this.#extend());
    this.#earlier.addEventListener("click", () => this.#extendUp());
    this.#find("again").addEventListener("click", () => this.#start());
    const filter = this.#find("filter");
    filter.addEventListener("input", debounced(() => this.onfilter(filter.value.trim()), 200));
    addEventListener("scroll", debounced(() => this.#wall.hasAttribute("aria-busy") || this.onmove(), 300), { passive: true });
    this.#watchEnds();
  }

  /**
   * Show a folder, or what is found below it; nothing is loaded if it is there already.
   *
   * @param anchor as of `anchor`: what to bring where; null for the beginning
   */
  async show({ folder, filter }, anchor = null) {
    const isSame = folder === this.place.folder && filter === this.place.filter;
    if (!isSame || !this.#ready) {
      this.place = { folder, filter };
      this.#title();
      this.#ready = this.#start(anchor);
    } else if (anchor) {
      await this.#ready;
      this.#bring(anchor);
    }
    await this.#ready;
  }

  /** The first card in the window and its distance from the upper edge, as {key, top}; null at the beginning. */
  get anchor() {
    return scrollY < 1 ? null : this.#first();
  }

  /** Bring the card of an image into the window, and the keyboard focus to it. */
  async reveal(name) {
    await this.#ready;
    if (!this.#card(name)) {
      await this.#start({ key: name, top: innerHeight / 3 });
    }
    const card = this.#card(name);
    card?.querySelector("a")?.focus({ preventScroll: true });
    card?.scrollIntoView({ block: "nearest" });
  }

  /**
   * The images before and after one in the list that is shown; if it is not in it, in its own folder.
   *
   * @returns {previous, next, position, total}: names or null, and the place from 1 on, or null if it is not known
   */
  async neighbours(name) {
    try {
      const answer = await fetch(this.#address("neighbours.json", { name }));
      // read in any case: an answer that nobody reads keeps its connection
      const text = await answer.text();
      return answer.ok ? JSON.parse(text) : NOBODY;
    } catch {
      return NOBODY;
    }
  }

  #address(file, parameters) {
    const { folder, filter } = this.place;
    const wanted = new URLSearchParams({ ...parameters, ...(folder && { folder }), ...(filter && { filter }) });
    return new URL(`viewer/${file}?${wanted}`, document.baseURI);
  }

  // -- loading ---------------------------------------------------------------------------------------

  async #start(anchor = null) {
    this.#loading?.abort();
    this.#begin = 0;
    this.#next = null;
    this.#more.hidden = this.#earlier.hidden = true;
    this.#say("");
    this.#wait();
    const around = anchor ? { around: anchor.key, limit: PART_AROUND } : { limit: PART };
    const list = await this.#load(around);
    if (list) {
      this.#begin = list.offset;
      this.#next = list.next;
      this.#folders.replaceChildren(...this.#folderCards(list));
      this.#wall.replaceChildren(...this.#imageCards(list));
      this.#wall.removeAttribute("aria-busy");
      this.#tell(list);
      this.#showEnds();
      scrollTo(0, 0);
      this.#bring(anchor);
    }
  }

  /** What is shown until the list is there: the former one, dimmed, or placeholders. */
  #wait() {
    this.#wall.setAttribute("aria-busy", "true");
    if (this.#wall.dataset.place !== this.place.folder) {
      this.#folders.replaceChildren();
      this.#wall.replaceChildren(...placeholders());
    }
    this.#wall.dataset.place = this.place.folder;
    this.#find("count").textContent = "Loading …";
  }

  async #extend() {
    const list = this.#next === null ? null : await this.#load({ offset: this.#next, limit: PART }, this.#more);
    if (list) {
      this.#next = list.next;
      this.#folders.append(...this.#folderCards(list));
      this.#wall.append(...this.#imageCards(list));
      this.#showEnds();
    }
  }

  async #extendUp() {
    const offset = Math.max(0, this.#begin - PART);
    const list = offset === this.#begin ? null : await this.#load({ offset, limit: this.#begin - offset }, this.#earlier);
    if (list) {
      const anchor = this.#first();
      this.#begin = offset;
      this.#folders.prepend(...this.#folderCards(list));
      this.#wall.prepend(...this.#imageCards(list));
      this.#showEnds();
      this.#bring(anchor);
    }
  }

  /** A part of the list; null if another one is wanted by now, or if it could not be loaded, which is told then. */
  async #load(part, button = null) {
    if (button && this.#loading) {
      return null;
    }
    const request = (this.#loading = new AbortController());
    button?.classList.add("busy");
    try {
      const answer = await fetch(this.#address("images.json", part), { signal: request.signal });
      if (!answer.ok) {
        throw new Refused((await answer.text()).trim(), pauseOf(answer));
      }
      const list = await answer.json();
      this.maxExport = list.max_export;
      list.images.forEach((image) => image.reason || this.known.set(image.name, image));
      return list;
    } catch (error) {
      if (error.name !== "AbortError") {
        this.#failed(error, button);
      }
      return null;
    } finally {
      button?.classList.remove("busy");
      if (this.#loading === request) {
        this.#loading = null;
      }
    }
  }

  #failed(error, button) {
    if (button && error.pause) {
      setTimeout(() => this.#watchEnds(), error.pause * 1000);
    } else if (error instanceof Refused) {
      this.#clear(`This folder cannot be shown: ${error.message}`);
    } else if (button) {
      whenBack(() => button.isConnected && this.#watchEnds());
    } else {
      this.#clear("The server cannot be reached. The images are shown as soon as it can.", true);
      whenBack(() => this.#find("again").hidden || this.#start());
    }
  }

  #clear(text, again = false) {
    this.#wall.removeAttribute("aria-busy");
    this.#folders.replaceChildren();
    this.#wall.replaceChildren();
    this.#find("count").textContent = "";
    this.#say(text, again);
  }

  // -- showing ---------------------------------------------------------------------------------------

  #folderCards({ folder, folders }) {
    const path = (name) => (folder ? `${folder}/${name}` : name);
    return folders.map((each) =>
      folderCard(each, `#${this.fragment({ folder: path(each.name) })}`),
    );
  }

  #imageCards({ images }) {
    const base = this.place.folder ? `${this.place.folder}/` : "";
    return images.map((each) => imageCard(each, `#${this.fragment({ ...this.place, image: each.name })}`, base));
  }

  #tell({ total, folders_total: folders, complete, collection, server }) {
    const { filter, folder } = this.place;
    const parts = [];
    if (folders) {
      parts.push(several(folders, "folder"));
    }
    if (total || folders === 0) {
      parts.push(`${complete ? "" : "the first "}${several(total, "image")}${filter ? " found" : ""}`);
    }
    this.#find("count").textContent = total || folders ? parts.join(" · ") : "";
    this.#find("server").textContent = server;
    this.#find("folders").hidden = !folders;
    const link = this.#find("collection");
    link.hidden = !collection;
    link.href = `iiif/collection/${folder.split("/").map(encodeURIComponent).join("/")}`;
    const nothing = filter ? "No name contains these words." : "There are no images in this folder yet.";
    this.#say(total || folders ? "" : nothing);
  }

  #title() {
    const { folder, filter } = this.place;
    const parts = folder ? folder.split("/") : [];
    this.#find("title").textContent = parts.at(-1) ?? "Images";
    const above = parts.map((_, depth) => parts.slice(0, depth).join("/"));
    const links = above.map((path) =>
      element("li", {}, element("a", { href: `#${this.fragment({ folder: path })}` }, path.split("/").at(-1) || "Images")),
    );
    this.#find("path").hidden = !folder;
    this.#find("path").querySelector("ol").replaceChildren(...links);
    const field = this.#find("filter");
    if (field.value.trim() !== filter) {
      field.value = filter;
    }
    field.placeholder = folder ? "Filter this folder" : "Filter by name";
  }

  #say(text, again = false) {
    const notice = this.#find("nothing");
    notice.hidden = !text;
    notice.querySelector("span").textContent = text;
    this.#find("again").hidden = !again;
  }

  /** Load the next part when a button comes near the window; keyboard users can still press it. */
  #watchEnds() {
    this.observer?.disconnect();
    this.observer = new IntersectionObserver(
      (entries) =>
        entries.forEach(({ isIntersecting, target }) => {
          if (isIntersecting) {
            (target === this.#more ? this.#extend() : this.#extendUp());
          }
        }),
      { rootMargin: MARGIN },
    );
    [this.#more, this.#earlier].forEach((button) => button.hidden || this.observer.observe(button));
  }

  #showEnds() {
    this.#more.hidden = this.#next === null;
    this.#earlier.hidden = this.#begin === 0;
    this.#watchEnds();
  }

  #bring(anchor) {
    const card = anchor && this.#card(anchor.key);
    if (card) {
      scrollBy(0, card.getBoundingClientRect().top - anchor.top);
    }
  }

  /** As `anchor`, also at the beginning. */
  #first() {
    const card = [...this.#cards()].find((each) => each.getBoundingClientRect().bottom > 0);
    return card ? { key: card.dataset.key, top: card.getBoundingClientRect().top } : null;
  }

  *#cards() {
    yield* this.#folders.children;
    yield* this.#wall.children;
  }

  #card(key) {
    return this.root.querySelector(`[data-key="${CSS.escape(key)}"]`);
  }

  #find(id) {
    return this.root.querySelector(`#${id}`);
  }
}

/** The server's words about a list that it does not give; `pause` as of `pauseOf`. */
class Refused extends Error {
  constructor(words, pause) {
    super(words);
    this.pause = pause;
  }
}

function debounced(action, milliseconds) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, milliseconds);
  };
}
