// What takes long: jobs of the server on a collection, and uploads. Tells how far it is, and what failed.

import { count, element, fileSize } from "./gallery.js";
import { dismissJob, job as latest, startJob, upload } from "./stac.js";

/** Milliseconds between two looks at a job. */
const PAUSE = 500;
const UNFINISHED = ["accepted", "running"];
/** What the list of failures of a job is, by its kind. */
const FAILURES = { check: "Not as they were", overview: "Left out" };

export const isUnfinished = ({ status }) => UNFINISHED.includes(status);

export class Additions {
  #root;
  #done;
  #stop = null;
  /** Of the job that is followed. */
  #followed = null;

  /** `root` holds the elements of the progress; `done` is called after images have been added. */
  constructor(root, done) {
    this.#root = root;
    this.#done = done;
    this.#part("#stop").addEventListener("click", () => this.#stop?.abort());
  }

  #part(selector) {
    return this.#root.querySelector(selector);
  }

  /** Have a job done on a collection, as {kind: "check"}, and follow it to its end. */
  async start(id, value) {
    await this.follow(id, await startJob(id, value));
  }

  /** Tell how far a job is until it has ended. */
  async follow(id, job) {
    const control = (this.#stop = new AbortController());
    this.#followed = control;
    let isLeft = false;
    this.#begin(job.total ?? 0, FAILURES[job.processID]);
    control.signal.addEventListener("abort", () => dismissJob(id, job.jobID).catch(() => {}));
    try {
      for (; isUnfinished(job); job = await latest(id, job.jobID)) {
        this.#showJob(job);
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
        isLeft = this.#followed !== control;
        if (isLeft) {
          return;
        }
      }
      this.#showJob(job);
    } finally {
      isLeft || (await this.#end());
    }
  }

  /** Tell no more of a job, which goes on. */
  leave() {
    this.#followed = null;
    this.#root.hidden = true;
  }

  #showJob({ status, processID, message, done, failed, total, failures = [] }) {
    Object.assign(this.#part("progress"), { max: total || 1, value: total ? done : 0 });
    const isAdding = processID === "add" && total !== undefined;
    const counts = isAdding ? summary({ added: done - failed, failed }, total) : `${count(done)} of ${count(total ?? 0)}`;
    const running = isAdding ? counts : `${message || "Waiting"}${total === undefined ? "" : `: ${counts}`}`;
    const ended = { successful: isAdding ? counts : message, dismissed: `Stopped: ${counts}`, failed: `Failed: ${message}` };
    this.#say(ended[status] ?? running);
    const rows = failures.map(({ name, reason }) => failureRow(name, reason));
    const more = failed - failures.length;
    this.#part("#failed").replaceChildren(...rows, ...(more > 0 ? [element("li", {}, `and ${count(more)} more`)] : []));
    this.#part("#failures").hidden = !failed;
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
          this.#part("#failed").append(failureRow(name, error));
        }
      }
      this.#part("progress").value = counts.added + counts.failed;
      this.#say(summary(counts, total));
      this.#part("#failures").hidden = !counts.failed;
    }
    const isStopped = control.signal.aborted;
    this.#say(`${isStopped ? "Stopped: " : ""}${summary(counts, total)}`);
    await this.#end();
  }

  async #end() {
    this.#stop = null;
    this.#part("#stop").hidden = true;
    this.#root.removeAttribute("aria-busy");
    await this.#done();
  }

  /** What became of each image of a task; an answer that refuses all of them is the error of each. */
  async #results(task, add, signal) {
    try {
      return await add(task, signal);
    } catch (error) {
      if (error.name === "AbortError") {
        return [];
      }
      if (error.needsToken) {
        this.#stop?.abort();
      }
      return [{ name: task.name, error: error.message }];
    }
  }

  #begin(total, failures = "Not added") {
    this.#part("h3").textContent = failures;
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

export const failureRow = (name, reason) => element("li", {}, element("strong", {}, name), ` ${reason}`);

function summary({ added, failed }, total) {
  const lost = failed ? `, ${count(failed)} failed` : "";
  return `${count(added)} of ${count(total)} ${total === 1 ? "image" : "images"} added${lost}`;
}
