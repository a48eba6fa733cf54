import { stringify } from "yaml";

const SCRIPT = "/root/bondbox/install.sh";
const LOG = "/var/log/bondbox-install.log";

/**
 * The server's user-data: one cloud-config in ASCII with the script in base64, which cloud-init reads from 0.7.5 (Ubuntu 14.04) on.
 * Packages and users are left to the script, because it also has to work without cloud-init, and because files that exist before openvpn
 * is installed would be started too early. See docs/server.md#user-data.
 * @param packed install.sh in gzip
 */
export function renderUserData(packed: Buffer, generated: string): string {
  const config = {
    write_files: [{ path: SCRIPT, permissions: "0700", encoding: "gz+b64", content: packed.toString("base64") }],
    // The output goes to the boot log as well.
    runcmd: [`log=${LOG}; sh ${SCRIPT} >$log 2>&1; status=$?; cat $log; exit $status`],
  };
  const yaml = stringify(config, {
    lineWidth: 0,
    indentSeq: false,
    version: "1.1",
    defaultStringType: "QUOTE_DOUBLE",
    defaultKeyType: "PLAIN",
  });
  // Bytes count here: what to do instead of an edit stands in the script.
  return `#cloud-config\n# ${generated.split(";")[0]}\n${yaml}`;
}

/**
 * meta-data for NoCloud.
 * @param id changes with the user-data, so that cloud-init runs again.
 */
export function renderMetaData(id: string): string {
  return stringify({ "instance-id": id }, { defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN" });
}

/** What a person must know about a provider's form. SETUP says it in the language of the profile. */
export type ProviderNote = "" | "tick-base64" | "base64-limit" | "not-read";

/** The largest user-data that each provider accepts, bytes, and whether it may be packed. See docs/server.md#user-data-limits. */
export const providerLimits: { name: string; limit: number; packed: boolean; note: ProviderNote }[] = [
  { name: "Amazon EC2", limit: 16384, packed: true, note: "tick-base64" },
  { name: "Hetzner", limit: 32768, packed: false, note: "" },
  { name: "OpenStack (such as OVH Public Cloud)", limit: 49151, packed: false, note: "base64-limit" },
  { name: "DigitalOcean", limit: 65536, packed: false, note: "" },
];

/** What packed user-data should fit in, bytes. */
export const packedLimit = Math.min(...providerLimits.filter(({ packed }) => packed).map(({ limit }) => limit));
