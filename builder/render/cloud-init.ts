import { stringify } from "yaml";
import { base85 } from "../base/base85";
import type { Target } from "../targets";

const SCRIPT = "/root/bondbox/install.sh";
const LOG = "/var/log/bondbox-install.log";

/**
 * What Python 3 does with the script in base85, for a shell's double quotes. The file with the text takes the script and then the script's
 * name: its mode is right already, nothing is left to remove, and there is never half a script of that name, whatever the power does. By 31
 * zlib reads gzip, with its checksum: unlike gzip's own decompress() it refuses an empty file, too.
 */
const UNPACK = [
  "import base64,os,zlib",
  "n='$s.b85'",
  "d=zlib.decompress(base64.b85decode(open(n).read()),31)",
  "f=open(n,'wb')",
  "f.write(d)",
  "f.flush()",
  "os.fsync(f)",
  "os.rename(n,'$s')",
].join(";");

/**
 * The server's user-data: one cloud-config in ASCII with the script as text, and the command that runs it. Packages and users are left to
 * the script, because it also has to work without cloud-init, and because files that exist before openvpn is installed would be started too
 * early. See docs/server.md#user-data.
 * @param packed install.sh in gzip
 */
export function renderUserData(packed: Buffer, { cloudInit }: Pick<Target, "cloudInit">, generated: string): string {
  const yaml = stringify(cloudInit === "python3" ? inBase85(packed) : inBase64(packed), {
    lineWidth: 0,
    indentSeq: false,
    version: "1.1",
    defaultStringType: "QUOTE_DOUBLE",
    defaultKeyType: "PLAIN",
  });
  // Bytes count here: what to do instead of an edit stands in the script.
  return `#cloud-config\n# ${generated.split(";")[0]}\n${yaml}`;
}

/** Python decodes it, whose text never is a command's argument: others could read the keys there. */
function inBase85(packed: Buffer): object {
  return {
    write_files: [{ path: `${SCRIPT}.b85`, permissions: "0700", content: base85(packed) }],
    // The output goes to the boot log as well.
    runcmd: [`s=${SCRIPT} log=${LOG}; { python3 -c "${UNPACK}" && sh $s; } >$log 2>&1; status=$?; cat $log; exit $status`],
  };
}

/** Cloud-init decodes it itself, from 0.7.5 (Ubuntu 14.04) on. */
function inBase64(packed: Buffer): object {
  return {
    write_files: [{ path: SCRIPT, permissions: "0700", encoding: "gz+b64", content: packed.toString("base64") }],
    runcmd: [`log=${LOG}; sh ${SCRIPT} >$log 2>&1; status=$?; cat $log; exit $status`],
  };
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
