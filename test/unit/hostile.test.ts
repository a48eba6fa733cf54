import { makeSshKey } from "../../builder/keys/ssh-key";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { DocumentError } from "../../builder/errors";
import { makeIdentity } from "../../builder/keys/certificate";
import type { TunnelKeys } from "../../builder/keys/keys";
import { makePlan } from "../../builder/plan/plan";
import type { ServerTarget } from "../../builder/targets/names";
import type { Profile } from "../../builder/profile/types";
import { loadProfile } from "../../builder/profile/load";
import { renderBox } from "../../builder/render/box";
import { renderUserData } from "../../builder/render/cloud-init";
import { type RenderContext, readLayers, readParts } from "../../builder/render/overlay";
import { renderInstall, renderServer, type ServerSources } from "../../builder/render/server";
import { targets } from "../../builder/targets";
import { fromBase85 } from "../support/base85";
import { root } from "../support/builds";

const parts = readParts(join(root, "overlay/parts"));
const box = readLayers(root, ["common", "systemd", "box"]);

function sourcesOf(target: ServerTarget): ServerSources {
  const { layers, init } = targets[target];
  const install = { path: "install", text: readFileSync(join(root, `overlay/install/${init}.shell.hbs`), "utf8") };
  return { overlay: readLayers(root, ["common", ...layers]), install };
}

const sources = { "debian-13": sourcesOf("debian-13"), "ubuntu-14.04": sourcesOf("ubuntu-14.04") };
type Tried = keyof typeof sources;

const identity = makeIdentity("bondbox", Buffer.alloc(32, 1));

function keysFor(target: Tried): TunnelKeys {
  return target === "ubuntu-14.04"
    ? { kind: "static-key", key: "key\n" }
    : { kind: "tls", crypt: "key\n", box: identity, server: identity };
}

/** A profile that uses every key that holds a text. */
const written = parse(readFileSync(join(root, "test/profiles/bypass-forwards.yaml"), "utf8"));
const fullOf = (target: Tried) => ({
  ...written,
  server: {
    ...written.server,
    target,
    backups: ["203.0.113.20"],
    // Both words of an IPv6 tunnel, where the target has one.
    ...(target === "debian-13" ? { prefix: "2001:db8:1:2::/64" } : {}),
  },
  ...(target === "debian-13" ? { ipv6: "tunnel" } : {}),
  // "Everywhere" becomes no network at all in a rule.
  bypass: written.bypass.map((rule: { networks?: string[] }) =>
    rule.networks ? { ...rule, networks: rule.networks.map((network) => (network === "0.0.0.0/0" ? "192.0.2.0/24" : network)) } : rule,
  ),
  // Without forwards to the box itself: such a one has a rule more. Not every target forwards a range to another one.
  forwards: written.forwards.filter(
    ({ host, hostPort }: { host: string; hostPort?: unknown }) =>
      host !== written.lan.address && (target === "debian-13" || typeof hostPort !== "string"),
  ),
  ssh: { user: "admin", keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8mYk1mPpZ8tq3bqTQe8f3m1s7QvT4xW0uG5rN2bLkd someone@home"] },
  firewall: { tunnelSources: ["198.51.100.0/24"], reach: ["10.99.0.0/24", ...(target === "debian-13" ? ["fd00:88::/64"] : [])] },
});
type Full = ReturnType<typeof fullOf>;

/** Every place of the profile that holds a text. */
function textPlaces(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value === "string") return [path];
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, part]) => textPlaces(part, [...path, Array.isArray(value) ? Number(key) : key]));
}

function replaced(full: Full, path: (string | number)[], text: string): unknown {
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
  const target = profile.server.target as Tried;
  const keys = new Map(plan.lines.map(({ name }) => [name, keysFor(target)]));
  const context: RenderContext = { plan, generated: "Generated", parts, keys, keySet: "1a2b-3c4d-5e6f" };
  const boxEntries = renderBox(
    { overlay: box, runtime: "runtime\n", version: "0", host: makeSshKey(Buffer.alloc(32, 7)), secrets: {} },
    context,
  );
  const server = renderServer(sources[target], context);
  const script = renderInstall(sources[target], server, context);
  const user = parse(renderUserData(gzipSync(script), targets[target], "Generated"), { version: "1.1" }) as {
    write_files: { content: string }[];
  };
  const content = user.write_files[0]?.content ?? "";
  expect(gunzipSync(target === "ubuntu-14.04" ? Buffer.from(content, "base64") : fromBase85(content)).toString()).toBe(script);
  const shapes = [...boxEntries, ...server].flatMap((entry) => {
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
  return [`${boxEntries.length} ${server.length} ${script.split("\n").length}`, ...shapes.sort()];
}

/** Choices such as the bond's mode change which lines there are; they are from the schema's own lists. */
const choices = new Set("mode hash protocol link encapsulation rate fallback cipher auth target interface ipv6".split(" "));

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
      fc.constantFrom("192.168.1.7", "ovh", "eth0", "203.0.113.0/24", "6000-6100", "2001:db8:1:2::/64"),
      fc.constantFrom(" ", "\n", ";", "'", "\\", "\t", "\u2028", "#", "$x"),
    )
    .map(([a, b]) => a + b),
  fc.constantFrom("192.168.1.7", "abc", "eth1", "6000-6100", "198.51.100.0/25", "a-b-c", "10.0.0.0/8", "2001:db8:9::/64"),
);

describe.each(Object.keys(sources) as Tried[])("no text of a profile for %s breaks out of its place", (target) => {
  const full = fullOf(target);
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
        profile = loadProfile(stringify(replaced(full, path, text)), "full.yaml");
      } catch (error) {
        if (error instanceof DocumentError) return;
        throw error;
      }
      accepted++;
      expect(text).toMatch(/^[A-Za-z0-9_.,:/@+= -]+$/);
      // A network of the other version is for the other version's rules.
      const moved = path.includes("reach") && text.includes(":") !== (full.firewall.reach[Number(path.at(-1))] ?? "").includes(":");
      if (!moved && !choices.has(String(path.at(-1))))
        expect(skeleton(profile), `${path.join(".")} = ${JSON.stringify(text)}`).toEqual(expected);
    });
    fc.assert(property, { numRuns: 3000 });
    expect(accepted).toBeGreaterThan(20);
  });
});
