import { gzip as deflate } from "pako";
import { Scalar, stringify } from "yaml";

const SCRIPT = "/root/bondbox/install.sh";
const LOG = "/var/log/bondbox-install.log";

/**
 * The server's user-data, which cloud-init 0.7.5 of Ubuntu 14.04 takes like that of today: one cloud-config, ASCII, the script in base64.
 * Packages and users are the script's business, as it also serves where there is no cloud-init; and files written before openvpn is there
 * would be started too early. Source: docs/server.md#user-data.
 */
export function renderUserData(install: string, generated: string): string {
  return cloudConfig({ encoding: "gz+b64", content: gzip(install).toString("base64") }, generated);
}

/** The same for a form that takes no more than 16 KB, but takes it packed and in base64: the script as it is, and all of it packed once. */
export function packedUserData(install: string, generated: string): { text: string; packedBytes: number } {
  const content = new Scalar(install);
  content.type = "BLOCK_LITERAL";
  const packed = gzip(cloudConfig({ content }, generated));
  return { text: `${(packed.toString("base64").match(/.{1,76}/g) as string[]).join("\n")}\n`, packedBytes: packed.length };
}

/** @param script its encoding, if any, and content. */
function cloudConfig(script: object, generated: string): string {
  const config = {
    write_files: [{ path: SCRIPT, owner: "root:root", permissions: "0700", ...script }],
    // Its words are part of the boot log, too.
    runcmd: [`sh ${SCRIPT} >${LOG} 2>&1; status=$?; cat ${LOG}; exit $status`],
  };
  const yaml = stringify(config, { lineWidth: 0, version: "1.1", defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN" });
  return `#cloud-config\n# ${generated}\n${yaml}`;
}

/** By zlib's copy in JavaScript: Node's own zlib gives other bytes in other builds of Node. */
function gzip(text: string): Buffer {
  return Buffer.from(deflate(Buffer.from(text), { level: 9 }));
}

/** NoCloud's meta-data. @param id changes with the user-data, so that cloud-init runs again. */
export function renderMetaData(id: string): string {
  return stringify({ "instance-id": id }, { defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN" });
}

/** Largest user-data of a provider, bytes, and whether it takes it packed. Source: docs/server.md#user-data-limits. */
export const providerLimits: { name: string; limit: number; packed: boolean; note: string }[] = [
  { name: "Amazon EC2", limit: 16384, packed: true, note: 'paste user-data.base64 and tick "already base64 encoded"' },
  { name: "Hetzner", limit: 32768, packed: false, note: "" },
  { name: "OpenStack (such as OVH Public Cloud)", limit: 49151, packed: false, note: "65535 bytes in base64" },
  { name: "DigitalOcean", limit: 65536, packed: false, note: "" },
];
