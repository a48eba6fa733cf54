import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { examineBox } from "../doctor/box";
import { printRows } from "../doctor/print";
import type { BoxConfig } from "../config";
import { readHistory } from "../history";
import { lookForRates } from "../look";
import { askNames, nameServers } from "../names";
import { printReport } from "../print";
import { storageRows, observeStorage } from "../storage";
import { outputOf, programs } from "./programs";
import { redact } from "./redact";
import type { TarFile } from "./tar";

/** Of each other file, characters. */
const most = 64 * 1024;
const plain = { colours: false, width: 100 };

/**
 * All that a bug report needs, without secrets: only what is named here goes in, and redact takes out what is nobody's business.
 * It changes nothing; what this user may not read is left out.
 * @param root where /etc, /proc, /run and /var are looked for; programs look at this machine
 * Throws a UserError if box.json is not there or wrong.
 */
export async function gather(root: string): Promise<TarFile[]> {
  const { config, report } = await lookForRates(root);
  const [rows, outputs, names] = await Promise.all([
    examineBox(root),
    Promise.all(programs.map(async ({ file, words }) => ({ name: file, text: `$ ${words.join(" ")}\n${await outputOf(words)}` }))),
    namesOf(root, config.server.address),
  ]);
  const files: TarFile[] = [
    { name: "doctor.txt", text: printRows(rows, plain) },
    { name: "status.txt", text: printReport(report, plain) },
    { name: "report.json", text: json(report) },
    // As parsed: a key that this program does not know is left out.
    { name: "box.json", text: json(config) },
    { name: "versions.txt", text: `bondbox ${config.version}\nnode ${process.version}\n` },
    { name: "history.txt", text: readHistory(root) },
    { name: "storage.txt", text: `${storageRows(observeStorage(root)).join("\n")}\n` },
    ...filesOf(config).flatMap((path) => fileAt(root, path)),
    ...outputs,
  ];
  const texts = redact(
    files.map(({ text }) => text),
    [config.server.address, ...names].filter((name) => isIP(name) === 0),
  );
  return files.map(({ name }, index) => ({ name, text: texts[index] ?? "" }));
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** Files that are read as they are: state only, never a folder, and nothing of /etc/openvpn. */
function filesOf({ bond, lines }: BoxConfig): string[] {
  return [
    "/etc/os-release",
    "/etc/resolv.conf",
    `/proc/net/bonding/${bond.name}`,
    "/proc/uptime",
    "/proc/meminfo",
    "/proc/device-tree/model",
    "/run/bondbox-init",
    "/run/bondbox/lane",
    "/run/bondbox/server",
    "/run/bondbox/striper",
    ...lines.flatMap(({ name }) => [`/run/bondbox/${name}.status`, `/run/bondbox/${name}.reach`]),
    "/var/lib/bondbox/state/notes",
    "/var/lib/bondbox/state/times",
  ];
}

function fileAt(root: string, path: string): TarFile[] {
  try {
    return [{ name: `files${path}`, text: readFileSync(join(root, path), "utf8").slice(0, most) }];
  } catch {
    return [];
  }
}

/** What the server is called, which a log may have in place of its address. */
async function namesOf(root: string, address: string): Promise<string[]> {
  const [server] = nameServers(root);
  return server === undefined ? [] : askNames(server, (resolver) => resolver.reverse(address));
}
