// How a collection is displayed: the fields of the form, and the members of the collection.

const PREFIX = "iipserve:";

/** Put what a collection says into the form. */
export function fillStyle(form, collection) {
  const { order, rule, black, white, gamma, colormap } = form.elements;
  const style = collection[`${PREFIX}style`] ?? {};
  order.value = collection[`${PREFIX}order`] ?? "newest";
  rule.value = collection[`${PREFIX}rule`] ?? "first";
  [black.value, white.value] = Array.isArray(style.range) ? style.range : ["", ""];
  gamma.value = style.gamma ?? "";
  colormap.value = style.colormap ?? "";
}

/** The changes to a collection that the form says: null takes a member away. */
export function readStyle(form) {
  const { order, rule, black, white, gamma, colormap } = Object.fromEntries(new FormData(form));
  if ((black === "") !== (white === "")) {
    throw new Error("give both samples, the one shown black and the one shown white, or none");
  }
  const style = {
    range: black === "" ? null : [Number(black), Number(white)],
    gamma: gamma === "" ? null : Number(gamma),
    colormap: colormap.trim() || null,
  };
  return { [`${PREFIX}order`]: order, [`${PREFIX}rule`]: rule, [`${PREFIX}style`]: style };
}
