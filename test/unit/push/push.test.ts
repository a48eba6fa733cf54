import { describe, expect, it } from "vitest";
import { Half, type HalfName } from "../../../builder/push/half";
import { push, type PushRequest } from "../../../builder/push/push";
import type { Connection } from "../../../builder/push/ssh/connection";
import type { Entry } from "../../../builder/render/tree";
import { root } from "../../support/builds";
import { planProfile } from "../../../builder/build/build";

const { plan } = planProfile(root, "home");
const entry: Entry = { kind: "file", path: "/etc/bondbox/new", mode: 0o644, owner: "root", group: "root", content: Buffer.from("new\n") };

/** What a half answers to the words of a command's last part. */
type Answer = { status?: number; stdout?: string; stderr?: string } | "unreachable";

/**
 * Pushes to halves that have nothing but their state.
 * @param answer what a half says to one of trial.sh's commands, with its state before; it may change that
 */
async function pushTo(
  answer: (half: Machine, command: string) => Answer | undefined,
): Promise<{ code: number; said: string[]; asked: string[] }> {
  const [said, asked]: [string[], string[]] = [[], []];
  const half = (name: HalfName): Half => {
    const machine: Machine = { name, state: "none" };
    return new Half(name, () => {
      if (answer(machine, "connect") === "unreachable") return Promise.reject(new Error(`the ${name} cannot be reached`));
      const run = (words: string[]): Promise<object> => Promise.resolve(respond(machine, words));
      return Promise.resolve({ run, close: () => {} } as unknown as Connection);
    });
  };
  const respond = (machine: Machine, words: string[]): object => {
    const command = commandOf(words);
    asked.push(`${machine.name} ${command}`);
    const given = answer(machine, command);
    if (given === "unreachable") throw new Error(`the connection to the ${machine.name} broke`);
    if (command === "arm") machine.state = "armed";
    if (command === "start") machine.state = "tried";
    if (command === "rollback" && machine.state !== "confirmed") machine.state = "undone";
    const facts = `build 0.1.0 ${plan.profile}\nkeys k\nid i\nscript s\nboot b\n`;
    const stdout = command === "inspect" ? facts : command === "state" ? `state ${machine.state}\n` : "";
    return { status: 0, stdout, stderr: "", ...given };
  };
  const request: PushRequest = {
    root,
    version: "0.1.0",
    plan,
    built: { keySet: "k", box: [entry], server: [entry], install: "#!/bin/sh\n", card: { id: "c", files: [] } },
    packages: () => [],
    halves: [half("server"), half("box")],
    within: 5,
    dryRun: false,
    updates: false,
    ask: () => Promise.resolve(true),
    say: (text) => said.push(text),
    pause: () => Promise.resolve(),
  };
  return { code: await push(request), said, asked };
}

interface Machine {
  name: HalfName;
  state: string;
}

function commandOf(words: string[]): string {
  const script = words.at(2) ?? "";
  if (words[1] !== "-c") return script;
  return script.includes("flock") ? "arm" : script.includes("tar -xf") ? "stage" : "inspect";
}

describe("a push", () => {
  it("is kept when the box says so, though the server is out of reach by then", async () => {
    let kept = false;
    const { code, asked } = await pushTo((half, command) => {
      if (half.name === "server" && kept) return "unreachable";
      if (command === "confirm") [kept, half.state] = [true, "confirmed"];
      return undefined;
    });
    expect(code).toBe(0);
    expect(asked.filter((one) => one.endsWith("confirm"))).toEqual(["box confirm"]);
  });

  it("is kept when only the answer to the confirmation is lost", async () => {
    const all: Machine[] = [];
    const { code, said } = await pushTo((half, command) => {
      if (!all.includes(half)) all.push(half);
      if (command !== "confirm") return undefined;
      for (const one of all) one.state = "confirmed";
      return "unreachable";
    });
    expect(code).toBe(0);
    expect(said.at(-1)).toBe("Done: server and box run what the profile says, and keep it.");
  });

  it("is undone on both where the box does not agree", async () => {
    const { code, asked } = await pushTo((_, command) =>
      command === "confirm" ? { status: 1, stderr: "the other half does not agree over the bond\n" } : undefined,
    );
    expect(code).toBe(3);
    expect(asked).toContain("server rollback");
    expect(asked).toContain("box rollback");
  });

  it("changes nothing where one half cannot be armed", async () => {
    const asked: string[] = [];
    const pushed = pushTo((half, command) => {
      asked.push(`${half.name} ${command}`);
      return half.name === "box" && command === "arm" ? { status: 75 } : undefined;
    });
    await expect(pushed).rejects.toThrow("another push, or an update, is on trial on the box");
    expect(asked).toContain("server rollback");
    expect(asked).not.toContain("server start");
  });
});
