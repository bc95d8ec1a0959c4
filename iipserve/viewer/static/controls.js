// The panel of image adjustments. Each group of fields makes one adjustment; a group that nobody
// touched keeps the adjustment from the address.

import { matrix, none } from "./adjustments.js";
import { Export } from "./export.js";
import { element } from "./gallery.js";
import { Histogram } from "./histogram.js";

const PATIENCE = 150;
const TITLES = { eq: "equalized", stretch: "stretched", log: "logarithm" };

const factor = (position) => String(Number((2 ** position).toPrecision(3)));
const position = (factor) => (Number(factor) > 0 ? Math.log2(Number(factor)) : 0);
const degrees = (value) => `${value}°`;

/** For each adjustment: its fields, how they are read, how they show a value, and the labels of sliders. */
const GROUPS = {
  stack: {
    fields: ["layer", "angle", "height"],
    value: ({ layer, angle, height }) => {
      const text = layer.options.length ? layer.value : `${stop(angle)},${stop(height)}`;
      return text === (layer.options.length ? "0" : "0,90") ? "" : text;
    },
    fill: ({ layer, angle, height }, value) => {
      const [horizontal, vertical = "90"] = (value || "0").split(",");
      layer.value = horizontal;
      moveTo(angle, horizontal);
      moveTo(height, vertical);
    },
    tell: ({ angle, height }) => ({ angle: degrees(stop(angle)), height: degrees(stop(height)) }),
  },
  minmax: {
    fields: ["black", "white"],
    value: ({ black, white }) =>
      [black, white].every((field) => field.value !== "" && field.validity.valid)
        ? `-:${Number(black.value)},${Number(white.value)}`
        : "",
    fill: ({ black, white }, value, event) => {
      if (event) {
        return; // what is being written
      }
      [black.value = "", white.value = ""] = value.replace(/^-:/, "").split(",");
    },
  },
  contrast: {
    fields: ["contrast-by", "contrast"],
    value: (fields) => fields["contrast-by"].value || neutral(factor(fields.contrast.value)),
    fill: (fields, value) => {
      fields["contrast-by"].value = value in TITLES ? value : "";
      fields.contrast.value = position(value);
      fields.contrast.disabled = value in TITLES;
    },
    tell: (fields, value) => ({ contrast: TITLES[value] ?? `× ${value || 1}` }),
  },
  gamma: {
    fields: ["logarithm", "gamma"],
    value: ({ logarithm, gamma }) => (logarithm.checked ? "log" : neutral(factor(gamma.value))),
    fill: ({ logarithm, gamma }, value) => {
      logarithm.checked = value === "log";
      gamma.value = position(value);
      gamma.disabled = logarithm.checked;
    },
    tell: (fields, value) => ({ gamma: TITLES[value] ?? (value || "1") }),
  },
  invert: {
    fields: ["invert"],
    value: ({ invert }) => (invert.checked ? "1" : ""),
    fill: ({ invert }, value) => {
      invert.checked = value !== "";
    },
  },
  colormap: choice("colormap"),
  color: choice("color"),
  convolution: choice("convolution"),
  quality: choice("quality"),
  twist: {
    fields: ["twist", "matrix"],
    value: (fields) => (fields.twist.value === "own" ? matrix(fields.matrix.value) : fields.twist.value),
    fill: (fields, value, event) => {
      const own = event ? fields.twist.value === "own" : value && !hasOption(fields.twist, value);
      fields.twist.value = own ? "own" : value;
      fields.matrix.closest(".row").hidden = !own;
      if (event?.target !== fields.matrix && value) {
        fields.matrix.value = value.slice(1, -1).replaceAll(";", "; ");
      }
      const wrong = own && matrix(fields.matrix.value) === "";
      fields.matrix.setCustomValidity(wrong ? "Rows of numbers: 0,0,1; 0,1,0; 1,0,0" : "");
    },
  },
  hillshade: {
    fields: ["hillshade", "light", "elevation"],
    value: ({ hillshade, light, elevation }) => (hillshade.checked ? `${light.value},${elevation.value}` : ""),
    fill: ({ hillshade, light, elevation }, value) => {
      hillshade.checked = value !== "";
      [light, elevation].forEach((field) => (field.disabled = !hillshade.checked));
      if (value) {
        [light.value, elevation.value] = value.split(",");
      }
    },
    tell: ({ light, elevation }) => ({ light: degrees(light.value), elevation: degrees(elevation.value) }),
  },
  turn: {
    fields: ["turn", "mirror"],
    value: ({ turn, mirror }) => {
      const text = `${mirror.checked ? "!" : ""}${turn.value}`;
      return text === "0" ? "" : text;
    },
    fill: ({ turn, mirror }, value) => {
      mirror.checked = value.startsWith("!");
      turn.value = value.replace("!", "") || "0";
    },
  },
};

function choice(name) {
  return {
    fields: [name],
    value: (fields) => fields[name].value,
    fill: (fields, value) => {
      if (value && !hasOption(fields[name], value)) {
        fields[name].append(element("option", { value }, value));
      }
      fields[name].value = value;
    },
  };
}

