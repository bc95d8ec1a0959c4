// What is known about the open image: what its file says of itself, how it is stored, and pages about it.

import * as addresses from "./addresses.js";
import { element, fileSize, formatName, levels, megapixels, pixels } from "./gallery.js";

const LANGUAGES = [...navigator.languages.map((language) => language.split("-")[0]), "en", "none"];

export class About {
  #root;
  #image = null;
  /** Of the image whose manifest is shown or on its way. */
  #described = null;

  constructor(root) {
    this.#root = root;
  }

  get shown() {
    return !this.#root.hidden;
  }

  set shown(value) {
    this.#root.hidden = !value;
    if (value) {
      this.#describe();
    }
  }

  /** The button that closes it. */
  get closer() {
    return this.#root.querySelector("#close-about");
  }

  /** @param image as the server describes it; at first perhaps only its name, width and height */
  fill(image) {
    this.#image = image;
    this.#part("properties").replaceChildren(...list(properties(image)));
    const manifest = addresses.manifest(image.name);
    const viewer = image.mirador ? addresses.mirador(image.name) : `${manifest}?manifest=${manifest}`;
    this.#part("manifest").href = manifest;
    this.#part("drag").href = viewer;
    this.#part("mirador").hidden = !image.mirador;
    this.#part("mirador").href = viewer;
    if (this.shown) {
      this.#describe();
    }
  }

  /** Show nothing until the image is known. */
  clear() {
    this.#image = this.#described = null;
    this.#root.querySelectorAll("dl").forEach((each) => each.replaceChildren());
    this.#part("title").textContent = this.#part("summary").textContent = this.#part("rights").textContent = "";
  }

  /** Follow the page or layer that is shown, an index. */
  follow(layer) {
    if (this.#image) {
      this.#part("doctor").href = addresses.doctor(this.#image.name, layer);
    }
  }

  async #describe() {
    const name = this.#image?.name;
    if (!name || name === this.#described) {
      return;
    }
    this.#described = name;
    this.#show({});
    try {
      const answer = await fetch(addresses.manifest(name));
      const found = answer.ok ? await answer.json() : { summary: { none: [await answer.text()] } };
      if (this.#image?.name === name) {
        this.#described = answer.ok ? name : null;
        this.#show(found);
      }
    } catch {
      if (this.#image?.name === name) {
        this.#described = null;
        this.#part("summary").textContent = "What the file says of itself could not be loaded.";
      }
    }
  }

  #show({ label, summary, metadata = [], requiredStatement, rights }) {
    this.#part("title").textContent = text(label);
    this.#part("summary").textContent = text(summary);
    const entries = metadata.map(({ label, value }) => [text(label), text(value)]);
    this.#part("metadata").replaceChildren(...list(entries));
    this.#part("rights").replaceChildren(...statement(requiredStatement, rights));
  }

  #part(name) {
    return this.#root.querySelector(`#about-${name}`);
  }
}

/** The text of a language map of IIIF, in the language that is read best. */
function text(values) {
  const known = Object.keys(values ?? {});
  const language = LANGUAGES.find((each) => known.includes(each)) ?? known[0];
  return language === undefined ? "" : values[language].join("; ");
}

function statement(required, rights) {
  const said = required ? text(required.value) : "";
  const link = rights && element("a", { href: rights, target: "_blank", rel: "noopener license" }, rights);
  return [said === rights || !said ? "" : said, said && link && said !== rights ? " " : "", link ?? ""];
}

const list = (entries) =>
  entries.flatMap(([term, value]) => [element("dt", {}, term), element("dd", {}, value)]);

function properties(image) {
  const facts = [["Name", image.name], ["Size", `${pixels(image)} pixels, ${megapixels(image)}`]];
  if (image.layers?.length) {
    facts.push(["Pages", String(image.layers.length)]);
  }
  if (image.resolution) {
    const [across, down] = image.resolution;
    const inches = across === down ? round(across) : `${round(across)} × ${round(down)}`;
    const centimetres = [image.width / across, image.height / down].map((side) => round(side * 2.54));
    facts.push(["Original", `${centimetres.join(" × ")} cm, at ${inches} pixels per inch`]);
  }
  if (image.format) {
    facts.push(
      ["Format", `${formatName(image)}, ${fileSize(image.bytes)}`],
      ["Pyramid", `${levels(image)}, tiles of ${image.tile.join(" × ")}`],
      ["Samples", `${image.bands === 1 ? "1 band" : `${image.bands} bands`} of ${image.samples}`],
    );
  }
  return facts;
}

const round = (number) => Number(number.toPrecision(3)).toLocaleString("en");
