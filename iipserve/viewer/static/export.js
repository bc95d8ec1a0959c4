// What is on the screen as a file: its format, the part of the image and the size can be chosen.

import * as addresses from "./addresses.js";
import { turned } from "./adjustments.js";
import { element, pixels } from "./gallery.js";
import { copy } from "./panel.js";

const TITLES = { jpeg: "JPEG", webp: "WebP", jxl: "JPEG XL", jp2: "JPEG 2000" };

export class Export {
  #root;
  #fields;
  #image = null;
  #limit = null;
  #adjustments = {};
  /** The part in view, in pixels of the full size. */
  #region = null;
  /** Pixels of the screen for each pixel of the image. */
  #scale = 1;

  constructor(root) {
    this.#root = root;
    this.#fields = root.elements;
    root.addEventListener("submit", (event) => event.preventDefault());
    root.addEventListener("input", () => this.#refresh());
    const button = root.querySelector("#copy-export");
    button.addEventListener("click", () => copy(root.querySelector("#export").href, button));
  }

  /**
   * @param image as the server describes it, with the formats that it writes
   * @param limit longest side of an export in pixels, null for none
   */
  offer(image, limit) {
    this.#image = image;
    this.#limit = limit;
    this.#region = null;
    const { format } = this.#fields;
    const chosen = format.value;
    const options = image.formats.map(({ name }) => element("option", { value: name }, TITLES[name] ?? name.toUpperCase()));
    format.replaceChildren(...options);
    format.value = image.formats.some(({ name }) => name === chosen) ? chosen : image.formats[0].name;
    this.#refresh();
  }

  adjust(adjustments) {
    this.#adjustments = adjustments;
    this.#refresh();
  }

  follow(region, scale) {
    this.#region = region;
    this.#scale = scale;
    this.#refresh();
  }

  #refresh() {
    const image = this.#image;
    if (!image) {
      return;
    }
    const { part, size, width } = this.#fields;
    width.closest(".row").hidden = size.value !== "own";
    const region = part.value === "view" ? this.#region : null;
    const options = { region, width: this.#width(region ?? image), limit: this.#limitOf(image), adjustments: this.#adjustments };
    const address = addresses.exported(image, { ...options, format: this.#fields.format.value });
    const link = this.#root.querySelector("#export");
    link.href = link.textContent = this.#root.querySelector("#download").href = address;
    this.#root.querySelector("#export-size").textContent = `${pixels(this.#turned(addresses.exportedSize(image, options)))} pixels`;
  }

  /** The width before it is turned, in pixels; null for the largest. */
  #width(part) {
    const { size, width } = this.#fields;
    const widths = { full: null, screen: Math.round(part.width * this.#scale), half: Math.round(part.width / 2) };
    if (size.value !== "own") {
      return widths[size.value];
    }
    const asked = width.valueAsNumber >= 1 ? Math.round(width.valueAsNumber) : null;
    const { degrees } = turned(this.#adjustments);
    return asked && degrees % 180 ? Math.round((asked * part.width) / part.height) : asked;
  }

  #turned({ width, height }) {
    return turned(this.#adjustments).degrees % 180 ? { width: height, height: width } : { width, height };
  }

  /** Longest side that the server and the format allow; null for any. */
  #limitOf(image) {
    const side = image.formats.find(({ name }) => name === this.#fields.format.value)?.max_side;
    const limits = [this.#limit, side].filter(Boolean);
    return limits.length ? Math.min(...limits) : null;
  }
}
