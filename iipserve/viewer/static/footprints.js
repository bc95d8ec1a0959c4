// A map of the footprints of a collection, over its images.

/* global ol */

const MERCATOR = "EPSG:3857";
const PADDING = [40, 40, 40, 40];

function style(color, width, fill) {
  return new ol.style.Style({
    stroke: new ol.style.Stroke({ color, width }),
    fill: new ol.style.Fill({ color: fill }),
  });
}

/** A box in degrees, of 4 or 6 numbers, on the map; one across the 180th meridian ends east of it. */
function inMercator(box) {
  const { west, south, east, north } = sides(box);
  return ol.proj.transformExtent([west, south, east, north], "EPSG:4326", MERCATOR);
}

/** The sides of a box in degrees, as far as the map reaches. */
export function sides(box) {
  const half = box.length / 2;
  const [west, south, east, north] = [...box.slice(0, 2), ...box.slice(half, half + 2)];
  return { west, south: Math.max(south, -85), east: east < west ? east + 360 : east, north: Math.min(north, 85) };
}

export class FootprintMap {
  #map;
  #format = new ol.format.GeoJSON();
  #footprints = new ol.source.Vector();
  #mosaic = new ol.layer.Tile({});
  #chosen = null;

  /** `choose` is called with the id of the item that is clicked. */
  constructor(target, choose) {
    const color = getComputedStyle(document.documentElement).getPropertyValue("--accent").trim();
    const plain = style(color, 1.5, "rgb(127 127 127 / 3%)");
    const strong = style(color, 4, "rgb(127 127 127 / 0%)");
    this.#map = new ol.Map({
      target,
      layers: [
        this.#mosaic,
        new ol.layer.Vector({
          source: this.#footprints,
          style: (feature) => (feature.getId() === this.#chosen ? strong : plain),
        }),
      ],
      view: new ol.View({ center: [0, 0], zoom: 1, projection: MERCATOR }),
    });
    this.#map.addControl(new ol.control.ScaleLine());
    this.#map.on("click", ({ pixel }) => {
      const [feature] = this.#map.getFeaturesAtPixel(pixel);
      feature && choose(feature.getId());
    });
  }

  /** Show the images of a collection as they are now, in a box in degrees; null shows none. `version` is another one after
   * each change. */
  showMosaic(id, version, box) {
    const address = new URL(`../xyz/${id && encodeURIComponent(id)}/`, document.baseURI).href;
    const source = () => new ol.source.XYZ({ url: `${address}{z}/{x}/{y}.png?version=${version}`, transition: 0 });
    this.#mosaic.setSource(id ? source() : null);
    this.#mosaic.setExtent(box ? inMercator(box) : undefined);
  }

  /** Show these items, and further ones if `isMore`. */
  show(items, isMore = false) {
    if (!isMore) {
      this.#footprints.clear();
    }
    const features = items
      .filter(({ geometry }) => geometry)
      .map(({ id, geometry }) => {
        const shape = this.#format.readGeometry(geometry, { featureProjection: MERCATOR });
        const feature = new ol.Feature(shape);
        feature.setId(id);
        return feature;
      });
    this.#footprints.addFeatures(features);
  }

  /** Mark one item, and go to it if `isShown`. */
  choose(id, isShown = false) {
    this.#chosen = id;
    this.#footprints.changed();
    const feature = this.#footprints.getFeatureById(id);
    if (feature && isShown) {
      this.#fit(feature.getGeometry().getExtent());
    }
  }

  /** Go to all items that are shown. */
  goToAll() {
    if (!this.#footprints.isEmpty()) {
      this.#fit(this.#footprints.getExtent());
    }
  }

  /** Go to a box in degrees. */
  goTo(box) {
    this.#fit(inMercator(box));
  }

  /** The box in degrees that is in view. */
  get box() {
    const extent = this.#map.getView().calculateExtent();
    const [west, south, east, north] = ol.proj.transformExtent(extent, MERCATOR, "EPSG:4326");
    return [Math.max(west, -180), south, Math.min(east, 180), north].map((each) => each.toFixed(6)).join(",");
  }

  #fit(extent) {
    this.#map.getView().fit(extent, { padding: PADDING, maxZoom: 18 });
  }
}
