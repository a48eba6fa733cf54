import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { built } from "../support/builds";
import { debFile, unpackDebs } from "../support/debs";
import { runInKernel } from "./uml";

interface Ran {
  output: string;
  exitCode: number;
}

const steps = new Map<string, Ran>();

/** What a step of pair.sh said and how it ended. */
function step(name: string): Ran {
  const ran = steps.get(name);
  if (ran === undefined) throw new Error(`pair.sh has no result "${name}"`);
  return ran;
}

const modules = "tun,bonding max_bonds=0,veth,bridge,overlay,sch_netem,sch_cake,sch_htb,sch_fq_codel,cls_u32,ip_tables".split(",");

beforeAll(async () => {
  unpackDebs(["ifupdown", "ifenslave"]);
  const { folder } = built("pair");
  const { output } = await runInKernel(readFileSync(join(import.meta.dirname, "pair.sh"), "utf8"), {
    timeoutMs: 280_000,
    memoryMb: 768,
    modules,
    files: {
      "/t/overlay.tar": { content: readFileSync(join(folder, "box/overlay.tar")) },
      "/t/install.sh": { content: readFileSync(join(folder, "server/install.sh")) },
      "/t/ifupdown.deb": { content: readFileSync(debFile("ifupdown")) },
      "/t/ifenslave.deb": { content: readFileSync(debFile("ifenslave")) },
    },
  });
  if (process.env.PAIR_LOG) process.stdout.write(output);
  for (const [, name = "", text = "", code] of output.matchAll(/^@@ (.*)\n([\s\S]*?)^@= (\d+)$/gm)) steps.set(name, { output: text, exitCode: Number(code) });
});

describe("nothing", () => {
  it("x", () => expect(steps.size).toBeGreaterThan(10));
});
