/** Every text that tells a person of a mistake, each with its mending. */

/** What is wrong and how to mend it. */
export interface Complaint {
  message: string;
  hint: string;
}

/** A mistake in a profile or scenario, with its place in the file. */
export interface Problem extends Complaint {
  /** Such as lines[1].modem, or "" for the whole file. */
  path: string;
  /** Offset in the text and length, in UTF-16 units. */
  offset: number;
  length: number;
}

/** A profile, or another file that a person writes, is wrong. Exit code 1. */
export class DocumentError extends Error {
  constructor(
    readonly file: string,
    readonly text: string,
    readonly problems: Problem[],
  ) {
    super(`${file}: ${problems.length} problem(s)`);
  }
}

/** The command line is wrong. Exit code 1. */
export class UsageError extends Error {
  constructor(
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

/** The machine failed: no space, no permission. Exit code 2. */
export class EnvironmentError extends Error {
  constructor(
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

const reasons: Record<string, [reason: string, hint: string]> = {
  EACCES: ["no permission", "Run the command as the owner of that folder, or choose another one with --out."],
  EPERM: ["not permitted", "Run the command as the owner of that folder, or choose another one with --out."],
  EROFS: ["the file system is read-only", "Choose another folder with --out."],
  ENOSPC: ["the disk is full", "Free some space and run the command again; the last good build is untouched."],
  EDQUOT: ["your disk quota is used up", "Free some space and run the command again; the last good build is untouched."],
  EMFILE: ["too many open files", "Raise the limit (ulimit -n) and run the command again."],
  ENOTDIR: ["a part of the path is not a folder", "Move that file away, or choose another folder with --out."],
  EISDIR: ["there is a folder where a file should be", "Move that folder away and run the command again."],
  EIO: ["the disk reports an error", "Check the disk, then run the command again."],
};

/** The environment error behind an exception of Node's file functions, or null where it is something else. */
export function environmentError(error: unknown): EnvironmentError | null {
  if (error instanceof EnvironmentError) return error;
  const { code, path } = (error ?? {}) as NodeJS.ErrnoException;
  const known = code === undefined ? undefined : reasons[code];
  if (known === undefined) return null;
  return new EnvironmentError(`${path ?? "a file"}: ${known[0]}`, known[1]);
}

/** A value as it is shown in an error: quoted, control characters escaped, cut when long. */
export function show(value: unknown): string {
  // JSON has no word for .inf and .nan.
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value));
  return escapeControls(cut(text, 80));
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 3)}...` : text;
}

/** The text with everything that a terminal would act on, or not show, as \\u escapes. */
function escapeControls(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) =>
    Array.from({ length: c.length }, (_, i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, "0")}`).join(""),
  );
}

/** A program's words in one line, not too long. */
function oneLine(words: string): string {
  return escapeControls(cut(words.trim().replace(/\s+/g, " "), 200));
}

