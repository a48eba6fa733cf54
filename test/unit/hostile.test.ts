import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { DocumentError } from "../../builder/errors";
import { makePlan } from "../../builder/plan/plan";
import type { Profile } from "../../builder/profile/types";
import { loadProfile } from "../../builder/profile/load";
import { renderBox } from "../../builder/render/box";
import { renderUserData } from "../../builder/render/cloud-init";
import { type RenderContext, readOverlay, readParts } from "../../builder/render/overlay";
import { renderInstall, renderServer } from "../../builder/render/server";
import { root } from "../support/builds";

const common = readOverlay(join(root, "overlay/common"));
const boxOverlay = [...common, ...readOverlay(join(root, "overlay/box"))];
const serverOverlay = [...common, ...readOverlay(join(root, "overlay/server/ubuntu-14.04"))];
const install = { path: "install", text: readFileSync(join(root, "overlay/install/ubuntu-14.04.shell.hbs"), "utf8") };
const parts = readParts(join(root, "overlay/parts"));

/** A profile that uses every key that holds a text. */
const written = parse(readFileSync(join(root, "test/profiles/bypass-forwards.yaml"), "utf8"));
const full = {
  ...written,
  // "Everywhere" becomes no network at all in a rule.
  bypass: written.bypass.map((rule: { networks?: string[] }) =>
    rule.networks ? { ...rule, networks: rule.networks.map((network) => (network === "0.0.0.0/0" ? "192.0.2.0/24" : network)) } : rule,
  ),
  // Without forwards to the box itself: such a one has a rule more.
  forwards: written.forwards.filter(({ host }: { host: string }) => host !== written.lan.address),
  ssh: { user: "admin", keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJk3 someone@home"] },
  firewall: { tunnelSources: ["198.51.100.0/24"] },
};

/** Every place of the profile that holds a text. */
function textPlaces(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value === "string") return [path];
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, part]) => textPlaces(part, [...path, Array.isArray(value) ? Number(key) : key]));
}

function replaced(path: (string | number)[], text: string): unknown {
  const copy = structuredClone(full);
  const last = path.at(-1) as string;
  const parent = path.slice(0, -1).reduce((node, key) => (node as Record<string | number, unknown>)[key] as never, copy) as Record<
    string,
    unknown
  >;
  parent[last] = text;
  // A line keeps its bypass when it is renamed.
  if (path[0] === "lines" && last === "name")
    for (const rule of copy.bypass ?? []) if (rule.line === full.lines[path[1] as number].name) rule.line = text;
  return copy;
}

/** All files of both halves: how many words each line has. A value that broke out would add a word, a line or a file. */
function skeleton(profile: Profile): string[] {
  const plan = makePlan(profile, "hostile");
  const context: RenderContext = { plan, generated: "Generated", parts };
  const keys = new Map(plan.lines.map(({ name }) => [name, "key\n"]));
  const box = renderBox({ overlay: boxOverlay, runtime: "runtime\n", keys, version: "0" }, context);
  const sources = { overlay: serverOverlay, install, keys };
  const server = renderServer(sources, context);
  const script = renderInstall(sources, server, context);
  const user = parse(renderUserData(script, "Generated"), { version: "1.1" }) as { write_files: { content: string }[] };
  expect(gunzipSync(Buffer.from(user.write_files[0]?.content ?? "", "base64")).toString()).toBe(script);
  const shapes = [...box, ...server].flatMap((entry) => {
    if (entry.kind !== "file") return [];
    // Keys may hold a comment of several words; each stands alone on its line of a file that nothing else reads.
    const words = entry.path.includes("authorized_keys.d")
      ? "keys"
      : entry.content
          .toString()
          .split("\n")
          .map((line) => line.trim().split(/\s+/).length)
          .join(" ");
    return [words];
  });
  return [`${box.length} ${server.length} ${script.split("\n").length}`, ...shapes.sort()];
}

const nasty = fc.oneof(
  fc.string({ unit: "binary", maxLength: 24 }),
  fc.string({ unit: fc.constantFrom(..."'\"`$\\;|&<>(){}[]*?!#~ \t\n\r\0%=,:/-_.az09"), maxLength: 16 }),
  fc.constantFrom(
    "$(reboot)",
    "`id`",
    "a;b",
    "x\ny",
    "x\r\nup /bin/sh",
    "%i",
    "$HOME",
    "../../etc/passwd",
    "-j ACCEPT",
    "--",
    "a'b",
    'a"b',
    "END",
    "#",
    "{{a}}",
    "${x}",
  ),
  // A legal value with something behind or before it.
  fc
    .tuple(
      fc.constantFrom("192.168.1.7", "ovh", "eth0", "203.0.113.0/24", "6000-6100"),
      fc.constantFrom(" ", "\n", ";", "'", "\\", "\t", "\u2028", "#", "$x"),
    )
    .map(([a, b]) => a + b),
  fc.constantFrom("192.168.1.7", "abc", "eth1", "6000-6100", "198.51.100.0/25", "a-b-c", "10.0.0.0/8"),
);

describe("no text of a profile breaks out of its place", () => {
  const places = textPlaces(full);
  const expected = skeleton(loadProfile(stringify(full), "full.yaml"));

  it("the profile of this test uses enough places", () => {
    expect(places.length).toBeGreaterThan(20);
  });

  it("each text is refused with a profile error, or inert", { timeout: 300_000 }, () => {
    let accepted = 0;
    const property = fc.property(fc.constantFrom(...places), nasty, (path, text) => {
      let profile: Profile;
      try {
        profile = loadProfile(stringify(replaced(path, text)), "full.yaml");
      } catch (error) {
        if (error instanceof DocumentError) return;
        throw error;
      }
      accepted++;
      expect(text).toMatch(/^[A-Za-z0-9_.,:/@+= -]+$/);
      // Choices such as the bond's mode change which lines there are; they are from the schema's own lists.
      if (
        !["mode", "hash", "protocol", "link", "encapsulation", "rate", "fallback", "cipher", "auth", "target", "interface"].includes(
          String(path.at(-1)),
        )
      ) {
        expect(skeleton(profile), `${path.join(".")} = ${JSON.stringify(text)}`).toEqual(expected);
      }
    });
    fc.assert(property, { numRuns: 3000 });
    expect(accepted).toBeGreaterThan(20);
  });
});
