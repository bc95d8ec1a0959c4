// What a person has asked to be done with the pixels: a plain object of texts, each under the name
// that it has in the address of the page. What is not in it is left as the server does it.

const NUMBER = String.raw`-?(?:\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})(?:e-?\d{1,2})?`;
const ROW = `${NUMBER}(?:,${NUMBER}){0,8}`;

/** Each adjustment, in the order of the commands: what may stand in it, and the IIP command it becomes. */
const KINDS = {
  stack: [/^\d{1,6}(?:,\d{1,6})?$/, "SDS"],
  minmax: [new RegExp(`^-:${NUMBER},${NUMBER}$`), "MINMAX"],
  contrast: [new RegExp(`^(?:eq|stretch|${NUMBER})$`), "CNT"],
  gamma: [new RegExp(`^(?:log|${NUMBER})$`), "GAM"],
  invert: [/^1$/, "INV"],
  colormap: [/^[\w.-]{1,64}$/, "CMP"],
  hillshade: [/^\d{1,3},\d{1,3}$/, "SHD"],
  twist: [new RegExp(String.raw`^\[${ROW}(?:;${ROW}){0,8}\]$`), "CTW"],
  color: [/^(?:gray|binary)$/, "COL"],
  convolution: [/^[a-z]{1,16}$/, "CNV"],
  turn: [/^!?(?:0|90|180|270)$/, "ROT"],
  quality: [/^\d{1,3}$/, "QLT"],
};
const KEYS = Object.keys(KINDS);

/** The adjustments among the parameters of an address; whatever else stands there is left out. */
export function read(parameters) {
  const found = KEYS.map((key) => [key, parameters.get(key) ?? ""]);
  return Object.fromEntries(found.filter(([key, value]) => value !== "" && isValid(key, value)));
}

export const isValid = (key, value) => KINDS[key][0].test(value);
export const none = (adjustments) => Object.keys(adjustments).length === 0;
export const same = (some, others) => KEYS.every((key) => some[key] === others[key]);

/** The same as commands of IIP, each with the ampersand before it. */
export function commands(adjustments) {
  const wanted = KEYS.filter((key) => key in adjustments);
  return wanted.map((key) => `&${KINDS[key][1]}${key === "invert" ? "" : `=${adjustments[key]}`}`).join("");
}

/** The same as the `transform` of OpenSeadragon's IIP source, which draws turned pictures by itself. */
export function transform({ turn, invert, ...others }) {
  return invert ? { ...others, invert: true } : others;
}

/** How the picture is turned: mirrored left to right, then by degrees clockwise. */
export function turned({ turn = "0" }) {
  return { mirrored: turn.startsWith("!"), degrees: Number(turn.replace("!", "")) };
}

/** A matrix as a person writes it, in the form that the server reads; empty if it is none. */
export function matrix(text) {
  const rows = text.replace(/[[\]]/g, " ").trim().split(/\s*[;\n]\s*/);
  const written = `[${rows.map((row) => row.split(/\s*,\s*|\s+/).join(",")).join(";")}]`;
  return isValid("twist", written) ? written : "";
}
