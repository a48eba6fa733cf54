import { escapeControls } from "../errors";

/** What install.sh itself reports begins like this; the rest is of the programs that it runs. */
const OWN = /^bondbox: /;

/** The rows of install.sh's log, as they come in pieces. */
export class Rows {
  /** How many came. */
  bytes = 0;
  private rest = Buffer.alloc(0);
  private readonly rows: string[] = [];

  /** @param show gets each row that install.sh itself reports, without its mark */
  constructor(private readonly show: (row: string) => void) {}

  /** @param chunk may end anywhere, also within a letter */
  take(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.rest = Buffer.concat([this.rest, chunk]);
    for (let at = this.rest.indexOf("\n"); at >= 0; at = this.rest.indexOf("\n")) {
      this.add(this.rest.subarray(0, at).toString());
      this.rest = this.rest.subarray(at + 1);
    }
  }

  /** No more will come: what has no line end is a row, too. */
  end(): void {
    if (this.rest.length > 0) this.add(this.rest.toString());
    this.rest = Buffer.alloc(0);
  }

  /** @returns the last rows that say something, without what a terminal would act on */
  last(count: number): string[] {
    return this.rows.slice(-count);
  }

  private add(text: string): void {
    // Of a row that a program has written over again, what is seen in the end.
    const row = escapeControls(text.replace(/\r$/, "").replace(/^[^]*\r/, "")).trimEnd();
    if (row === "") return;
    this.rows.push(row);
    if (OWN.test(row)) this.show(row.replace(OWN, ""));
  }
}
