import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { cacheFolder } from "../../builder/machine/host";
import { EnvironmentError, packages } from "../../builder/errors";
import { lastLines, debianKeyring, type Outcome, PrivateApt, sourceRow } from "../../builder/pack/packages/apt";
import { archivesFrom } from "../../builder/pack/packages/archives";

/** A release of Debian, and the OpenVPN that it carries. */
export const openvpnIn = { bullseye: "2.5", bookworm: "2.6", trixie: "2.6", sid: "2.7" };
/** Debian's testing release, whose user-mode Linux is the first that starts a program in 8 ms instead of 26 (seccomp instead of ptrace). */
const kernelRelease = "forky";
export type Release = keyof typeof openvpnIn;
type Source = Release | typeof kernelRelease;

/** What is taken of a release. */
interface Taken {
  /** By package. */
  programs: Record<string, string>;
  /** Files and folders that they read. */
  data: string[];
  /** Names of libraries that are found at run time, so that no program's list of libraries has them. */
  loaded: string[];
}
const openvpn: Taken = {
  programs: { openvpn: "usr/sbin/openvpn", openssl: "usr/bin/openssl", iproute2: "bin/ip" },
  data: ["etc/ssl/openssl.cnf"],
  // OpenSSL's old ciphers, and users before glibc 2.34.
  loaded: ["ossl-modules/legacy.so", "libnss_files.so.2"],
};
/** Where it is not OpenVPN alone. */
const others: Partial<Record<Source, Taken>> = {
  // Ubuntu 26.04 has coreutils in Rust; sid is what comes nearest to it.
  sid: { ...openvpn, programs: { ...openvpn.programs, "rust-coreutils": "usr/bin/coreutils" } },
  [kernelRelease]: { programs: { "user-mode-linux": "usr/bin/linux.uml" }, data: ["usr/lib/uml/modules"], loaded: [] },
};
const takenOf = (release: Source): Taken => others[release] ?? openvpn;

/**
 * Runs a program with its release's own C library and OpenSSL. No chroot: the program sees the files, devices and namespaces of whoever
 * calls it, needs no mount and no root, and keeps the caller's process id.
 */
const wrapper = `#!/bin/sh
here=\${0%/*}/..
export OPENSSL_CONF="$here/data/openssl.cnf" OPENSSL_MODULES="$here/lib/ossl-modules"
exec "$here/lib/ld.so" --library-path "$here/lib" "$here/programs/\${0##*/}" "$@"
`;

const listsAgeMs = 7 * 24 * 3600 * 1000;
const cache = cacheFolder("releases");

/** A program of a release that unpackReleases has made; to be started like any other. */
export function programOf(release: Release, program: "openvpn" | "openssl" | "ip"): string {
  return join(folderOf(release), "bin", program);
}

/** Folder with `bin/coreutils`, the Rust program that is most of coreutils: to be called with the name of one of them first. */
export const rustCoreutils = (): string => folderOf("sid");

/** User-mode Linux: the kernel's file, the folder with its loader, which it must be started in, its libraries, and its modules. */
export function userModeLinux(): { program: string; folder: string; libraries: string; modules: string } {
  const folder = folderOf(kernelRelease);
  return {
    program: join(folder, "programs/linux.uml"),
    folder,
    libraries: join(folder, "lib"),
    modules: join(folder, "data/modules"),
  };
}

function folderOf(release: Source): string {
  const folder = kept(release);
  if (folder === undefined) throw new Error(`the programs of Debian ${release} are not unpacked: run scripts/test, which does it`);
  return folder;
}

function kept(release: Source): string | undefined {
  const name = existsSync(cache) ? readdirSync(cache).find((entry) => entry.startsWith(`${release}_`)) : undefined;
  return name === undefined ? undefined : join(cache, name);
}

/**
 * Fetches programs of other Debian releases, and user-mode Linux, from the archive that this machine's apt knows. apt checks the signatures.
 * @throws EnvironmentError when that is not possible and nothing is kept from an earlier time.
 */
