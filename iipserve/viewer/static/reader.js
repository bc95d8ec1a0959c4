// One image over the whole window: the stage, the switch between protocols, the panels, and perhaps a second image.

import { About } from "./about.js";
import { none, page, same, turned } from "./adjustments.js";
import { Choice } from "./choice.js";
import { Controls } from "./controls.js";
import { FailedTiles } from "./failed_tiles.js";
import { FullScreen } from "./full_screen.js";
import { count, formatName, levels, pixels } from "./gallery.js";
import { Loading } from "./loading.js";
import { whenBack } from "./network.js";
import { Notice } from "./notice.js";
import { Panel } from "./panel.js";
import { Second } from "./second.js";
import { describe, LABELS, SOURCES, Unreachable } from "./sources.js";
import { Stage } from "./stage.js";

const WRITTEN_IN = "input:not([type=range], [type=radio], [type=checkbox]), select";

export class Reader {
  /** Called with {name, source, view, adjustments, more} when any of them has changed; `more` are further parameters. */
  onchange = () => {};
  /** Called when the image is to be closed. */
  onleave = () => {};
  /** Called with the name of the image that is to be opened instead. */
  onstep = () => {};
  #root;
  #gallery;
  #stage;
  #second;
  #panels;
  #controls;
  #choice;
  #loading;
  #fullScreen;
  #notice;
  #failed = new FailedTiles();
  /** The description of the image that is shown; null until the one that is open has arrived. */
  #image = null;
  #name = null;
  /** The view that was asked for when the image was opened. */
  #asked = null;
  #source = null;
  #adjustments = {};
  #turn = 0;
  #neighbours = {};
  /** Name of the second image, which stays while the first is stepped on. */
  #kept = null;
  #opener = null;

