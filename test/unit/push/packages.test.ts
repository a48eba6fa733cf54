import { describe, expect, it } from "vitest";
import type { Half } from "../../../builder/push/half";
import { bringPackages, lacking, wantedPackages } from "../../../builder/push/packages";
import type { Connection } from "../../../builder/push/ssh/connection";

const folder = [
  { path: "packages/want", mode: 0o644, content: "haproxy 3.0.11-1 arm64 aa haproxy.deb\nnftables 1.1.3-1 arm64 bb nftables.deb\n" },
  { path: "packages/haproxy.deb", mode: 0o644, content: "deb" },
];

/**
 * A box that is asked how its update goes on.
 * @param answers what it says each time, "unit's state, state of the update"; null: it cannot be reached
 */
function boxOf(answers: (string | null)[]): { box: Half; ran: string[] } {
  const ran: string[] = [];
  let asked = 0;
  const run = (words: string[]): Promise<{ status: number; stdout: string; stderr: string }> => {
    const script = words.at(2) ?? "";
    ran.push(script);
    if (!script.startsWith("systemctl is-active")) return Promise.resolve({ status: 0, stdout: "haproxy\n", stderr: "" });
    const answer = answers[Math.min(asked++, answers.length - 1)];
    if (typeof answer !== "string") return Promise.reject(new Error("out of reach"));
    return Promise.resolve({ status: 0, stdout: answer, stderr: "" });
  };
  const box = { with: <T>(act: (connection: Connection) => Promise<T>) => act({ run } as unknown as Connection) } as unknown as Half;
  return { box, ran };
}

async function bring(answers: (string | null)[]): Promise<{ reason: string | null; said: string[] }> {
  const said: string[] = [];
  const reason = await bringPackages(boxOf(answers).box, folder, { say: (text) => void said.push(text), pause: () => Promise.resolve() });
  return { reason, said };
}

describe("packages that push brings", () => {
  it("are read from the card's list, and asked for on the box", async () => {
    const wanted = wantedPackages(folder);
    expect(wanted.map(({ name, version }) => `${name} ${version}`)).toEqual(["haproxy 3.0.11-1", "nftables 1.1.3-1"]);
    expect((await lacking(boxOf([]).box, wanted, true)).map(({ name }) => name)).toEqual(["haproxy"]);
  });

  it("are kept by a box that restarts meanwhile", async () => {
    const { reason, said } = await bring([
      "inactive\nkept a 00\n",
      "active\nkept a 00\n",
      "active\nmaking b 11\n",
      "active\nmaking b 11\n",
      "active\ntrying b 11\n",
      null,
      "inactive\ntrying b 11\n",
      "inactive\nkept b 11\n",
    ]);
    expect(reason).toBeNull();
    expect(said).toEqual([
      expect.stringMatching(/^copying 1 package /),
      expect.stringContaining("beside the system that runs"),
      expect.stringContaining("restarts into it"),
    ]);
  });

  it.each([
    [
      "undone as the last time",
      ["inactive\nundone b 11\nline adsl is down\n", "active\nmaking b 11\n", "inactive\nundone b 11\nline adsl is down\n"],
      "line adsl is down",
    ],
    ["could not be made", ["inactive\nnone - -\n", "inactive\nfailed a 11\nno room\n"], "no room"],
    ["another one is under way", ["inactive\ntrying a 22\n", "inactive\ntrying a 22\n"], "another update or a push is under way"],
  ])("tell why they are not there: %s", async (_, answers, expected) => {
    expect((await bring(answers)).reason).toBe(expected);
  });
});
