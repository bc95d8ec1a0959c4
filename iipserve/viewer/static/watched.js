// Folders of the server whose new images are added to a collection: jobs that go on until they are ended.

import { failureRow, isUnfinished } from "./additions.js";
import { element } from "./gallery.js";
import { dismissJob, job as latest, jobs, startJob } from "./stac.js";

/** Milliseconds between two looks. */
const PAUSE = 5000;

export const isWatch = ({ processID }) => processID === "watch";

export class Watched {
  #list;
  #attempt;
  #changed;
  #timer = null;
  #id = null;
  /** Counts collections that were left: what was begun for one of them ends. */
  #turn = 0;
  /** Images that the jobs have dealt with. */
  #done = null;

  /** `list` takes the folders; `attempt` says what goes wrong; `changed` is called when images have come. */
  constructor(list, attempt, changed) {
    this.#list = list;
    this.#attempt = attempt;
    this.#changed = changed;
  }

  /** Have the images of a folder added to a collection as they come. */
  async start(id, href) {
    const turn = this.#turn;
    await startJob(id, { kind: "watch", href });
    if (turn === this.#turn) {
      this.#id = id;
      await this.#look(id);
    }
  }

  /** Show those of the jobs of a collection that watch folders, and look again from time to time. */
  show(id, found) {
    if (this.#id !== id) {
      this.#id = id;
      this.#update(found);
    }
  }

  leave() {
    this.#turn += 1;
    clearTimeout(this.#timer);
    this.#id = this.#done = null;
    this.#list.replaceChildren();
  }

  async #look(id) {
    const found = await jobs(id);
    if (this.#id === id) {
      this.#update(found);
    }
  }

  /** Look again after a while, also where the server could not be asked. */
  #lookLater() {
    const id = this.#id;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(id).catch(() => this.#id === id && this.#lookLater()), PAUSE);
  }

  #update(found) {
    const watches = found.filter(isWatch);
    this.#fill(watches);
    const done = watches.reduce((sum, job) => sum + job.done, 0);
    if (this.#done !== null && done > this.#done) {
      this.#changed();
    }
    this.#done = done;
    clearTimeout(this.#timer);
    if (watches.some(isUnfinished)) {
      this.#lookLater();
    }
  }

  /** Show a row for each job; the button that has the keyboard focus keeps it. */
  #fill(watches) {
    const focused = this.#list.querySelector("li:focus-within")?.dataset.job;
    const rows = watches.map((job) => this.#row(this.#id, job));
    this.#list.replaceChildren(...rows);
    rows.find((row) => row.dataset.job === focused)?.querySelector("button").focus({ preventScroll: true });
  }

  /** Say below a name what could not be added, and why. */
  async #listFailures(id, jobID, name) {
    const { failures = [] } = await latest(id, jobID).catch(() => ({}));
    name.append(element("ul", { className: "failed" }, ...failures.map((each) => failureRow(each.name, each.reason))));
  }

  #row(id, job) {
    const { jobID, status, message, parameters } = job;
    const isAll = parameters.href === ".";
    const name = element("span", { className: "name" }, isAll ? "all folders" : parameters.href);
    const isOn = isUnfinished(job);
    name.append(element("small", isOn ? {} : { className: "warning" }, isOn ? message || "waiting" : `${status} ${message}`));
    const button = element("button", { type: "button" }, isOn ? "End" : "Forget");
    button.setAttribute("aria-label", `${isOn ? "End watching" : "Forget"} ${name.firstChild.textContent}`);
    button.addEventListener("click", () =>
      this.#attempt(async () => {
        await dismissJob(id, jobID);
        await this.#look(id);
      }),
    );
    if (job.failed) {
      this.#listFailures(id, jobID, name);
    }
    const row = element("li", {}, element("span"), name, button);
    row.dataset.job = jobID;
    return row;
  }
}
