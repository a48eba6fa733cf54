import { type Complaint, show, cut, escapeControls, orList } from "../base/errors";

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
