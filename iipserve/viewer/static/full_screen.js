// The button that gives an element the whole screen; hidden where the browser cannot do that.

export class FullScreen {
  #element;
  #button;

  constructor(element, button) {
    this.#element = element;
    this.#button = button;
    button.hidden = !document.fullscreenEnabled;
    button.addEventListener("click", () => this.toggle());
    document.addEventListener("fullscreenchange", () => this.#tell());
  }

  get isOn() {
    return document.fullscreenElement === this.#element;
  }

  toggle() {
    if (document.fullscreenEnabled && !this.leave()) {
      // refused if no key or button was pressed
      this.#element.requestFullscreen().catch(() => {});
    }
  }

  /** Give it back; whether there was something to give back. */
  leave() {
    const { isOn } = this;
    if (isOn) {
      document.exitFullscreen().catch(() => {});
    }
    return isOn;
  }

  #tell() {
    const name = this.isOn ? "Leave full screen" : "Full screen";
    this.#button.setAttribute("aria-label", name);
    this.#button.title = `${name} (f)`;
    this.#button.classList.toggle("on", this.isOn);
  }
}
