import { gzipSync } from "fflate";
import { stringify } from "yaml";

const SCRIPT = "/root/bondbox/install.sh";
const LOG = "/var/log/bondbox-install.log";

/**
 * The server's user-data, in the dialect of cloud-init 0.7.5: one cloud-config, ASCII, the script in base64. Packages and users are
 * the script's business, as it also serves where there is no cloud-init; and files written before openvpn is there would be started too
 * early. Source: facts/server.md 1.
 */
export function renderUserData(install: string, generated: string): string {
  // A library in JavaScript, not zlib: the same bytes on every Node.
  const content = Buffer.from(gzipSync(Buffer.from(install), { level: 9, mtime: "1980-01-01T00:00:00Z" })).toString("base64");
  const config = {
    write_files: [{ path: SCRIPT, owner: "root:root", permissions: "0700", encoding: "gz+b64", content }],
    // Its words are part of the boot log, too.
    runcmd: [`sh ${SCRIPT} >${LOG} 2>&1; status=$?; cat ${LOG}; exit $status`],
  };
  const yaml = stringify(config, { lineWidth: 0, version: "1.1", defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN" });
  return `#cloud-config\n# ${generated}\n${yaml}`;
}

/** NoCloud's meta-data. @param id changes with the user-data, so that cloud-init runs again. */
export function renderMetaData(id: string): string {
  return stringify({ "instance-id": id }, { defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN" });
}

/** The same for a form that takes no more than 16 KB, but takes it packed and in base64. */
export function packUserData(userData: string): { text: string; packedBytes: number } {
  const packed = gzipSync(Buffer.from(userData), { level: 9, mtime: "1980-01-01T00:00:00Z" });
  const rows = Buffer.from(packed)
    .toString("base64")
    .match(/.{1,76}/g) as string[];
  return { text: `${rows.join("\n")}\n`, packedBytes: packed.length };
}

/** Largest user-data of a provider, bytes, and whether it takes it packed. Source: facts/server.md 1.6. */
export const providerLimits: { name: string; limit: number; packed: boolean; note: string }[] = [
  { name: "Amazon EC2", limit: 16384, packed: true, note: 'paste user-data.base64 and tick "already base64 encoded"' },
  { name: "Hetzner", limit: 32768, packed: false, note: "" },
  { name: "OpenStack (such as OVH Public Cloud)", limit: 49151, packed: false, note: "65535 bytes in base64" },
  { name: "DigitalOcean", limit: 65536, packed: false, note: "" },
];
