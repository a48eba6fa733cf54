import { parseAllDocuments } from "yaml";

// What cloud-init 0.7.5 of Ubuntu 14.04 understands of a cloud-config. It has no schema of its own and passes over what it does
// not know without a word, or stops in the middle. Source: docs/server.md#user-data, cloudinit/config/cc_*.py of tag 0.7.5.

const keys = words(`
  write_files packages package_update package_upgrade package_reboot_if_required apt_update apt_upgrade apt_reboot_if_required
  apt_sources apt_mirror apt_mirror_search apt_preserve_sources_list apt_proxy apt_config debconf_selections runcmd bootcmd users
  ssh_authorized_keys disable_root ssh_pwauth chpasswd ssh_import_id power_state phone_home output final_message manage_etc_hosts
  hostname timezone locale`);

const fileKeys = words("path content owner permissions encoding");
const encodings = words("gz gzip b64 base64 gz+b64 gz+base64 gzip+b64 gzip+base64");

const userKeys = words(`
  name gecos homedir primary_group groups passwd shell expiredate inactive selinux_user no_user_group system no_log_init
  no_create_home lock_passwd plain_text_passwd sudo ssh_authorized_keys ssh_import_id`);

/** Users that the system has before cloud-init makes any: files are written first. */
const owners = words("root root:root");

const powerKeys = words("mode delay message timeout");

function words(text: string): Set<string> {
  return new Set(text.trim().split(/\s+/));
}

/** What cloud-init 0.7.5 would refuse, misread or pass over in a user-data; empty for none. */
export function faults075(userData: Buffer): string[] {
  const text = userData.toString("latin1");
  const head = text.startsWith("#cloud-config\n") ? [] : ["the first line is not #cloud-config"];
  const ascii = /^[\n\x20-\x7e]*$/.test(text) ? [] : ["a byte is not printable ASCII"];
  const documents = parseAllDocuments(text, { version: "1.1" });
  const errors = [...documents].flatMap((document) => document.errors.map(({ message }) => message));
  if (errors.length > 0 || documents.length !== 1)
    return [...head, ...ascii, ...errors, ...(documents.length === 1 ? [] : ["not a single document"])];
  return [...head, ...ascii, ...configFaults(documents[0]?.toJS())];
}

function configFaults(config: unknown): string[] {
  if (!isMap(config)) return ["not a map"];
  const { write_files = [], runcmd = [], bootcmd = [], users, power_state = {} } = config;
  return [
    ...unknown("", config, keys),
    ...each("write_files", write_files, fileFaults),
    ...each("runcmd", runcmd, commandFaults),
    ...each("bootcmd", bootcmd, commandFaults),
    ...(users === undefined ? [] : userFaults(users)),
    ...(isMap(power_state) ? unknown("power_state.", power_state, powerKeys) : ["power_state: not a map"]),
  ];
}

function fileFaults(file: unknown): string[] {
  if (!isMap(file)) return ["not a map"];
  // Without an owner it is root (cc_write_files.py, DEFAULT_OWNER).
  const { path, content, owner = "root:root", permissions, encoding = "" } = file;
  return [
    ...unknown("", file, fileKeys),
    ...(typeof path === "string" && path.startsWith("/") ? [] : ["path: not an absolute path"]),
    ...(typeof content === "string" ? [] : ["content: not text"]),
    ...(owners.has(String(owner)) ? [] : ["owner: not a user at that time"]),
    // A number would be taken as it is, and 0600 is 600 or 384 by the reader's taste.
    ...(typeof permissions === "string" && /^0[0-7]{3}$/.test(permissions) ? [] : ["permissions: not text in octal"]),
    ...(encodings.has(String(encoding).toLowerCase()) ? [] : ["encoding: not known, or plain"]),
  ];
}

function commandFaults(command: unknown): string[] {
  const good = typeof command === "string" || (Array.isArray(command) && command.every((word) => typeof word === "string"));
  return good ? [] : ["neither text nor a list of texts"];
}

/** Without "default" the image's own user would be gone. */
function userFaults(users: unknown): string[] {
  if (!Array.isArray(users) || users[0] !== "default") return ["users: default is not first"];
  return each("users", users.slice(1), (user) =>
    isMap(user) ? [...unknown("", user, userKeys), ...(typeof user.name === "string" ? [] : ["no name"])] : ["not a map"],
  );
}

function each(name: string, list: unknown, faults: (entry: unknown) => string[]): string[] {
  if (!Array.isArray(list)) return [`${name}: not a list`];
  return list.flatMap((entry, index) => faults(entry).map((fault) => `${name}[${index}]: ${fault}`));
}

function unknown(where: string, map: Record<string, unknown>, known: Set<string>): string[] {
  return Object.keys(map).flatMap((key) => (known.has(key) ? [] : [`${where}${key}: not known to 0.7.5`]));
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
