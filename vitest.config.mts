import { basename } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Test files that take longest, longest first. They start first, so that none of them runs on alone at the end while a
 * processor idles: vitest's own order goes by the size of a file, which says little here. scripts/test prints the slowest.
 */
const longest = [
  "card",
  "flash",
  "image",
  "packages",
  "bonds",
  "ipv6",
  "preflight",
  "command",
  "pair",
  "openvpn",
  "overlay",
  "cross",
  "wondershaper",
  "cloud-init",
  "systemd",
];

/** Starts the longest files first. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = moduleId.includes("/unit/") ? -1 : longest.indexOf(basename(moduleId, ".test.ts"));
      return at === -1 ? longest.length : at;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    // Real programs, namespaces and kernels: minutes, not seconds, on a busy machine.
    testTimeout: 300_000,
    hookTimeout: 450_000,
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { name: "unit", include: ["test/unit/**/*.test.ts"] } },
      {
        extends: true,
        // Only these need every profile built, which takes a while.
        test: { name: "system", include: ["test/{conformance,kernel}/**/*.test.ts"], globalSetup: ["test/support/builds.ts"] },
      },
    ],
  },
});
