// How often each sample occurs, behind the samples that are shown black and white, which can be moved on it.

import { histogram } from "./addresses.js";
import { count } from "./gallery.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 256;
const HEIGHT = 64;
/** Part of the bins that reach the top, so that a background of one color does not press down all others. */
const PEAKS = 0.01;
const COLORS = ["red", "green", "blue"];
/** Samples that decode to eight bits: there is a bin for each value. */
const BYTES = /^[1-8]-bit integer$/;

export class Histogram {
  #root;
  #black;
  #white;
  /** Address of what is shown or on its way. */
  #shown = "";
  /** Least and greatest sample of the axis; null while nothing is shown. */
  #range = null;
  #isWhole = true;
  /** The field that a pointer moves. */
  #moved = null;

  /** @param fields {black, white}: of the samples; an edit is an event of these */
  constructor(root, { black, white }) {
    this.#root = root;
    this.#black = black;
    this.#white = white;
    const svg = root.querySelector("svg");
    svg.addEventListener("pointerdown", (event) => this.#take(event));
    svg.addEventListener("pointermove", (event) => this.#moved && this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) {
      svg.addEventListener(end, () => this.#leave());
    }
  }

  /** Show that of an image; nothing where the server gives none. */
  async show(image, adjustments) {
    const address = histogram(image.name, adjustments);
    if (address === this.#shown) {
      return;
    }
    this.clear();
    this.#shown = address;
    try {
      const answer = await fetch(address);
      // read in any case: an answer that nobody reads keeps its connection
      const text = await answer.text();
      const known = answer.ok ? JSON.parse(text) : null;
      if (known && address === this.#shown) {
        this.#draw(known, image);
      }
    } catch {
      if (address === this.#shown) {
        this.#shown = "";
      }
    }
  }

  clear() {
    this.#shown = "";
    this.#range = null;
    this.#root.hidden = true;
  }

  /** Mark the samples of the two fields. */
  mark() {
    if (!this.#range) {
      return;
    }
    const [black, white] = this.#values().map((value) => this.#position(value));
    const set = (selector, attributes) =>
      Object.entries(attributes).forEach(([name, value]) =>
        this.#root.querySelector(selector).setAttribute(name, value),
      );
    const [left, right] = black < white ? [black, white] : [white, black];
    set(".below", { x: 0, width: left });
    set(".above", { x: right, width: WIDTH - right });
    set(".black", { x1: black, x2: black });
    set(".white", { x1: white, x2: white });
  }

  #draw({ bands }, image) {
    const known = bands.slice(0, image.bands === 3 ? 3 : 1).filter(({ minimum }) => minimum !== null);
    const isByte = BYTES.test(image.samples);
    const [low, high] = isByte
      ? [0, 255]
      : [Math.min(...known.map(({ minimum }) => minimum)), Math.max(...known.map(({ maximum }) => maximum))];
    if (!known.length || !(high > low)) {
      return;
    }
    this.#range = [low, high];
    this.#isWhole = image.samples.includes("integer") || image.samples.includes("signed");
    const paths = known.map((band, index) => {
      const [from, to] = isByte ? this.#range : [band.minimum, band.maximum];
      return path(band.counts, this.#position(from), this.#position(to), known.length === 3 ? COLORS[index] : "gray");
    });
    this.#root.querySelector(".bands").replaceChildren(...paths);
    this.#root.querySelector("svg").setAttribute("aria-label", `Histogram of the samples from ${label(low)} to ${label(high)}`);
    this.#root.querySelector(".low").textContent = label(low);
    this.#root.querySelector(".high").textContent = label(high);
    this.#root.hidden = false;
    this.mark();
  }

  /** The samples shown black and white: those of the fields, or else the ends. */
  #values() {
    const value = (field, end) => (Number.isFinite(field.valueAsNumber) ? field.valueAsNumber : end);
    return [value(this.#black, this.#range[0]), value(this.#white, this.#range[1])];
  }

  #position(sample) {
    const [low, high] = this.#range;
    return Math.min(WIDTH, Math.max(0, ((sample - low) / (high - low)) * WIDTH));
  }

  /** Take the nearer of the two marks. */
  #take(event) {
    event.preventDefault();
    event.currentTarget.setPointerCapture(event.pointerId);
    const sample = this.#sample(event);
    const [black, white] = this.#values();
    this.#moved = Math.abs(sample - black) <= Math.abs(sample - white) ? this.#black : this.#white;
    if (this.#black.value === "" || this.#white.value === "") {
      [this.#black.value, this.#white.value] = [black, white].map((value) => this.#rounded(value));
    }
    this.#move(event);
  }

  #move(event) {
    this.#moved.value = this.#rounded(this.#sample(event));
    this.#moved.dispatchEvent(new Event("input", { bubbles: true }));
  }

  #leave() {
    this.#moved?.dispatchEvent(new Event("change", { bubbles: true }));
    this.#moved = null;
  }

  #sample(event) {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    const [low, high] = this.#range;
    return low + Math.min(1, Math.max(0, (event.clientX - left) / width)) * (high - low);
  }

  #rounded(sample) {
    return this.#isWhole ? Math.round(sample) : Number(sample.toPrecision(4));
  }
}

const label = (sample) => (Number.isInteger(sample) ? count(sample) : String(Number(sample.toPrecision(4))));

/** The outline of the counts between two places of the axis; heights are square roots, so that rare samples show. */
function path(counts, from, to, color) {
  const heights = counts.map(Math.sqrt);
  const sorted = [...heights].sort((one, other) => other - one);
  const top = sorted[Math.floor(sorted.length * PEAKS)] || sorted[0] || 1;
  const step = (to - from) / counts.length;
  const steps = heights.map((height, index) => {
    const y = (HEIGHT * (1 - Math.min(1, height / top))).toFixed(2);
    return `L${(from + index * step).toFixed(2)} ${y}H${(from + (index + 1) * step).toFixed(2)}`;
  });
  const drawn = document.createElementNS(SVG, "path");
  drawn.setAttribute("class", color);
  drawn.setAttribute("d", `M${from.toFixed(2)} ${HEIGHT}${steps.join("")}V${HEIGHT}Z`);
  return drawn;
}
