import { describe, expect, it } from "vitest";
import { UsageError } from "../../../builder/errors";
import { optionsOf } from "../../lab/cli";
import { listOf, pairsOf } from "../../lab/matrix";

const all = { ratio: [], spread: [], fault: [] };

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
    expect(pairsOf(all)).toHaveLength(45);
    expect(listOf(pairsOf({ ratio: ["1", "10"], spread: ["25"], fault: ["loss-1"] }))).toBe(
      "rate ratio 1, +25 ms, fault loss-1\nrate ratio 10, +25 ms, fault loss-1",
    );
  });

  it("that does not exist is refused, with what there is", () => {
    expect(complaint(() => pairsOf({ ...all, ratio: ["4"] }))).toBe("the matrix has no pair with --ratio 4");
  });
});
