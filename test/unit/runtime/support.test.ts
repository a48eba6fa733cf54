import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { outputOf } from "../../../overlay/runtime/support/programs";
import { tarOf } from "../../../overlay/runtime/support/tar";
import { config, FakeBox, halfBroken } from "./fixture";
import { nameServer, serverName } from "./name-server";
import { useProgram } from "./program";

const { run, bundle } = useProgram();

const key = Buffer.from("a key of 42 bytes, which is in many places").toString("base64");
const pem = `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`;
const secrets = {
  key,
  password: "open-sesame",
  unknown: "a later program's secret",
  server: "203.0.113.10",
  client: "198.51.100.77",
  ipv6: "2001:db8:5::17",
  mac: "94:c5:25",
  name: "vps-17.provider.example",
};

/** A box with secrets in its files, and programs that print some. */
function boxWithSecrets(): FakeBox {
  const box = new FakeBox();
  box.write("etc/bondbox/box.json", JSON.stringify({ ...config, page: { ...config.page, password: secrets.unknown } }));
  for (const path of ["etc/openvpn/bondbox/box.key", "etc/openvpn/bondbox/crypt.key", "etc/bondbox/keys.conf", "etc/bondbox/page.password"])
    box.write(path, `${pem}${secrets.password}\n`);
  box.write("var/lib/bondbox/history/log", `2026-11-23T01:00:34Z line ovh: down, ${secrets.ipv6}\n`);
  box.write("run/bondbox/server", `${secrets.server}\n`);
  program(
    box,
    "journalctl",
    `echo "$*"; echo 'TLS: peer ${secrets.client}:1194 (${secrets.name})'; echo 'password: ${secrets.password}'; echo '${pem}'`,
  );
  program(box, "ip", `echo "$* link/ether 06:eb:b1:${secrets.mac} via ${secrets.server}"`);
  program(box, "tc", "echo broken >&2; exit 1");
  return box;
}

function program(box: FakeBox, name: string, text: string): void {
  box.write(`bin/${name}`, `#!/bin/sh\n${text}\n`);
  chmodSync(join(box.root, "bin", name), 0o755);
}

/** Unpacks an archive with the system's tar. @returns its only folder. */
function unpacked(box: FakeBox, archive: string): string {
  const target = join(box.root, "unpacked");
  mkdirSync(target);
  execFileSync("tar", ["-xzf", archive, "-C", target]);
  const [folder = "", ...others] = readdirSync(target);
  expect(others).toEqual([]);
  return join(target, folder);
}

