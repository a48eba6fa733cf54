import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sha256 } from "../../../builder/base/hash";
import { isPending, parseProgress, parseState } from "../../../builder/push/inspect";
import { root } from "../../support/builds";
import { run } from "../../support/programs";
import { temporaryFolder } from "../../support/trees";

describe("what a half says of itself", () => {
  it("is read as inspect.sh prints it", () => {
    const home = temporaryFolder();
    mkdirSync(join(home, "trial"));
    const [text, linked] = [join(home, "some file"), join(home, "link")];
    writeFileSync(text, "a\n", { mode: 0o640 });
    symlinkSync("/etc/elsewhere", linked);
    for (const [name, content] of Object.entries({
      id: "0123456789abcdef\n",
      "install.sh": "script\n",
      files: `${text}\n${linked}\n${home}/gone\n`,
      "trial/state": "undone\nline ovh is down\n",
    }))
      writeFileSync(join(home, name), content);
    const script = readFileSync(join(root, "overlay/trial/inspect.sh"), "utf8");
    const { stdout, status } = run("sh", ["-c", script, "sh", home]);
    expect(status).toBe(0);
    expect(parseState(stdout)).toMatchObject({
      build: null,
      id: "0123456789abcdef",
      pushed: null,
      begun: true,
      ready: false,
      script: sha256("script\n"),
      boot: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
      free: expect.toSatisfy((free: number) => free > 0),
      trial: { state: "undone", reason: "line ovh is down" },
      protected: false,
      lines: [],
      files: [
        { path: text, sum: sha256("a\n"), mode: 0o640 },
        { path: linked, sum: "/etc/elsewhere", mode: 0o777 },
      ],
    });
  });

  it("names the build, its keys and its lines", () => {
    const text = "build 0.2.0 home\nkeys 1a2b-3c4d-5e6f\nline ovh tap0\nline orange tap1\nmode protected\nsystemd yes\ntrial armed \n";
    expect(parseState(text)).toMatchObject({
      build: { version: "0.2.0", profile: "home" },
      keys: "1a2b-3c4d-5e6f",
      lines: [
        { name: "ovh", tap: "tap0" },
        { name: "orange", tap: "tap1" },
      ],
      protected: true,
      systemd: true,
      trial: { state: "armed", reason: "" },
    });
  });

  it.each([
    ["", false],
    ["trial armed", true],
    ["trial trying", true],
    ["trial tried", true],
    ["trial failed it", false],
    ["trial confirmed", false],
    ["trial undone by somebody", false],
    ["trial something", false],
  ])("is on trial or not: %s", (text, pending) => {
    expect(isPending(parseState(text).trial)).toBe(pending);
  });
});

describe("how a trial goes on", () => {
  it("is read as trial.sh prints it", () => {
    const text = "state failed\nreason no room\nwrong line ovh is down\nwrong the bond carries nothing\nlog one\nlog  two\n";
    expect(parseProgress(text)).toEqual({
      state: "failed",
      reason: "no room",
      wrong: ["line ovh is down", "the bond carries nothing"],
      log: ["one", " two"],
    });
  });

  it("is nothing where nothing was said", () => {
    expect(parseProgress("")).toEqual({ state: "none", reason: "", wrong: [], log: [] });
  });
});
