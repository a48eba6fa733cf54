import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { entriesOf, tarOf } from "../../builder/pack/tar";
import { generationOf } from "../../builder/push/generation";
import { filesOf } from "../../builder/render/server";
import { built, planned, profileNames } from "../support/builds";

/** What "push --rollback" reads from a half's files is what the build had planned. */
describe.each(profileNames)("a generation of %s that is only files", (name) => {
  const read = (path: string): Buffer => readFileSync(join(built(name).folder, path));
  const { keySet } = JSON.parse(read("manifest.json").toString()) as { keySet: string };
  const { profile, bond, box, tunnel, lines } = planned(name);
  const shape = {
    profile,
    bond: { name: bond.name },
    tunnel: { serverAddress: tunnel.serverAddress, boxAddress: tunnel.boxAddress },
    lines: expect.arrayContaining(lines.map((line) => ({ name: line.name, tap: line.tap }))),
  };

  it("on the box: the archive, entry for entry", async () => {
    const tar = read("box/overlay.tar");
    const entries = await entriesOf(tar);
    expect(generationOf("box", entries)).toEqual({ keySet, shape: { ...shape, box: { protected: box.protected } } });
    expect((await tarOf(entries)).equals(tar)).toBe(true);
  });

  it("on the server: each file that install.sh carries", () => {
    const entries = filesOf(read("server/install.sh").toString());
    const generation = generationOf("server", entries);
    expect(generation).toMatchObject({ keySet, shape });
    expect(generation?.shape.lines).toHaveLength(lines.length);
    expect(entries.map(({ path, mode }) => `${path} ${mode.toString(8)}`).sort()).toEqual(
      built(name)
        .manifest.files.filter(({ half, type }) => half === "server" && type === "file")
        .map(({ path, mode }) => `${path} ${Number.parseInt(mode, 8).toString(8)}`)
        .sort(),
    );
  });
});
