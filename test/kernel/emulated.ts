import { randomBytes } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeBase } from "../lab/base";
import { emulate, packInitrd } from "../lab/qemu";
import { root } from "../support/builds";
import { KernelError, type KernelOptions, type KernelResult, readResult, writeTree } from "./guest";

/**
 * Runs a bash script as root in the lab's emulated machine: Debian 13 with its own kernel, and time that is counted in instructions. So a
 * busy computer makes no test fail, and waiting costs nothing. Every write stays in memory. Its network is its own: `lo` only. Scripts
 * that start many programs take a fraction of the time that they take in user-mode Linux.
 *
 * @throws KernelError when the script did not come to its end
 */
export async function runEmulated(script: string, options: KernelOptions = {}): Promise<KernelResult> {
  const { timeoutMs = 900_000, files = {}, modules = ["tun", "bonding max_bonds=0"] } = options;
  const marker = `kernel-${randomBytes(8).toString("hex")}`;
  const base = await makeBase(join(root, "test/lab/guest/init.sh"), "trixie", (text) => console.log(text));
  const folder = await mkdtemp(join(tmpdir(), "bondbox-emulated-"));
  try {
    const lab = join(folder, "tree/lab");
    await mkdir(lab, { recursive: true });
    await writeTree(join(lab, "files"), files);
    await cp(join(import.meta.dirname, "start.sh"), join(lab, "start.sh"));
    await writeFile(join(lab, "script"), script);
    await writeFile(join(lab, "marker"), marker);
    await writeFile(join(lab, "modules"), modules.map((module) => `${module}\n`).join(""));
    const [initrd, log] = [join(folder, "initrd"), join(folder, "console.log")];
    packInitrd(base, folder, initrd);
    const { failure } = await emulate({ base, initrd, log, seed: 1, keep: false }, timeoutMs / 1000, () => {});
    const console = await readFile(log, "utf8");
    if (failure !== null) throw new KernelError(failure, console);
    return readResult(console, marker);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
