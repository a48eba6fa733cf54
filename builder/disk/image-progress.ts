/** Between two lines, ms. */
const EVERY = 5000;

const WIDTH = 20;

/** Tells how far a long copy has come: a bar, the rate and the time that is left, a line every few seconds. */
export class Progress {
  #done = 0;
  #total = Number.NaN;
  /** Of this run: what was there before was not fetched by it. */
  #fresh = 0;
  #begun = 0;
  #told = 0;

  /** @param clock ms. */
  constructor(
    private readonly name: string,
    private readonly tell: (line: string) => void,
    private readonly clock: () => number = () => performance.now(),
  ) {}

  /** Begins, or goes on after a break. @param done bytes that are there. @param total bytes, or NaN where nobody knows. */
  begin(done: number, total: number): void {
    if (this.#begun === 0) {
      this.#begun = this.#told = this.clock();
      const size = Number.isNaN(total) ? "" : ` (${megabytes(total)} MB)`;
      this.tell(`${this.name}${size}${done > 0 ? `, going on after ${megabytes(done)} MB` : ""}`);
    }
    this.#done = done;
    this.#total = total;
  }

  add(bytes: number): void {
    this.#done += bytes;
    this.#fresh += bytes;
    if (this.clock() - this.#told < EVERY) return;
    this.#told = this.clock();
    this.tell(this.#line());
  }

  end(): void {
    const seconds = (this.clock() - this.#begun) / 1000;
    this.tell(`${this.name}: done, ${megabytes(this.#fresh)} MB in ${seconds.toFixed(0)} s`);
  }

  #line(): string {
    const perSecond = this.#fresh / ((this.clock() - this.#begun) / 1000);
    const rate = `${(perSecond / 1e6).toFixed(1)} MB/s`;
    if (Number.isNaN(this.#total)) return `  ${megabytes(this.#done)} MB  ${rate}`;
    const part = this.#done / this.#total;
    const bar = "#".repeat(Math.floor(part * WIDTH)).padEnd(WIDTH, ".");
    const left = (this.#total - this.#done) / perSecond;
    const percent = `${Math.floor(part * 100)} %`.padStart(5);
    return `  [${bar}]${percent}  ${megabytes(this.#done)} of ${megabytes(this.#total)} MB  ${rate}  ${durationOf(left)} left`;
  }
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 10e6 ? 1 : 0);

/** As "45 s" or "3 min". */
function durationOf(seconds: number): string {
  return seconds < 100 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}
