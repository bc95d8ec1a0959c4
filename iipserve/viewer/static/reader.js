// One image over the whole window: the stage, the switch between protocols, and the two panels.

import { none, same, turned } from "./adjustments.js";
import { Controls } from "./controls.js";
import { formatName, levels, pixels } from "./gallery.js";
import { Panel } from "./panel.js";
import { describe, LABELS, MissingOpenSeadragon, SOURCES } from "./sources.js";
import { Stage } from "./stage.js";

const WRITTEN_IN = "input:not([type=range], [type=radio], [type=checkbox]), select";

export class Reader {
  /** Called with {name, source, view, adjustments} when any of them has changed. */
  onchange = () => {};
  /** Called when the image is to be closed. */
  onleave = () => {};
  #root;
  #gallery;
  #stage;
  #panels;
  #controls;
  #image = null;
  #name = null;
  #source = null;
  #adjustments = {};
  #turn = 0;
  #failed = 0;
  #reason = "";
  #opener = null;

  constructor(root, gallery) {
    this.#root = root;
    this.#gallery = gallery;
    this.#stage = new Stage(this.#find("stage"));
    this.#controls = new Controls(this.#find("controls"));
    this.#panels = { details: new Panel(this.#find("panel")), adjust: this.#controls };
    this.#find("back").addEventListener("click", () => this.onleave());
    this.#find("details").addEventListener("click", () => this.#togglePanel("details"));
    this.#find("adjust").addEventListener("click", () => this.#togglePanel("adjust"));
    this.#find("close-panel").addEventListener("click", () => this.#togglePanel("details"));
    this.#find("close-controls").addEventListener("click", () => this.#togglePanel("adjust"));
    this.#find("sources").addEventListener("change", (event) => this.#switch(event.target.value));
    this.#find("alert").querySelector("button").addEventListener("click", () => this.#tell());
    this.#find("zoom-in").addEventListener("click", () => this.#stage.zoomBy(2));
    this.#find("zoom-out").addEventListener("click", () => this.#stage.zoomBy(0.5));
    this.#find("fit").addEventListener("click", () => this.#stage.goTo(null));
    this.#find("full-size").addEventListener("click", () => this.#stage.truePixels());
    this.#controls.onchange = (adjustments) => this.#adjust(adjustments);
    this.#stage.onmove = () => this.#moved();
    this.#stage.onbusy = (busy) => this.#busy(busy);
    this.#stage.onfail = (address) => this.#tileFailed(address);
    this.#stage.onscale = (scale) => this.#showScale(scale * 100);
    // before OpenSeadragon, which handles keys on the canvas
    addEventListener("keydown", (event) => this.#key(event), { capture: true });
  }

  /**
   * Show an image.
   *
   * @param view {x, y, zoom} in OpenSeadragon's units, or null for the whole image
   * @param adjustments as in adjustments.js; they count where the source is IIP
   */
  async open(name, source, view, adjustments) {
    const kind = source in SOURCES ? source : "iiif";
    if (name === this.#name && kind === this.#source && same(adjustments, this.#adjustments)) {
      if (view) {
        this.#stage.goTo(view);
      }
      return;
    }
    if (this.#root.hidden) {
      this.#opener = document.activeElement;
      this.#root.hidden = false;
      this.#gallery.root.inert = true;
      document.documentElement.classList.add("reading");
    }
    const another = name !== this.#name;
    this.#name = name;
    this.#adjustments = adjustments;
    this.#find("name").textContent = name;
    this.#controls.fill(adjustments);
    if (another) {
      this.#describe(this.#gallery.known.get(name) ?? { name });
    }
    await this.#load(kind, another ? view : (view ?? this.#stage.view), { another });
  }

  close() {
    if (this.#root.hidden) {
      return;
    }
    this.#turn += 1;
    this.#stage.clear();
    this.#image = this.#name = this.#source = null;
    this.#adjustments = {};
    Object.keys(this.#panels).forEach((which) => this.#show(which, false));
    this.#tell();
    this.#root.hidden = true;
    this.#gallery.root.inert = false;
    document.documentElement.classList.remove("reading");
    this.#opener?.focus({ preventScroll: true });
  }

  #switch(kind) {
    if (kind !== "iip") {
      this.#show("adjust", false);
    }
    this.#load(kind, this.#stage.view);
  }

  #adjust(adjustments) {
    this.#adjustments = adjustments;
    this.#load("iip", this.#stage.view, { gently: this.#source === "iip" });
  }

