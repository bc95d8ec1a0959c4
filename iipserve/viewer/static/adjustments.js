// The adjustments a person has chosen: a plain object of strings by their name in the page's address.
// Where one is missing, the server's default applies.

const NUMBER = String.raw`-?(?:\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})(?:e-?\d{1,2})?`;
const ROW = `${NUMBER}(?:,${NUMBER}){0,8}`;

/** Each adjustment, in the order of the commands: the values it may have, and the IIP command it becomes. */
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

/** The adjustments among the parameters of an address, without any others. */
export function read(parameters) {
  const found = KEYS.map((key) => [key, parameters.get(key) ?? ""]);
  return Object.fromEntries(found.filter(([key, value]) => value !== "" && isValid(key, value)));
}

export const isValid = (key, value) => KINDS[key][0].test(value);
export const none = (adjustments) => Object.keys(adjustments).length === 0;
export const same = (some, others) => KEYS.every((key) => some[key] === others[key]);

/** The adjustments as IIP commands, each preceded by an ampersand. */
export function commands(adjustments) {
  const wanted = KEYS.filter((key) => key in adjustments);
  return wanted.map((key) => `&${KINDS[key][1]}${key === "invert" ? "" : `=${adjustments[key]}`}`).join("");
}

/** The adjustments as the `transform` of OpenSeadragon's IIP source, which rotates by itself. */
export function transform({ turn, invert, ...others }) {
  return invert ? { ...others, invert: true } : others;
}

/** The rotation: mirrored left to right, then degrees clockwise. */
export function turned({ turn = "0" }) {
  return { mirrored: turn.startsWith("!"), degrees: Number(turn.replace("!", "")) };
}

/** The index of the page or layer of a file with several; null where it is a view of a sequence. */
export function page({ stack = "0" }) {
  return stack.includes(",") ? null : Number(stack);
}

/** A matrix as a person writes it, in the form that the server reads; empty if it is malformed. */
export function matrix(text) {
  const rows = text.replace(/[[\]]/g, " ").trim().split(/\s*[;\n]\s*/);
  const written = `[${rows.map((row) => row.split(/\s*,\s*|\s+/).join(",")).join(";")}]`;
  return isValid("twist", written) ? written : "";
}
