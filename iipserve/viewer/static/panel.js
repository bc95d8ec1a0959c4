// The addresses of the open image, each with a copy button, and the description of its file.

import * as addresses from "./addresses.js";
import { count, element, fileSize, formatName, levels, megapixels, pixels } from "./gallery.js";

const VIEW_SIDE = 2000;

export class Panel {
  #root;

  constructor(root) {
    this.#root = root;
  }

  get shown() {
    return !this.#root.hidden;
  }

  set shown(value) {
    this.#root.hidden = !value;
  }

  /** The button that closes it. */
  get closer() {
    return this.#root.querySelector("#close-panel");
  }

  /**
   * @param image name, width and height; format, levels, tile and bytes when known
   * @param limit longest side of an export in pixels, null for none
   */
  fill(image, limit) {
    const { name, width, height } = image;
    const side = Math.min(limit ?? Infinity, Math.max(width, height));
    this.#root.querySelector("#addresses").replaceChildren(
      row("IIIF", "for Mirador, Universal Viewer", addresses.iiifInfo(name)),
      row("DeepZoom", "for OpenSeadragon", addresses.deepzoom(name)),
      row("Zoomify", "for OpenLayers, Leaflet", addresses.zoomifyInfo(name)),
      row("IIP", "add commands to it", addresses.iip(name), { leads: false }),
      row("Whole image", `JPEG, ${count(side)} pixels long`, addresses.exported(name, width, height, limit)),
      row("Part in view", "JPEG", "", { id: "view-image" }),
      row("Link to this view", "in this page", "", { id: "view-link" }),
    );
    this.#root.querySelector("#properties").replaceChildren(...properties(image));
  }

  /** Show nothing until the image is known. */
  clear() {
    this.#root.querySelectorAll("#addresses, #properties").forEach((list) => list.replaceChildren());
  }

  /** Follow the view: `region` in pixels of the full size. */
  follow(name, region) {
    const [image, link] = ["view-image", "view-link"].map((id) => this.#root.querySelector(`#${id} a`));
    if (image) {
      image.href = image.textContent = addresses.region(name, region, VIEW_SIDE);
      link.href = link.textContent = location.href;
    }
  }
}

/** One address; `leads` is false where it is incomplete without a suffix. */
function row(title, note, address, { id = "", leads = true } = {}) {
  const link = leads
    ? element("a", { className: "address", href: address, target: "_blank", rel: "noopener" }, address)
    : element("span", { className: "address" }, address);
  const button = element("button", { type: "button", className: "copy" }, "Copy");
  button.setAttribute("aria-label", `Copy the ${title} address`);
  button.addEventListener("click", () => copy(link.textContent, button));
  const heading = element("div", {}, element("strong", {}, title), " ", element("small", {}, note));
  return element("li", { id }, heading, button, link);
}

function properties(image) {
  const facts = [["Name", image.name], ["Size", `${pixels(image)} pixels, ${megapixels(image)}`]];
  if (image.format) {
    facts.push(
      ["Format", `${formatName(image)}, ${fileSize(image.bytes)}`],
      ["Pyramid", `${levels(image)}, tiles of ${image.tile.join(" × ")}`],
      ["Samples", `${image.bands === 1 ? "1 band" : `${image.bands} bands`} of ${image.samples}`],
    );
  }
  return facts.flatMap(([term, text]) => [element("dt", {}, term), element("dd", {}, text)]);
}

export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyBySelection(text);
  }
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 1500);
}

/** The clipboard API exists only over https and on localhost; the older way works everywhere. */
function copyBySelection(text) {
  const field = element("textarea", { value: text, className: "unseen" });
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}
