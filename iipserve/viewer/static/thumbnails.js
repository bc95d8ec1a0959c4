// Thumbnails: asked for when they come near the window, and again when what kept them away has passed.

import { thumbnail } from "./addresses.js";
import { pauseOf, whenBack } from "./network.js";

const SIDES = [360, 540, 720];
/** Usual height of a thumbnail in CSS pixels: rows grow to fill the width. */
const USUAL_HEIGHT = 310;
const MAX_ATTEMPTS = 5;

/** A frame with the thumbnail of an image; until it is there, and when it cannot be, the frame says so. */
export function picture(image, ratio) {
  const frame = Object.assign(document.createElement("span"), { className: "frame" });
  ask(frame, () => ofImage(image, ratio));
  return frame;
}

/** As `picture`, of an image of which only the name is known, in a square of `side` CSS pixels. */
export function smallPicture(name, side) {
  const frame = Object.assign(document.createElement("span"), { className: "frame" });
  ask(frame, () => Object.assign(blank(), { width: side, height: side, src: thumbnail(name, 2 * side) }));
  return frame;
}

const blank = () => Object.assign(document.createElement("img"), { alt: "", loading: "lazy", decoding: "async" });

function ofImage(image, ratio) {
  const longest = Math.max(image.width, image.height);
  const wide = (side) => Math.max(1, Math.round((side * image.width) / longest));
  const made = blank();
  made.width = wide(360);
  made.height = Math.max(1, Math.round((360 * image.height) / longest));
  made.sizes = `${Math.round(ratio * USUAL_HEIGHT)}px`;
  const sides = SIDES.filter((side, index) => index === 0 || side <= longest);
  made.srcset = sides.map((side) => `${thumbnail(image.name, side)} ${wide(side)}w`).join(", ");
  made.src = thumbnail(image.name, 360);
  return made;
}

function ask(frame, make, attempt = 1) {
  const made = make();
  show(frame, "waiting", made);
  made.addEventListener("load", () => delete frame.dataset.state);
  made.addEventListener("error", async () => {
    const { again, text, reason } = await cause(made.currentSrc || made.src);
    show(frame, again ? "away" : "failed", text);
    frame.title = reason;
    if (again && attempt < MAX_ATTEMPTS) {
      again(() => frame.isConnected && ask(frame, make, again === whenBack ? 1 : attempt + 1));
    }
  });
}

function show(frame, state, content) {
  frame.dataset.state = state;
  frame.title = "";
  frame.replaceChildren(content);
}

/** Why a thumbnail did not come, and when to ask again: an image element does not say. */
async function cause(address) {
  try {
    const answer = await fetch(address, { cache: "no-store" });
    const reason = (await answer.text()).trim().slice(0, 300);
    if (answer.ok) {
      return { again: soon(0), text: "", reason: "" };
    }
    const pause = pauseOf(answer);
    if (pause !== null) {
      return { again: soon(pause), text: "Later", reason };
    }
    return { again: null, text: "No preview", reason };
  } catch {
    return { again: whenBack, text: "No connection", reason: "The server cannot be reached." };
  }
}

const soon = (seconds) => (action) => setTimeout(action, seconds * 1000);
