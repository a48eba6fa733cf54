import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { root } from "./builds";
import { type Outcome, run, type RunOptions } from "./programs";

export const program = join(root, "scripts/build-image");

/** Types "build-image ARGS". */
export function buildImage(args: string[], options: RunOptions = {}): Outcome {
  return run(program, args, options);
}

/** A small profile that is right. */
export const smallProfile = {
  lan: { subnet: "192.168.1.0/24", address: "192.168.1.252" },
  lines: [
    { name: "one", modem: "192.168.1.240", down: 7000, up: 900 },
    { name: "two", modem: "192.168.1.254", down: 7000, up: 900 },
  ],
  server: { address: "203.0.113.10" },
};

/**
 * Writes a profile.
 * @param text a group of values, or YAML as it is.
 * @returns its path.
 */
export function writeProfile(folder: string, name: string, text: object | string): string {
  const path = join(folder, `${name}.yaml`);
  writeFileSync(path, typeof text === "string" ? text : stringify(text));
  return path;
}
