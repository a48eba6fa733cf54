import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");

/** A room as the table's last column calls it: "base" is builder/base. */
const full = (name: string): string => (/^(builder|overlay|test)\b/.test(name) ? name : `builder/${name}`);

/** The rooms in CONTRIBUTING.md's table, with the rooms whose code each may import. */
const rooms = new Map(
  [...readFileSync(join(root, "CONTRIBUTING.md"), "utf8").matchAll(/^\| `([^`]+)\/` \|[^|]*\|([^|]*)\|$/gm)].map(
    ([, room = "", imports = ""]): [string, string[]] => [room, imports.trim() === "–" ? [] : imports.trim().split(", ").map(full)],
  ),
);

/** The innermost room that holds a path. */
function roomOf(path: string): string | undefined {
  const holding = [...rooms.keys()].filter((room) => path.startsWith(`${room}/`));
  return holding.sort((a, b) => b.length - a.length)[0];
}

const sources = ["builder", "overlay/page", "overlay/runtime"].flatMap((folder) =>
  (readdirSync(join(root, folder), { recursive: true }) as string[])
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name)),
);

/** Each import of our own code that leaves its room, as "from -> to". */
const crossings = sources.flatMap((file) =>
  [...readFileSync(join(root, file), "utf8").matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]*)"/g)].flatMap(([, target = ""]) => {
    const [from, to] = [roomOf(file), roomOf(`${relative(root, resolve(root, dirname(file), target))}/`)];
    const isData = target.endsWith(".json");
    return isData || from === to ? [] : [{ file, from, to }];
  }),
);

/** A way from a room back to itself, or null. */
function circle(room: string, way: string[] = []): string[] | null {
  if (way.includes(room)) return [...way, room];
  return (rooms.get(room) ?? []).map((next) => circle(next, [...way, room])).find((found) => found !== null) ?? null;
}

describe("the map in CONTRIBUTING.md", () => {
  it("has a row for every folder with code, and no row for a folder that does not exist", () => {
    expect(sources.filter((file) => roomOf(file) === undefined)).toEqual([]);
    const folders = [...new Set(sources.map((file) => dirname(file)))];
    expect(folders.filter((folder) => !rooms.has(folder) && folder.startsWith("builder/"))).toEqual([]);
    expect([...rooms.keys()].filter((room) => !existsSync(join(root, room)))).toEqual([]);
  });

  it("is what the code imports", () => {
    expect(crossings.filter(({ from, to }) => !rooms.get(from ?? "")?.includes(to ?? ""))).toEqual([]);
  });

  it("allows no import that nobody uses, and no circle", () => {
    const used = new Set(crossings.map(({ from, to }) => `${from} -> ${to}`));
    const allowed = [...rooms]
      .filter(([room]) => /^builder\//.test(room))
      .flatMap(([room, imports]) => imports.map((to) => `${room} -> ${to}`));
    expect(allowed.filter((way) => !used.has(way))).toEqual([]);
    const code = [...rooms.keys()].filter((room) => /^(builder|overlay)\//.test(room));
    expect(code.map((room) => circle(room)).filter((way) => way !== null)).toEqual([]);
  });

  it("keeps the process at the edge", () => {
    const touching = sources.filter((file) => /\bprocess\.\w/.test(readFileSync(join(root, file), "utf8")));
    expect(touching.filter((file) => file.startsWith("builder/"))).toEqual(["builder/machine/host.ts"]);
  });
});
