// What the gallery shows: images, folders, and files that cannot be shown.

import { picture, smallPicture } from "./thumbnails.js";

const FORMATS = { tiff: "TIFF", jpeg2000: "JPEG 2000" };
const MIN_RATIO = 0.5;
const MAX_RATIO = 3;
const PLACEHOLDERS = [1.4, 0.8, 1.5, 1, 1.3, 0.75, 1.6, 1.2, 1.4, 0.9, 1.3, 1.5];

export const count = (number) => number.toLocaleString("en");
export const several = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
export const pixels = ({ width, height }) => `${count(width)} × ${count(height)}`;
export const levels = ({ levels }) => several(levels, "level");

export function formatName({ format, name }) {
  const extension = /\.(\w{2,5})$/.exec(name)?.[1];
  return FORMATS[format] ?? (extension ?? format).toUpperCase();
}

export function megapixels({ width, height }) {
  const millions = (width * height) / 1e6;
  if (millions >= 1000) {
    return `${(millions / 1000).toFixed(1)} gigapixels`;
  }
  return `${millions >= 10 ? Math.round(millions) : millions.toFixed(1)} megapixels`;
}

export function fileSize(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let power = 0;
  while (bytes >= 1000 && power < units.length - 1) {
    bytes /= 1000;
    power += 1;
  }
  return `${power && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[power]}`;
}

/** An element with properties and children; text is always text, never markup. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/**
 * The card of an image, or of a file that cannot be shown.
 *
 * @param href of the image
 * @param base the folder that is shown, with a slash behind it if it is not the first one
 */
export function imageCard(image, href, base) {
  const ratio = image.reason ? 1.4 : Math.min(MAX_RATIO, Math.max(MIN_RATIO, image.width / image.height));
  const item = image.reason ? unreadable(image, base) : element("li", {}, shown(image, ratio, href, base));
  item.style.setProperty("--ratio", ratio.toFixed(4));
  item.dataset.key = image.name;
  return item;
}

function shown(image, ratio, href, base) {
  const frame = picture(image, ratio);
  const pages = image.pages > 1 ? several(image.pages, "page") : image.views > 1 ? several(image.views, "view") : "";
  const mark = pages ? element("span", { className: "pages" }, pages) : "";
  const facts = `${pixels(image)} · ${formatName(image)} · ${levels(image)}`;
  return element("a", { href }, element("span", { className: "mount" }, frame, mark), caption(image.name, base, facts));
}

function unreadable(image, base) {
  const frame = element("span", { className: "frame" }, "Cannot be shown");
  frame.dataset.state = "failed";
  const made = element("div", { title: image.detail ?? "" }, frame, caption(image.name, base, image.reason));
  return element("li", { className: "unreadable" }, made);
}

function caption(name, base, text) {
  const parts = name.slice(name.startsWith(base) ? base.length : 0).split("/");
  const file = parts.pop();
  const folder = parts.length ? element("span", { className: "folder" }, `${parts.join(" / ")} /`) : "";
  return element(
    "span",
    { className: "caption" },
    element("strong", { title: name }, file),
    folder,
    element("small", {}, text),
  );
}

/** The card of a folder: its first image, and how much is in it. */
export function folderCard(folder, href) {
  const icon = folder.first ? smallPicture(folder.first, 64) : element("span", { className: "frame" });
  const text = element(
    "span",
    { className: "caption" },
    element("strong", {}, folder.name),
    element("small", {}, folder.reason ?? contents(folder)),
  );
  const made = folder.reason ? element("div", {}, icon, text) : element("a", { href }, icon, text);
  const item = element("li", { className: folder.reason ? "unreadable" : "" }, made);
  item.dataset.key = `${folder.name}/`;
  return item;
}

function contents({ folders, images, is_complete: complete }) {
  const more = complete ? "" : "+";
  const parts = [];
  if (folders) {
    parts.push(`${count(folders)}${more} ${folders === 1 && complete ? "folder" : "folders"}`);
  }
  if (images) {
    parts.push(`${count(images)}${more} ${images === 1 && complete ? "image" : "images"}`);
  }
  return parts.join(" · ") || "empty";
}

/** What stands for the images of a list that is on its way. */
export function placeholders() {
  return PLACEHOLDERS.map((ratio) => {
    const frame = element("span", { className: "frame" });
    frame.dataset.state = "waiting";
    const item = element("li", { className: "placeholder" }, frame, element("span", { className: "line" }));
    item.style.setProperty("--ratio", ratio);
    return item;
  });
}
