// Tells that parts of the image are on their way: by a bar at once, and in words if it takes longer.

/** Milliseconds until it is said in words. */
const PATIENCE = 500;

export class Loading {
  #bar;
  #text;
  /** What is loading. */
  #loading = new Set();
  #timer = null;

  constructor(bar, text) {
    this.#bar = bar;
    this.#text = text;
  }

  /** Note whether something, by its name, is loading. */
  set(name, isLoading) {
    isLoading ? this.#loading.add(name) : this.#loading.delete(name);
    this.#tell();
  }

  clear() {
    this.#loading.clear();
    this.#tell();
  }

  #tell() {
    const isLoading = this.#loading.size > 0;
    this.#bar.classList.toggle("busy", isLoading);
    if (!isLoading) {
      clearTimeout(this.#timer);
      this.#timer = null;
      this.#text.textContent = "";
    } else {
      this.#timer ??= setTimeout(() => (this.#text.textContent = "Loading"), PATIENCE);
    }
  }
}
