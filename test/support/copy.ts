import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "./builds";
import { run } from "./programs";

const sources = ["builder", "overlay", "profiles", "scripts", "package.json", "package-lock.json", "tsconfig.json"];

/**
 * A copy of the repository without dist/ and secrets/, whose sources may be changed.
 * @param folder where it will be; not there yet.
 */
export function copyRepository(folder: string): string {
  mkdirSync(folder, { recursive: true });
  run("cp", ["-a", ...sources.map((name) => join(root, name)), folder]);
  // Packages are never changed in place, so links to the same files will do; across file systems there are none.
  const packages = [join(root, "node_modules"), folder];
  if (run("cp", ["-al", ...packages]).status !== 0) run("cp", ["-a", ...packages]);
  run("rm", ["-rf", join(folder, "node_modules/.cache")]);
  if (!existsSync(join(folder, "node_modules/esbuild"))) throw new Error(`${root} could not be copied to ${folder}`);
  return folder;
}
