import { gzipSync } from "fflate";
import { stringify } from "yaml";

const SCRIPT = "/root/bondbox/install.sh";

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
    runcmd: [`sh ${SCRIPT} >/var/log/bondbox-install.log 2>&1`],
  };
  const yaml = stringify(config, { lineWidth: 0, version: "1.1", defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN" });
  return `#cloud-config\n# ${generated}\n${yaml}`;
}

/** NoCloud's meta-data. @param id changes with the user-data, so that cloud-init runs again. */
export function renderMetaData(id: string): string {
  return stringify({ "instance-id": id }, { defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN" });
}

/** Largest user-data of a provider, bytes. Source: facts/server.md 1.6. */
export const providerLimits = [
  { name: "Amazon EC2", limit: 16384, note: "" },
  { name: "Hetzner", limit: 32768, note: "14.04 does not read it there: use install.sh" },
  { name: "OpenStack (such as OVH Public Cloud)", limit: 49151, note: "65535 bytes in base64" },
  { name: "DigitalOcean", limit: 65536, note: "14.04 does not read it there: use install.sh" },
];
