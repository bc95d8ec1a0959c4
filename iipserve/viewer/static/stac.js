// The collections of this server through its STAC API, the only way in which the page reads and changes them.

const ROOT = new URL("../stac/", document.baseURI).href;
const KEY = "iipserve.token";

/** The token that changes are sent with; it is kept until the window is closed. */
export const token = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (text) => (text ? sessionStorage.setItem(KEY, text) : sessionStorage.removeItem(KEY)),
};

/** An answer other than a good one, with the words of the server. */
export class Refused extends Error {
  constructor(status, text) {
    const document = parsed(text);
    super(reason(document) || (document ? "" : text.trim().slice(0, 500)) || `the server answered ${status}`);
    this.status = status;
    this.document = document;
  }

  get needsToken() {
    return this.status === 401;
  }
}

/** What a document of an error says. */
const reason = (document) => document?.description ?? document?.detail ?? document?.title;

/** The value of a text in JSON; null for any other text. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const path = (...segments) => ROOT + segments.map(encodeURIComponent).join("/");
const credentials = () => (token.get() ? { Authorization: `Bearer ${token.get()}` } : {});

async function ask(address, { method = "GET", value, type = "application/json", secured = method !== "GET", ...options } = {}) {
  const headers = { Accept: "application/geo+json, application/json", ...(secured ? credentials() : {}) };
  const sent = value === undefined ? {} : { body: JSON.stringify(value) };
  if (value !== undefined) {
    headers["Content-Type"] = type;
  }
  const answer = await fetch(address, { method, headers, cache: "no-cache", ...sent, ...options });
  const text = await answer.text();
  if (!answer.ok) {
    throw new Refused(answer.status, text);
  }
  return text ? JSON.parse(text) : null;
}

/** The address of the next page: with the query of the link only, as a proxy may hide the host that it names. */
function nextPage(address, document) {
  const link = document.links?.find(({ rel }) => rel === "next");
  return link ? new URL(new URL(link.href, address).search, address).href : null;
}

/** Whether collections can be changed here at all. */
export async function isEditable() {
  const { conformsTo } = await ask(ROOT);
  return conformsTo.some((each) => each.endsWith("/transaction"));
}

/** All collections, in the order of the server. */
export async function collections() {
  const found = [];
  for (let address = path("collections"); address; ) {
    const document = await ask(address);
    found.push(...document.collections);
    address = nextPage(address, document);
  }
  return found;
}

export const collection = (id) => ask(path("collections", id));
export const createCollection = (value) => ask(path("collections"), { method: "POST", value });
export const deleteCollection = (id) => ask(path("collections", id), { method: "DELETE" });
export const deleteItem = (id, item) => ask(path("collections", id, "items", item), { method: "DELETE" });

/** Change members of a collection; null takes one away (RFC 7396). */
export const changeCollection = (id, value) =>
  ask(path("collections", id), { method: "PATCH", value, type: "application/merge-patch+json" });

/** The address of the first page of a search. */
export function itemsAddress(id, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "");
  return `${path("collections", id, "items")}?${new URLSearchParams(given)}`;
}

/** A page of items: {items, matched, next}, where matched is undefined if they are not counted. */
export async function itemsPage(address, signal) {
  const document = await ask(address, { signal });
  return { items: document.features, matched: document.numberMatched, next: nextPage(address, document) };
}

/** Start what takes longer than a request, as {kind: "add", href: "scenes/"}: a job. */
export const startJob = (id, value) => ask(path("collections", id, "jobs"), { method: "POST", value });
/** How far a job is, for those who may change the collection. */
export const job = (id, jobId) => ask(path("collections", id, "jobs", jobId), { secured: true });
export const jobs = async (id) => (await ask(path("collections", id, "jobs"), { secured: true })).jobs;
/** End a job before it is done. */
export const dismissJob = (id, jobId) => ask(path("collections", id, "jobs", jobId), { method: "DELETE" });

/** Upload a file as a new image; `progress` is called with the bytes that are sent. */
export function upload(id, file, progress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", path("collections", id, "items", file.name, "assets", "image"));
    request.setRequestHeader("If-None-Match", "*");
    Object.entries(credentials()).forEach(([name, value]) => request.setRequestHeader(name, value));
    request.setRequestHeader("Content-Type", file.type.startsWith("image/") ? file.type : "application/octet-stream");
    request.upload.addEventListener("progress", (event) => progress(event.loaded));
    request.addEventListener("load", () => {
      const { status, responseText } = request;
      const text = status === 412 ? "the collection has an image of this name" : responseText;
      status < 300 ? resolve() : reject(new Refused(status, text));
    });
    request.addEventListener("error", () => reject(new Error("the connection was lost")));
    request.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}
