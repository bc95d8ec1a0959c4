// Tiles that could not be loaded are asked for again: once the server can be reached, and after pauses that grow where it
// answers with an error of the moment. An element of an image does not say why it failed, so one of the tiles is fetched: if
// it can be had, all are shown again, and if it never can (4xx), it is not asked for any more.

import { whenBack } from "./network.js";

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 60_000;
/** How often the server may answer for a tile that still cannot be shown. */
const MAX_ANSWERS = 3;
/** Statuses that tell of the moment and not of what is asked for. */
const PASSING = [408, 425, 429, 500, 502, 503, 504];

export class FailedTiles {
  /** Called with {waiting, refused, reason} when any of them has changed: two numbers and a text. */
  onchange = () => {};
  /** Called with tiles that are to be loaded again. */
  onrevive = () => {};
  /** Address -> tile. */
  #waiting = new Map();
  #refused = new Set();
  /** Address -> number of answers. */
  #answers = new Map();
  #reason = "";
  #pause = FIRST_PAUSE;
  #timer = null;
  /** Counts sources: what was begun for another one ends. */
  #turn = 0;
  /** Whether a tile is being fetched or will be. */
  #isAsking = false;

  add(address, tile) {
    if (this.#refused.has(address)) {
      return;
    }
    this.#waiting.set(address, tile);
    this.#tell();
    if (!this.#isAsking) {
      this.#ask();
    }
  }

  /** A tile has been loaded. */
  loaded(address) {
    if (this.#answers.delete(address)) {
      this.#pause = FIRST_PAUSE;
    }
  }

  /** Forget all tiles. */
  reset() {
    this.#turn += 1;
    clearTimeout(this.#timer);
    this.#waiting.clear();
    this.#refused.clear();
    this.#answers.clear();
    this.#reason = "";
    this.#pause = FIRST_PAUSE;
    this.#isAsking = false;
  }

  async #ask() {
    const turn = this.#turn;
    this.#isAsking = true;
    while (this.#waiting.size) {
      const [[address, tile]] = this.#waiting;
      const { isThere, status, reason } = await look(address);
      if (turn !== this.#turn) {
        return;
      }
      this.#reason = reason || this.#reason;
      this.#waiting.delete(address);
      if (!isThere && status && !PASSING.includes(status)) {
        this.#refused.add(address);
        this.#tell();
        continue;
      }
      // another one is looked at next
      this.#waiting.set(address, tile);
      isThere ? this.#reviveLater() : this.#askLater(status);
      this.#tell();
      return;
    }
    this.#isAsking = false;
  }

  /** Ask again after a pause, or once the server can be reached. */
  #askLater(status) {
    const turn = this.#turn;
    const again = () => turn === this.#turn && this.#ask();
    if (status) {
      this.#after(again);
    } else {
      whenBack(again);
    }
  }

  /** Show all again: at once for the first time, and after a pause what has failed although the server answered. */
  #reviveLater() {
    const repeated = [...this.#waiting.keys()].some((address) => this.#answers.has(address));
    repeated ? this.#after(() => this.#revive()) : this.#revive();
  }

  #after(action) {
    this.#timer = setTimeout(action, this.#pause);
    this.#pause = Math.min(LONGEST_PAUSE, 2 * this.#pause);
  }

  #revive() {
    const tiles = [...this.#waiting];
    this.#waiting.clear();
    this.#isAsking = false;
    for (const [address] of tiles) {
      const answers = (this.#answers.get(address) ?? 0) + 1;
      this.#answers.set(address, answers);
      if (answers > MAX_ANSWERS) {
        this.#reason ||= "The browser cannot read it.";
        this.#refused.add(address);
      }
    }
    this.#tell();
    this.onrevive(tiles.filter(([address]) => !this.#refused.has(address)).map(([, tile]) => tile));
  }

  #tell() {
    this.onchange({ waiting: this.#waiting.size, refused: this.#refused.size, reason: this.#reason });
  }
}

/** Whether an address can be had, and why not: {isThere, status, reason}, without a status where no answer comes. */
async function look(address) {
  try {
    const answer = await fetch(address);
    // read in any case: an answer that nobody reads keeps its connection
    const text = (await answer.text()).trim() || answer.statusText;
    return { isThere: answer.ok, status: answer.status, reason: answer.ok ? "" : `${text} (${answer.status})` };
  } catch {
    return { isThere: false, reason: "The server cannot be reached." };
  }
}
