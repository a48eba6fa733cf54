import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";

/** A package as the tests make it. */
export interface Package {
  name: string;
  version: string;
  files: Record<string, string>;
  postinst?: string;
  /** arm64 if not said otherwise. */
  architecture?: string;
}

/**
 * Makes an archive for apt, in which all packages are in one folder (sources.list(5)).
 * @param folder for its files; made anew
 */
export function makeArchive(folder: string, packages: Package[]): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const rows = packages.map((one) => rowOf(folder, one));
  const index = Buffer.from(rows.join("\n"));
  writeFileSync(join(folder, "Packages"), index);
  writeFileSync(join(folder, "Packages.gz"), gzipSync(index));
  const sums = ["Packages", "Packages.gz"].map((name) => {
    const content = readFileSync(join(folder, name));
    return ` ${sha256(content)} ${content.length} ${name}`;
  });
  // The emulated box has no clock, and takes nothing from the future.
  writeFileSync(
    join(folder, "Release"),
    `Origin: bondbox\nLabel: Debian-Security\nSuite: stable\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n${sums.join("\n")}\n`,
  );
}

/** Packs it, and describes it as the archive's list does. */
function rowOf(folder: string, { name, version, files, postinst, architecture = "arm64" }: Package): string {
  const root = mkdtempSync(join(folder, "package-"));
  chmodSync(root, 0o755);
  const control = `Package: ${name}\nVersion: ${version}\nArchitecture: ${architecture}\nMaintainer: bondbox <bondbox@example.org>\nDescription: stands for an update\n`;
  const write = (path: string, text: string, mode: number): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text, { mode });
  };
  write("DEBIAN/control", control, 0o644);
  if (postinst !== undefined) write("DEBIAN/postinst", `#!/bin/sh\nset -e\n${postinst}\n`, 0o755);
  for (const [path, text] of Object.entries(files)) write(path, text, 0o755);
  const file = `${name}_${version}_${architecture}.deb`;
  execFileSync("dpkg-deb", ["--root-owner-group", "--build", root, join(folder, file)], { stdio: ["ignore", "ignore", "pipe"] });
  rmSync(root, { recursive: true });
  const content = readFileSync(join(folder, file));
  return `${control}Filename: ./${file}\nSize: ${content.length}\nSHA256: ${sha256(content)}\n`;
}

function sha256(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

/** A folder's files as a shell script that writes them elsewhere. */
export function scriptOf(folder: string, to: string): string {
  const files = readdirSync(folder).map((name) => `echo ${readFileSync(join(folder, name)).toString("base64")} | base64 -d >${to}/${name}`);
  return [`rm -rf ${to}`, `mkdir -p ${to}`, ...files].join("\n");
}
