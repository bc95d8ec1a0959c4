// The tiles of one image that are on their way. OpenSeadragon waits for all of them, also when the image is left, and on a
// slow network they would keep what is wanted then.

export class Downloads {
  /** Element -> OpenSeadragon's job. */
  #jobs = new Map();

  /** @param source of OpenSeadragon, whose tiles are loaded here from now on */
  constructor(source) {
    source.downloadTileStart = (job) => this.#start(job);
    source.downloadTileAbort = (job) => this.#drop(job.userData.image);
  }

  /** Let go of all of them. */
  cancel() {
    for (const [image, job] of this.#jobs) {
      this.#drop(image);
      // which reports a failure otherwise, in the end
      clearTimeout(job.jobId);
      job.jobId = null;
    }
  }

  #start(job) {
    const image = new Image();
    job.userData.image = image;
    this.#jobs.set(image, job);
    image.onload = () => {
      this.#jobs.delete(image);
      job.finish(image, null, "image");
    };
    image.onerror = () => {
      this.#jobs.delete(image);
      job.fail("the tile could not be loaded", null);
    };
    image.src = job.src;
  }

  #drop(image) {
    this.#jobs.delete(image);
    image.onload = image.onerror = null;
    image.src = "";
  }
}
