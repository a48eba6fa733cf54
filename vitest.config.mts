import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/order";

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
