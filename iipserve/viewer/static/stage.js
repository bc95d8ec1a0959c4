// OpenSeadragon with one image: its view and its rotation.

import { Downloads } from "./downloads.js";
import { openSeadragon } from "./sources.js";

/** Events of OpenSeadragon by which a person moves the view. */
const TOUCHES = [
  ...["press", "scroll", "key", "pinch", "double-click"].map((input) => `canvas-${input}`),
  ...["click", "drag", "scroll"].map((input) => `navigator-${input}`),
];

export class Stage {
  /** Called when the view has come to rest, and with it the region in view. */
  onmove = () => {};
  /** Called with true while tiles are missing. */
  onbusy = () => {};
  /** Called with the scale: 1 is one pixel of the image on one of the screen. */
  onscale = () => {};
  /** Called with the address of a tile that could not be loaded, and the tile. */
  onfail = () => {};
  /** Called with the address of a tile that has been loaded. */
  onload = () => {};
  /** Called when a person moves the view, or comes to the picture with the keyboard. */
  ontouch = () => {};
  /** Called in each frame in which the view moves. */
  onframe = () => {};
  #element;
  #viewer = null;
  #image = null;
  /** OpenSeadragon's image -> its tiles that are on their way. */
  #downloads = new Map();
  /** Whether the whole image was in view when the view last came to rest. */
  #whole = true;
  #hasNavigator;

  constructor(element, { hasNavigator = innerWidth >= 720 } = {}) {
    this.#element = element;
    this.#hasNavigator = hasNavigator;
  }

  get size() {
    const { x: width, y: height } = this.#image.getContentSize();
    return { width, height };
  }

  /** What is in view, as {x, y, zoom} in OpenSeadragon's units; null before an image is shown. */
  get view() {
    if (!this.#image) {
      return null;
    }
    const { x, y } = this.#viewer.viewport.getCenter();
    return { x, y, zoom: this.#viewer.viewport.getZoom() };
  }

  /**
   * Put the tiles of a source in the place of those shown; the view stays where it is.
   *
   * @param isWanted whether this source is still the one that was asked for last
   * @param gently leave the tiles shown until all of the new ones are there
   * @returns whether it is shown
   */
  async show(tileSource, { isWanted, gently = false }) {
    const OpenSeadragon = await openSeadragon();
    if (!isWanted()) {
      return false;
    }
    this.#viewer ??= this.#prepare(OpenSeadragon);
    const image = await this.#place(tileSource, gently);
    if (!isWanted()) {
      this.#viewer?.world.removeItem(image);
      this.#cancel((each) => each === image);
      return false;
    }
    this.#shown(image, gently);
    return true;
  }

  #prepare(OpenSeadragon) {
    const viewer = new OpenSeadragon.Viewer({
      element: this.#element,
      showNavigationControl: false,
      showNavigator: this.#hasNavigator,
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
      // milliseconds of each tile, of which all in view are asked for at once: slow networks are not to be told of as failing
      timeout: 120_000,
    });
    viewer.addHandler("animation", () => this.tellScale());
    viewer.addHandler("animation-finish", () => this.#rested());
    viewer.addHandler("after-resize", () => this.#framed());
    viewer.addHandler("tile-load-failed", ({ tile, tiledImage }) => {
      if (tiledImage === this.#image) {
        this.onfail(tile.getUrl(), tile);
      }
    });
    viewer.addHandler("tile-loaded", ({ tile }) => this.onload(tile.getUrl()));
    viewer.addHandler("viewport-change", () => this.onframe());
    for (const input of TOUCHES) {
      viewer.addHandler(input, () => this.ontouch());
    }
    viewer.canvas.addEventListener("focus", () => this.ontouch());
    viewer.canvas.setAttribute("role", "application");
    viewer.canvas.setAttribute("aria-roledescription", "image to zoom");
    return viewer;
  }

  #place(tileSource, gently) {
    const viewer = this.#viewer;
    const place = gently ? {} : { index: 0, replace: viewer.world.getItemCount() > 0 };
    return new Promise((resolve, reject) => {
      viewer.addTiledImage({
        tileSource,
        ...place,
        success: ({ item }) => {
          this.#downloads.set(item, new Downloads(item.source));
          resolve(item);
        },
        error: ({ message }) => reject(new Error(message)),
      });
    });
  }

  #shown(image, gently) {
    this.#image = image;
    const report = (fullyLoaded) => {
      if (image !== this.#image) {
        return;
      }
      if (fullyLoaded || !gently) {
        this.#removeOthers(image);
      }
      this.onbusy(!fullyLoaded);
    };
    image.addHandler("fully-loaded-change", ({ fullyLoaded }) => report(fullyLoaded));
    report(image.getFullyLoaded());
    this.tellScale();
  }

