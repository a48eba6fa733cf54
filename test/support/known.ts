import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { sha256 } from "../../builder/base/hash";
import { cacheFolder } from "../../builder/machine/host";
import { writeFile } from "../../builder/machine/write";

/** What nobody has asked for in this time go, ms. */
const keptFor = 30 * 24 * 3600 * 1000;

/** The result of emulated machines, kept by everything that it comes from: what has run need not run again (docs/lab.md, "Known results"). */
export class Known<T> {
  private readonly folder = cacheFolder("results");
  private readonly file: string;

  /** @param causes hashes and versions of all that the machine is made of */
  constructor(causes: string[]) {
    this.file = join(this.folder, `${sha256(JSON.stringify(causes))}.json.gz`);
  }

  /** @returns null: there are none */
  read(): T | null {
    if (!existsSync(this.file)) return null;
    const result = JSON.parse(gunzipSync(readFileSync(this.file)).toString()) as T;
    utimesSync(this.file, new Date(), new Date());
    return result;
  }

  /** @param result of a run that came to its end; as JSON holds it */
  write(result: T): void {
    mkdirSync(this.folder, { recursive: true });
    for (const name of readdirSync(this.folder)) {
      const path = join(this.folder, name);
      if (Date.now() - statSync(path).mtimeMs > keptFor) rmSync(path, { force: true });
    }
    writeFile(this.file, gzipSync(JSON.stringify(result)));
  }
}
