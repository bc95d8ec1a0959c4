// The notice over an image: what cannot be shown, and why.

import { count, element } from "./gallery.js";
import { MissingOpenSeadragon, Unreachable } from "./sources.js";

export class Notice {
  #root;

  constructor(root) {
    this.#root = root;
    root.querySelector("button").addEventListener("click", () => this.clear());
  }

  clear() {
    this.#tell();
  }

  /** Tell why an image cannot be shown; `source` is the name of a protocol. */
  refuse(error, source) {
    if (error instanceof MissingOpenSeadragon) {
      this.#tell(error.message, element("code", {}, error.command));
    } else if (error instanceof Unreachable) {
      this.#tell(error.message);
    } else {
      this.#tell(`The image cannot be shown from ${source}: ${error.message}`);
    }
  }

  /** One message for any number of failed tiles, as `FailedTiles` counts them; none for none. */
  fail({ waiting, refused, reason }, source) {
    const number = waiting + refused;
    if (!number) {
      this.clear();
      return;
    }
    const tiles = number === 1 ? "1 tile" : `${count(number)} tiles`;
    const hope = waiting === 1 ? "It is asked for again." : "They are asked for again.";
    this.#tell(`${tiles} from ${source} could not be loaded.`, reason, waiting ? hope : "");
  }

  #tell(...parts) {
    this.#root.hidden = parts.length === 0;
    this.#root.querySelector("p").replaceChildren(...parts.filter(Boolean).flatMap((part) => [part, " "]));
  }
}
