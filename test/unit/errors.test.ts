import { describe, expect, it } from "vitest";
import { formatError, UsageError } from "../../builder/errors";
import { exampleErrors } from "../support/error-examples";

const bySubject = exampleErrors();
const all = Object.values(bySubject).flat();

describe("every error", () => {
  it("has a stable code of its own", () => {
    const codes = all.map(({ code }) => code);
    expect(codes.filter((code) => !/^[a-z]+\.[a-z0-9-]+$/.test(code ?? ""))).toEqual([]);
    // These two stand for one of the refusals.
    const shared = ["flash.read-only"];
    expect(codes.filter((code, at) => codes.indexOf(code) !== at && !shared.includes(code ?? ""))).toEqual([]);
  });

  it("says what is wrong, and how to fix it", () => {
    const holes = /undefined|\[object|NaN|^\s*$/;
    expect(all.filter(({ message, hint }) => holes.test(message) || holes.test(hint))).toEqual([]);
  });

  it("shows its code at the end of the first line", () => {
    const error = Object.assign(new UsageError("first\n  second", "Fix it."), { code: "usage.example" });
    expect(formatError("build-image", error)).toBe("build-image: first [usage.example]\n  second\n  Fix it.");
  });
});

/** docs/errors.md from the errors themselves. `npx vitest run test/unit/errors.test.ts -u` writes it: read the difference. */
it("docs/errors.md lists every error", async () => {
  const cell = (text: string): string => text.replaceAll("|", "\\|").replace(/\n\s*/g, " ");
  const sections = Object.entries(bySubject).map(([subject, errors]) => {
    const rows = [...new Map(errors.map((error) => [error.code, error])).values()].map(
      ({ code, message, hint }) => `| \`${code}\` | ${cell(message)} | ${cell(hint)} |`,
    );
    return [`## ${subject}`, "", "| code | error | fix |", "|---|---|---|", ...rows].join("\n");
  });
  const page = `# Errors\n\nThe code at the end of an error's first line, an example of its text, and the fix. Codes are stable: search for them, or quote them in a report.\n\n${sections.join("\n\n")}\n`;
  await expect(page).toMatchFileSnapshot("../../docs/errors.md");
});
