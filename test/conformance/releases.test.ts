import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { releases } from "../packages";
import { openvpnIn, programOf } from "../support/releases";

const firstLine = (program: string, argument: string): string => {
  const { stdout, stderr, error } = spawnSync(program, [argument], { encoding: "utf8" });
  if (error) throw error;
  return stdout.split("\n")[0] || stderr;
};

it.each(releases)("Debian %s: openvpn, openssl and ip run with their own libraries", (release) => {
  const version = openvpnIn[release];
  expect(firstLine(programOf(release, "openvpn"), "--version")).toMatch(new RegExp(`^OpenVPN ${version.replace(".", "\\.")}\\.\\d+ `));
  expect(firstLine(programOf(release, "openssl"), "version")).toMatch(release === "bullseye" ? /^OpenSSL 1\.1\.1/ : /^OpenSSL 3\./);
  expect(firstLine(programOf(release, "ip"), "-V")).toMatch(/^ip utility, iproute2-/);
});

it.each(releases)("Debian %s: openvpn has the ciphers of static and of TLS tunnels", (release) => {
  const { stdout, stderr } = spawnSync(programOf(release, "openvpn"), ["--show-ciphers"], { encoding: "utf8" });
  expect(stdout, stderr).toMatch(/^AES-256-CBC /m);
  expect(stdout, stderr).toMatch(/^AES-256-GCM /m);
  expect(stdout, stderr).toMatch(/^CHACHA20-POLY1305 /m);
});