const orList = (words: string[]): string => (words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`);

/** Complaints about the shape of a value. */
export const shape = {
  syntax: (detail: string): Complaint => ({
    message: `not valid YAML: ${escapeControls(cut(detail, 160))}`,
    hint: "Check indentation (spaces, no tabs), colons and quotes around this place.",
  }),
  duplicateKey: (): Complaint => ({ message: "this key stands there twice", hint: "Remove one of the two." }),
  documents: (): Complaint => ({
    message: "a second YAML document begins here",
    hint: 'Keep one document per file: remove the "---" line and what does not belong to it.',
  }),
  tag: (): Complaint => ({
    message: "a YAML tag is not possible here",
    hint: 'Remove the word with the "!", or put the whole value in quotes.',
  }),
  unknownAlias: (name: string): Complaint => ({
    message: `there is no anchor for the alias ${show(`*${name}`)} before this place`,
    hint: "Write the value out.",
  }),
  endlessAlias: (name: string): Complaint => ({ message: `the alias ${show(`*${name}`)} contains itself`, hint: "Write the value out." }),
  empty: (example: string): Complaint => ({ message: "the file is empty", hint: `Start from ${example}.` }),
  aliases: (): Complaint => ({ message: "too many YAML aliases", hint: "Write the values out." }),
  unknownKey: (key: string, near: string | null, known: string[]): Complaint => ({
    message: `unknown key ${show(key)}`,
    hint: near ? `Did you mean "${near}"?` : `Known keys here: ${known.join(", ")}.`,
  }),
  missing: (key: string): Complaint => ({ message: `"${key}" is missing`, hint: `Add "${key}: ...".` }),
  type: (value: unknown, wanted: string): Complaint => ({
    message: `${show(value)} is not ${wanted}`,
    hint:
      typeof value === "string" && /^\s*\d+(\.\d+)?\s*\D*$/.test(value) && /number/.test(wanted)
        ? "Write the plain number, without quotes and unit."
        : /text/.test(wanted) && /number|boolean/.test(typeof value)
          ? "Put it in quotes."
          : `Write ${wanted}.`,
  }),
  choice: (value: unknown, allowed: string[], near: string | null): Complaint => ({
    message: `${show(value)} is not one of ${allowed.join(", ")}`,
    hint: near ? `Did you mean "${near}"?` : `Write ${orList(allowed)}.`,
  }),
  tooSmall: (value: unknown, limit: number, exclusive: boolean): Complaint => ({
    message: `${show(value)} is too small`,
    hint: exclusive ? `It must be more than ${limit}.` : `The least is ${limit}.`,
  }),
  tooLarge: (value: unknown, limit: number): Complaint => ({
    message: `${show(value)} is too large`,
    hint: limit === 1 ? "Write a part of 1, such as 0.95." : `The most is ${limit}.`,
  }),
  tooFew: (limit: number): Complaint => ({ message: "too few entries", hint: `At least ${limit} must be there.` }),
  tooMany: (limit: number): Complaint => ({ message: "too many entries", hint: `At most ${limit} are possible.` }),
  tooLong: (limit: number): Complaint => ({ message: "the text is too long", hint: `At most ${limit} characters are possible.` }),
  ipv4: (value: unknown): Complaint => ({
    message: `${show(value)} is not an IPv4 address`,
    hint: 'Write four numbers from 0 to 255, such as "192.168.1.1".',
  }),
  cidr: (value: unknown): Complaint => ({
    message: `${show(value)} is not an IPv4 network`,
    hint: 'Write address and prefix, such as "192.168.1.0/24".',
  }),
  network: (value: unknown): Complaint => ({
    message: `${show(value)} is not an IPv4 address or network`,
    hint: 'Write an address such as "198.51.100.7" or a network such as "198.51.100.0/24".',
  }),
  prefix: (value: unknown): Complaint => ({
    message: `${show(value)} is not an IPv6 network of /64 or more addresses`,
    hint: 'Write address and prefix, from /48 to /64, such as "2001:db8:1:2::/64".',
  }),
  hostname: (value: unknown): Complaint => ({
    message: `${show(value)} is not a host name`,
    hint: "Use 1 to 63 lower-case letters, digits and hyphens; no hyphen first or last, no dots.",
  }),
  name: (value: unknown): Complaint => ({
    message: `${show(value)} is not a name`,
    hint: "Use 1 to 15 lower-case letters, digits and hyphens, a letter first.",
  }),
  interface: (value: unknown): Complaint => ({
    message: `${show(value)} is not the name of a network interface`,
    hint: 'Write it as "ip link" shows it, such as eth0.',
  }),
  portRange: (value: unknown): Complaint => ({
    message: `${show(value)} is not a port or a range of ports`,
    hint: 'Write a number such as 6112 or a range such as "27000-30000".',
  }),
  user: (value: unknown): Complaint => ({
    message: `${show(value)} is not a user name`,
    hint: "Use 1 to 32 lower-case letters, digits and hyphens, a letter first.",
  }),
  sshKey: (value: unknown): Complaint => ({
    message: `${show(value)} is not a public SSH key`,
    hint: "Paste the one line of the .pub file: its type, the key, and a comment of letters, digits and @._+- at most.",
  }),
  pattern: (value: unknown): Complaint => ({
    message: `${show(value)} has a character that is not allowed here`,
    hint: "See the key's description in profiles/profile.schema.json.",
  }),
};

/** Complaints about values that do not go together. */
export const conflict = {
  hostBits: (value: string, network: string): Complaint => ({
    message: `"${value}" is not the first address of its network`,
    hint: `Did you mean "${network}"?`,
  }),
  lanSize: (value: string): Complaint => ({ message: `"${value}" is no size for a home network`, hint: "Use a prefix from /8 to /29." }),
  tunnelSize: (value: string): Complaint => ({
    message: `"${value}" has no room for two addresses, or is very large`,
    hint: "Use a prefix from /16 to /30; /30 is enough.",
  }),
  notInLan: (value: string, subnet: string): Complaint => ({
    message: `"${value}" is not in lan.subnet ${subnet}`,
    hint: `Use an address in ${subnet}, or correct lan.subnet.`,
  }),
  notHost: (value: string, subnet: string): Complaint => ({
    message: `"${value}" is the network or the broadcast address of ${subnet}`,
    hint: "Use an address between the two.",
  }),
  sameAddress: (value: string, other: string): Complaint => ({
    message: `"${value}" is also ${other}`,
    hint: "Every device needs an address of its own.",
  }),
  sameName: (value: string, other: string): Complaint => ({
    message: `"${value}" is also the name of ${other}`,
    hint: "Choose another name.",
  }),
  overlap: (value: string, other: string, otherValue: string): Complaint => ({
    message: `"${value}" overlaps ${other} ${otherValue}`,
    hint: "Choose a network that is used nowhere else, such as 172.16.16.0/30.",
  }),
  bypassLan: (value: string, lan: string): Complaint => ({
    message: `"${value}" overlaps lan.subnet ${lan}`,
    hint: "Write networks on the internet: traffic within the LAN does not pass a line.",
  }),
  notUsable: (value: string, example: string): Complaint => ({
    message: `"${value}" is not a network that machines can use`,
    hint: `Use a private one, such as ${example}.`,
  }),
  inside: (value: string, other: string, otherValue: string): Complaint => ({
    message: `"${value}" is inside ${other} ${otherValue}`,
    hint: "Write the address that the server has on the internet.",
  }),
  notPublic: (value: string): Complaint => ({
    message: `"${value}" is not an address that a machine can have on the internet`,
    hint: "Write the server's public address.",
  }),
  portsRunOut: (last: number, lines: number): Complaint => ({
    message: `the tunnel ports of ${lines} lines would end at ${last}`,
    hint: `Use a firstPort of at most ${65535 - 2 * (lines - 1)}.`,
  }),
  tunnelOnPort: (port: number, line: string, service: string): Complaint => ({
    message: `the tunnel of line ${line} would use port ${port}, which is ${service}`,
    hint: "Choose another firstPort, such as 1194.",
  }),
  tunnelPort: (port: number, line: string): Complaint => ({
    message: `port ${port} is the tunnel of line ${line}`,
    hint: "Forward another public port, or change tunnel.firstPort.",
  }),
  sshPort: (): Complaint => ({
    message: "port 22 is the server's own SSH",
    hint: "Forward another public port, such as 2222, with hostPort: 22.",
  }),
  samePort: (port: number, protocol: string, other: string): Complaint => ({
    message: `${protocol} port ${port} is already forwarded by ${other}`,
    hint: "A public port can go to one host only.",
  }),
  forwardToModem: (value: string, line: string): Complaint => ({
    message: `"${value}" is the modem of line ${line}`,
    hint: "Answers of a modem do not pass the box; forward to another host.",
  }),
  noSuchLine: (value: string, near: string | null, lines: string[]): Complaint => ({
    message: `there is no line "${value}"`,
    hint: near ? `Did you mean "${near}"?` : `The lines are ${lines.join(", ")}.`,
  }),
  emptyBypass: (): Complaint => ({
    message: "neither ports nor networks are given, so all traffic would leave by this line",
    hint: 'Add "ports: [...]" or "networks: [...]".',
  }),
  protocolWithoutPorts: (protocol: string): Complaint => ({
    message: `protocol ${protocol} without ports`,
    hint: 'Add "ports: [...]", or leave the protocol out.',
  }),
  portOrder: (value: string): Complaint => ({
    message: `"${value}" is not a range of ports`,
    hint: "Write the lower port first; the highest is 65535.",
  }),
  hashWithoutXor: (mode: string): Complaint => ({
    message: `bond.mode ${mode} has no hash`,
    hint: "Remove bond.hash, or use mode: balance-xor.",
  }),
  arpTooFast: (interval: number, line: string, rtt: number): Complaint => ({
    message: `${interval} ms is too short for line ${line}: its answers take ${rtt} ms and would always come too late`,
    hint: `Use at least ${Math.ceil(rtt / 50) * 50 + 50}.`,
  }),
  keepalive: (interval: number, timeout: number): Complaint => ({
    message: `the timeout of ${timeout} s is shorter than two intervals of ${interval} s`,
    hint: `Use at least ${2 * interval}.`,
  }),
  encapsulation: (value: string, link: string, allowed: string[]): Complaint => ({
    message: `encapsulation ${value} does not belong to link ${link}`,
    hint: `Write ${orList(allowed)}, or correct link.`,
  }),
  reservedInterface: (value: string): Complaint => ({
    message: `"${value}" is a name that bondbox or the kernel uses itself`,
    hint: "Write the name of a real network port, such as eth0.",
  }),
  reservedUser: (value: string): Complaint => ({
    message: `"${value}" is a user of the system`,
    hint: "Choose another name, such as admin.",
  }),
  cipherOfTarget: (cipher: string, target: string, allowed: string[]): Complaint => ({
    message: `${target} has no cipher ${cipher} for its tunnels`,
    hint: `Remove tunnel.cipher for the best, or write ${orList(allowed)}.`,
  }),
  authWithTls: (target: string): Complaint => ({
    message: `tunnels to ${target} authenticate with their cipher and have no auth`,
    hint: "Remove tunnel.auth.",
  }),
  prefixWithoutTunnel: (): Complaint => ({
    message: "the server has an IPv6 prefix for the LAN, but ipv6 is block",
    hint: 'Write "ipv6: tunnel", or remove server.prefix.',
  }),
  tunnelWithoutPrefix: (): Complaint => ({
    message: "there is no IPv6 network for the LAN",
    hint: 'Add server.prefix, the IPv6 network that your provider routes to the server, such as "2001:db8:1:2::/64", or write "ipv6: block".',
  }),
  tunnelNeedsModern: (target: string): Complaint => ({
    message: `no tunnel for IPv6 is possible with ${target}`,
    hint: 'Use a target of today, such as debian-13, or write "ipv6: block".',
  }),
  mtuTooSmallForIpv6: (mtu: number, least: number): Complaint => ({
    message: `a line of ${mtu} bytes is too small for IPv6 through its tunnel`,
    hint: `Write at least ${least}, remove mtu, or write "ipv6: block".`,
  }),
  reservedHostname: (value: string): Complaint => ({
    message: `"${value}" cannot be the name of a machine`,
    hint: "Choose another name, such as bondbox.",
  }),
};

/** Complaints about the command line. */
export const usage = {
  unknownOption: (option: string, command: string): UsageError =>
    new UsageError(`unknown option ${show(option)}`, `See ${command} --help.`),
  needsValue: (option: string): UsageError => new UsageError(`${option} needs a value`, `Write ${option} VALUE.`),
  noProfile: (): UsageError => new UsageError("no profile was named", "Write --profile home, or --profile path/to/my.yaml."),
  together: (a: string, b: string): UsageError => new UsageError(`${a} and ${b} exclude each other`, "Use one of them."),
  profileName: (name: string): UsageError =>
    new UsageError(
      `${show(name)} cannot be the name of a profile`,
      "Use letters, digits, dots, hyphens and underscores, a letter or digit first.",
    ),
  notFound: (name: string, near: string | null, known: string[]): UsageError =>
    new UsageError(
      `there is no profile ${show(name)}`,
      near
        ? `Did you mean "${near}"?`
        : known.length > 0
          ? `Profiles here: ${known.join(", ")}.`
          : "Name a file: --profile path/to/my.yaml.",
    ),
  foreignOutput: (folder: string): UsageError =>
    new UsageError(`${folder} exists and is not a build of bondbox`, "Name another folder with --out, or move that one away."),
};

/** Complaints about the secrets of a profile. No text ever shows a key. */
export const secrets = {
  /** @param what it should be. */
  broken: (file: string, what: string): EnvironmentError =>
    new EnvironmentError(
      `${file} is not ${what}`,
      "Restore it from a backup, or make new keys with --rotate-keys and lay both halves again.",
    ),
};

const withoutCard = "--no-card builds without the card's files.";

/** Complaints about the Debian packages of the card. */
export const packages = {
  mirror: (value: string): UsageError =>
    new UsageError(`${show(value)} is not the address of a mirror of Debian`, "Write it as in http://deb.debian.org/debian."),
  /** @param what is wrong with it. */
  brokenLock: (file: string, what: string): UsageError =>
    new UsageError(`${file} is not a lock file of packages: ${what}`, "Restore it, or make it anew with --update."),
  lockedRelease: (file: string, locked: string, asked: string): UsageError =>
    new UsageError(
      `${file} has packages of Debian ${show(locked)}, and box.target is made of ${asked}`,
      `Run the command with --update to take those of ${asked}.`,
    ),
  lockedNames: (file: string, locked: string[], asked: string[]): UsageError =>
    new UsageError(
      `${file} was made for ${show(locked.join(" "))}, and the box needs ${asked.join(" ")}`,
      "Run the command with --update to resolve them anew.",
    ),
  lockNotWritten: (file: string, error: unknown): EnvironmentError => {
    const { code = "", message } = error as NodeJS.ErrnoException;
    const [reason, hint] = reasons[code] ?? [message, ""];
    return new EnvironmentError(
      `${file} could not be written: ${reason}`,
      /^E(ACCES|PERM|ROFS)$/.test(code)
        ? "The packages' versions are kept beside the profile: copy the profile to a folder of yours."
        : hint || "Look at that folder and run the command again.",
    );
  },
  noApt: (): EnvironmentError =>
    new EnvironmentError(
      "apt-get was not found, and without it nothing says which packages the card needs",
      `Make the profile's .packages.lock.json on a Debian-like system, and leave --update out here. ${withoutCard}`,
    ),
  noKeyring: (file: string): EnvironmentError =>
    new EnvironmentError(`${file} is not there`, 'Install Debian\'s keys: "sudo apt-get install debian-archive-keyring".'),
  /** @param reason apt's complaint. */
  notResolved: (release: string, mirror: string, reason: string): EnvironmentError =>
    new EnvironmentError(
      `the packages of Debian ${release} could not be resolved with ${mirror}\n  ${escapeRows(reason)}`,
      /not signed|NO_PUBKEY|GPG error|EXPKEYSIG|BADSIG|signature/i.test(reason)
        ? `The signature is not Debian's: check the mirror, and update the package debian-archive-keyring. ${withoutCard}`
        : `Check the network, or name another mirror with --mirror. ${withoutCard}`,
    ),
  gone: (name: string, version: string, uri: string): EnvironmentError =>
    new EnvironmentError(
      `${uri} is no longer there: the archive has moved on from ${name} ${version}`,
      "Run the command with --update to take today's version.",
    ),
  notFetched: (uri: string, reason: string): EnvironmentError =>
    new EnvironmentError(
      `${uri} could not be fetched\n  ${escapeRows(reason)}`,
      `Check the network, or name another mirror with --mirror. ${withoutCard}`,
    ),
  otherContent: (name: string, version: string, uri: string, sha256: string): EnvironmentError =>
    new EnvironmentError(
      `${uri} is not the ${name} ${version} of the lock file (sha256 ${sha256})`,
      "Something between here and Debian changes files: try another network, or another mirror with --mirror.",
    ),
  full: (file: string): EnvironmentError => environmentError({ code: "ENOSPC", path: file }) as EnvironmentError,
};