  async #load(kind, view, { another = false, gently = false } = {}) {
    const turn = (this.#turn += 1);
    const name = this.#name;
    const isWanted = () => turn === this.#turn;
    this.#source = kind;
    this.#failed = 0;
    this.#reason = "";
    this.#tell();
    this.#find("sources").querySelector(`[value=${kind}]`).checked = true;
    this.#mark();
    this.#busy(true);
    try {
      const [tileSource, image] = await Promise.all([SOURCES[kind](name, this.#adjustments), this.#facts(name)]);
      if (await this.#stage.show(tileSource, { isWanted, gently })) {
        this.#opened(image, view, another);
      }
    } catch (error) {
      if (isWanted()) {
        this.#busy(false);
        this.#refused(error, kind);
      }
    }
  }

  /** The description of the image, requested once. */
  async #facts(name) {
    return this.#image?.name === name ? this.#image : describe(name);
  }

  #opened(image, view, another) {
    this.#describe({ ...image, ...this.#stage.size });
    this.#stage.turn(turned(this.#source === "iip" ? this.#adjustments : {}));
    if (view || another) {
      this.#stage.goTo(view, true);
    }
    if (this.#image?.name !== image.name) {
      this.#controls.offer(image, this.#gallery.maxExport);
    }
    this.#image = image;
    this.#moved();
    if (another) {
      this.#stage.focus();
    }
  }

  /** Show what is known about an image, at first perhaps only its name. */
  #describe(image) {
    const facts = image.width ? [pixels(image)] : [];
    if (image.format) {
      facts.push(formatName(image), levels(image));
    }
    this.#find("facts").textContent = facts.join(" · ");
    if (image.width) {
      this.#panels.details.fill(image, this.#gallery.maxExport);
    } else {
      this.#panels.details.clear();
    }
  }

  #moved() {
    const { region, view } = this.#stage;
    if (region && this.#name) {
      const adjustments = this.#source === "iip" ? this.#adjustments : {};
      this.onchange({ name: this.#name, source: this.#source, view, adjustments });
      this.#panels.details.follow(this.#name, region);
    }
  }

  #showScale(percent) {
    this.#find("scale").textContent = `${percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
  }

  #busy(value) {
    this.#find("progress").classList.toggle("busy", value);
  }

  /** Mark the button while the image is adjusted. */
  #mark() {
    const changed = this.#source === "iip" && !none(this.#adjustments);
    this.#find("adjust").classList.toggle("changed", changed);
  }

  /** Open or close a panel and move the keyboard focus. Adjustments are IIP commands. */
  #togglePanel(which) {
    const shown = !this.#panels[which].shown;
    for (const each of Object.keys(this.#panels)) {
      this.#show(each, each === which && shown);
    }
    const closer = this.#panels[which].closer;
    (shown ? closer : this.#find(which)).focus();
    if (which === "adjust" && shown && this.#source !== "iip") {
      this.#switch("iip");
    }
  }

  #show(which, shown) {
    this.#panels[which].shown = shown;
    this.#find(which).setAttribute("aria-expanded", String(shown));
  }

  #refused(error, kind) {
    const parts = error instanceof MissingOpenSeadragon
      ? [error.message, Object.assign(document.createElement("code"), { textContent: error.command })]
      : [`The image cannot be shown from ${LABELS[kind]}: ${error.message}`];
    this.#tell(...parts);
  }

  /** One message for any number of failed tiles; the reason is requested once, as an image element has none. */
  async #tileFailed(address) {
    this.#failed += 1;
    const tiles = this.#failed === 1 ? "1 tile" : `${this.#failed} tiles`;
    const message = `${tiles} from ${LABELS[this.#source]} could not be loaded.`;
    this.#tell(message, this.#reason);
    if (this.#failed === 1) {
      const turn = this.#turn;
      const reason = await reasonOf(address);
      if (turn === this.#turn) {
        this.#reason = reason;
        this.#tell(message, reason);
      }
    }
  }

  #tell(...parts) {
    const alert = this.#find("alert");
    alert.hidden = parts.length === 0;
    alert.querySelector("p").replaceChildren(...parts.flatMap((part) => [part, " "]));
  }

  #key(event) {
    if (this.#root.hidden || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const action = this.#actions()[event.key];
    if (action && (event.key === "Escape" || !event.target.matches?.(WRITTEN_IN))) {
      event.preventDefault();
      event.stopPropagation();
      action();
    }
  }

  #actions() {
    const open = Object.keys(this.#panels).find((which) => this.#panels[which].shown);
    const turning = {
      r: () => this.#controls.turnBy(90),
      R: () => this.#controls.turnBy(-90),
      f: () => this.#controls.mirror(),
    };
    return {
      Escape: () => (open ? this.#togglePanel(open) : this.onleave()),
      i: () => this.#togglePanel("details"),
      e: () => this.#togglePanel("adjust"),
      0: () => this.#stage.goTo(null),
      1: () => this.#stage.truePixels(),
      "+": () => this.#stage.zoomBy(2),
      "=": () => this.#stage.zoomBy(2),
      "-": () => this.#stage.zoomBy(0.5),
      ...(this.#source === "iip" && turning),
    };
  }

  #find(id) {
    return this.#root.querySelector(`#${id}`);
  }
}

async function reasonOf(address) {
  try {
    const answer = await fetch(address);
    return answer.ok ? "" : `${(await answer.text()).trim() || answer.statusText} (${answer.status})`;
  } catch {
    return "The server cannot be reached.";
  }
}
