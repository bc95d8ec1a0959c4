// A second image next to the first: where one is moved, the other goes too, unless each is moved by itself.

import { turned } from "./adjustments.js";
import { FailedTiles } from "./failed_tiles.js";
import { whenBack } from "./network.js";
import { SOURCES, Unreachable } from "./sources.js";
import { Stage } from "./stage.js";
import { readView, writeView } from "./views.js";

export class Second {
  /** Called with true while tiles are missing. */
  onbusy = () => {};
  /** Called when it has been moved by itself and has come to rest, or is moved with the first from now on or no longer. */
  onmove = () => {};
  /** Called with the scale of the stage that buttons and keys are about. */
  onscale = () => {};
  /** Name of the image; null for none. */
  name = null;
  #root;
  #first;
  #stage;
  /** The stage that was touched last. */
  #leader;
  /** Whether both are moved as one. */
  #linked = true;
  /** Where it is to be once its image is there, if it is moved by itself; null for the whole image. */
  #asked = null;
  #failed = new FailedTiles();
  #kind = null;
  /** Name of the image whose picture is on the stage. */
  #shown = null;
  /** Of the first image, as they were told last. */
  #adjustments = {};
  #turn = 0;

  /** @param first the stage of the first image */
  constructor(root, first) {
    this.#root = root;
    this.#first = this.#leader = first;
    this.#stage = new Stage(root.querySelector("#second-stage"), { hasNavigator: false });
    for (const [one, other] of [[first, this.#stage], [this.#stage, first]]) {
      one.ontouch = () => this.#lead(one);
      one.onscale = (scale) => this.moved === one && this.onscale(scale);
      one.onframe = () => this.name && this.#linked && this.#leader === one && other.mirror(one);
    }
    this.#stage.onmove = () => this.#linked || this.onmove();
    this.#button.addEventListener("click", () => this.toggleLink());
    this.#stage.onbusy = (busy) => this.onbusy(busy);
    this.#stage.onfail = (address, tile) => this.#failed.add(address, tile);
    this.#stage.onload = (address) => this.#failed.loaded(address);
    this.#failed.onrevive = (tiles) => this.#stage.revive(tiles);
    this.#failed.onchange = ({ waiting, refused, reason }) =>
      this.#say(waiting + refused ? `Some tiles could not be loaded. ${reason}` : "");
  }

  /** The stage that buttons and keys are about. */
  get moved() {
    return this.#linked ? this.#first : this.#leader;
  }

  /** Parameters of the page's address that say what is shown here. */
  get parameters() {
    if (this.name === null) {
      return {};
    }
    const view = this.#shown === this.name ? this.#stage.view : this.#asked;
    return { second: this.name, ...(!this.#linked && { apart: view ? writeView(view) : "" }) };
  }

  /** Be moved with the first from now on, or by itself, at first to a view, as the parameters of an address say. */
  follow(parameters) {
    this.#asked = readView(parameters.get("apart"));
    this.#link(this.name === null || !parameters.has("apart"));
    if (this.#asked && this.#shown === this.name) {
      this.#stage.goTo(this.#asked);
      this.#lead(this.#first);
    }
  }

  /** Move both as one from now on, or each by itself. */
  toggleLink() {
    if (this.name !== null) {
      this.#link(!this.#linked);
      this.join();
      this.onmove();
    }
  }

  #link(linked) {
    this.#linked = linked;
    this.#button.setAttribute("aria-pressed", String(linked));
    this.#root.classList.toggle("apart", !linked);
    this.#lead(this.#first);
  }

  #lead(stage) {
    this.#leader = stage;
    this.#root.classList.toggle("led", this.moved === this.#stage);
    this.moved.tellScale();
  }

  /** Show an image from a kind of source, turned as the adjustments of the first say; its own are none. */
  async show(name, kind, adjustments) {
    this.#adjustments = adjustments;
    if (name === this.name && kind === this.#kind) {
      this.#turned();
      return;
    }
    if (name === this.#shown) {
      this.#asked = this.#stage.view;
    }
    const turn = (this.#turn += 1);
    const isWanted = () => turn === this.#turn;
    this.name = name;
    this.#kind = kind;
    this.#failed.reset();
    this.#root.hidden = false;
    this.#root.querySelector("#second-name").textContent = name;
    this.#say("");
    this.onbusy(true);
    try {
      if (await this.#stage.show(await SOURCES[kind](name, {}), { isWanted })) {
        this.#stage.label = this.#shown = name;
        this.#turned();
        if (!this.#linked) {
          this.#stage.goTo(this.#asked, true);
          this.onmove();
        }
        this.#asked = null;
        this.#lead(this.#first);
        this.join();
      }
    } catch (error) {
      if (isWanted()) {
        this.onbusy(false);
        this.#say(error.message);
        if (this.#shown !== name) {
          this.#stage.clear();
          this.#shown = null;
        }
        this.#again(error, isWanted);
      }
    }
  }

  clear() {
    this.#turn += 1;
    this.#failed.reset();
    this.#stage.clear();
    this.name = this.#kind = this.#shown = null;
    this.#asked = null;
    this.#link(true);
    this.#root.hidden = true;
    this.onbusy(false);
  }

  /** Come to where the first image is, after it was opened. */
  join() {
    if (this.#linked) {
      this.#stage.mirror(this.#first);
    }
  }

  get #button() {
    return this.#root.querySelector("#link-second");
  }

  #again(error, isWanted) {
    const [name, kind] = [this.name, this.#kind];
    if (error instanceof Unreachable) {
      whenBack(() => {
        if (isWanted()) {
          this.#kind = null;
          this.show(name, kind, this.#adjustments);
        }
      });
    }
  }

  #turned() {
    this.#stage.turn(turned(this.#adjustments));
  }

  #say(text) {
    const note = this.#root.querySelector("#second-note");
    note.textContent = text;
    note.hidden = !text;
  }
}