/** Another program's words, each of its lines on one of ours. */
function escapeRows(text: string): string {
  return text
    .split("\n")
    .map((row) => escapeControls(cut(row, 300)))
    .join("\n");
}

/** Complaints about making a card's image. What is wrong with the file that was named is the command line's mistake. */
export const image = {
  noProgram: (program: string, debianPackage: string): EnvironmentError =>
    new EnvironmentError(
      `the program ${program} is missing`,
      `Install it (on Debian: apt-get install ${debianPackage}), or build without an image: the files for a card need no such program.`,
    ),
  missing: (file: string): UsageError => new UsageError(`there is no file ${file}`, "Name an image with --base FILE."),
  notAnImage: (file: string, found: string): UsageError =>
    new UsageError(
      `${file} is not the image of a disk: ${found}`,
      "Name a Raspberry Pi OS Lite (64-bit) image: .img, .img.xz, .img.zst, .img.gz or .zip.",
    ),
  broken: (file: string, program: string, words: string): UsageError =>
    new UsageError(
      `${file} cannot be unpacked; ${program} says: ${oneLine(words)}`,
      "The file is damaged or incomplete: download it again and compare its sha256.",
    ),
  members: (file: string, names: string[]): UsageError =>
    new UsageError(
      `${file} holds ${names.length === 0 ? "no .img file" : `${names.length} .img files`}`,
      "Unpack it, and name the .img with --base.",
    ),
  gpt: (file: string): UsageError =>
    new UsageError(
      `${file} has a GPT partition table`,
      "Raspberry Pi OS images have an MBR table with two partitions. Name an official Raspberry Pi OS Lite (64-bit) image.",
    ),
  partitions: (file: string, found: string): UsageError =>
    new UsageError(
      `${file} has ${found}; a boot partition (FAT32) and a root partition (Linux) were expected`,
      "Name a Raspberry Pi OS Lite (64-bit) image as it was published, not the copy of a card that has booted.",
    ),
  cutOff: (file: string, needed: number, found: number): UsageError =>
    new UsageError(
      `${file} is cut off: its partitions need ${needed} bytes and it has ${found}`,
      "The file is incomplete: download or unpack it again.",
    ),
  fileSystem: (file: string, partition: string, found: string, expected: string): UsageError =>
    new UsageError(
      `the ${partition} partition of ${file} has ${found}; expected: ${expected}`,
      "Name a Raspberry Pi OS Lite (64-bit) image.",
    ),
  dirty: (file: string, what: string): UsageError =>
    new UsageError(`the root file system of ${file} ${what}`, "Name an image as it was published, not the copy of a card that has booted."),
  wrongSystem: (file: string, found: string, expected: string): UsageError =>
    new UsageError(
      `${file} is ${found}; expected: ${expected}`,
      "Name such an image with --base, or set box.target in the profile to what you have.",
    ),
  space: (file: string, partition: string, needed: string, free: string): UsageError =>
    new UsageError(
      `the ${partition} partition of ${file} is too full: ${needed} are needed, ${free} are free`,
      "Name an image as it was published.",
    ),
  damaged: (file: string, partition: string, words: string): UsageError =>
    new UsageError(
      `the ${partition} partition of ${file} has errors: ${oneLine(words)}`,
      "Download the image again and compare its sha256.",
    ),
  diskFull: (folder: string, needed: number, free: number): EnvironmentError =>
    new EnvironmentError(
      `${folder}: ${Math.ceil(needed / 1e6)} MB are needed, ${Math.floor(free / 1e6)} MB are free`,
      "Free some space and run the command again; the last good build is untouched.",
    ),
  insecure: (url: string): EnvironmentError =>
    new EnvironmentError(`${show(url)} is not an https address`, "Images are downloaded over https only."),
  noDownload: (url: string, reason: string): EnvironmentError =>
    new EnvironmentError(
      `${show(url)} cannot be downloaded: ${escapeControls(cut(reason, 160))}`,
      "Run the command again to go on where it stopped, name an image with --base FILE, or build without an image: the files for a card need none.",
    ),
  wrongSum: (url: string, expected: string, found: string): EnvironmentError =>
    new EnvironmentError(
      `what ${show(url)} gave has the sha256 ${found}, not ${expected}`,
      "It was thrown away. Run the command again; if that stays so, do not trust that network. An image that you have is named with --base FILE.",
    ),
};