  constructor(root, gallery) {
    this.#root = root;
    this.#gallery = gallery;
    this.#stage = new Stage(this.#find("stage"));
    this.#second = new Second(this.#find("second"), this.#stage);
    this.#controls = new Controls(this.#find("controls"));
    this.#choice = new Choice(this.#find("choice"), gallery);
    this.#loading = new Loading(this.#find("progress"), this.#find("loading"));
    this.#fullScreen = new FullScreen(root, this.#find("full-screen"));
    this.#notice = new Notice(this.#find("alert"));
    this.#panels = {
      about: new About(this.#find("about-panel")),
      details: new Panel(this.#find("panel")),
      adjust: this.#controls,
      compare: this.#choice,
    };
    this.#listen();
  }

  #listen() {
    for (const [which, panel] of Object.entries(this.#panels)) {
      this.#find(which).addEventListener("click", () => this.#togglePanel(which));
      panel.closer.addEventListener("click", () => this.#togglePanel(which));
    }
    const actions = {
      back: () => this.onleave(),
      previous: () => this.#step("previous"),
      next: () => this.#step("next"),
      "zoom-in": () => this.#second.moved.zoomBy(2),
      "zoom-out": () => this.#second.moved.zoomBy(0.5),
      fit: () => this.#second.moved.goTo(null),
      "full-size": () => this.#second.moved.truePixels(),
      "close-second": () => this.#choose(null),
      "change-second": () => this.#togglePanel("compare"),
    };
    for (const [id, action] of Object.entries(actions)) {
      this.#find(id).addEventListener("click", action);
    }
    this.#find("sources").addEventListener("change", (event) => this.#switch(event.target.value));
    this.#controls.onchange = (adjustments) => this.#adjust(adjustments);
    this.#choice.onchoose = (name) => this.#choose(name);
    this.#stage.onmove = () => this.#moved();
    this.#stage.onbusy = (busy) => this.#loading.set("first", busy);
    this.#second.onmove = () => this.#moved();
    this.#second.onbusy = (busy) => this.#loading.set("second", busy);
    this.#stage.onfail = (address, tile) => this.#failed.add(address, tile);
    this.#stage.onload = (address) => this.#failed.loaded(address);
    this.#second.onscale = (scale) => this.#showScale(scale * 100);
    this.#failed.onrevive = (tiles) => this.#stage.revive(tiles);
    this.#failed.onchange = (state) => this.#notice.fail(state, LABELS[this.#source]);
    // before OpenSeadragon, which handles keys on the canvas
    addEventListener("keydown", (event) => this.#key(event), { capture: true });
  }

  /**
   * Show an image.
   *
   * @param view {x, y, zoom} in OpenSeadragon's units, or null for the whole image
   * @param adjustments as in adjustments.js; they count where the source is IIP
   * @param parameters of the address; `second` is the name of an image to show next to it
   */
  async open(name, source, view, adjustments, parameters = new URLSearchParams()) {
    const kind = source in SOURCES ? source : "iiif";
    const kept = this.#kept;
    const second = parameters.get("second") || kept;
    this.#kept = null;
    if (name === this.#name && kind === this.#source && same(adjustments, this.#adjustments)) {
      if (view) {
        this.#stage.goTo(view);
      }
      this.#place(second);
      this.#second.follow(parameters);
      return;
    }
    const isEntered = this.#root.hidden;
    if (isEntered) {
      this.#enter();
    }
    const another = name !== this.#name;
    this.#name = name;
    this.#adjustments = adjustments;
    this.#find("name").textContent = name;
    this.#controls.fill(adjustments);
    if (another) {
      this.#image = null;
      this.#describe(this.#gallery.known.get(name) ?? { name });
      this.#choice.fill(name);
      this.#findNeighbours(name);
    }
    this.#asked = another ? view : (view ?? this.#view);
    this.#place(second, kind);
    if (!kept) {
      this.#second.follow(parameters);
    }
    await this.#load(kind, this.#asked, { isEntered });
  }

  /** What is in view, or is to be once the image has arrived. */
  get #view() {
    return this.#image ? this.#stage.view : this.#asked;
  }

  #enter() {
    this.#opener = document.activeElement;
    this.#root.hidden = false;
    this.#gallery.root.inert = true;
    document.documentElement.classList.add("reading");
  }

  close() {
    if (this.#root.hidden) {
      return;
    }
    this.#turn += 1;
    this.#failed.reset();
    this.#stage.clear();
    this.#place(null);
    this.#loading.clear();
    this.#fullScreen.leave();
    this.#image = this.#name = this.#source = this.#asked = this.#kept = null;
    this.#adjustments = {};
    Object.keys(this.#panels).forEach((which) => this.#show(which, false));
    this.#notice.clear();
    this.#root.hidden = true;
    this.#gallery.root.inert = false;
    document.documentElement.classList.remove("reading");
    this.#opener?.focus({ preventScroll: true });
  }

  /** Offer the images before and after the one that is open. */
  async #findNeighbours(name) {
    this.#neighbours = {};
    this.#offerSteps();
    const found = await this.#gallery.neighbours(name);
    if (name === this.#name) {
      this.#neighbours = found;
      this.#offerSteps();
    }
  }

  #offerSteps() {
    const { position, total } = this.#neighbours;
    for (const side of ["previous", "next"]) {
      this.#find(side).disabled = !this.#neighbours[side];
    }
    this.#find("position").textContent = position ? `${count(position)} of ${count(total)}` : "";
  }

