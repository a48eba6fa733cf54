import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { KnipConfig } from "knip";

/** The commands of scripts/ and test/part.cjs name their entry in a call, which knip does not read as an import. */
function entriesOfCommands(): string[] {
  const commands = readdirSync("scripts", { withFileTypes: true }).filter((entry) => entry.isFile());
  return [...commands.map(({ name }) => join("scripts", name)), "test/part.cjs"].map((file) => {
    const [, entry] = /\.run\("([^"]+)"/.exec(readFileSync(file, "utf8")) ?? [];
    if (entry === undefined) throw new Error(`${file} names no entry`);
    return entry;
  });
}

const config: KnipConfig = {
  entry: [
    ...entriesOfCommands(),
    "scripts/lib/start.cjs",
    "test/part.cjs",
    // Bundled for the box and for the machines of the lab and the boot tests.
    "overlay/runtime/main.ts",
    "overlay/page/page.ts",
    "test/{lab/guest,boot/world}/agent.ts",
    "test/lab/guest/push.ts",
    // Loaded before the box's program.
    "test/bench/simulated-clock.ts",
  ],
  project: ["{builder,overlay,scripts,test}/**/*.{ts,cjs,mts}", "*.{ts,mts}"],
  // The type of a parameter or a result is part of what a file offers, even where nobody names it.
  ignoreExportsUsedInFile: { interface: true, type: true },
  // Programs of the system: test/packages.ts installs them.
  exclude: ["binaries"],
  // Read as a text, for the browser of a test.
  ignoreDependencies: ["axe-core"],
};

export default config;
