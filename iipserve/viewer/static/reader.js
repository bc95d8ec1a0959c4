// One image over the whole window: OpenSeadragon, the switch between protocols, and the panel.

import { formatName, levels, pixels } from "./gallery.js";
import { Panel } from "./panel.js";
import { LABELS, MissingOpenSeadragon, openSeadragon, SOURCES } from "./sources.js";

export class Reader {
  /** Called with {name, source, view} when any of them has changed. */
  onchange = () => {};
  /** Called when the image is to be closed. */
  onleave = () => {};
  #root;
  #gallery;
  #panel;
  #viewer = null;
  #image = null;
  #name = null;
  #source = null;
  #turn = 0;
  #failed = 0;
  #reason = "";
  #opener = null;

  constructor(root, gallery) {
    this.#root = root;
    this.#gallery = gallery;
    this.#panel = new Panel(this.#find("panel"));
    this.#find("back").addEventListener("click", () => this.onleave());
    this.#find("details").addEventListener("click", () => this.#togglePanel());
    this.#find("close-panel").addEventListener("click", () => this.#togglePanel());
    this.#find("sources").addEventListener("change", (event) => this.#switch(event.target.value));
    this.#find("alert").querySelector("button").addEventListener("click", () => this.#tell());
    this.#find("zoom-in").addEventListener("click", () => this.#zoomBy(2));
    this.#find("zoom-out").addEventListener("click", () => this.#zoomBy(0.5));
    this.#find("fit").addEventListener("click", () => this.#fit());
    this.#find("full-size").addEventListener("click", () => this.#truePixels());
    // before OpenSeadragon, which has keys of its own on the canvas
    addEventListener("keydown", (event) => this.#key(event), { capture: true });
  }

  /** Show an image; `view` is {x, y, zoom} in OpenSeadragon's units, or null for the whole image. */
  async open(name, source, view) {
    const kind = source in SOURCES ? source : "iiif";
    if (name === this.#name && kind === this.#source) {
      this.#goTo(view);
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
    this.#find("name").textContent = name;
    this.#describe(this.#gallery.known.get(name) ?? { name });
    await this.#load(kind, another ? view : (view ?? this.#view()), another);
  }

  close() {
    if (this.#root.hidden) {
      return;
    }
    this.#turn += 1;
    this.#viewer?.destroy();
    this.#viewer = this.#image = this.#name = this.#source = null;
    this.#panel.shown = false;
    this.#find("details").setAttribute("aria-expanded", "false");
    this.#tell();
    this.#root.hidden = true;
    this.#gallery.root.inert = false;
    document.documentElement.classList.remove("reading");
    this.#opener?.focus({ preventScroll: true });
  }

  #switch(kind) {
    this.#load(kind, this.#view(), false);
  }

  async #load(kind, view, another) {
    const turn = (this.#turn += 1);
    const name = this.#name;
    this.#source = kind;
    this.#failed = 0;
    this.#reason = "";
    this.#tell();
    this.#find("sources").querySelector(`[value=${kind}]`).checked = true;
    this.#busy(true);
    try {
      const [OpenSeadragon, tileSource] = await Promise.all([openSeadragon(), SOURCES[kind](name)]);
      if (turn !== this.#turn) {
        return;
      }
      this.#viewer ??= this.#prepare(OpenSeadragon);
      const image = await this.#place(tileSource);
      if (turn === this.#turn) {
        this.#opened(image, view, another);
      }
    } catch (error) {
      if (turn === this.#turn) {
        this.#busy(false);
        this.#refused(error, kind);
      }
    }
  }

  #prepare(OpenSeadragon) {
    const viewer = new OpenSeadragon.Viewer({
      element: this.#find("stage"),
      showNavigationControl: false,
      showNavigator: innerWidth >= 720,
      navigatorPosition: "BOTTOM_LEFT",
      navigatorSizeRatio: 0.14,
      navigatorBorderColor: "transparent",
      navigatorDisplayRegionColor: "#f2b84b",
      navigatorBackground: "var(--stage)",
      navigatorOpacity: 1,
      preserveViewport: true,
      visibilityRatio: 0.3,
      minZoomImageRatio: 0.7,
      maxZoomPixelRatio: 4,
      smoothTileEdgesMinZoom: Infinity,
      animationTime: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 0.8,
      springStiffness: 9,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
      maxImageCacheCount: 500,
      maxTilesPerFrame: 12,
    });
    viewer.addHandler("animation", () => this.#showScale());
    viewer.addHandler("animation-finish", () => this.#moved());
    viewer.addHandler("resize", () => this.#showScale());
    viewer.addHandler("tile-load-failed", (event) => this.#tileFailed(event));
    return viewer;
  }

  /** Put the tiles of another source in the place of those shown; the view stays where it is. */
  #place(tileSource) {
    const viewer = this.#viewer;
    return new Promise((resolve, reject) => {
      viewer.addTiledImage({
        tileSource,
        index: 0,
        replace: viewer.world.getItemCount() > 0,
        success: ({ item }) => resolve(item),
        error: ({ message }) => reject(new Error(message)),
      });
    });
  }

  #opened(image, view, another) {
    this.#image = image;
    this.#removeOthers(image);
    image.addHandler("fully-loaded-change", ({ fullyLoaded }) => this.#busy(!fullyLoaded));
    this.#busy(!image.getFullyLoaded());
    const { x: width, y: height } = image.getContentSize();
    this.#describe({ name: this.#name, width, height, ...this.#gallery.known.get(this.#name) });
    if (another && !view) {
      this.#viewer.viewport.goHome(true);
    }
    this.#goTo(view, true);
    this.#showScale();
    this.#moved();
    if (another) {
      this.#viewer.canvas.focus({ preventScroll: true });
    }
  }

  /** Tell what is known of an image: at first perhaps its name alone. */
  #describe(image) {
    const facts = image.width ? [pixels(image)] : [];
    if (image.format) {
      facts.push(formatName(image), levels(image));
    }
    this.#find("facts").textContent = facts.join(" · ");
    if (image.width) {
      this.#panel.fill(image, this.#gallery.maxExport);
    } else {
      this.#panel.clear();
    }
  }

  /** Two sources chosen in quick succession may both have arrived. */
  #removeOthers(image) {
    const { world } = this.#viewer;
    for (let index = world.getItemCount() - 1; index >= 0; index -= 1) {
      if (world.getItemAt(index) !== image) {
        world.removeItem(world.getItemAt(index));
      }
    }
  }

  #view() {
    if (!this.#image) {
      return null;
    }
    const { x, y } = this.#viewer.viewport.getCenter();
    return { x, y, zoom: this.#viewer.viewport.getZoom() };
  }

  #goTo(view, immediately = false) {
    if (view && this.#image) {
      const viewport = this.#viewer.viewport;
      viewport.zoomTo(view.zoom, null, immediately);
      viewport.panTo(new OpenSeadragon.Point(view.x, view.y), immediately);
      viewport.applyConstraints(immediately);
    }
  }

