// What was sent and what came of it, in memory that does not grow with the hours but for a few octets a request.

/** How much of what is wrong is kept in words. */
const TOLD = 40;
const BUCKETS_PER_MS = 10;
const BUCKETS = 300_000;
/**
 * What became of a request, as its client knows it, and so how often an upstream may have read it: a GET that was `sent`
 * twice, since it may be repeated; what was `posted` once; what was `untouched` never; whatever was `answered` it has read.
 */
const FATES = ['none', 'sent', 'posted', 'answered', 'paid', 'untouched'];
const READ = { none: [0, 0], sent: [0, 2], posted: [0, 1], answered: [1, 2], paid: [1, 1], untouched: [0, 0] };

export class Tally {
  #fates = new Uint8Array(1 << 16);
  #times = new Uint32Array(BUCKETS);
  #ids = 0;
  #seen = new Set();

  constructor() {
    /** kind → outcome → how often. */
    this.outcomes = new Map();
    this.wrongs = [];
    this.wrongCount = 0;
    /** Good requests that met an upstream's end. */
    this.forgiven = 0;
    this.reloads = { taken: 0, refused: 0 };
    this.restarts = { killed: 0, ended: 0 };
  }

  /** The id of a new request. */
  next() {
    this.#ids += 1;
    if (this.#ids === this.#fates.length) {
      const grown = new Uint8Array(this.#fates.length * 2);
      grown.set(this.#fates);
      this.#fates = grown;
    }
    return this.#ids;
  }

  get ids() {
    return this.#ids;
  }

  count(kind, outcome) {
    const outcomes = this.outcomes.get(kind) ?? new Map();
    this.outcomes.set(kind, outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1));
  }

  wrong(kind, what) {
    this.count(kind, 'WRONG');
    this.wrongCount += 1;
    if (this.wrongs.length < TOLD) this.wrongs.push(`${kind}: ${what}`);
  }

  fate(id, fate) {
    this.#fates[id] = FATES.indexOf(fate);
  }

  /** Holds what clients know against how often each request was read: `counts` is by id. */
  settle(counts) {
    const lost = { requests: 0, twice: 0, unmeant: 0 };
    for (let id = 1; id <= this.#ids; id += 1) {
      const fate = FATES[this.#fates[id]];
      const [least, most] = READ[fate];
      const count = counts[id] ?? 0;
      if (count >= least && count <= most) continue;
      lost[count < least ? 'requests' : most === 0 ? 'unmeant' : 'twice'] += 1;
      this.wrong('ledger', `request ${id}, ${fate}, was read ${count} times`);
    }
    return lost;
  }

  /** How long a good answer took. */
  time(ms) {
    this.#times[Math.min(BUCKETS - 1, Math.floor(ms * BUCKETS_PER_MS))] += 1;
  }

  /** Whether this correlation id was never seen before. */
  isNew(id) {
    const before = this.#seen.size;
    return this.#seen.add(id).size > before;
  }

  /** The time that so many of a hundred good answers took at most, in milliseconds. */
  percentile(of) {
    const total = this.#times.reduce((sum, count) => sum + count, 0);
    let left = Math.ceil((total * of) / 100);
    const at = this.#times.findIndex((count) => (left -= count) <= 0);
    return (at + 1) / BUCKETS_PER_MS;
  }
}
