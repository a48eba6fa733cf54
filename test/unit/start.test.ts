import { execFile } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../support/builds";
import { temporaryFolder } from "../support/trees";

const { npmFault } = createRequire(import.meta.url)("../../scripts/lib/npm.cjs") as {
  npmFault: (output: string, root: string) => [message: string, hint: string];
};

const scripts = readdirSync(join(root, "scripts"), { withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ name }) => name);

function run(
  program: string,
  args: string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<{ status: number; stdout: string; stderr: string }> {
  return new Promise((resolve) =>
    execFile(process.execPath, [program, ...args], { env }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr }),
    ),
  );
}

/** The repository as it is before the first run: without packages, and with an npm that fails like this. */
function freshCheckout(npmReport: string): { folder: string; env: NodeJS.ProcessEnv } {
  const folder = temporaryFolder();
  for (const part of ["scripts", "package.json", "package-lock.json"]) cpSync(join(root, part), join(folder, part), { recursive: true });
  const npm = join(folder, "bin/npm");
  mkdirSync(dirname(npm));
  writeFileSync(npm, `#!/bin/sh\ncat >&2 <<\\END\n${npmReport}\nEND\nexit 1\n`);
  chmodSync(npm, 0o755);
  return { folder, env: { ...process.env, PATH: `${dirname(npm)}:/usr/bin:/bin` } };
}

const offline = `npm error code EAI_AGAIN
npm error syscall getaddrinfo
npm error errno EAI_AGAIN
npm error FetchError: request to https://packages.example/zod failed, reason: getaddrinfo EAI_AGAIN packages.example
npm error     at ClientRequest.<anonymous> (/usr/lib/node_modules/npm/node_modules/minipass-fetch/lib/index.js:130:14)
npm error A complete log of this run can be found in: /home/me/.npm/_logs/debug-0.log`;

/** `npx vitest run --project unit test/unit/start.test.ts -u` writes the texts: read the difference. */
describe("--help", () => {
  it.each(scripts)("of scripts/%s is also there without packages", { timeout: 120_000 }, async (name) => {
    const { status, stdout, stderr } = await run(join(root, "scripts", name), ["--help"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    await expect(stdout).toMatchFileSnapshot(`../../scripts/lib/help/${name}.txt`);
  });

  it.each(["--help", "-h"])("installs nothing: %s", async (option) => {
    const { folder, env } = freshCheckout(offline);
    const expected = { status: 0, stdout: readFileSync(join(root, "scripts/lib/help/bench.txt"), "utf8"), stderr: "" };
    expect(await run(join(folder, "scripts/bench"), [option], env)).toEqual(expected);
    expect(existsSync(join(folder, "node_modules"))).toBe(false);
  });
});

describe("packages that cannot be installed", () => {
  it.each([[["--profile", "home"]], [["--", "--help"]]])("bring one sentence and what to do, not npm's report: %j", async (args) => {
    const { folder, env } = freshCheckout(offline);
    const { status, stdout, stderr } = await run(join(folder, "scripts/build-image"), args, env);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr.trimEnd().split("\n")).toEqual([
      expect.stringContaining("installing npm packages"),
      "bondbox: the npm packages could not be installed: the npm registry cannot be reached (EAI_AGAIN)",
      expect.stringMatching(/^ {2}The first run needs the internet\./),
    ]);
  });

  it.each([
    [offline, "cannot be reached (EAI_AGAIN)"],
    [offline.replaceAll("npm error", "npm ERR!").replaceAll("EAI_AGAIN", "ENOTFOUND"), "cannot be reached (ENOTFOUND)"],
    ["npm error code ENOTCACHED\nnpm error request to https://packages.example/zod failed", "cannot be reached (ENOTCACHED)"],
    ["npm error code ENOSPC\nnpm error syscall write\nnpm error nospc ENOSPC: no space left on device", "the disk is full"],
    ["npm error code EACCES\nnpm error path /srv/bondbox/node_modules", "/srv/bondbox cannot be written to (EACCES)"],
    ["npm error code EINTEGRITY\nnpm error sha512-x integrity checksum failed\u001b[2J", "sha512-x integrity checksum failed?[2J"],
    ["", "npm gave no reason"],
  ])("%j", (output, expected) => {
    const [message] = npmFault(output, "/srv/bondbox");
    expect(message).toMatch(/^the npm packages could not be installed: .*$/);
    expect(message.endsWith(expected)).toBe(true);
  });
});