  /** The images shown before; of two opened in quick succession both may have arrived. */
  #removeOthers(image) {
    this.#cancel((each) => each !== image);
    const { world } = this.#viewer;
    for (let index = world.getItemCount() - 1; index >= 0; index -= 1) {
      if (world.getItemAt(index) !== image) {
        world.removeItem(world.getItemAt(index));
      }
    }
  }

  /** Let go of the tiles of some images. */
  #cancel(isLeft) {
    for (const [image, downloads] of this.#downloads) {
      if (isLeft(image)) {
        downloads.cancel();
        this.#downloads.delete(image);
      }
    }
  }

  /** What screen readers call the picture. */
  set label(text) {
    this.#viewer.canvas.setAttribute("aria-label", text);
  }

  /** Load tiles again that have failed. */
  revive(tiles) {
    tiles.forEach((tile) => (tile.exists = true));
    // OpenSeadragon looks at tiles again when something about the image changes
    this.#image?.setClip(this.#image.getClip());
  }

  /** Height of the image by its width. */
  get #ratio() {
    return this.size.height / this.size.width;
  }

  /** Be where another stage is at this moment: at the same part of the width and of the height. */
  mirror(other) {
    const [mine, its] = [this.#viewer?.viewport, other.#viewer?.viewport];
    if (this.#image && other.#image) {
      const { x, y } = its.getCenter(true);
      mine.zoomTo(its.getZoom(true), null, true);
      mine.panTo(new OpenSeadragon.Point(x, (y * this.#ratio) / other.#ratio), true);
    }
  }

  /** Mirror left to right, then rotate clockwise by quarter turns. */
  turn({ mirrored, degrees }) {
    if (!this.#viewer) {
      return;
    }
    const { viewport } = this.#viewer;
    // OpenSeadragon rotates first, then mirrors
    const rotation = mirrored ? (360 - degrees) % 360 : degrees;
    if (mirrored === viewport.getFlip() && rotation === viewport.getRotation()) {
      return;
    }
    viewport.setFlip(mirrored);
    viewport.setRotation(rotation, true);
    this.#framed();
  }

  /** Move to a view, or to the whole image if it is null. */
  goTo(view, immediately = false) {
    if (!this.#image) {
      return;
    }
    this.ontouch();
    const { viewport } = this.#viewer;
    if (view) {
      viewport.zoomTo(view.zoom, null, immediately);
      viewport.panTo(new OpenSeadragon.Point(view.x, view.y), immediately);
      viewport.applyConstraints(immediately);
    } else {
      viewport.goHome(immediately);
    }
    this.#whole = viewport.getZoom() <= viewport.getHomeZoom() * 1.001;
  }

  zoomBy(factor) {
    this.ontouch();
    this.#viewer?.viewport.zoomBy(factor);
    this.#viewer?.viewport.applyConstraints();
  }

  truePixels() {
    if (this.#image) {
      this.ontouch();
      this.#viewer.viewport.zoomTo(this.#image.imageToViewportZoom(1 / devicePixelRatio));
      this.#viewer.viewport.applyConstraints();
    }
  }

  /** Pixels of the screen for each pixel of the image. */
  get scale() {
    return this.#image.viewportToImageZoom(this.#viewer.viewport.getZoom()) * devicePixelRatio;
  }

  /** The part of the image in view, in pixels of its full size; null before an image is shown. */
  get region() {
    if (!this.#image) {
      return null;
    }
    const { width, height } = this.size;
    const inView = this.#viewer.viewport.getBounds().getBoundingBox();
    const bounds = this.#image.viewportToImageRectangle(inView);
    const x = Math.max(0, Math.min(width - 1, Math.floor(bounds.x)));
    const y = Math.max(0, Math.min(height - 1, Math.floor(bounds.y)));
    const right = Math.max(x + 1, Math.min(width, Math.ceil(bounds.x + bounds.width)));
    const bottom = Math.max(y + 1, Math.min(height, Math.ceil(bounds.y + bounds.height)));
    return { x, y, width: right - x, height: bottom - y };
  }

  focus() {
    this.#viewer?.canvas.focus({ preventScroll: true });
  }

  clear() {
    this.#cancel(() => true);
    this.#viewer?.destroy();
    this.#viewer = this.#image = null;
  }

  #rested() {
    const { viewport } = this.#viewer;
    this.#whole = viewport.getZoom() <= viewport.getHomeZoom() * 1.001;
    this.onmove();
  }

  /** Show the whole image after a resize, if it was shown before. */
  #framed() {
    if (this.#whole) {
      // OpenSeadragon zooms by itself after the resize event
      queueMicrotask(() => this.#viewer?.viewport.goHome(true));
    }
    this.tellScale();
  }

  /** Call `onscale`. */
  tellScale() {
    if (this.#image) {
      this.onscale(this.#image.viewportToImageZoom(this.#viewer.viewport.getZoom(true)) * devicePixelRatio);
    }
  }
}