/** Complaints about a card's boot partition. */
export const card = {
  noTarget: (): UsageError =>
    new UsageError("no folder was named", 'Name the one where the card\'s partition "bootfs" is mounted, such as /media/you/bootfs.'),
  noFolder: (folder: string): UsageError =>
    new UsageError(`${folder} does not exist`, 'Put the card in, and name the folder where its partition "bootfs" is mounted.'),
  noBootPartition: (folder: string, missing: string): UsageError =>
    new UsageError(
      `${folder} is no boot partition of Raspberry Pi OS: it has no ${missing}`,
      'Write the system to the card first; then name the folder where its partition "bootfs" is mounted.',
    ),
  noRoot: (file: string): UsageError =>
    new UsageError(`${file} does not say where the system is (root=)`, "The card is damaged, or no Raspberry Pi OS: write it again."),
  otherSystem: (wanted: string, found: string, date: string | null): UsageError =>
    new UsageError(
      `the card holds ${found}${date === null ? "" : ` (its image is of ${date})`}, but the files are for ${wanted}`,
      `Write ${wanted} to the card, or change box.target in the profile and build again.`,
    ),
  noRoom: (folder: string, needed: number, free: number): UsageError =>
    new UsageError(
      `${folder} has room for ${(free / 1e6).toFixed(0)} MB, and ${(needed / 1e6).toFixed(0)} MB are needed`,
      "Remove what is not the system's own from it.",
    ),
  noBootfs: (folder: string): UsageError =>
    new UsageError(`${folder} holds no files for a card`, "Build them first: scripts/build-image --profile NAME."),
  whichProfile: (built: string[]): UsageError =>
    new UsageError(
      built.length === 0 ? "nothing is built yet" : `${built.length} profiles are built`,
      built.length === 0 ? "Build first: scripts/build-image --profile home." : `Name one with --profile: ${orList(built)}.`,
    ),
  /** What Node's file functions say of a card; null where it is something else. */
  failed: (error: unknown): EnvironmentError | null => {
    const { code, path } = (error ?? {}) as NodeJS.ErrnoException;
    if (typeof code !== "string" || !/^E[A-Z0-9]+$/.test(code)) return null;
    return new EnvironmentError(
      `${path ?? "the card"}: ${reasons[code]?.[0] ?? code}`,
      "Check that the card is in, mounted, and not write-protected; then run the command again. Nothing half-written is ever taken up.",
    );
  },
  readBack: (file: string): EnvironmentError =>
    new EnvironmentError(
      `${file} reads back other than it was written`,
      "Try another card reader or another card, and write the system again.",
    ),
};
