import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { payloadOf } from "../../builder/push/payload";
import { built, profileNames, root } from "../support/builds";
import { run } from "../support/programs";
import { judgedServer, shellFaults } from "../support/shell";
import { filesBelow, layServer, planned, temporaryFolder } from "../support/trees";

function scriptsBelow(folder: string): string[] {
  return filesBelow(folder)
    .map((path) => join(folder, path))
    .filter((file) => /^#!.*sh\b/.test(readFileSync(file, "latin1")));
}

/** A script as bash understands it, without what differs from build to build. */
function parsed(file: string): string {
  const { status, stdout } = run("bash", ["--pretty-print", file]);
  expect(status).toBe(0);
  // Keys are in what travels alone.
  const keys = /^(put )?\/etc\/openvpn\/\S+\.(key|crt)( 0\d+ *)?\n/gm;
  return stdout
    .replace(/<<'?END[^]*?^END_*$/gm, "")
    .replace(/^ +/gm, "")
    .replace(/\n+/g, "\n")
    .replace(keys, "");
}

describe.each(profileNames)("scripts of %s", (name) => {
  const striper = planned(name).bond.striper ? ["striper"] : [];
  const lane = planned(name).lane === null ? [] : ["lane", "lane-watch"];
  const updates = planned(name).box.protected ? ["update"] : [];

  it("satisfy dash, bash and shellcheck on the box", () => {
    const scripts = scriptsBelow(built(name).box);
    const parts = [
      "bond",
      "failover",
      "fallback",
      "firewall",
      "guard",
      "init",
      "network",
      "reconnect",
      "renew",
      "setup",
      "tunnel",
      "watchdog",
    ];
    const own = [...parts, ...striper, ...lane, ...updates].map((part) => `bondbox-${part}`);
    const names = scripts.map((file) => file.slice(built(name).box.length + 1));
    expect(names.sort()).toEqual(["usr/local/bin/bondbox", ...[...own, "wondershaper"].map((script) => `usr/local/sbin/${script}`)].sort());
    expect(shellFaults(scripts)).toBe("");
  });

  it("satisfy dash, bash and shellcheck on the server", () => {
    const folder = layServer(built(name), temporaryFolder());
    const laid = scriptsBelow(folder);
    const own = planned(name).server.systemd
      ? ["bond", "firewall", "guard", "preflight", "renew", "watchdog"]
      : ["firewall", "guard", "watchdog"];
    expect(laid.map((file) => file.slice(folder.length + 1)).sort()).toEqual(
      [...[...own, ...striper].map((part) => `bondbox-${part}`), "wondershaper"].map((script) => `usr/local/sbin/${script}`).sort(),
    );
    const judged = judgedServer(planned(name), temporaryFolder());
    expect(judged).toHaveLength(laid.length + 1);
    expect(shellFaults(judged)).toBe("");
    // What travels is the same to a shell, but for what shellcheck is told.
    const install = join(built(name).folder, "server/install.sh");
    const travelling = [...laid.sort(), install].map(parsed);
    expect(travelling).toEqual([...judged.slice(0, -1).sort(), judged.at(-1) as string].map(parsed));
  });
});

test("what starts the set-up of a card satisfies dash, bash and shellcheck", () => {
  const folder = temporaryFolder();
  const [firstrun, hook] = [join(folder, "firstrun.sh"), join(folder, "vendor-data")];
  writeFileSync(firstrun, readFileSync(join(root, "overlay/card/firstrun.sh")));
  // As cloud-init runs it: without its own first line.
  writeFileSync(hook, readFileSync(join(root, "overlay/card/vendor-data"), "utf8").replace("#cloud-boothook\n", ""));
  expect(readFileSync(hook, "utf8")).toMatch(/^#!\/bin\/sh\n/);
  expect(shellFaults([firstrun, hook])).toBe("");
});

/** Files that scripts source, by the script. Checked in the repository, as no profile changes them. */
const sourced: Record<string, string[]> = {
  "overlay/box/usr/local/sbin/bondbox-setup": ["common", "begin", "packages", "run", "finish"].map(
    (part) => `overlay/box/usr/local/lib/bondbox/setup/${part}.sh`,
  ),
  "overlay/common/usr/local/sbin/bondbox-watchdog": [
    "overlay/box/usr/local/lib/bondbox/taken-out.sh",
    "overlay/box/usr/local/lib/bondbox/watchdog-replay.sh",
    "overlay/striper/usr/local/lib/bondbox/striper.sh",
  ],
  "overlay/updates/usr/local/sbin/bondbox-update": ["overlay/updates/usr/local/lib/bondbox/works.sh"],
  "overlay/common/usr/local/sbin/wondershaper": ["overlay/common/usr/local/lib/bondbox/bonding.sh"],
};

describe("files that scripts source", () => {
  it("are all known to this test", () => {
    const found = filesBelow(join(root, "overlay")).filter((path) => /usr\/local\/lib\/.*\.sh$/.test(path));
    expect(found.map((path) => `overlay/${path}`).sort()).toEqual(Object.values(sourced).flat().sort());
  });

  it.each(Object.entries(sourced))("of %s satisfy its shell and shellcheck", (script, parts) => {
    const shell = script.endsWith("watchdog") ? "bash" : "dash";
    const parsed = parts.map((part) => run(shell, ["-n", part], { cwd: root }).output).join("");
    // Parts of bondbox-setup share its variables, so they are checked together with it; the others stand alone.
    const alone = parts.filter((part) => !part.includes("/setup/"));
    expect(parsed + run("shellcheck", ["-x", "-a", script, ...alone], { cwd: root }).output).toBe("");
    for (const part of parts) expect(readFileSync(join(root, part), "latin1")).toMatch(/^[\t\n\x20-\x7e]*$/);
  });
});

describe.each(["box", "server"] as const)("what push brings to the %s", (half) => {
  it("satisfies dash, bash and shellcheck", async () => {
    const folder = temporaryFolder();
    const payload = await payloadOf(root, planned("home"), {
      half,
      generation: "0123456789abcdef",
      push: "2026-12-01T12:00:00.000Z-00000000",
      together: true,
      token: "00",
      before: [{ name: "ovh", tap: "tap0" }],
      actions: [{ verb: "restart", unit: "bondbox-watch.service" }],
      stops: ["bondbox-guard.service"],
      files: [],
    });
    writeFileSync(join(folder, "payload.tar"), payload);
    expect(run("tar", ["-xf", join(folder, "payload.tar"), "-C", folder]).status).toBe(0);
    const alone = ["inspect.sh", "fresh.sh", "previous.sh"];
    const scripts = ["trial.sh", ...alone].map((name) => join(folder, name));
    for (const name of alone) writeFileSync(join(folder, name), `#!/bin/sh\n${readFileSync(join(root, "overlay/trial", name), "utf8")}`);
    expect(shellFaults(scripts)).toBe("");
    expect(run("dash", ["-n", join(folder, "trial.conf")]).output).toBe("");
  });
});

describe("a broken script is found", () => {
  it.each([
    ["by dash", "#!/bin/sh\nif true\n", "Syntax error"],
    ["by shellcheck", "#!/bin/sh\nrm $1\n", "SC2086"],
    ["by its bytes", "#!/bin/sh\necho caf\u00e9\n", "not ASCII"],
  ])("%s", (_, text, complaint) => {
    const file = join(temporaryFolder(), "broken");
    writeFileSync(file, text);
    expect(shellFaults([file])).toContain(complaint);
  });
});

test("a missing program is a failure that names its package", () => {
  expect(() => run("no-such-program", [])).toThrow('no-such-program is missing: run "apt-get install no-such-program"');
});
