import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { namesOf, withHost } from "../../builder/keys/known-hosts";
import { makeSshKey, readSshKey } from "../../builder/keys/ssh-key";
import { run } from "../support/programs";
import { temporaryFolder } from "../support/trees";

describe("an SSH host key", () => {
  it("is one that OpenSSH reads, with the fingerprint that it prints", () => {
    const key = makeSshKey();
    const file = join(temporaryFolder(), "key");
    writeFileSync(file, key.pem, { mode: 0o600 });
    expect(run("ssh-keygen", ["-y", "-P", "", "-f", file]).stdout.trim()).toBe(key.line);
    expect(run("ssh-keygen", ["-l", "-f", file]).stdout).toContain(` ${key.fingerprint} `);
  });

  it("is the same from the same seed, and another from none", () => {
    expect(makeSshKey(Buffer.alloc(32, 1))).toEqual(makeSshKey(Buffer.alloc(32, 1)));
    expect(makeSshKey().line).not.toBe(makeSshKey().line);
  });

  it("is read as it was made", () => {
    const key = makeSshKey();
    expect(readSshKey(key.pem)).toEqual(key);
  });

  it.each([
    ["damaged", (pem: string) => pem.replace(/A/, "B")],
    ["cut off", (pem: string) => pem.slice(0, 200)],
    ["empty", () => ""],
    ["of another kind", () => opensshKey()],
  ])("is refused: %s", (_, change) => {
    expect(readSshKey(change(makeSshKey(Buffer.alloc(32, 3)).pem))).toBeNull();
  });
});

function opensshKey(): string {
  const file = join(temporaryFolder(), "key");
  expect(run("ssh-keygen", ["-q", "-t", "ecdsa", "-N", "", "-f", file]).status).toBe(0);
  return readFileSync(file, "utf8");
}

describe("known_hosts", () => {
  const box = { name: "192.168.1.2", key: "ssh-ed25519 AAAA", half: "box" } as const;

  it("has a line that ssh finds", () => {
    const { line } = makeSshKey();
    const file = join(temporaryFolder(), "known_hosts");
    writeFileSync(file, withHost(null, { ...box, key: line }));
    expect(run("ssh-keygen", ["-F", box.name, "-f", file]).stdout).toContain(line);
  });

  it("keeps where a half was, the last address first", () => {
    const text = withHost(withHost(null, box), { ...box, name: "192.168.1.3" });
    expect(namesOf(text, "box")).toEqual(["192.168.1.3", "192.168.1.2"]);
    expect(namesOf(withHost(text, box), "box")).toEqual(["192.168.1.2", "192.168.1.3"]);
    expect(namesOf(withHost(text, { ...box, key: "ssh-ed25519 NEW" }), "box")).toEqual(["192.168.1.2"]);
    expect(namesOf(text, "server")).toEqual([]);
  });

  it("has a key for each server, and the last one of a server that was made anew", () => {
    const server = { half: "server", name: "203.0.113.10", key: "ssh-ed25519 AAAA" } as const;
    const backup = { ...server, name: "203.0.113.11", key: "ssh-ed25519 BBBB" };
    const both = withHost(withHost(null, server), backup);
    expect(both).toBe("203.0.113.10 ssh-ed25519 AAAA bondbox-server\n203.0.113.11 ssh-ed25519 BBBB bondbox-server\n");
    expect(withHost(both, { ...server, key: "ssh-ed25519 CCCC" })).toBe(
      "203.0.113.11 ssh-ed25519 BBBB bondbox-server\n203.0.113.10 ssh-ed25519 CCCC bondbox-server\n",
    );
  });

  it("has one line for a half, and keeps the person's", () => {
    const text = withHost(withHost("nas ssh-rsa BBBB me\n", { ...box, key: "ssh-ed25519 OLD" }), {
      ...box,
      half: "server",
      name: "203.0.113.10",
    });
    expect(withHost(text, box)).toBe(
      "nas ssh-rsa BBBB me\n203.0.113.10 ssh-ed25519 AAAA bondbox-server\n192.168.1.2 ssh-ed25519 AAAA bondbox-box\n",
    );
  });
});
