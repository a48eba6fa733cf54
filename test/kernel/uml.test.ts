import { accessSync, constants } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { KernelError, overlayDir } from "./guest";
import { runInKernel } from "./uml";

const MINUTE = 60_000;

/**
 * A folder of the host that this process may write to and the guest sees, which has its own /tmp, /var/tmp and /run. Never
 * below the sources: a test that is killed would leave its files there.
 */
function visible(): string {
  const found = [join(homedir(), ".cache"), homedir(), "/var/lib"].find((folder) => {
    try {
      accessSync(folder, constants.W_OK);
      return !/^\/(tmp|var\/tmp|run|dev)(\/|$)/.test(folder);
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error("this test needs a folder that it may write to outside of /tmp");
  return found;
}

describe("runInKernel", () => {
  let folder = "";

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "bondbox-kernel-test-"));
    vi.stubEnv("TMPDIR", folder); // so that this test sees its own temporary files only
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  });

  /** Processes on this machine that were started with the folder of this test. */
  const processes = async (): Promise<string[]> => {
    const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
    const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
    return lines.filter((line) => line.includes(`${folder}/bondbox-kernel-`));
  };
  const nothingIsLeft = async (): Promise<void> => {
    await expect.poll(processes, { timeout: 5000 }).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  };

  it(
    "returns what the script wrote and its status, and keeps its files to itself",
    async () => {
      const place = await mkdtemp(join(visible(), "bondbox-kernel-test-"));
      const here = join(place, "file");
      await writeFile(here, "untouched\n");
      const script = `
        echo "größer"; echo complaint >&2; [ -t 1 ] && echo terminal
        mount -o remount,rw /
        for file in '${here}' /etc/hostname; do echo changed >"$file"; cat "$file"; done
        rm '${here}'; touch /usr/bin/bondbox-test /tmp/bondbox-test
        grep -c hostfs /proc/mounts
        id -u; ip -br link | cut -c 1-3
        exit 3`;
      const hostname = await readFile("/etc/hostname", "utf8");
      const { output, exitCode } = await runInKernel(script);
      const after = await readFile(here, "utf8");
      await rm(place, { recursive: true });
      expect({ output, exitCode }).toEqual({ output: "größer\ncomplaint\nchanged\nchanged\n0\n0\nlo \n", exitCode: 3 });
      expect(after).toBe("untouched\n");
      expect(await readFile("/etc/hostname", "utf8")).toBe(hostname);
      expect((await readdir("/usr/bin")).includes("bondbox-test")).toBe(false);
      await nothingIsLeft();
    },
    MINUTE,
  );

  it(
    "lays a folder over the root",
    async () => {
      const tree = await mkdtemp("/var/tmp/bondbox-tree-");
      try {
        await mkdir(join(tree, "etc/bondbox"), { recursive: true });
        await mkdir(join(tree, "lib/bondbox"), { recursive: true });
        await writeFile(join(tree, "etc/bondbox/secret"), "s");
        await chmod(join(tree, "etc/bondbox/secret"), 0o600);
        await writeFile(join(tree, "lib/bondbox/run"), "#!/bin/sh\necho it runs\n");
        await chmod(join(tree, "lib/bondbox/run"), 0o755);
        await symlink("secret", join(tree, "etc/bondbox/link"));
        const files = { ...(await overlayDir(tree)), ...(await overlayDir(join(tree, "lib"), "/opt")) };
        const script =
          "cd /etc/bondbox; stat -c '%a %u:%g %N' *; cat link; echo; /lib/bondbox/run; ls /opt/bondbox; stat -c %F /lib; ls /bin/sh";
        const { output } = await runInKernel(script, { files });
        expect(output).toBe("777 0:0 'link' -> 'secret'\n600 0:0 'secret'\ns\nit runs\nrun\nsymbolic link\n/bin/sh\n");
      } finally {
        await rm(tree, { recursive: true });
      }
    },
    MINUTE,
  );

  it(
    "stops at the time limit, shows what was printed until then, and leaves nothing behind",
    async () => {
      const run = runInKernel("echo before; sleep 1000 & sleep 1000", { timeoutMs: 12_000 });
      await expect(run).rejects.toThrow(KernelError);
      await expect(run).rejects.toThrow(/stopped after 12000 ms[^]*before/);
      await nothingIsLeft();
    },
    MINUTE,
  );

  it(
    "does not take a power-off for an end",
    async () => {
      await expect(runInKernel("poweroff -f")).rejects.toThrow("the kernel ended before the script did");
      await nothingIsLeft();
    },
    MINUTE,
  );

  it("refuses paths that lead elsewhere", async () => {
    for (const path of ["etc/x", "/etc/../../x", "/etc/"]) {
      await expect(runInKernel("true", { files: { [path]: { content: "" } } })).rejects.toThrow("plain absolute path");
    }
    await nothingIsLeft();
  });
});
