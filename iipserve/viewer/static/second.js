// A second image next to the first: where one is moved, the other goes too.

import { turned } from "./adjustments.js";
import { FailedTiles } from "./failed_tiles.js";
import { whenBack } from "./network.js";
import { SOURCES, Unreachable } from "./sources.js";
import { Stage } from "./stage.js";

export class Second {
  /** Called with true while tiles are missing. */
  onbusy = () => {};
  /** Name of the image; null for none. */
  name = null;
  #root;
  #first;
  #stage;
  #leader;
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
      one.ontouch = () => (this.#leader = one);
      one.onframe = () => this.name && this.#leader === one && other.mirror(one);
    }
    this.#stage.onbusy = (busy) => this.onbusy(busy);
    this.#stage.onfail = (address, tile) => this.#failed.add(address, tile);
    this.#stage.onload = (address) => this.#failed.loaded(address);
    this.#failed.onrevive = (tiles) => this.#stage.revive(tiles);
    this.#failed.onchange = ({ waiting, refused, reason }) =>
      this.#say(waiting + refused ? `Some tiles could not be loaded. ${reason}` : "");
  }

  /** Show an image from a kind of source, turned as the adjustments of the first say; its own are none. */
  async show(name, kind, adjustments) {
    this.#adjustments = adjustments;
    if (name === this.name && kind === this.#kind) {
      this.#turned();
      return;
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
        this.#leader = this.#first;
        this.#stage.mirror(this.#first);
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
    this.#leader = this.#first;
    this.#root.hidden = true;
    this.onbusy(false);
  }

  /** Come to where the first image is, after it was opened. */
  join() {
    this.#stage.mirror(this.#first);
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
