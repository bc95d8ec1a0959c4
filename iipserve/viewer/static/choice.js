// The panel in which a second image is chosen: those of the gallery, or those whose names have some words.

import { element, pixels } from "./gallery.js";
import { thumbnail } from "./addresses.js";

const PATIENCE = 250;
const MAX_LISTED = 60;

export class Choice {
  /** Called with the name of the image that is chosen. */
  onchoose = () => {};
  #root;
  #gallery;
  /** Name of the first image, which is not offered. */
  #first = null;
  #timer = null;

  constructor(root, gallery) {
    this.#root = root;
    this.#gallery = gallery;
    this.#field.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#list(), PATIENCE);
    });
  }

  get shown() {
    return !this.#root.hidden;
  }

  set shown(value) {
    this.#root.hidden = !value;
    if (value) {
      this.#list();
    }
  }

  /** The button that closes it. */
  get closer() {
    return this.#root.querySelector("#close-choice");
  }

  /** Offer images for one that is open. */
  fill(name) {
    this.#first = name;
    if (this.shown) {
      this.#list();
    }
  }

  get #field() {
    return this.#root.querySelector("#choice-filter");
  }

  async #list() {
    const words = this.#field.value.trim();
    const isWanted = () => words === this.#field.value.trim();
    try {
      const images = await this.#images(words);
      if (isWanted()) {
        this.#show(images);
      }
    } catch {
      if (isWanted()) {
        this.#say("The list of images could not be loaded.");
      }
    }
  }

  /** The images of the gallery as far as it has listed them, or those with some words in their names. */
  async #images(words) {
    if (!words && this.#gallery.known.size > 1) {
      return [...this.#gallery.known.values()];
    }
    const wanted = new URLSearchParams({ limit: MAX_LISTED, ...(words && { filter: words }) });
    const answer = await fetch(new URL(`viewer/images.json?${wanted}`, document.baseURI));
    return (await answer.json()).images;
  }

  #show(images) {
    const offered = images.filter((image) => !image.reason && image.name !== this.#first).slice(0, MAX_LISTED);
    this.#root.querySelector("#choices").replaceChildren(...offered.map((image) => this.#item(image)));
    this.#say(offered.length ? "" : "There is no other image with these words in its name.");
  }

  #item(image) {
    const picture = element("img", { src: thumbnail(image.name, 120), alt: "", loading: "lazy", width: 60, height: 60 });
    const texts = element("span", {}, element("strong", {}, image.name), element("small", {}, pixels(image)));
    const button = element("button", { type: "button" }, picture, texts);
    button.addEventListener("click", () => this.onchoose(image.name));
    return element("li", {}, button);
  }

  #say(text) {
    this.#root.querySelector("#no-choice").textContent = text;
  }
}
