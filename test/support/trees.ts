import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { Steps } from "../../builder/base/steps";
import { build, planProfile } from "../../builder/build/build";
import { version } from "../../package.json";
import { type Built, profileFiles, root } from "./builds";
import { layKeys } from "./keys";

export { planned } from "./builds";
export { filesBelow, hashes } from "./files";

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), "bondbox-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function sha256(data: string | Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}

/** The text of a file of either half. */
export function boxText({ box }: Built, path: string): string {
  return readFileSync(join(box, path), "utf8");
}

export function serverText({ name, server }: Built, path: string): string {
  const found = server.get(path);
  if (found === undefined) throw new Error(`${name}: the server's half has no ${path}`);
  return found.content;
}

/** Writes the server's half as files, to show it to a program. */
export function layServer({ server }: Built, folder: string): string {
  for (const [path, { mode, content }] of server) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content, { mode: Number.parseInt(mode, 8) });
  }
  return folder;
}

/**
 * Builds a profile of the tests with keys that are the same each time, so that the files are, too.
 * @param folder where to
 * @returns the output folder
 */
export async function buildRepeatably(name: string, folder: string): Promise<string> {
  const loaded = planProfile(root, profileFiles.find((file) => basename(file, ".yaml") === name) as string);
  const [out, secrets] = [join(folder, "out"), join(folder, "secrets")];
  layKeys(join(secrets, name), loaded.plan);
  await build(loaded, { root, out, secrets, rotateKeys: false, version, steps: new Steps(() => {}), card: null });
  return out;
}
