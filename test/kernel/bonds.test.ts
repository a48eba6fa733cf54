import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { built, planOf, profileNames } from "../support/builds";
import { debFile } from "../support/debs";
import { type GuestFiles, runInKernel } from "./uml";

interface Plan {
  lines: { tap: string; equalizeUs: number }[];
  tunnel: { serverAddress: string; boxAddress: string; prefix: number; mtu: number };
  bond: { mode: string; hash: string | null; arpInterval: number };
  qos: { enabled: boolean; up: { where: string }; down: { where: string; total: number } };
}

/** What the kernel says of a bond, by "box NAME" or "srv NAME". */
const bonds = new Map<string, string>();
const codes = new Map<string, number>();

beforeAll(async () => {
  const files: GuestFiles = {
    "/t/ifupdown.deb": { content: readFileSync(debFile("ifupdown")) },
    "/t/ifenslave.deb": { content: readFileSync(debFile("ifenslave")) },
  };
  for (const name of profileNames) {
    files[`/p/${name}/overlay.tar`] = { content: readFileSync(join(built(name).folder, "box/overlay.tar")) };
    files[`/p/${name}/server.tar`] = { content: serverTar(name) };
  }
  const script = readFileSync(join(import.meta.dirname, "bonds.sh"), "utf8");
  const { output } = await runInKernel(script, { timeoutMs: 600_000, memoryMb: 768, files });
  if (process.env.BONDS_LOG) process.stdout.write(output);
  for (const [, end, name, code] of output.matchAll(/^@! (box|srv) (\S+) (\d+)$/gm)) codes.set(`${end} ${name}`, Number(code));
  for (const part of output.split(/^@@ /m).slice(1)) bonds.set(part.slice(0, part.indexOf("\n")), part);
}, 620_000);

/** The server's half, which only install.sh carries, as a tar. */
function serverTar(name: string): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "bondbox-server-"));
  try {
    for (const [path, { mode, content }] of built(name).server) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content, { mode: Number.parseInt(mode, 8) });
    }
    return execFileSync("tar", ["-cf", "-", "-C", folder, "."]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe.each(profileNames)("%s", (name) => {
  const plan = planOf(name) as unknown as Plan;

  it.each([
    ["box", plan.tunnel.boxAddress, plan.tunnel.serverAddress],
    ["srv", plan.tunnel.serverAddress, plan.tunnel.boxAddress],
  ])("%s: the kernel's bond is the plan's", (end, address, target) => {
    const bond = bonds.get(`${end} ${name}`) ?? "";
    expect(codes.get(`${end} ${name}`), bond).toBe(0);
    expect(bond).toMatch(new RegExp(`^mode ${plan.bond.mode} `, "m"));
    if (plan.bond.hash !== null) expect(bond).toContain(`\nxmit_hash_policy ${plan.bond.hash} `);
    expect(bond).toContain(`\narp_interval ${plan.bond.arpInterval}\narp_ip_target ${target}\n`);
    expect(bond).toContain(`\nslaves ${plan.lines.map(({ tap }) => tap).join(" ")}\n`);
    expect(bond).toContain(`\nmtu ${plan.tunnel.mtu}\naddress ${address}/${plan.tunnel.prefix}\n`);
  });

  it("shapers stand where the plan wants them", () => {
    const count = (end: string, pattern: RegExp) => (bonds.get(`${end} ${name}`) ?? "").match(pattern)?.length ?? 0;
    const { enabled, up } = plan.qos;
    expect(count("box", /^qdisc .*cake .* dev tap/gm)).toBe(enabled && up.where === "tap" ? plan.lines.length : 0);
    expect(count("box", /^qdisc .*cake .* dev bond0/gm)).toBe(enabled && up.where === "bond" ? 1 : 0);
    expect(count("srv", /^qdisc .*cake .* dev bond0/gm)).toBe(enabled ? 1 : 0);
    expect(count("srv", /^qdisc .*netem .* dev tap/gm)).toBe(plan.lines.filter(({ equalizeUs }) => equalizeUs > 0).length);
  });
});
