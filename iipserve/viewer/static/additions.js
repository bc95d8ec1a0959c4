// Adding images to a collection: by their names on the server, or by uploading them. Tells how far it is, and what failed.

import { count, element, fileSize } from "./gallery.js";
import { addImages, upload } from "./stac.js";

/** Images that one request adds: few enough that progress is seen. */
const BATCH = 8;
/** Names that one page of the list of images has. */
const LISTED = 200;

/** The names of images in a folder of the server, or of one image. */
export async function namesBelow(folder) {
  const wanted = folder.trim().replace(/^\/+|\/+$/g, "");
  const names = [];
  for (let offset = 0; offset !== null; ) {
    const asked = new URLSearchParams({ offset, limit: LISTED, filter: wanted });
    const answer = await fetch(new URL(`images.json?${asked}`, document.baseURI));
    if (!answer.ok) {
      throw new Error(await answer.text());
    }
    const list = await answer.json();
    names.push(...list.images.map(({ name }) => name));
    offset = list.next;
  }
  return names.filter((name) => !wanted || name === wanted || name.startsWith(`${wanted}/`));
}

export class Additions {
  #root;
  #done;
  #stop = null;

  /** `root` holds the elements of the progress; `done` is called after images have been added. */
  constructor(root, done) {
    this.#root = root;
    this.#done = done;
    this.#part("#stop").addEventListener("click", () => this.#stop?.abort());
  }

  #part(selector) {
    return this.#root.querySelector(selector);
  }

  /** Add images of the server. */
  addNames(id, names) {
    const batches = [];
    for (let start = 0; start < names.length; start += BATCH) {
      batches.push(names.slice(start, start + BATCH));
    }
    return this.#run(names.length, batches, async (batch, signal) => addImages(id, batch, signal));
  }

  /** Upload files and add them, one after the other. */
  addFiles(id, files) {
    return this.#run(files.length, [...files], async (file, signal) => {
      const shown = (bytes) => this.#say(`Sending ${file.name}: ${fileSize(bytes)} of ${fileSize(file.size)}`);
      await upload(id, file, shown, signal);
      return [{ name: file.name, error: "" }];
    });
  }

  async #run(total, tasks, add) {
    const control = (this.#stop = new AbortController());
    this.#begin(total);
    const counts = { added: 0, failed: 0 };
    for (const task of tasks) {
      if (control.signal.aborted) {
        break;
      }
      const results = await this.#results(task, add, control.signal);
      for (const { name, error } of results) {
        counts[error ? "failed" : "added"] += 1;
        if (error) {
          this.#part("#failed").append(element("li", {}, element("strong", {}, name), ` ${error}`));
        }
      }
      this.#part("progress").value = counts.added + counts.failed;
      this.#say(summary(counts, total));
      this.#part("#failures").hidden = !counts.failed;
    }
    const isStopped = control.signal.aborted;
    this.#say(`${isStopped ? "Stopped: " : ""}${summary(counts, total)}`);
    this.#stop = null;
    this.#part("#stop").hidden = true;
    this.#root.removeAttribute("aria-busy");
    await this.#done(counts);
  }

  /** What became of each image of a task; an answer that refuses all of them is the error of each. */
  async #results(task, add, signal) {
    try {
      return await add(task, signal);
    } catch (error) {
      if (error.name === "AbortError") {
        return [];
      }
      const names = Array.isArray(task) ? task : [task.name];
      if (error.needsToken) {
        this.#stop?.abort();
      }
      return names.map((name) => ({ name, error: error.message }));
    }
  }

  #begin(total) {
    this.#root.hidden = false;
    this.#root.setAttribute("aria-busy", "true");
    this.#part("#failed").replaceChildren();
    this.#part("#failures").hidden = true;
    this.#part("#stop").hidden = false;
    Object.assign(this.#part("progress"), { max: total, value: 0 });
    this.#say(`0 of ${count(total)} images`);
  }

  #say(text) {
    this.#part("#added").textContent = text;
  }
}

function summary({ added, failed }, total) {
  const lost = failed ? `, ${count(failed)} failed` : "";
  return `${count(added)} of ${count(total)} ${total === 1 ? "image" : "images"} added${lost}`;
}
