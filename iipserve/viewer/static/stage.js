// OpenSeadragon with one image: its view and its rotation.

import { openSeadragon } from "./sources.js";

export class Stage {
  /** Called when the view has come to rest, and with it the region in view. */
  onmove = () => {};
  /** Called with true while tiles are missing. */
  onbusy = () => {};
  /** Called with the scale: 1 is one pixel of the image on one of the screen. */
  onscale = () => {};
  /** Called with the address of a tile that could not be loaded. */
  onfail = () => {};
  #element;
  #viewer = null;
  #image = null;
  /** Whether the whole image was in view when the view last came to rest. */
  #whole = true;

  constructor(element) {
    this.#element = element;
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
      return false;
    }
    this.#shown(image, gently);
    return true;
  }

  #prepare(OpenSeadragon) {
    const viewer = new OpenSeadragon.Viewer({
      element: this.#element,
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
    viewer.addHandler("animation", () => this.#tellScale());
    viewer.addHandler("animation-finish", () => this.#rested());
    viewer.addHandler("after-resize", () => this.#framed());
    viewer.addHandler("tile-load-failed", ({ tile, tiledImage }) => {
      if (tiledImage === this.#image) {
        this.onfail(tile.getUrl());
      }
    });
    return viewer;
  }

  #place(tileSource, gently) {
    const viewer = this.#viewer;
    const place = gently ? {} : { index: 0, replace: viewer.world.getItemCount() > 0 };
    return new Promise((resolve, reject) => {
      viewer.addTiledImage({
        tileSource,
        ...place,
        success: ({ item }) => resolve(item),
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
    this.#tellScale();
  }

  /** The images shown before; of two opened in quick succession both may have arrived. */
  #removeOthers(image) {
    const { world } = this.#viewer;
    for (let index = world.getItemCount() - 1; index >= 0; index -= 1) {
      if (world.getItemAt(index) !== image) {
        world.removeItem(world.getItemAt(index));
      }
    }
  }

  /** Mirror left to right, then rotate clockwise by quarter turns. */
  turn({ mirrored, degrees }) {
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
    this.#viewer?.viewport.zoomBy(factor);
    this.#viewer?.viewport.applyConstraints();
  }

  truePixels() {
    if (this.#image) {
      this.#viewer.viewport.zoomTo(this.#image.imageToViewportZoom(1 / devicePixelRatio));
      this.#viewer.viewport.applyConstraints();
    }
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
    this.#viewer.canvas.focus({ preventScroll: true });
  }

  clear() {
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
    this.#tellScale();
  }

  #tellScale() {
    if (this.#image) {
      this.onscale(this.#image.viewportToImageZoom(this.#viewer.viewport.getZoom(true)) * devicePixelRatio);
    }
  }
}
