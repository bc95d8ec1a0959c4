// Whether the server can be reached: what failed for lack of it waits here, and is done when it is back.

/** Answers of a server, or of one in front of it, that has too much to do or is not there at the moment. */
const PASSING = [429, 502, 503, 504];
const FIRST_PAUSE = 2000;
const LONGEST_PAUSE = 60_000;

const waiting = new Set();
let timer = null;
let pause = FIRST_PAUSE;

/** Call `action` once the server can be reached again; it must have failed to be reached just now. */
export function whenBack(action) {
  waiting.add(action);
  timer ??= setTimeout(probe, pause);
}

/** Seconds after which to ask again for what the server had no time for; null if the answer is another one. */
export function pauseOf(answer) {
  return PASSING.includes(answer.status) ? Number(answer.headers.get("Retry-After")) || 5 : null;
}

async function probe() {
  clearTimeout(timer);
  timer = null;
  if (!waiting.size) {
    return;
  }
  if (await isReachable()) {
    pause = FIRST_PAUSE;
    const actions = [...waiting];
    waiting.clear();
    actions.forEach((action) => action());
  } else {
    pause = Math.min(LONGEST_PAUSE, pause * 2);
    timer ??= setTimeout(probe, pause);
  }
}

async function isReachable() {
  try {
    const answer = await fetch(new URL("viewer/icon.svg", document.baseURI), { cache: "no-store" });
    await answer.text();
    return answer.ok;
  } catch {
    return false;
  }
}

addEventListener("online", probe);
// phones stop timers of pages that are not seen
document.addEventListener("visibilitychange", () => document.hidden || probe());
