import { describe, expect, it } from "vitest";
import { UsageError } from "../../../builder/errors";
import { optionsOf } from "../../lab/cli";
import { listOf, pairsOf } from "../../lab/matrix";

const all = { ratio: [], spread: [], jitter: [] };

function complaint(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return "";
}

describe("options of the lab", () => {
  it.each([
    ["--matrix --scenario cut", "--matrix and --scenario do not go together"],
    ["--matrix --runs 3", "--matrix and --runs do not go together: each pair runs once"],
    ["--matrix --short", "--matrix and --short do not go together"],
    ["--matrix --keep", "--matrix and --keep do not go together"],
    ["--short --scenario cut", "--short and --scenario do not go together"],
    ["--keep --scenario cut --runs 2", "--keep and --runs do not go together"],
    ["--ratio 2", "--ratio chooses among the matrix's pairs"],
  ])("%s is refused", (args, expected) => {
    expect(complaint(() => optionsOf(args.split(" ")))).toContain(expected);
  });

  it.each([
    "--matrix --list --ratio 2 --fresh --jobs 1",
    "--short --runs 3",
    "--scenario cut --keep",
    "--keep-logs",
    "--matrix --help --runs 3",
  ])("%s is taken", (args) => {
    expect(complaint(() => optionsOf(args.split(" ")))).toBe("");
  });
});

describe("a part of the matrix", () => {
  it("is chosen by its values, each kind for itself", () => {
    expect(pairsOf(all)).toHaveLength(40);
    expect(listOf(pairsOf({ ratio: ["1.5", "4"], spread: ["25"], jitter: ["0"] }))).toBe(
      "rate ratio 1.5, +25 ms, jitter 0 ms\nrate ratio 4, +25 ms, jitter 0 ms",
    );
  });

  it("that does not exist is refused, with what there is", () => {
    expect(complaint(() => pairsOf({ ...all, ratio: ["3"] }))).toBe("the matrix has no pair with --ratio 3");
  });
});