  #moved() {
    if (!this.#image) {
      return;
    }
    this.onchange({ name: this.#name, source: this.#source, view: this.#view() });
    this.#panel.follow(this.#name, this.#regionInView());
  }

  #regionInView() {
    const { x: width, y: height } = this.#image.getContentSize();
    const bounds = this.#image.viewportToImageRectangle(this.#viewer.viewport.getBounds());
    const x = Math.max(0, Math.min(width - 1, Math.floor(bounds.x)));
    const y = Math.max(0, Math.min(height - 1, Math.floor(bounds.y)));
    const right = Math.max(x + 1, Math.min(width, Math.ceil(bounds.x + bounds.width)));
    const bottom = Math.max(y + 1, Math.min(height, Math.ceil(bounds.y + bounds.height)));
    return { x, y, width: right - x, height: bottom - y };
  }

  #zoomBy(factor) {
    this.#viewer?.viewport.zoomBy(factor);
    this.#viewer?.viewport.applyConstraints();
  }

  #fit() {
    this.#viewer?.viewport.goHome();
  }

  #truePixels() {
    if (this.#image) {
      this.#viewer.viewport.zoomTo(this.#image.imageToViewportZoom(1 / devicePixelRatio));
      this.#viewer.viewport.applyConstraints();
    }
  }

  #showScale() {
    if (this.#image) {
      const scale = this.#image.viewportToImageZoom(this.#viewer.viewport.getZoom(true)) * devicePixelRatio * 100;
      this.#find("scale").textContent = `${scale < 10 ? scale.toFixed(1) : Math.round(scale)} %`;
    }
  }

  #busy(value) {
    this.#find("progress").classList.toggle("busy", value);
  }

  #togglePanel() {
    this.#panel.shown = !this.#panel.shown;
    this.#find("details").setAttribute("aria-expanded", String(this.#panel.shown));
    this.#find(this.#panel.shown ? "close-panel" : "details").focus();
  }

  #refused(error, kind) {
    const parts = error instanceof MissingOpenSeadragon
      ? [error.message, Object.assign(document.createElement("code"), { textContent: error.command })]
      : [`The image cannot be shown from ${LABELS[kind]}: ${error.message}`];
    this.#tell(...parts);
  }

  /** One message for any number of failed tiles; the reason is asked for once, as images carry none. */
  async #tileFailed({ tile, tiledImage }) {
    if (tiledImage !== this.#image) {
      return;
    }
    this.#failed += 1;
    const tiles = this.#failed === 1 ? "1 tile" : `${this.#failed} tiles`;
    const message = `${tiles} from ${LABELS[this.#source]} could not be loaded.`;
    this.#tell(message, this.#reason);
    if (this.#failed === 1) {
      this.#reason = await reasonOf(tile.getUrl());
      this.#tell(message, this.#reason);
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
    const actions = {
      Escape: () => (this.#panel.shown ? this.#togglePanel() : this.onleave()),
      i: () => this.#togglePanel(),
      0: () => this.#fit(),
      1: () => this.#truePixels(),
      "+": () => this.#zoomBy(2),
      "=": () => this.#zoomBy(2),
      "-": () => this.#zoomBy(0.5),
    };
    if (event.key in actions) {
      event.preventDefault();
      event.stopPropagation();
      actions[event.key]();
    }
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
