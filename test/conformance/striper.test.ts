import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { root } from "../support/builds";
import { run } from "../support/programs";

const PROGRAM = "overlay/striper/usr/local/lib/bondbox/striper.o.gz.base64";

describe("the striper's program", () => {
  it("is what Debian's compiler makes of its source, to the byte", () => {
    const { status, stdout, stderr } = run(join(root, "overlay/bpf/build.sh"), []);
    expect([status, stderr]).toEqual([0, ""]);
    const object = (text: string) => gunzipSync(Buffer.from(text, "base64")).toString("hex");
    const fresh = object(stdout);
    expect(fresh.length).toBeGreaterThan(10_000);
    expect(object(readFileSync(join(root, PROGRAM), "utf8")), `run overlay/bpf/build.sh > ${PROGRAM}`).toBe(fresh);
  });
});
