// The addresses of what is on the screen, each with a copy button.

import * as addresses from "./addresses.js";
import { none } from "./adjustments.js";
import { count, element } from "./gallery.js";

/** Longest side of a picture of the part in view. */
const VIEW_SIDE = 2000;
/** Rows: title, note and whether the address is complete without a suffix. */
const ROWS = {
  iiif: ["IIIF", "for OpenSeadragon, OpenLayers, Leaflet"],
  manifest: ["IIIF manifest", "for Mirador, Universal Viewer"],
  deepzoom: ["DeepZoom", "for OpenSeadragon"],
  zoomify: ["Zoomify", "for OpenLayers, Leaflet"],
  iip: ["IIP", "add commands to it", false],
  whole: ["Whole image", ""],
  view: ["Part in view", ""],
  link: ["Link to this view", "in this page"],
};

export class Panel {
  #root;
  #image = null;
  #limit = null;

  constructor(root) {
    this.#root = root;
    const rows = Object.entries(ROWS).map(([key, texts]) => row(key, ...texts));
    root.querySelector("#addresses").replaceChildren(...rows);
  }

  get shown() {
    return !this.#root.hidden;
  }

  set shown(value) {
    this.#root.hidden = !value;
  }

  /** The button that closes it. */
  get closer() {
    return this.#root.querySelector("#close-panel");
  }

  /**
   * @param image name, width and height
   * @param limit longest side of an export in pixels, null for none
   */
  fill({ name, width, height }, limit) {
    this.#image = { name, width, height };
    this.#limit = limit;
  }

  /** Show nothing until the image is known. */
  clear() {
    this.#image = null;
    Object.keys(ROWS).forEach((key) => this.#set(key, ""));
  }

  /** Follow the screen: `region` in pixels of the full size, adjustments as in adjustments.js. */
  follow(region, adjustments) {
    const image = this.#image;
    if (!image) {
      return;
    }
    const side = Math.min(this.#limit ?? Infinity, Math.max(image.width, image.height));
    const inView = Math.min(VIEW_SIDE, this.#limit ?? Infinity);
    const all = {
      ...addresses.described(image.name, adjustments),
      manifest: addresses.manifest(image.name),
      whole: addresses.picture(image, { side, adjustments }),
      view: addresses.picture(image, { region, side: inView, adjustments }),
      link: location.href,
    };
    Object.entries(all).forEach(([key, address]) => this.#set(key, address));
    const shown = Math.min(inView, Math.max(region.width, region.height));
    this.#say("whole", `JPEG, ${count(side)} pixels long`);
    this.#say("view", `JPEG, ${count(shown)} pixels long`);
    const { turn: _, ...adjusted } = adjustments;
    this.#root.querySelector("#adjusted").hidden = none(adjusted);
  }

  #set(key, address) {
    const link = this.#part(key, ".address");
    link.textContent = address;
    if (link.localName === "a") {
      link.href = address;
    }
  }

  #say(key, note) {
    this.#part(key, "small").textContent = note;
  }

  #part(key, selector) {
    return this.#root.querySelector(`#address-${key} ${selector}`);
  }
}

function row(key, title, note, leads = true) {
  const link = leads
    ? element("a", { className: "address", target: "_blank", rel: "noopener" })
    : element("span", { className: "address" });
  const button = copier(`Copy the ${title} address`, () => link.textContent);
  const heading = element("div", {}, element("strong", {}, title), " ", element("small", {}, note));
  return element("li", { id: `address-${key}` }, heading, button, link);
}

/** A button that copies a text; `label` is what screen readers say. */
export function copier(label, text) {
  const button = element("button", { type: "button", className: "copy" }, "Copy");
  button.setAttribute("aria-label", label);
  button.addEventListener("click", () => copy(text(), button));
  return button;
}

export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyBySelection(text);
  }
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 1500);
}

/** The clipboard API exists only over https and on localhost; the older way works everywhere. */
function copyBySelection(text) {
  const field = element("textarea", { value: text, className: "unseen" });
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}
