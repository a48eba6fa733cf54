import type { BoxConfig } from "../../overlay/runtime/config";
import type { SshKey } from "../keys/ssh-key";
import type { Secrets } from "../plan/secrets";
import type { Plan } from "../plan/types";
import { enableUnits, type OverlayFile, type RenderContext, renderOverlay } from "./overlay";
import { keyFiles } from "./keys";
import { secretFiles } from "./secrets";
import { complete, type Entry, type FileEntry, file, link } from "./tree";

export interface BoxSources {
  /** Files of overlay/common and the release's own folders, in this order. */
  overlay: OverlayFile[];
  /** The runtime as one file. */
  runtime: string;
  version: string;
  /** Of its SSH server. */
  host: SshKey;
  /** What of the profile only the card has. */
  secrets: Secrets;
}

/** The box's half: every file that is installed over Raspberry Pi OS. */
export function renderBox({ overlay, runtime, version, host, secrets }: BoxSources, context: RenderContext): Entry[] {
  const { plan } = context;
  const files: FileEntry[] = [
    ...renderOverlay(overlay, "box", context),
    file("/etc/hostname", `${plan.hostname}\n`),
    file("/etc/hosts", hosts(plan.hostname)),
    file("/etc/bondbox/box.json", `${JSON.stringify(boxConfig(plan, { version, keySet: context.keySet }), null, 2)}\n`),
    file("/usr/local/lib/bondbox/bondbox.cjs", runtime),
    ...keyFiles(context.keys, "box", { folder: "/etc/openvpn/bondbox", whole: false }),
    // ssh-keygen -A makes those that are missing, of other kinds.
    file("/etc/ssh/ssh_host_ed25519_key", host.pem),
    file("/etc/ssh/ssh_host_ed25519_key.pub", `${host.line} root@${plan.hostname}\n`),
    ...secretFiles(secrets, { keySet: context.keySet, profile: plan.profile }),
    ...(plan.ssh ? [file(`/etc/ssh/authorized_keys.d/${plan.ssh.user}`, plan.ssh.keys.map((key) => `${key}\n`).join(""))] : []),
  ];
  const instances = plan.lines.map(({ name }) => name);
  return complete([...files, ...enableUnits(files, instances), ...unitsToMask(plan).map(mask)]);
}

/** Units that write to the card by themselves, or would fill the memory that holds changes on a protected box. */
const masked = [
  "apt-daily.timer",
  "apt-daily-upgrade.timer",
  "dpkg-db-backup.timer",
  "dphys-swapfile.service",
  "e2scrub_all.timer",
  "e2scrub_reap.service",
  "fstrim.timer",
  "man-db.timer",
  "rpi-eeprom-update.service",
  "rpi-resize.service",
];

/** Units of the system's packages that are not to run. The lane's haproxy has a unit of ours. */
function unitsToMask({ box, lane }: Plan): string[] {
  return [...(box.protected ? masked : []), ...(lane === null ? [] : ["haproxy.service"])];
}

function mask(unit: string): Entry {
  return link(`/etc/systemd/system/${unit}`, "/dev/null");
}

function hosts(hostname: string): string {
  return `127.0.0.1 localhost\n127.0.1.1 ${hostname}\n::1 localhost ip6-localhost ip6-loopback\n`;
}

/** The part of the plan that the runtime reads. */
function boxConfig(
  { profile, bond, tunnel, lane, server, lan, lines, page, sick, notify }: Plan,
  { version, keySet }: Pick<BoxConfig, "version" | "keySet">,
): BoxConfig {
  return {
    version,
    profile,
    keySet,
    bond: { name: bond.name, mode: bond.mode, striper: bond.striper, mtu: tunnel.mtu },
    server: { address: server.address, inner: tunnel.serverAddress },
    lan: { interface: lan.interface },
    lane: lane !== null,
    sick,
    page: { closed: page?.closed ?? false },
    notify: notify && { after: notify.after, to: { url: notify.url, command: notify.command } },
    lines: lines.map(({ name, modem, tap, port, mark, rate, least, found, monthly, outerSize }) => {
      const planned = { down: found.down ? null : rate.down, up: found.up ? null : rate.up };
      const steady = { down: !found.down && least.down === undefined, up: !found.up && least.up === undefined };
      // The tap counts what it carries, the provider the packets around it, which have no Ethernet header inside.
      const overhead = outerSize - tunnel.mtu - 14;
      const path = lane?.paths.find((one) => one.line === name)?.device ?? null;
      return { name, modem, tap, port, mark, rate: planned, steady, monthly, overhead, lane: path };
    }),
  };
}
