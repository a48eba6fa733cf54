import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { sha256 } from "../../builder/base/hash";
import { cacheFolder } from "../../builder/machine/host";
import { writeFile } from "../../builder/machine/write";
import type { JobResult } from "./job";

/** Results that nobody has asked for in this time go, ms. */
const keptFor = 30 * 24 * 3600 * 1000;

/**
 * Results of an emulated machine, kept by everything that they come from. In virtual time the same bytes give the same results
 * (docs/lab.md, "Virtual time"), so a machine that has run need not run again.
 */
export class Known {
  private readonly folder = join(cacheFolder("lab"), "results");
  private readonly file: string;

  /** @param causes hashes and versions of all that the machine is made of */
  constructor(causes: string[]) {
    this.file = join(this.folder, `${sha256(JSON.stringify(causes))}.json.gz`);
  }

  /** @returns null: there are none */
  read(): JobResult[] | null {
    if (!existsSync(this.file)) return null;
    const results = JSON.parse(gunzipSync(readFileSync(this.file)).toString()) as JobResult[];
    utimesSync(this.file, new Date(), new Date());
    return results;
  }

  /** @param results of all jobs of the machine */
  write(results: JobResult[]): void {
    mkdirSync(this.folder, { recursive: true });
    for (const name of readdirSync(this.folder)) {
      const path = join(this.folder, name);
      if (Date.now() - statSync(path).mtimeMs > keptFor) rmSync(path, { force: true });
    }
    writeFile(this.file, gzipSync(JSON.stringify(results)));
  }
}