describe("bondbox support", () => {
  it("writes all that a report needs, and no secret", async () => {
    using box = boxWithSecrets();
    const server = await nameServer({ address: "1.1.1.1", name: secrets.name });
    box.write("etc/resolv.conf", `nameserver ${serverName(server)}\n`);
    halfBroken(box);
    mkdirSync(join(box.root, "home"));
    const { code, stdout, stderr } = await run(
      ["support", "--root", box.root],
      { PATH: join(box.root, "bin") },
      { cwd: join(box.root, "home") },
    );
    server.close();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const [name = "", ...rest] = readdirSync(join(box.root, "home"));
    expect(rest).toEqual([]);
    expect(name).toMatch(/^bondbox-support-20\d\d-\d\d-\d\dT\d{6}Z\.tar\.gz$/);
    expect(stdout).toBe(`${name} is written. It is text: look at it before you send it.\n`);
    expect(statSync(join(box.root, "home", name)).mode & 0o777).toBe(0o600);

    const folder = unpacked(box, join(box.root, "home", name));
    const text = (file: string): string => readFileSync(join(folder, file), "utf8");
    expect(text("doctor.txt")).toMatch(/^ok {7}port eth0: has a link\n/);
    expect(text("status.txt")).toMatch(/^1 of 2 lines up - /);
    expect(JSON.parse(text("report.json"))).toMatchObject({ linesUp: 1, server: { address: "<public-1>", inner: "172.16.16.1" } });
    expect(JSON.parse(text("box.json"))).toEqual({ ...config, server: { ...config.server, address: "<public-1>" } });
    expect(text("history.txt")).toMatch(/^2026-11-23T01:00:34Z line ovh: down, <public-\d+>\n$/);
    expect(text("journal.txt")).toMatch(
      /^\$ journalctl --unit=bondbox-\* --boot [^]*\nTLS: peer <public-\d+>:1194 \(<name>\)\npassword: <removed>\n<removed>\n/,
    );
    expect(text("links.txt")).toContain("-details -statistics link link/ether 06:eb:b1:xx:xx:xx via <public-1>\n");
    expect(text("queues.txt")).toBe("$ tc -statistics qdisc\n(tc failed)\nbroken\n");
    expect(text("nft.txt")).toMatch(/^\$ nft list ruleset\n/);
    expect(text("files/proc/net/bonding/bond0")).toContain("Slave Interface: tap0\n");
    expect(text("files/run/bondbox/ovh.status")).toContain("OpenVPN STATISTICS\n");
    expect(text("files/run/bondbox/server")).toBe("<public-1>\n");

    const all = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(all.length).toBeGreaterThan(20);
    const everything = all
      .map((entry) => `${entry.parentPath}/${entry.name}\n${readFileSync(join(entry.parentPath, entry.name), "utf8")}`)
      .join("");
    for (const [what, secret] of Object.entries(secrets)) expect(everything.includes(secret), what).toBe(false);
  }, 30_000);

  it("writes to stdout", async () => {
    using box = boxWithSecrets();
    const archive = join(box.root, "archive.tar.gz");
    const words = [bundle(), "support", "-", "--root", box.root];
    writeFileSync(archive, execFileSync(process.execPath, words, { env: { PATH: join(box.root, "bin") } }));
    expect(readFileSync(join(unpacked(box, archive), "versions.txt"), "utf8")).toBe(`bondbox 0.1.0\nnode ${process.version}\n`);
  }, 30_000);

  it("fails in one line where it may not write", async () => {
    using box = boxWithSecrets();
    const home = join(box.root, "home");
    mkdirSync(home);
    // Not even root can write there.
    const { code, stdout, stderr } = await run(["support", "--root", box.root], { PATH: join(box.root, "bin") }, { cwd: "/proc/self" });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^bondbox: bondbox-support-\S+ cannot be written \(\w+\): go to a folder of yours, or run [^\n]+\n$/);
  }, 30_000);

  it("leaves out the beginning of a long log, and waits for no program for ever", async () => {
    const rows = await outputOf(["seq", "1", "200000"]);
    expect(rows.length).toBeLessThan(513 * 1024);
    expect(rows).toMatch(/^\(the beginning is left out\)\n\d{6}\n[^]*\n200000\n$/);
    expect(await outputOf(["sleep", "60"], 100)).toBe("(sleep was stopped: it takes too long or prints too much)\n");
    expect(await outputOf(["no-such-program"])).toBe("(no-such-program is not installed)\n");
    expect(await outputOf(["yes"])).toMatch(/^\(yes was stopped: it takes too long or prints too much\)\n/);
  });
});

describe("tarOf", () => {
  it("makes what the system's tar reads, whatever the sizes are", () => {
    using box = new FakeBox();
    const files = [0, 1, 511, 512, 513, 5000].map((size) => ({ name: `deep/${size}.txt`, text: "é".repeat(size) }));
    writeFileSync(join(box.root, "a.tar.gz"), tarOf("folder", files, 1_764_000_000_000));
    const listed = execFileSync("tar", ["--utc", "--full-time", "-tvf", join(box.root, "a.tar.gz")], { encoding: "utf8" });
    expect(listed.split("\n")[4]).toMatch(/^-rw------- 0\/0 +1026 2025-11-24 16:00:00 folder\/deep\/513\.txt$/);
    execFileSync("tar", ["-xf", join(box.root, "a.tar.gz"), "-C", box.root]);
    for (const { name, text } of files) expect(readFileSync(join(box.root, "folder", name), "utf8")).toBe(text);
    expect(() => tarOf("folder", [{ name: "n".repeat(100), text: "" }], 0)).toThrow("too long");
  });
});