const neutral = (factor) => (factor === "1" ? "" : factor);
const hasOption = (select, value) => [...select.options].some((option) => option.value === value);
/** A slider with fixed stops: its value is an index into the list of stops. */
const stop = (slider) => slider.dataset.stops?.split(" ")[slider.value] ?? "0";

function moveTo(slider, value) {
  slider.value = Math.max(0, (slider.dataset.stops ?? "").split(" ").indexOf(value));
}

export class Controls {
  /** Called with the adjustments after a person changes them. */
  onchange = () => {};
  #root;
  #form;
  #adjustments = {};
  #image = null;
  #histogram;
  #export;
  /** The timer of an edit that is not reported yet, or null. */
  #timer = null;

  constructor(root) {
    this.#root = root;
    this.#form = root.querySelector("#adjustments");
    this.#histogram = new Histogram(root.querySelector("#histogram"), this.#form.elements);
    this.#export = new Export(root.querySelector("#exports"));
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#form.addEventListener("input", (event) => this.#edited(event));
    this.#form.addEventListener("change", () => this.#apply());
    root.querySelector("#reset").addEventListener("click", () => this.#reset());
  }

  get shown() {
    return !this.#root.hidden;
  }

  set shown(value) {
    this.#root.hidden = !value;
    this.#measure();
  }

  /** The button that closes it. */
  get closer() {
    return this.#root.querySelector("#close-controls");
  }

  /** Show these adjustments. */
  fill(adjustments) {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#adjustments = { ...adjustments };
    this.#refresh(Object.keys(GROUPS));
  }

  /**
   * Offer what makes sense for an image, and show the adjustments again.
   *
   * @param image as the server describes it
   * @param limit longest side of an export in pixels, null for none
   */
  offer(image, limit) {
    const { layer, angle, height, colormap, convolution, twist } = this.#form.elements;
    this.#image = image;
    this.#export.offer(image, limit);
    layer.replaceChildren(...image.layers.map((name, index) => element("option", { value: index }, name)));
    layer.closest(".row").hidden = image.layers.length === 0;
    stops(angle, image.angles);
    stops(height, image.heights);
    const only = image.layers.length === 0 && image.angles.length < 2 && image.heights.length < 2;
    this.#form.querySelector("#picture").hidden = only;
    options(colormap, image.colormaps);
    options(convolution, image.filters);
    const colored = image.bands === 3;
    this.#form.querySelector("#relief").disabled = !colored;
    this.#form.querySelector("#relief .hint").hidden = colored;
    [...twist.options].forEach((option) => (option.disabled = !colored && !["", "own"].includes(option.value)));
    this.#refresh(Object.keys(GROUPS));
  }

  /** Follow the view: the region in pixels of the full size, and the scale as of `Stage`. */
  follow(region, scale) {
    this.#export.follow(region, scale);
  }

  /** Rotate by quarter turns, clockwise. */
  turnBy(angle) {
    const { turn } = this.#form.elements;
    turn.value = String((Number(turn.value) + angle + 360) % 360);
    this.#take("turn");
    this.#apply();
  }

  /** Toggle mirroring. */
  mirror() {
    const { mirror } = this.#form.elements;
    mirror.checked = !mirror.checked;
    this.#take("turn");
    this.#apply();
  }

  #edited(event) {
    const changed = Object.keys(GROUPS).find((key) => GROUPS[key].fields.includes(event.target.name));
    this.#take(changed, event);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#apply(), PATIENCE);
  }

  /** Take the adjustment of a group from its fields. */
  #take(key, event) {
    const value = GROUPS[key].value(this.#form.elements);
    const { [key]: _, ...others } = this.#adjustments;
    this.#adjustments = value === "" ? others : { ...others, [key]: value };
    this.#timer ??= 0;
    this.#refresh([key], event);
  }

  #apply() {
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
      this.onchange({ ...this.#adjustments });
    }
  }

  #reset() {
    this.fill({});
    this.onchange({});
  }

  #refresh(keys, event) {
    const fields = this.#form.elements;
    for (const key of keys) {
      const { fill, tell } = GROUPS[key];
      const value = this.#adjustments[key] ?? "";
      fill(fields, value, event);
      Object.entries(tell?.(fields, value) ?? {}).forEach(([name, text]) => say(fields[name], text));
    }
    this.#root.querySelector("#reset").disabled = none(this.#adjustments);
    this.#export.adjust(this.#adjustments);
    this.#histogram.mark();
    this.#measure();
  }

  /** Count samples while the panel is open: the server reads the image for it. */
  #measure() {
    if (this.shown && this.#image) {
      this.#histogram.show(this.#image, this.#adjustments);
    }
  }
}

/** Show the value of a slider, and expose it to screen readers. */
function say(slider, text) {
  slider.closest(".row").querySelector("output").textContent = text;
  slider.setAttribute("aria-valuetext", text);
}

function options(select, names) {
  const [first] = select.options;
  select.replaceChildren(first, ...names.map((name) => element("option", { value: name }, name)));
}

function stops(slider, values) {
  slider.dataset.stops = values.join(" ");
  slider.max = Math.max(0, values.length - 1);
  slider.closest(".row").hidden = values.length < 2;
}
