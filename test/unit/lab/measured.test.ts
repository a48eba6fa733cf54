import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { UsageError } from "../../../builder/errors";
import { readMeasured, record, shownIn, withTable } from "../../lab/measured";
import { root } from "../../support/builds";
import { temporaryFolder } from "../../support/trees";

/** A copy of what --record reads and writes. */
function copy(): string {
  const folder = temporaryFolder();
  for (const path of [...shownIn, "docs/measured.json"]) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    cpSync(join(root, path), join(folder, path));
  }
  return folder;
}

function reportOf(folder: string, runs: { value: number | null; ofBestLine?: number }[], error: string | null = null): string {
  const figures = ({ value, ofBestLine = 0 }: (typeof runs)[number]) => [
    { name: "one flow down", value, unit: "%", detail: "9000 of 10000 kbit/s", ofBestLine },
    { name: "one flow up", value: 50, unit: "%", detail: "500 of 1000 kbit/s", ofBestLine: 150 },
    { name: "ping median during the download", value: 40.4, unit: "ms", detail: "", ofBestLine: null },
    { name: "ping p95 during the download", value: 55, unit: "ms", detail: "", ofBestLine: null },
  ];
  const file = join(folder, "report.json");
  writeFileSync(file, JSON.stringify({ scenarios: [{ name: "guide", runs: runs.map((run) => ({ error, figures: figures(run) })) }] }));
  return file;
}

describe("what is measured", () => {
  it.each(shownIn)("stands in %s as it was recorded: npm run lab -- --record FILE", (path) => {
    expect(readFileSync(join(root, path), "utf8")).toBe(withTable(root, path, readMeasured(root)));
  });

  it("is what the READMEs' sentences of lines that lose and jump say", () => {
    const of = (scenario: string, figure: string): string => (readMeasured(root)[scenario]?.figures[figure]?.value ?? NaN).toFixed(0);
    const [loss, one, eight] = [
      of("lane-loss", "one flow down"),
      of("lane-satellite", "one flow down"),
      of("lane-satellite", "eight flows down"),
    ];
    const text = (path: string): string => readFileSync(join(root, path), "utf8").replace(/\s+/g, " ");
    expect(text("README.md")).toContain(`lose 2 % of the packets, one download gets ${loss} % of the sum`);
    expect(text("README.md")).toContain(`one download gets ${one} % of the sum and eight at once ${eight},`);
    expect(text("README.fr.md")).toContain(`2 % des paquets, un téléchargement obtient ${loss} % de la somme`);
    expect(text("README.fr.md")).toContain(`un téléchargement obtient ${one} % de la somme et huit à la fois ${eight},`);
  });

  it("names scenarios that there are", () => {
    const known = readdirSync(join(root, "test/lab/scenarios")).map((file) => file.replace(/\.yaml$/, ""));
    const tables = shownIn.map(
      (path) => /<!-- measured -->([^]*)<!-- \/measured -->/.exec(readFileSync(join(root, path), "utf8"))?.[1] ?? "",
    );
    const named = tables.flatMap((table) => [...table.matchAll(/ `([\w-]+)` \|$/gm)].map(([, name = ""]) => name));
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });

  it("is the mean of the runs, with each language's comma", () => {
    const folder = copy();
    expect(record(folder, [reportOf(folder, [{ value: 90, ofBestLine: 160 }, { value: 94, ofBestLine: 180 }])], "2031-02-03")).toEqual([
      "guide",
    ]); // prettier-ignore
    const text = (path: string): string => readFileSync(join(folder, path), "utf8");
    expect(text("README.md")).toContain("| one download | 9 Mbit/s: 1.7 times the better line alone | `guide` |");
    expect(text("README.fr.md")).toContain("| un téléchargement | 9\u00a0Mbit/s\u00a0: 1,7 fois la meilleure ligne seule | `guide` |");
    expect(text("README.md")).toContain("| 40 ms median, 55 ms for 95 % | `guide` |");
    expect(readMeasured(folder).guide).toMatchObject({ date: "2031-02-03", figures: { "one flow down": { value: 92 } } });
    // The rest stays.
    expect(readMeasured(folder).cut).toEqual(readMeasured(root).cut);
  });

  it("is nothing where a run failed, or a figure that a table names is missing", () => {
    const folder = copy();
    expect(() => record(folder, [reportOf(folder, [{ value: 90 }], "it hung")], "2031-02-03")).toThrow(UsageError);
    expect(readMeasured(folder)).toEqual(readMeasured(root));
    expect(() => record(folder, [reportOf(folder, [{ value: null }, { value: 90 }])], "2031-02-03")).not.toThrow();
    const { guide, ...others } = readMeasured(root);
    expect(guide).toBeDefined();
    expect(() => withTable(root, "README.md", others)).toThrow('docs/measured.json has no figure "one flow down" of guide');
  });
});
