import { closeSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Card } from "../boot/card";
import { makeBase } from "../support/card-base";
import { run } from "../support/programs";
import { filesBelow, temporaryFolder } from "../support/trees";

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

it("a card with a file that a power cut left half-written can be worked on", () => {
  const file = makeBase(join(temporaryFolder(), "card"));
  const boot = 8 << 20;
  const text = join(temporaryFolder(), "text");
  writeFileSync(text, "half".repeat(5000));
  expect(run("mcopy", ["-i", `${file}@@${boot}`, text, "::bondbox-status.txt.new"]).status).toBe(0);
  forgetClusters(file, boot, Number(/<(\d+)/.exec(run("mshowfat", ["-i", `${file}@@${boot}`, "::bondbox-status.txt.new"]).stdout)?.[1]));
  expect(run("mtype", ["-i", `${file}@@${boot}`, "::bondbox-status.txt.new"]).output).toMatch(/Fat problem/);

  const card = new Card(file);
  card.withBoot((folder) => writeFileSync(join(folder, "hello.txt"), "hello\n"));
  expect(card.read("hello.txt")).toBe("hello\n");
  expect(card.read("config.txt")).toContain("arm_64bit=1");
});

/** Empties a cluster's entry in both tables of a FAT32, as if the write had been lost. */
function forgetClusters(file: string, at: number, cluster: number): void {
  const fd = openSync(file, "r+");
  const head = Buffer.alloc(512);
  readSync(fd, head, 0, 512, at);
  const [reserved, perTable] = [head.readUInt16LE(14), head.readUInt32LE(36)];
  for (const table of [0, 1]) writeSync(fd, Buffer.alloc(4), 0, 4, at + (reserved + table * perTable) * 512 + 4 * cluster);
  closeSync(fd);
}
