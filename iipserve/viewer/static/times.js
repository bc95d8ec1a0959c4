// Times of layers: those that a dimension of WMTS lists, and a slider to choose one.

/** Steps of one range at most; only the ends of longer ones are offered. */
const MAX_STEPS = 500;
const DURATION = /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?$/;
/** Milliseconds for which each time is shown. */
const SHOWN = 1500;
/** Milliseconds for which the slider rests before maps are requested. */
const REST = 150;

/** The times of a list of values and of ranges `first/last/step` (WMS 1.3.0, annex C.2), in order. */
export function expanded(values) {
  const found = values.flatMap((value) => {
    const [first, last, step] = value.trim().split("/");
    return last === undefined ? [first] : steps(first, last, step);
  });
  return [...new Set(found)].sort((one, other) => Date.parse(one) - Date.parse(other));
}

function steps(first, last, step = "") {
  const parts = DURATION.exec(step)?.slice(1).map((part) => Number(part ?? 0));
  if (!parts?.some((part) => part > 0)) {
    return [first, last];
  }
  const found = [];
  for (let next = new Date(first); next <= Date.parse(last) && found.length <= MAX_STEPS; next = later(next, parts)) {
    found.push(written(next, first));
  }
  return found.length <= MAX_STEPS ? found : [first, last];
}

function later(time, [years, months, days, hours, minutes, seconds]) {
  const moved = new Date(time);
  moved.setUTCFullYear(moved.getUTCFullYear() + years, moved.getUTCMonth() + months, moved.getUTCDate() + days);
  return new Date(moved.getTime() + ((hours * 60 + minutes) * 60 + seconds) * 1000);
}

/** A time as exactly as `like` is written. */
function written(time, like) {
  const text = time.toISOString();
  return like.length <= 10 ? text.slice(0, like.length) : text.replace(/\.000Z$/, "Z");
}

/** The last of some times that is not after a moment; the first one if all are. */
export function before(times, moment) {
  return times.findLast((time) => Date.parse(time) <= Date.parse(moment)) ?? times[0];
}

export class TimeSlider {
  #root;
  #range;
  #times = [];
  #rest;
  #playing = null;

  /** `change` is called with a time, or with null for all times. */
  constructor(root, change) {
    this.#root = root;
    this.#range = root.querySelector("input");
    this.#range.addEventListener("input", () => {
      this.#label();
      clearTimeout(this.#rest);
      this.#rest = setTimeout(() => change(this.time), REST);
    });
    root.querySelector("button").addEventListener("click", () => (this.#playing ? this.#stop() : this.#play()));
  }

  /** The chosen time; null for all. */
  get time() {
    return this.#times[this.#range.valueAsNumber - 1] ?? null;
  }

  /** Offer these times; with none, the slider is hidden. */
  offer(times) {
    this.#times = times;
    this.#range.max = times.length;
    this.#root.hidden = times.length === 0;
    this.#label();
  }

  #label() {
    const text = this.time?.replace("T", " ").replace(/Z$/, "") ?? "all times";
    this.#root.querySelector("output").textContent = text;
    this.#range.setAttribute("aria-valuetext", text);
  }

  #play() {
    this.#show("Pause");
    this.#step();
    this.#playing = setInterval(() => this.#step(), SHOWN);
  }

  /** Go on to the next time, after the last one to the first. */
  #step() {
    const next = this.#range.valueAsNumber + 1;
    this.#range.value = next > this.#times.length ? 1 : next;
    this.#range.dispatchEvent(new Event("input"));
  }

  #stop() {
    clearInterval(this.#playing);
    this.#playing = null;
    this.#show("Play");
  }

  #show(text) {
    this.#root.querySelector("button").textContent = text;
  }
}