export async function unpackReleases(releases: Release[], log: (text: string) => void): Promise<void> {
  for (const release of [...releases, kernelRelease] as const) {
    mkdirSync(cache, { recursive: true });
    const work = mkdtempSync(join(cache, "making-"));
    try {
      await unpack(release, work, log);
    } catch (error) {
      // Without a network, what an earlier run made will do.
      if (!(error instanceof EnvironmentError) || kept(release) === undefined) throw error;
      log(`${error.message}\n  the programs of an earlier run are used`);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
}

async function unpack(release: Source, work: string, log: (text: string) => void): Promise<void> {
  const lists = join(cache, `lists-${release}`);
  const old = !existsSync(lists) || Date.now() - statSync(lists).mtimeMs > listsAgeMs;
  let apt = old ? await readLists(release, work, lists) : await aptFor(release, work, lists);
  let folder = folderFor(release, await closure(apt, release));
  if (existsSync(folder)) return;
  log(`fetching ${packagesOf(release).join(", ")} of Debian ${release} (once)`);
  if ((await download(apt, release)).status !== 0) {
    // Lists that are older than the archive name packages that are gone.
    apt = await readLists(release, work, lists);
    folder = folderFor(release, await closure(apt, release));
    const second = await download(apt, release);
    if (second.status !== 0) throw failed(release, lastLines(second));
  }
  const made = assemble(release, work);
  const earlier = readdirSync(cache).filter((entry) => entry.startsWith(`${release}_`));
  // Another run may have made the same meanwhile.
  if (!existsSync(folder)) renameSync(made, folder);
  for (const entry of earlier) if (join(cache, entry) !== folder) rmSync(join(cache, entry), { recursive: true, force: true });
}

function folderFor(release: Source, packages: string[]): string {
  const hash = createHash("sha256").update(JSON.stringify([packages, takenOf(release), wrapper]));
  return join(cache, `${release}_${hash.digest("hex").slice(0, 20)}`);
}

async function aptFor(release: Source, work: string, lists: string): Promise<PrivateApt> {
  if (!existsSync(debianKeyring)) throw packages.noKeyring(debianKeyring);
  // A moving archive that has stood still for more than a week would be refused as out of date. Its signature is checked all the same.
  const age = release === "sid" || release === kernelRelease ? ["check-valid-until=no"] : [];
  const source = sourceRow((await archivesFrom(null)).main, release, "main", debianKeyring, ...age);
  // Another architecture's programs would not be found by this one's loader.
  return PrivateApt.make({ folder: work, sources: [source], architecture: null, lists });
}

/** Reads a release's lists, as a whole or not at all. @returns the apt that has them. */
async function readLists(release: Source, work: string, lists: string): Promise<PrivateApt> {
  const fresh = join(work, "lists");
  const outcome = await (await aptFor(release, work, fresh)).update();
  if (outcome.status !== 0) throw failed(release, lastLines(outcome));
  rmSync(lists, { recursive: true, force: true });
  renameSync(fresh, lists);
  return aptFor(release, work, lists);
}

const packagesOf = (release: Source): string[] => Object.keys(takenOf(release).programs);

/** File names, with versions, and checksums of the packages and all that they depend on. */
async function closure(apt: PrivateApt, release: Source): Promise<string[]> {
  const { stdout } = await apt.run("apt-get", "--print-uris", "install", ...packagesOf(release));
  return stdout
    .split("\n")
    .map((row) => row.split(" ").slice(1).join(" "))
    .filter(Boolean)
    .sort();
}

function download(apt: PrivateApt, release: Source): Promise<Outcome> {
  return apt.run("apt-get", "--download-only", "--yes", "install", ...packagesOf(release));
}

/** The programs and their libraries out of the packages. @returns a folder that is whole. */
function assemble(release: Source, work: string): string {
  const [root, made] = [join(work, "root"), join(work, "made")];
  const { programs, data, loaded } = takenOf(release);
  for (const folder of ["bin", "lib/ossl-modules", "programs", "data"]) mkdirSync(join(made, folder), { recursive: true });
  const debs = readdirSync(join(work, "archives")).filter((entry) => entry.endsWith(".deb"));
  for (const deb of debs) {
    const { status, stderr } = spawnSync("dpkg-deb", ["-x", join(work, "archives", deb), root], { encoding: "utf8" });
    if (status !== 0) throw failed(release, stderr.trim());
  }
  const loader = loaderIn(root);
  if (loader === undefined) throw failed(release, "no program loader among its files");
  const triplet = basename(dirname(loader));
  const folders = ["lib", "usr/lib"].map((folder) => join(root, folder, triplet)).filter((folder) => existsSync(folder));
  copyFileSync(loader, join(made, "lib/ld.so"));
  for (const path of Object.values(programs)) {
    // /bin is a link to /usr/bin since Debian 13, and the package that makes it is not among these.
    const program = [join(root, path), join(root, "usr", path)].find((file) => existsSync(file));
    if (program === undefined) throw failed(release, `no ${path} among its files`);
    for (const library of librariesOf(program, loader, folders, release)) copyFileSync(library, join(made, "lib", basename(library)));
    copyFileSync(program, join(made, "programs", basename(path)));
    writeFileSync(join(made, "bin", basename(path)), wrapper, { mode: 0o755 });
  }
  for (const file of loaded) {
    const found = folders.map((folder) => join(folder, file)).find((path) => existsSync(path));
    if (found !== undefined) copyFileSync(found, join(made, "lib", file));
  }
  for (const path of data) cpSync(join(root, path), join(made, "data", basename(path)), { recursive: true });
  if (release === kernelRelease) nameOwnLoader(join(made, "programs/linux.uml"));
  return made;
}

/**
 * Has the kernel name the loader of its release, below the folder that it is started in. It expects its heap right after itself, where it is
 * not when the loader is the program that is started.
 */
function nameOwnLoader(file: string): void {
  const program = readFileSync(file);
  const start = program.indexOf("/lib64/ld-linux-");
  program.fill(0, start, program.indexOf(0, start)).write("lib/ld.so", start);
  writeFileSync(file, program);
}

/** The dynamic loader itself; links to it are absolute in some releases, and would lead to this machine's. */
function loaderIn(root: string): string | undefined {
  for (const lib of ["lib", "usr/lib"].map((folder) => join(root, folder)).filter((folder) => existsSync(folder)))
    for (const triplet of readdirSync(lib).filter((entry) => entry.includes("-linux-gnu")))
      for (const file of readdirSync(join(lib, triplet)))
        if (/^ld-(linux.*\.so\.\d|2\.\d+\.so)$/.test(file) && lstatSync(join(lib, triplet, file)).isFile()) return join(lib, triplet, file);
  return undefined;
}

/** Libraries that the program is linked with. @throws EnvironmentError when one would be this machine's. */
function librariesOf(program: string, loader: string, folders: string[], release: Source): string[] {
  const { status, stdout, stderr } = spawnSync(loader, ["--library-path", folders.join(":"), "--list", program], { encoding: "utf8" });
  if (status !== 0) throw failed(release, stderr.trim());
  const libraries = [...stdout.matchAll(/^\t(?!linux-|ld-|\/)(\S+) => (\S+|not found)/gm)].map(([, name = "", path = ""]) => ({
    name,
    path,
  }));
  const foreign = libraries.find(({ path }) => !folders.some((folder) => path.startsWith(`${folder}/`)));
  if (foreign !== undefined) throw failed(release, `its ${basename(program)} lacks ${foreign.name}`);
  return libraries.map(({ path }) => path);
}

function failed(release: Source, reason: string): EnvironmentError {
  return new EnvironmentError(
    `the programs of Debian ${release} could not be fetched\n  ${reason}`,
    "Check the network, and that apt's archive still carries that release.",
  );
}
