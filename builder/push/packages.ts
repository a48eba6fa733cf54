import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { trial as texts } from "../errors";
import type { Artefact } from "../render/tree";
import { tarOf } from "../pack/tar";
import type { Half } from "./half";
import { messages } from "./messages";

/** A row of the card's packages/want. */
export interface Wanted {
  name: string;
  version: string;
  file: string;
}

/** Where they lie on the box until they are installed: in memory. */
const FOLDER = "/run/bondbox-packages";
/** How often the box is asked, ms. */
const PAUSE = 2000;
/** How long making and trying another system may take, s: an old Raspberry Pi unpacks slowly. */
const LONGEST = 2400;

/**
 * Reads the names and versions of the packages that a card brings.
 * @param files of the card's folder
 */
export function wantedPackages(files: Artefact[]): Wanted[] {
  const want = files.find(({ path }) => path === "packages/want");
  return String(want?.content ?? "")
    .split("\n")
    .flatMap((row) => {
      const [name, version, , , file] = row.split(" ");
      return name === undefined || version === undefined || file === undefined ? [] : [{ name, version, file }];
    });
}

/**
 * Asks the box which of them it does not have, or only in an older version.
 * @param older whether older ones count
 */
export async function lacking(box: Half, wanted: Wanted[], older: boolean): Promise<Wanted[]> {
  if (wanted.length === 0) return [];
  const script = `while read -r name version; do
      found=$(dpkg-query -W -f '\${db:Status-Status} \${Version}' "$name" 2>/dev/null) || found=
      case "$found" in "installed "*) ;; *) echo "$name"; continue ;; esac
      [ "$1" = no ] || dpkg --compare-versions "\${found#* }" ge "$version" || echo "$name"
    done`;
  const input = Buffer.from(wanted.map(({ name, version }) => `${name} ${version}\n`).join(""));
  const { status, stdout, stderr } = await box.with((connection) =>
    connection.run(["sh", "-c", script, "sh", older ? "yes" : "no"], { input }),
  );
  if (status !== 0) throw texts.failed("box", "looking at its packages", stderr);
  const names = new Set(stdout.split("\n"));
  return wanted.filter(({ name }) => names.has(name));
}

/**
 * Reads the packages of a card that was built.
 * @param folder dist/NAME/bootfs/bondbox
 */
export function readPackages(folder: string): Artefact[] {
  return readdirSync(join(folder, "packages")).map((name) => {
    const path = `packages/${name}`;
    return { path, mode: 0o644, content: readFileSync(join(folder, path)) };
  });
}

/** How the update goes on, as "bondbox-update state" prints it. */
interface Update {
  state: string;
  reason: string;
}

/**
 * Brings packages to the box, which makes another system with them, restarts into it, and keeps it when the bond carries (docs/updates.md).
 * @param folder packages/ of the card
 * @returns null: they are installed; else why they are not
 */
export async function bringPackages(
  box: Half,
  folder: Artefact[],
  { say, pause }: { say: (text: string) => void; pause: (ms: number) => Promise<void> },
): Promise<string | null> {
  const tar = await tarOf(
    folder.map(({ path, content }) => ({
      kind: "file",
      path: `/${path}`,
      mode: 0o644,
      owner: "root",
      group: "root",
      content: Buffer.from(content as string),
    })),
  );
  say(messages.packages(folder.length - 1, tar.length));
  const unpack = `umask 022 && rm -rf ${FOLDER} && mkdir ${FOLDER} && tar -xf - -C ${FOLDER}`;
  await must(box, "copying the packages", unpack, tar);
  await must(
    box,
    "starting the update",
    `rm -f /var/lib/bondbox/keep/updates/state && systemd-run --quiet --collect --unit=bondbox_packages /usr/local/sbin/bondbox-update install ${FOLDER}`,
  );
  const until = performance.now() + LONGEST * 1000;
  for (let before = ""; performance.now() < until; await pause(PAUSE)) {
    const update = await stateOf(box);
    if (update === null) continue;
    if (update.state === "kept") return null;
    if (update.state === "undone" || update.state === "failed") return update.reason;
    if (update.state !== before) say(messages.updating(update.state));
    before = update.state;
  }
  return "it did not end in time";
}

async function must(box: Half, what: string, script: string, input?: Buffer): Promise<void> {
  const { status, stderr } = await box.with((connection) => connection.run(["sh", "-c", script], { asRoot: true, input }));
  if (status === 0) return;
  if (/No space left/.test(stderr)) throw texts.noRoom("box", input?.length ?? 0);
  throw texts.failed("box", what, stderr);
}

/** @returns null: it cannot be reached */
async function stateOf(box: Half): Promise<Update | null> {
  try {
    const { stdout } = await box.with((connection) => connection.run(["/usr/local/sbin/bondbox-update", "state"], { asRoot: true }));
    const [first = "", reason = ""] = stdout.split("\n");
    return { state: first.split(" ")[0] ?? "", reason };
  } catch {
    return null;
  }
}
