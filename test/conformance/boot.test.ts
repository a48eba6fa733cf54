import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { run } from "../support/programs";
import { filesBelow } from "../support/trees";

it("the stand-in's scripts satisfy dash and shellcheck", () => {
  const folder = join(__dirname, "../boot/base");
  const scripts = filesBelow(folder)
    .map((path) => join(folder, path))
    .filter((path) => readFileSync(path, "latin1").startsWith("#!/bin/sh"));
  expect(scripts.length).toBeGreaterThan(5);
  // What they source is on the machine that they are for.
  expect(scripts.map((script) => run("dash", ["-n", script]).output + run("shellcheck", ["-e", "SC1091", script]).output).join("")).toBe(
    "",
  );
});
