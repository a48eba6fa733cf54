import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { trial as texts } from "../errors";
import type { Artefact } from "../render/tree";
import { tarOfFiles } from "../pack/tar";
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
/** What installs them. The sandbox of bondbox-*.service must not close it in. */
const UNIT = "bondbox_packages";
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

/** How the update goes on. */
interface Update {
  /** What "bondbox-update state" prints. */
  text: string;
  state: string;
  reason: string;
  /** Whether what push has started runs: until the box restarts. */
  runs: boolean;
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
  const tar = await tarOfFiles(folder);
  say(messages.packages(folder.length - 1, tar.length));
  const unpack = `umask 022 && rm -rf ${FOLDER} && mkdir ${FOLDER} && tar -xf - -C ${FOLDER}`;
  await must(box, "copying the packages", unpack, tar);
  const before = await stateOf(box);
  const start = `systemd-run --quiet --collect --unit=${UNIT} /usr/local/sbin/bondbox-update install ${FOLDER}`;
  await must(box, "starting the update", start);
  const until = performance.now() + LONGEST * 1000;
  for (let last = before; performance.now() < until; await pause(PAUSE)) {
    const now = await stateOf(box);
    if (now === null || now.text === last?.text) {
      if (now?.text === before?.text && now?.runs === false) return "another update or a push is under way";
      continue;
    }
    if (now.state === "kept") return null;
    if (now.state === "undone" || now.state === "failed") return now.reason;
    say(messages.updating(now.state));
    last = now;
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
    const script = `systemctl is-active ${UNIT}; /usr/local/sbin/bondbox-update state`;
    const { stdout } = await box.with((connection) => connection.run(["sh", "-c", script], { asRoot: true }));
    const [active, first = "", reason = ""] = stdout.split("\n");
    return { text: `${first}\n${reason}`, state: first.split(" ")[0] ?? "", reason, runs: active === "active" };
  } catch {
    return null;
  }
}
