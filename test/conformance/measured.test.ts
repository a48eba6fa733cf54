import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { firstLine, lineSize, places } from "../../overlay/runtime/parse/measured";
import { root } from "../support/builds";
import { run } from "../support/programs";
import { temporaryFolder } from "../support/trees";

/** Members of "struct line" by the names that the program on the box has for them. */
const members: Record<keyof typeof places, string> = {
  busy: "busy",
  least: "least_us",
  judged: "judged",
  sent: "sent",
  lost: "lost",
  jumps: "jumps_us",
  took: "took_us",
  base: "base_us",
  known: "known",
  fresh: "fresh",
  reported: "reported",
};

it("the box's program finds what the striper knows where the compiler has put it", () => {
  const file = join(temporaryFolder(), "places.c");
  const wanted = [
    ...Object.entries(places).map(([name, at]) => `__builtin_offsetof(struct line, ${members[name as keyof typeof places]}) == ${at}`),
    `sizeof(struct line) == ${lineSize}`,
    `__builtin_offsetof(struct state, line) == ${firstLine}`,
  ];
  const compile = (conditions: string[]) => {
    writeFileSync(
      file,
      `#include "${root}/overlay/bpf/striper.c"\n${conditions.map((one) => `_Static_assert(${one}, ${JSON.stringify(one)});\n`).join("")}`,
    );
    return run("clang-19", [
      "-target",
      "bpf",
      "-O2",
      "-fsyntax-only",
      "-I",
      `/usr/include/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`,
      file,
    ]);
  };
  expect(compile(wanted)).toMatchObject({ status: 0, output: "" });
  expect(compile([`sizeof(struct line) == ${lineSize + 8}`]).output).toContain("static assertion failed");
});
