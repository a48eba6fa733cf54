import { image } from "../../errors";
import type { BoxOs } from "../../targets/boxes";
import type { Volume } from "./volume";
import { readText } from "./ext4";
import { readFatText, rootNames } from "./fat";

/** What an image says of its system. */
export interface Found {
  /** Text of /usr/lib/os-release, or null. */
  osRelease: string | null;
  /** Text of /etc/rpi-issue, or null: every Raspberry Pi OS has one. */
  issue: string | null;
  /** Text of dpkg's status, or null. */
  status: string | null;
  /** Names in the root of the boot partition, lower case. */
  bootNames: string[];
}

async function lookInto(boot: Volume, root: Volume): Promise<Found> {
  const [osRelease, issue, status, bootIssue, bootNames] = await Promise.all([
    readText(root, "/usr/lib/os-release"),
    readText(root, "/etc/rpi-issue"),
    readText(root, "/var/lib/dpkg/status"),
    readFatText(boot, "issue.txt"),
    rootNames(boot),
  ]);
  return { osRelease, issue: issue ?? bootIssue, status, bootNames };
}

/** Architecture of dpkg itself, and the names of what is installed. */
export function installedPackages(status: string): { architecture: string; names: Set<string> } {
  const names = new Set<string>();
  let architecture = "unknown";
  for (const stanza of status.split(/\n\n+/)) {
    const field = (name: string): string => new RegExp(`^${name}: (.*)$`, "m").exec(stanza)?.[1]?.trim() ?? "";
    if (!field("Status").endsWith(" installed")) continue;
    names.add(field("Package"));
    if (field("Package") === "dpkg") architecture = field("Architecture");
  }
  return { architecture, names };
}

/** Packages of which Lite has none, and every image with a desktop at least one. */
const DESKTOP = [
  "lightdm",
  "raspberrypi-ui-mods",
  "rpd-common",
  "rpd-wayland-core",
  "rpd-x-core",
  "labwc",
  "wayfire",
  "lxpanel",
  "xserver-xorg",
];

/** What makes the image another one than the box needs, as a whole phrase; null where it is the right one. */
export function mismatch(found: Found, box: BoxOs): string | null {
  if (found.osRelease === null || found.status === null) return "no Debian system";
  const field = (name: string): string => new RegExp(`^${name}="?([^"\n]*)`, "m").exec(found.osRelease ?? "")?.[1] ?? "";
  const { architecture, names } = installedPackages(found.status);
  const date = /\d{4}-\d{2}-\d{2}/.exec(found.issue ?? "")?.[0];
  const release = field("VERSION_CODENAME") || "unknown release";
  const desktop = DESKTOP.find((name) => names.has(name));
  if (found.issue === null) return `${field("PRETTY_NAME") || "a Debian system"} (${architecture}), and not Raspberry Pi OS`;
  const whole = `Raspberry Pi OS${desktop === undefined ? " Lite" : " with a desktop"} (${architecture}), ${release}${date === undefined ? "" : `, of ${date}`}`;
  if (architecture !== "arm64" || desktop !== undefined || release !== box.release) return whole;
  if (!["cmdline.txt", "config.txt"].every((name) => found.bootNames.includes(name)))
    return `${whole}, whose boot partition has no cmdline.txt and config.txt`;
  const seeds = ["user-data", "meta-data"].every((name) => found.bootNames.includes(name));
  if (box.starter === "cloud-init" && !(names.has("cloud-init") && seeds))
    return `${whole}, from before 2025-11-24: it does not start cloud-init from its boot partition`;
  return null;
}

/**
 * @throws where the image is not of the box's system.
 * @param file as the person called it.
 */
export async function checkSystem(file: string, volumes: { boot: Volume; root: Volume }, box: BoxOs): Promise<void> {
  const wrong = mismatch(await lookInto(volumes.boot, volumes.root), box);
  if (wrong !== null) throw image.wrongSystem(file, wrong, box.title);
}
