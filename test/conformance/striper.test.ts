import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../support/builds";
import { run } from "../support/programs";

const PROGRAM = "overlay/striper/usr/local/lib/bondbox/striper.o.xz.base64";

describe("the striper's program", () => {
  it("is what Debian's compiler makes of its source, to the byte", () => {
    const { status, stdout, stderr } = run(join(root, "overlay/bpf/build.sh"), []);
    expect([status, stderr]).toEqual([0, ""]);
    // Which bytes xz makes of it depends on its version.
    const object = (text: string): string => run("sh", ["-c", "base64 -d | xz -dc | od -An -v -tx1"], { input: text }).stdout;
    const fresh = object(stdout);
    expect(fresh.length).toBeGreaterThan(10_000);
    expect(object(readFileSync(join(root, PROGRAM), "utf8")), `run overlay/bpf/build.sh > ${PROGRAM}`).toBe(fresh);
  });
});