  #step(side) {
    const name = this.#neighbours[side];
    if (name) {
      this.#kept = this.#second.name;
      this.onstep(name);
    }
  }

  /** Show a second image, or none. */
  #place(name, kind = this.#source) {
    this.#root.classList.toggle("paired", name !== null);
    if (name !== null) {
      this.#second.show(name, kind, this.#inForce(kind));
    } else if (this.#second.name !== null) {
      this.#second.clear();
    }
  }

  #choose(name) {
    this.#place(name);
    this.#show("compare", false);
    this.#moved();
    this.#stage.focus();
  }

  #switch(kind) {
    if (kind !== "iip") {
      this.#show("adjust", false);
    }
    this.#place(this.#second.name, kind);
    this.#load(kind, this.#view);
  }

  #adjust(adjustments) {
    this.#adjustments = adjustments;
    this.#place(this.#second.name, "iip");
    this.#load("iip", this.#view, { gently: this.#source === "iip" });
  }

  async #load(kind, view, options = {}) {
    const another = this.#image === null;
    const gently = !another && options.gently;
    const turn = (this.#turn += 1);
    const name = this.#name;
    const isWanted = () => turn === this.#turn;
    this.#source = kind;
    this.#failed.reset();
    this.#notice.clear();
    this.#find("sources").querySelector(`[value=${kind}]`).checked = true;
    this.#mark();
    this.#loading.set("first", true);
    try {
      const [tileSource, image] = await Promise.all([SOURCES[kind](name, this.#adjustments), this.#facts(name)]);
      if (await this.#stage.show(tileSource, { isWanted, gently })) {
        this.#opened(image, view, { ...options, another });
      }
    } catch (error) {
      if (isWanted()) {
        this.#loading.set("first", false);
        this.#notice.refuse(error, LABELS[kind]);
        if (another) {
          this.#stage.clear();
        }
        if (error instanceof Unreachable) {
          whenBack(() => isWanted() && this.#load(kind, view, options));
        }
      }
    }
  }

  /** The description of the image, requested once. */
  async #facts(name) {
    return this.#image ?? describe(name);
  }

  #opened(image, view, { another, isEntered }) {
    this.#describe({ ...image, ...this.#stage.size });
    this.#stage.label = image.name;
    this.#stage.turn(turned(this.#inForce()));
    if (view || another) {
      this.#stage.goTo(view, true);
    }
    if (another) {
      this.#controls.offer(image, this.#gallery.maxExport);
    }
    this.#image = image;
    this.#second.join();
    this.#moved();
    if (isEntered) {
      this.#stage.focus();
    }
  }

  /** The adjustments that are shown: only IIP has commands for them. */
  #inForce(kind = this.#source) {
    return kind === "iip" ? this.#adjustments : {};
  }

  /** Show what is known about an image, at first perhaps only its name. */
  #describe(image) {
    const facts = image.width ? [pixels(image)] : [];
    if (image.format) {
      facts.push(formatName(image), levels(image));
    }
    this.#find("facts").textContent = facts.join(" · ");
    if (image.width) {
      this.#panels.about.fill(image);
      this.#panels.details.fill(image, this.#gallery.maxExport);
    } else {
      this.#panels.about.clear();
      this.#panels.details.clear();
    }
  }

  #moved() {
    // an image that was shown before may still be moving
    if (this.#image === null || !this.#stage.region) {
      return;
    }
    const { region, view, scale } = this.#stage;
    const adjustments = this.#inForce();
    const more = this.#second.parameters;
    this.onchange({ name: this.#name, source: this.#source, view, adjustments, more });
    this.#panels.about.follow(page(adjustments));
    this.#panels.details.follow(region, adjustments);
    this.#controls.follow(region, scale);
  }

  #showScale(percent) {
    this.#find("scale").textContent = `${percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
  }

  /** Mark the button while the image is adjusted. */
  #mark() {
    this.#find("adjust").classList.toggle("changed", !none(this.#inForce()));
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
      m: () => this.#controls.mirror(),
    };
    return {
      Escape: () => (open ? this.#togglePanel(open) : this.#fullScreen.leave() || this.onleave()),
      i: () => this.#togglePanel("about"),
      l: () => this.#togglePanel("details"),
      e: () => this.#togglePanel("adjust"),
      c: () => this.#togglePanel("compare"),
      n: () => this.#step("next"),
      p: () => this.#step("previous"),
      f: () => this.#fullScreen.toggle(),
      u: () => this.#second.toggleLink(),
      0: () => this.#second.moved.goTo(null),
      1: () => this.#second.moved.truePixels(),
      "+": () => this.#second.moved.zoomBy(2),
      "=": () => this.#second.moved.zoomBy(2),
      "-": () => this.#second.moved.zoomBy(0.5),
      ...(this.#source === "iip" && turning),
    };
  }

  #find(id) {
    return this.#root.querySelector(`#${id}`);
  }
}
