import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { stepsOf } from "../kernel/guest";
import { boxText, planned } from "../support/trees";
import { built, root } from "../support/builds";
import { run } from "../support/programs";

/**
 * What answers beyond the first and the second modem (names: "true", "false" or "silent"; "hops", "server", "ping", "tcp" or "-"), what
 * bondbox-fallback must find, and the line that it must take; null: it stays where it was.
 */
const cases: [name: string, first: [string, string], second: [string, string], found: [string, string], taken: 0 | 1 | null][] = [
  ["routers that report themselves", ["silent", "hops"], ["silent", "-"], ["internet", "none"], 0],
  ["hidden routers, the second line alone", ["silent", "-"], ["silent", "ping"], ["none", "internet"], 1],
  ["hidden routers, a host that answers TCP", ["silent", "tcp"], ["silent", "ping"], ["internet", "internet"], 0],
  ["no line", ["silent", "-"], ["silent", "-"], ["none", "none"], null],
  ["names answered over the second line", ["silent", "-"], ["true", "-"], ["none", "internet"], 1],
  ["names answered over both", ["true", "-"], ["true", "-"], ["internet", "internet"], 0],
  ["a page of its own for every name, over TCP too", ["false", "tcp"], ["true", "-"], ["captive", "internet"], 1],
  ["a server without its tunnels", ["silent", "server"], ["silent", "hops"], ["server", "internet"], 0],
];

describe("fallback, while the server is gone", () => {
  const { lines, server } = planned("home");
  const modems = lines.map(({ modem }) => modem);
  let step: ReturnType<typeof stepsOf>;

  beforeAll(() => {
    const table = cases.map(([, first, second, found, taken], index) =>
      [index, ...first, ...second, ...found, taken === null ? "-" : modems[taken]].join(" "),
    );
    const script = `mount -t tmpfs tmpfs /run; exec bash "$@"`;
    const args = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-euc", script, "sh"];
    const own = [join(root, "test/conformance/fallback.sh"), built("home").box, server.address, ...modems.slice(0, 2)];
    const lent = process.getuid?.() === 0 ? [] : ["--map-root-user"];
    const { output } = run("unshare", [...lent, ...args, ...own], { timeout: 290_000, input: `${table.join("\n")}\n` });
    if (process.env.FALLBACK_LOG) process.stdout.write(output);
    step = stepsOf(output);
    expect(step("network")).toEqual({ exitCode: 0, output: "" });
  }, 300_000);

  it.each(cases.map(([name, , , found, taken], index) => ({ name, found, taken, index })))("$name", ({ found, taken, index }) => {
    expect(step(`${index}`).output.trim().split("\n")).toEqual(found);
    const by = step(`${index}: route`).output.trim();
    expect(modems).toContain(by);
    if (taken !== null) expect(by).toBe(modems[taken]);
  });

  it("lets the box ask for names over the line that works, not the modem of a line that does not", () => {
    const nameAt = (name: string) => step(`${cases.findIndex(([title]) => title === name)}: a name`).output;
    for (const name of ["names answered over the second line", "a page of its own for every name, over TCP too"])
      expect(nameAt(name)).toMatch(/^(9\.9\.9\.9|1\.1\.1\.1) /);
    // The test can see the difference: where nothing else answers, the modem does.
    expect(nameAt("no line")).toMatch(/^192\.168\.1\.1 /);
  });

  it("runs with the powers that it has here", () => {
    const unit = boxText(built("home"), "etc/systemd/system/bondbox-fallback.service");
    expect(unit).toContain("\nCapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW\n");
  });
});
