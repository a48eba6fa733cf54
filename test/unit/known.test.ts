import { mkdtempSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { Known } from "../support/known";

const folder = mkdtempSync(join(tmpdir(), "bondbox-known-"));
const results = [{ up: 21.3 }];

beforeAll(() => {
  vi.stubEnv("XDG_CACHE_HOME", folder);
});

afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

it("what has run is known by all that it came from", () => {
  expect(new Known(["files", "seed=1"]).read()).toBeNull();
  new Known(["files", "seed=1"]).write(results);
  expect(new Known(["files", "seed=1"]).read()).toEqual(results);
  expect(new Known(["files", "seed=2"]).read()).toBeNull();
});

it("what nobody has asked for in a month goes", () => {
  const kept = join(folder, "bondbox/results");
  const [first = ""] = readdirSync(kept);
  const month = new Date(Date.now() - 31 * 24 * 3600 * 1000);
  utimesSync(join(kept, first), month, month);
  new Known(["other files", "seed=1"]).write(results);
  expect(readdirSync(kept)).not.toContain(first);
  expect(readdirSync(kept)).toHaveLength(1);
});
