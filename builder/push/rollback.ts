import { readFileSync } from "node:fs";
import { join } from "node:path";
import { trial as texts } from "../errors";
import { entriesOf } from "../pack/tar";
import { filesOf } from "../render/server";
import type { Entry } from "../render/tree";
import { type Generation, generationOf } from "./generation";
import type { Half } from "./half";
import { messages } from "./messages";
import { push, type PushRequest } from "./push";

/** The generation before the last confirmed push of a half. */
interface Previous extends Generation {
  half: Half;
  /** When that push was, so that halves of one push are told from others; "": of an earlier version. */
  push: string;
  /** Names it. */
  id: string;
  entries: Entry[];
  /** overlay.tar or install.sh. */
  content: Buffer;
}

/**
 * Brings the halves that took part in the last confirmed push to what they were before it, by the same trial.
 * @param request as for a push, but for what was built
 * @param profile that they have to be of
 * @returns as push does
 */
export async function rollback(request: Omit<PushRequest, "plan" | "built" | "packages" | "updates">, profile: string): Promise<number> {
  const { halves, root, say } = request;
  const found: Previous[] = [];
  for (const half of halves) {
    const previous = await previousOf(half, root);
    if (previous !== null) found.push(previous);
  }
  const last = found
    .map((one) => one.push)
    .sort()
    .at(-1);
  const going = found.filter((one) => one.push === last);
  const [first] = going;
  if (first === undefined) throw texts.nothingBefore(halves.map(({ name }) => name));
  for (const { half, shape } of going) if (shape.profile !== profile) throw texts.otherProfile(half.name, shape.profile, profile);
  if (going.some(({ keySet }) => keySet !== first.keySet)) throw texts.keysApart();
  for (const { name } of halves.filter((half) => !going.some((one) => one.half === half))) say(messages.staysAsItIs(name));
  const [box, server] = (["box", "server"] as const).map((name) => going.find(({ half }) => half.name === name));
  return push({
    ...request,
    halves: going.map(({ half }) => half),
    plan: (box ?? first).shape,
    built: {
      keySet: first.keySet,
      box: box?.entries ?? [],
      card: box === undefined ? null : { id: box.id, files: cardOf(box) },
      server: server?.entries ?? [],
      install: server?.content.toString() ?? "",
    },
    // Those that were there before are there still.
    packages: () => [],
    updates: false,
    goesBack: true,
  });
}

/** What a trial needs of a card. */
function cardOf({ id, content }: Previous) {
  return [
    { path: "overlay.tar", mode: 0o600, content },
    { path: "id", mode: 0o644, content: `${id}\n` },
  ];
}

/** @returns null where there is none */
async function previousOf(half: Half, root: string): Promise<Previous | null> {
  const script = readFileSync(join(root, "overlay/trial/previous.sh"), "utf8");
  const { status, stdout, stderr } = await half.with((connection) =>
    connection.run(["sh", "-c", script, "sh", half.name], { asRoot: true }),
  );
  if (status === 81) return null;
  if (status === 82) throw texts.damagedBefore(half.name);
  const [, time = "", id = "", packed = ""] = /^push (.*)\nid (\S+)\n\n([\s\S]*)$/.exec(stdout) ?? [];
  if (status !== 0 || id === "") throw texts.failed(half.name, "reading the generation before", stderr);
  const content = Buffer.from(packed, "base64");
  const entries = half.name === "box" ? await entriesOf(content) : filesOf(content.toString());
  const generation = generationOf(half.name, entries);
  if (generation === null) throw texts.damagedBefore(half.name);
  return { ...generation, half, push: time, id, entries, content };
}
