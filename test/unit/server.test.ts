import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import { makeIdentity } from "../../builder/keys/certificate";
import { staticKey } from "../../builder/keys/static-keys";
import type { TunnelKeys } from "../../builder/keys/keys";
import { makePlan } from "../../builder/plan/plan";
import { loadProfile } from "../../builder/profile/load";
import { readParts } from "../../builder/render/overlay";
import { keyFiles } from "../../builder/render/keys";
import { renderInstall, renderServer, serverSources } from "../../builder/render/server";
import { targets } from "../../builder/targets";
import { profileFiles, root } from "../support/builds";

const identity = makeIdentity("bondbox", Buffer.alloc(32, 1));
const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
const parts = readParts(`${root}/overlay/parts`);

/** The server's files by path, and install.sh without them. */
function halfAt(file: string, address: string): Map<string, string> {
  const profile = loadProfile(readFileSync(file, "utf8"), file);
  const plan = makePlan({ ...profile, server: { ...profile.server, address } }, basename(file, ".yaml"));
  const { openvpn } = targets[plan.server.target];
  const key: TunnelKeys =
    openvpn.tunnel === "tls"
      ? { kind: "tls", crypt: staticKey(bytes), box: identity, server: identity }
      : { kind: "static-key", key: staticKey(bytes) };
  const keys = new Map(plan.lines.map(({ name }) => [name, key]));
  const context = { plan, generated: "Generated", parts, keys, keySet: "1a2b-3c4d-5e6f" };
  const sources = serverSources(root, targets[plan.server.target], plan);
  const files = renderServer(sources, context).flatMap((entry): [string, string][] =>
    entry.kind === "file" ? [[entry.path, entry.content.toString()]] : [],
  );
  return new Map([...files, ["install.sh", renderInstall(sources, [], context)]]);
}

describe("the server's half does not need the server's address, which is known after ordering", () => {
  it.each(profileFiles.map((file) => [basename(file, ".yaml"), file]))("%s", (_, file) => {
    const [before, after] = [halfAt(file, "203.0.113.99"), halfAt(file, "192.0.2.44")];
    expect([...after.keys()]).toEqual([...before.keys()]);
    const changed = [...before].filter(([path, text]) => after.get(path) !== text).map(([path]) => path);
    const { forwards } = loadProfile(readFileSync(file, "utf8"), file);
    const [rules, preflight] = ["/etc/bondbox/rules.v4", "/usr/local/sbin/bondbox-preflight"];
    expect(changed).toEqual([...(forwards.length > 0 ? [rules] : []), ...(before.has(preflight) ? [preflight] : [])]);
    // A LAN machine that uses the public address, and what preflight compares.
    for (const path of changed) {
      const lines = (before.get(path) ?? "").split("\n").filter((line) => !(after.get(path) ?? "").split("\n").includes(line));
      expect(lines.length).toBeGreaterThan(0);
      for (const line of lines)
        expect(line).toMatch(path === rules ? /^-A BONDBOX-PREROUTING .* -d 203\.0\.113\.99 .*-j DNAT/ : /^set -- 203\.0\.113\.99( |$)/);
    }
  });
});

describe("the packages that install.sh gets", () => {
  it.each(profileFiles.map((file) => [basename(file, ".yaml"), file]))("%s: sudo where the profile has a user, who needs it", (_, file) => {
    const [, packages = ""] = /^need (.*)$/m.exec(halfAt(file, "203.0.113.99").get("install.sh") ?? "") ?? [];
    expect(packages.split(" ")).toContain("openvpn");
    expect(packages.split(" ").includes("sudo")).toBe(loadProfile(readFileSync(file, "utf8"), file).ssh.keys.length > 0);
  });

  it("are tried with and without a user, on a server of today and on one of 14.04", () => {
    const kinds = profileFiles.map((file) => {
      const { ssh, server } = loadProfile(readFileSync(file, "utf8"), file);
      return `${targets[server.target].init} ${ssh.keys.length > 0 ? "with" : "without"}`;
    });
    expect([...new Set(kinds)].sort()).toEqual(["ifupdown with", "ifupdown without", "systemd with", "systemd without"]);
  });
});

describe("a tls-crypt key", () => {
  it("goes to both halves with the 32 of each 64 bytes that OpenVPN uses", () => {
    const keys = new Map([["one", { kind: "tls" as const, crypt: staticKey(bytes), box: identity, server: identity }]]);
    const used = Buffer.from(bytes.map((byte, i) => (i % 64 < 32 ? byte : 0)));
    for (const half of ["box", "server"] as const) {
      const file = keyFiles(keys, half, { folder: "/k", whole: false }).find(({ path }) => path === "/k/one.crypt.key");
      expect(file?.content.toString()).toBe(staticKey(used));
    }
  });
});
