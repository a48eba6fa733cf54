import { basename } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Test files that take longest, longest first. They start first, so that none of them runs on alone at the end while a
 * processor idles: vitest's own order goes by the size of a file, which says little here. scripts/test prints the slowest.
 */
const longest = [
  "openvpn",
  "pair",
  "bonds",
  "card",
  "cross",
  "flash",
  "ipv6",
  "scripts",
  "systemd",
  "image",
  "install",
  "command",
  "preflight",
];

/** Starts the longest files first. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = moduleId.includes("/unit/") ? -1 : longest.indexOf(basename(moduleId, ".test.ts"));
      return at === -1 ? longest.length : at;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}
