import { buildSync } from "esbuild";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isRunning } from "../../builder/machine/host";
import { run } from "../../builder/machine/run";
import { root } from "../support/builds";
import { temporaryFolder } from "../support/trees";

describe("a program", () => {
  it("gets its input and gives both outputs and its status", async () => {
    const { status, stdout, stderr, failure } = await run("sh", ["-c", "cat; echo wrong >&2; exit 3"], { input: "text" });
    expect({ status, stdout: stdout.toString(), stderr, failure }).toEqual({ status: 3, stdout: "text", stderr: "wrong\n", failure: null });
  });

  it("that reads nothing of a long input still ends", async () => {
    expect(await run("true", [], { input: "x".repeat(1 << 22) })).toMatchObject({ status: 0, failure: null });
  });

  it("speaks English, unless the caller wants otherwise", async () => {
    const print = ["-c", 'printf "%s %s" "$LC_ALL" "$MORE"'];
    expect((await run("sh", print)).stdout.toString()).toBe("C.UTF-8 ");
    expect((await run("sh", print, { env: { LC_ALL: "C", MORE: "x" } })).stdout.toString()).toBe("C x");
  });

  it("is found in /usr/sbin", async () => {
    expect((await run("sh", ["-c", 'echo "$PATH"'])).stdout.toString()).toMatch(/(^|:)\/usr\/sbin(:|$)/m);
  });

  it.each([1, 2, 3, 4, 5])("that does not exist is missing, not an exception (%i)", async () => {
    expect(await run("no-such-program", [])).toMatchObject({ status: null, failure: "missing" });
    expect(await run("no-such-program", [], { input: "text", onOutput() {} })).toMatchObject({ failure: "missing" });
  });

  it("that a signal ends has no status", async () => {
    expect(await run("sh", ["-c", "kill -9 $$"])).toMatchObject({ status: null, failure: null });
  });

  it("is killed after its time", async () => {
    const start = performance.now();
    expect(await run("sleep", ["60"], { timeoutMs: 50 })).toMatchObject({ status: null, failure: "timeout" });
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  it("gives its output piece by piece and waits for whoever takes it", async () => {
    let [bytes, busy] = [0, false];
    const { stdout } = await run("head", ["-c", "1000000", "/dev/zero"], {
      onOutput: async (chunk) => {
        expect(busy).toBe(false);
        busy = true;
        await new Promise((resolve) => setTimeout(resolve, 1));
        bytes += chunk.length;
        busy = false;
      },
    });
    expect([bytes, stdout.length]).toEqual([1_000_000, 0]);
  });

  it("is killed if whoever takes its output fails", async () => {
    const onOutput = (): never => {
      throw new Error("no space");
    };
    await expect(run("yes", [], { onOutput })).rejects.toThrow("no space");
  });

  it("is killed on Ctrl-C", async () => {
    const outfile = join(temporaryFolder(), "program.cjs");
    const contents = `
      import { run } from "./builder/machine/run";
      run("sh", ["-c", "echo $$; exec sleep 60"], { onOutput: (chunk) => console.log(chunk.toString().trim()) });`;
    buildSync({ stdin: { contents, resolveDir: root, loader: "ts" }, bundle: true, platform: "node", format: "cjs", outfile });
    const parent = spawn(process.execPath, [outfile], { stdio: ["ignore", "pipe", "inherit"] });
    const [pid] = (await once(parent.stdout, "data")) as [Buffer];
    expect(isRunning(Number(pid))).toBe(true);
    parent.kill("SIGINT");
    expect(await once(parent, "close")).toEqual([130, null]);
    for (let tries = 0; isRunning(Number(pid)) && tries < 100; tries++) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(isRunning(Number(pid))).toBe(false);
  });
});
