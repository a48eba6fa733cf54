import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { sha256 } from "../../builder/base/hash";
import { makeBase } from "../lab/base";
import type { System } from "../lab/target";
import { Known } from "../support/known";
import { emulate, packInitrd, qemuVersion, qemuWords } from "../lab/qemu";
import { root } from "../support/builds";
import { KernelError, type KernelOptions, type KernelResult, readResult, writeTree } from "./guest";

const seed = 1;
/** Longest time of a script, virtual s. */
const limit = 3600;

/**
 * Runs a bash script as root in the lab's emulated machine: Debian 13 with its own kernel, or another release's, and time that is counted in instructions. So a
 * busy computer makes no test fail, and waiting costs nothing. Every write stays in memory. Its network is its own: `lo` only. Scripts
 * that start many programs take a fraction of the time that they take in user-mode Linux. What ran before with the same bytes does not
 * run again (docs/lab.md, "Known results"), unless BONDBOX_FRESH is set.
 *
 * @throws KernelError when the script did not come to its end
 */
export async function runEmulated(
  script: string,
  options: Omit<KernelOptions, "timeoutMs"> & { release?: System["release"] } = {},
): Promise<KernelResult> {
  const { files = {}, release = "trixie", modules = ["tun", "bonding max_bonds=0"] } = options;
  // Not in what a script prints, and the same in each run.
  const marker = `kernel-${sha256(script).slice(0, 16)}`;
  const system: System = { release, newestKernel: false };
  const base = await makeBase(join(root, "test/lab/guest/init.sh"), system, (text) => console.log(text));
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
    const own = packInitrd(base, folder, initrd);
    const known = new Known<KernelResult>([
      own,
      basename(dirname(base.image)),
      qemuVersion(),
      ...qemuWords({ base, initrd: "", log: "", seed, keep: false }),
    ]);
    const kept = process.env.BONDBOX_FRESH === undefined ? known.read() : null;
    if (kept !== null) {
      console.log("nothing has changed since this ran: its output is known; BONDBOX_FRESH=1 runs it again");
      return kept;
    }
    const { failure } = await emulate({ base, initrd, log, seed, keep: false }, limit, () => {});
    const said = await readFile(log, "utf8");
    if (failure !== null) throw new KernelError(failure, said);
    const result = readResult(said, marker);
    known.write(result);
    return result;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
