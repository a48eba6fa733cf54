import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { DocumentError } from "../../builder/errors";
import { loadProfile } from "../../builder/profile/load";

/** Made by ssh-keygen. */
const ed25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8mYk1mPpZ8tq3bqTQe8f3m1s7QvT4xW0uG5rN2bLkd";
const others = [
  "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEqiywQ4uQasO8KwgbZahHFuHiqrLcFFnJKY6JFJKhXSSrFXtgwH7ypDPgMvnh3QUDZWApFoGytaYRUVpBUEub4=",
  "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBBleNutS6EfLzERffSPrxcZO01vJ+toA4ww0DE2MGWX2N1JNB1MvRGsXJRWZ0gajCsv2aXNHHqEB1hSfsYkWqvEquhFih3MnD80VXdAPUAnVziLRwB8WsOt3d6mVDcEoAQ==",
  "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAHiAQubtxCuUnbEYli7pDF11RxfbE8/VwRhImpFTI6cibx8S9OLDH4DtnsnghsgAtPhIxfvt4GAls0FgrDSD+bsLgFP8bHs4mSNiHpttyRYI54B4VlXn3f4i0ocgBD82ft3lizPTStWb8mqBjI/ob4+SIOKJWPDj/jS0NqmWnaVA7k5Dg==",
  "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQCt6BO4U1UtnB5LlI3vVb9PGd9P9DfX28EZPR7nxNIpTWTtU+L7wDhLnADyyHutpQo7uGEDjt+vlqgStPiNkd06Jf7nL5b2T0+Xy1PW52/s/hzdimQL3yGcPIWrmbgL0OgHEx1PO+Hqo2MvNuqqqPlKB4o5DNhol8/C1iGbSNHOHw==",
];

const parts = (...fields: (string | Buffer)[]): string =>
  Buffer.concat(fields.flatMap((field) => [Buffer.from([0, 0, 0, field.length]), Buffer.from(field)])).toString("base64");
/** Of security keys, in the form of OpenSSH's PROTOCOL.u2f. */
const security = [
  `sk-ssh-ed25519@openssh.com ${parts("sk-ssh-ed25519@openssh.com", Buffer.alloc(32, 7), "ssh:")}`,
  `sk-ecdsa-sha2-nistp256@openssh.com ${parts("sk-ecdsa-sha2-nistp256@openssh.com", "nistp256", Buffer.alloc(65, 4), "ssh:")}`,
];

/** The key as the builder uses it, or the codes of the errors. */
function read(key: string): string {
  const profile = {
    lines: [{ name: "a", modem: "192.168.1.1", down: 8000, up: 1000 }],
    lan: { subnet: "192.168.1.0/24", address: "192.168.1.2" },
    server: { address: "203.0.113.10" },
    ssh: { keys: [key] },
  };
  try {
    return loadProfile(stringify(profile), "test.yaml").ssh.keys.join();
  } catch (error) {
    if (error instanceof DocumentError) return error.problems.map(({ code }) => code).join();
    throw error;
  }
}

describe("a public SSH key", () => {
  it.each([ed25519, ...others, ...security])("of every type is used as it is: %s", (key) => {
    expect(read(key)).toBe(key);
    expect(read(`${key} jane@laptop`)).toBe(`${key} jane@laptop`);
  });

  it.each([
    ["of Windows", " DOMAIN\\jane@PC-1", ""],
    ["of a smart card", " cardno:000612345678", ""],
    ["of a password manager", " Jane Doe <jane@example.org>", ""],
    ["with an accent", " clé@maison", ""],
    ["that a shell would run", " $(reboot) `reboot` '; reboot #", ""],
    ["of two words", " a second  key", " a second key"],
    ["after two blanks", "  jane@laptop", " jane@laptop"],
    ["after a tab", "\tjane@laptop", " jane@laptop"],
    ["with blanks behind", " jane@laptop  ", " jane@laptop"],
    ["with a line end behind", " jane@laptop\r\n", " jane@laptop"],
    ["of nothing but blanks", "  ", ""],
  ])("may have a comment %s", (_name, comment, kept) => {
    expect(read(`${ed25519}${comment}`)).toBe(`${ed25519}${kept}`);
  });

  it("has nothing but plain words, whatever its comment is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 30 }), (comment) => {
        expect(read(`${ed25519} ${comment}`)).toMatch(/^(ssh-ed25519 [A-Za-z0-9+/]+( [A-Za-z0-9@._+-]+)*|profile\.ssh-key)$/);
      }),
      { numRuns: 300 },
    );
  });

  it("may have blanks before it, and two after its type", () => {
    expect(read(`  ${ed25519.replace(" ", "  ")}`)).toBe(ed25519);
  });

  it.each([ed25519, ...others, ...security])("that is cut off anywhere is refused: %s", (key) => {
    const start = key.indexOf(" ") + 2;
    const taken = Array.from({ length: key.length - start }, (_, i) => key.slice(0, start + i)).filter(
      (cut) => !read(cut).startsWith("profile."),
    );
    expect(taken).toEqual([]);
  });

  it("of another type than it says, or with more behind it, is refused", () => {
    expect(read(ed25519.replace("ssh-ed25519", "ssh-rsa"))).toBe("profile.ssh-key-damaged");
    expect(read(`ssh-ed25519 ${parts("ssh-ed25519", Buffer.alloc(31))}`)).toBe("profile.ssh-key-damaged");
    expect(read(`ssh-ed25519 ${parts("ssh-ed25519", Buffer.alloc(32), "")}`)).toBe("profile.ssh-key-damaged");
    expect(read(`ecdsa-sha2-nistp256 ${parts("ecdsa-sha2-nistp256", "nistp384", Buffer.alloc(65))}`)).toBe("profile.ssh-key-damaged");
  });

  it.each([
    ["a line of another command", `${ed25519}\nPermitRootLogin yes`],
    ["an option before it", `command="/bin/sh" ${ed25519}`],
    ["a private key", "-----BEGIN OPENSSH PRIVATE KEY-----"],
    ["a type that OpenSSH no longer has", ed25519.replace("ssh-ed25519", "ssh-dss")],
  ])("with %s is refused", (_name, key) => {
    expect(read(key)).toBe("profile.ssh-key");
  });
});
