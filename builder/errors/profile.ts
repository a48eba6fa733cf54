import { coded, cut, didYouMean, type ErrorText, orList, show } from "../base/errors";

/** The way out for every modem that cannot have an address of its own in the LAN. */
const routerBetween = "If it cannot have one, put a small router between it and the switch, and write that router's address.";

/** Errors in the values of a profile: first single values, then values that contradict each other. */
export const profile = coded("profile", {
  ipv4: (value: unknown): ErrorText => {
    const [, address = ""] = /^(\d{1,3}(?:\.\d{1,3}){3})\/\d+$/.exec(String(value)) ?? [];
    if (address !== "") return { message: `${show(value)} is a network, not an IPv4 address`, hint: `Write the address alone: ${address}` };
    if (/^[0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*$/i.test(String(value)))
      return {
        message: `${show(value)} is an IPv6 address, not an IPv4 address`,
        hint: "Write the IPv4 address of that machine, such as 203.0.113.10: four numbers from 0 to 255.",
      };
    if (/^(?=.*[a-z])[a-z0-9-]+(\.[a-z0-9-]+)+$/i.test(String(value)))
      return {
        message: `${show(value)} is a host name, not an IPv4 address`,
        hint: `Write the address that it stands for, such as 203.0.113.10. This command prints it: ping ${cut(String(value), 80)}`,
      };
    return { message: `${show(value)} is not an IPv4 address`, hint: 'Write four numbers from 0 to 255, such as "192.168.1.1".' };
  },
  cidr: (value: unknown): ErrorText => ({
    message: `${show(value)} is not an IPv4 network`,
    hint: 'Write address and prefix length, such as "192.168.1.0/24".',
  }),
  network: (value: unknown): ErrorText => ({
    message: `${show(value)} is not an IPv4 address or network`,
    hint: 'Write an address such as "198.51.100.7" or a network such as "198.51.100.0/24".',
  }),
  network4or6: (value: unknown): ErrorText => ({
    message: `${show(value)} is not an address or network`,
    hint: 'Write an address such as "198.51.100.7" or a network such as "198.51.100.0/24" or "2001:db8:9::/48".',
  }),
  lanHost: (value: unknown): ErrorText => ({
    message: `${show(value)} is not the address of a machine`,
    hint: 'Write its IPv4 address in the LAN, such as "192.168.1.40", or its MAC address, such as "a4:77:33:01:02:03".',
  }),
  prefix: (value: unknown): ErrorText => ({
    message: `${show(value)} is not an IPv6 network of /64 or larger`,
    hint: 'Write address and prefix length, from /48 to /64, such as "2001:db8:1:2::/64".',
  }),
  hostname: (value: unknown): ErrorText => ({
    message: `${show(value)} is not a host name`,
    hint: "Use 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end and no dots.",
  }),
  name: (value: unknown): ErrorText => ({
    message: `${show(value)} is not a name`,
    hint: "Use 1 to 15 lower-case letters, digits and hyphens, starting with a letter.",
  }),
  interface: (value: unknown): ErrorText => ({
    message: `${show(value)} is not the name of a network interface`,
    hint: 'Write the name that "ip link" shows, such as eth0.',
  }),
  rate: (value: unknown): ErrorText => ({
    message: `${show(value)} is not a rate`,
    hint: 'Write kbit/s as a whole number, such as 20000, or a unit: 20M or "20 Mbit/s". A byte has 8 bits: 2.5 MB/s are 20M.',
  }),
  volume: (value: unknown): ErrorText => ({
    message: `${show(value)} is not an amount of data`,
    hint: 'Write a number and a unit, such as "50 GB".',
  }),
  rateSize: (value: string): ErrorText => ({
    message: `${show(value)} is not between 1 kbit/s and 10 Gbit/s`,
    hint: "Write the rate that the line has.",
  }),
  rateOrder: (min: string, max: string): ErrorText => ({
    message: `min: ${min} is more than max: ${max}`,
    hint: "Swap the two.",
  }),
  autoWithoutStriper: (why: string): ErrorText => ({
    message: `only earliest delivery finds a rate by itself, and ${why}`,
    hint: "Write the rate as the modem shows it, such as 8000.",
  }),
  rangeWithoutStriper: (why: string): ErrorText => ({
    message: `only earliest delivery follows a rate, and ${why}`,
    hint: "Write one rate: what the line has at its worst.",
  }),
  device: (value: unknown): ErrorText => ({
    message: `${show(value)} cannot be the name of a device`,
    hint: "Use 2 to 15 lower-case letters, digits, hyphens and underscores, starting with a letter, such as bond1.",
  }),
  devices: (value: unknown): ErrorText => ({
    message: `${show(value)} cannot be the beginning of the devices' names`,
    hint: "Use 1 to 12 lower-case letters, hyphens and underscores, such as tap or box-tap: a number follows.",
  }),
  portRange: (value: unknown): ErrorText => ({
    message: `${show(value)} is not a port or a range of ports`,
    hint: 'Write a number such as 6112 or a range such as "27000-30000".',
  }),
  user: (value: unknown): ErrorText => ({
    message: `${show(value)} is not a user name`,
    hint: "Use 1 to 32 lower-case letters, digits and hyphens, starting with a letter.",
  }),
  sshKey: (value: unknown): ErrorText => ({
    message: `${show(value)} is not a public SSH key`,
    hint: /PRIVATE KEY/.test(String(value))
      ? "That is the private key, which must stay where it is. Paste the line from the file next to it whose name ends in .pub."
      : /^\s*ssh-dss\b/.test(String(value))
        ? "OpenSSH no longer accepts keys of this type. Make a new one: ssh-keygen -t ed25519."
        : "Paste the line from the .pub file as it is: a type such as ssh-ed25519, then the key, and nothing before them.",
  }),
  sshKeyDamaged: (fault: string): ErrorText => ({
    message: `this public SSH key is damaged: ${fault}`,
    hint: "Copy the whole line from the .pub file again. On Linux and macOS, this command prints it: cat ~/.ssh/id_ed25519.pub",
  }),
  hostBits: (value: string, network: string): ErrorText => ({
    message: `"${value}" is not the first address of its network`,
    hint: `Did you mean "${network}"?`,
  }),
  lanSize: (value: string): ErrorText => ({
    message: `"${value}" is not a sensible size for a LAN`,
    hint: "Use a prefix length from /8 to /29.",
  }),
  tunnelSize: (value: string): ErrorText => ({
    message: `"${value}" has too few addresses, or far too many`,
    hint: "Use a prefix length from /16 to /30; /30 is enough.",
  }),
  notInLan: (value: string, subnet: string): ErrorText => ({
    message: `"${value}" is not in lan.subnet ${subnet}`,
    hint: `Use an address in ${subnet}, or correct lan.subnet.`,
  }),
  modemElsewhere: (value: string, subnet: string): ErrorText => ({
    message: `"${value}" is not in lan.subnet ${subnet}`,
    hint: `Give the modem an address in ${subnet}, in its own settings. ${routerBetween}`,
  }),
  sameModem: (value: string, other: string): ErrorText => ({
    message: `"${value}" is also ${other}`,
    hint: `Give each modem its own address, in its settings. ${routerBetween}`,
  }),
  notAtHome: (value: string, subnet: string): ErrorText => ({
    message: `"${value}" is neither in lan.subnet ${subnet} nor in a network of lan.routes`,
    hint: `Use an address in ${subnet}, or add its network and the router before it to lan: routes: [{ network: ${value.replace(/\.\d+$/, ".0/24")}, via: ${subnet.replace(/\.\d+\/.*/, ".3")} }]`,
  }),
  notHost: (value: string, subnet: string): ErrorText => ({
    message: `"${value}" is the network or broadcast address of ${subnet}`,
    hint: "Use an address between the two.",
  }),
  sameAddress: (value: string, other: string): ErrorText => ({
    message: `"${value}" is also ${other}`,
    hint: "Each device needs its own address.",
  }),
  sameName: (value: string, other: string): ErrorText => ({
    message: `"${value}" is also the name of ${other}`,
    hint: "Choose another name.",
  }),
  overlap: (value: string, other: string, otherValue: string, free: string): ErrorText => ({
    message: `"${value}" overlaps ${other} ${otherValue}`,
    hint: `Write another network that nothing else uses, such as ${free}.`,
  }),
  routeSize: (value: string): ErrorText => ({
    message: `"${value}" is too large for a network at home`,
    hint: "Use a prefix length of /8 or more, as in 192.168.20.0/24: the way to the internet is the bond.",
  }),
  routeOverlap: (value: string, other: string, otherValue: string): ErrorText => ({
    message: `"${value}" overlaps ${other} ${otherValue}`,
    hint: "Write only what lies behind this router and nowhere else: machines in lan.subnet need no route.",
  }),
  bypassLan: (value: string, other: string, otherValue: string): ErrorText => ({
    message: `"${value}" overlaps ${other} ${otherValue}`,
    hint: "Write networks on the internet: traffic at home uses no line.",
  }),
  notUsable: (value: string, example: string): ErrorText => ({
    message: `hosts cannot use addresses in "${value}"`,
    hint: `Use a private network, such as ${example}.`,
  }),
  inside: (value: string, other: string, otherValue: string): ErrorText => ({
    message: `"${value}" is inside ${other} ${otherValue}`,
    hint: "Write the server's address on the internet.",
  }),
  notPublic: (value: string): ErrorText => ({
    message: `"${value}" cannot be an address on the internet`,
    hint: "Write the server's public address.",
  }),
  portsRunOut: (last: number, lines: number): ErrorText => ({
    message: `the tunnel ports of ${lines} lines would end at ${last}`,
    hint: `Use a firstPort of at most ${65535 - 2 * (lines - 1)}.`,
  }),
  tunnelOnPort: (port: number, line: string, service: string): ErrorText => ({
    message: `the tunnel of line ${line} would use port ${port}, which belongs to ${service}`,
    hint: "Choose another firstPort, such as 1194.",
  }),
  tunnelPort: (port: number, line: string): ErrorText => ({
    message: `UDP port ${port} belongs to the tunnel of line ${line}`,
    hint: 'Forward another public port, change tunnel.firstPort, or write "protocol: tcp" if TCP is enough.',
  }),
  pagePort: (port: number): ErrorText => ({
    message: `TCP port ${port} of the box is its status page, which is for the LAN alone`,
    hint: 'Forward to another port of the box, or write "page: { enabled: false }".',
  }),
  // What is written there may be a secret, so these do not show it.
  pagePassword: (): ErrorText => ({
    message: "this is neither a password of 8 to 128 characters nor a hash of one",
    hint: "Write 8 characters or more, in quotes if they are digits; to keep it out of the profile, build once and paste the hash that the note shows.",
  }),
  notifyUrl: (): ErrorText => ({
    message: "this is not a URL that can be notified",
    hint: "Write https:// and the rest of the address, without spaces and without a password before the host.",
  }),
  commandPath: (): ErrorText => ({
    message: "this is not the absolute path of a program outside /home, /root and /tmp",
    hint: "Write one such as /usr/local/sbin/notify-me. It gets no arguments, but the event as JSON and in variables.",
  }),
  passwordWithoutPage: (): ErrorText => ({
    message: "there is no status page that the password could be for",
    hint: 'Remove it, or remove "enabled: false".',
  }),
  closedWithoutPassword: (): ErrorText => ({
    message: "nobody could read the status page, since there is no password",
    hint: "Add page.password, or write reading: open.",
  }),
  notifyInTheClear: (): ErrorText => ({
    message: "http:// sends everything in the clear, and this is no address of your LAN",
    hint: "Write https://, or the IPv4 address of a machine in the LAN, as in http://192.168.1.10:8123/hook.",
  }),
  notifyNobody: (): ErrorText => ({
    message: "nobody would be notified",
    hint: 'Add "url: https://..." or "command: /usr/local/sbin/...", or remove notify.',
  }),
  sshPort: (): ErrorText => ({
    message: "port 22 belongs to the server's own SSH",
    hint: "Forward another public port, such as 2222, with hostPort: 22.",
  }),
  sshInRange: (range: string): ErrorText => ({
    message: `TCP port 22, which belongs to the server's own SSH, is in the range ${range}`,
    hint: 'Forward ranges that leave it out, or write "protocol: udp" if UDP is enough.',
  }),
  tunnelInRange: (range: string, port: number, line: string): ErrorText => ({
    message: `UDP port ${port}, which belongs to the tunnel of line ${line}, is in the range ${range}`,
    hint: 'Forward ranges that leave it out, change tunnel.firstPort, or write "protocol: tcp" if TCP is enough.',
  }),
  forwardLength: (port: string, hostPort: string): ErrorText => ({
    message: `port ${port} and hostPort ${hostPort} have different numbers of ports`,
    hint: "Remove hostPort if the ports stay the same, or write a range of the same length.",
  }),
  rangesStay: (hostPort: string, target: string): ErrorText => ({
    message: `${target} cannot forward a range of ports to another one, such as ${hostPort}`,
    hint: "Remove hostPort, so that the ports stay the same, or write one forward for each port.",
  }),
  samePort: (port: number, protocol: string, other: string): ErrorText => ({
    message: `${protocol} port ${port} is already forwarded by ${other}`,
    hint: "Forward each public port to one host only.",
  }),
  bypassOfModem: (value: string, line: string): ErrorText => ({
    message: `"${value}" is the modem of line ${line}`,
    hint: "Write the address of a machine that uses the box as its gateway, such as a TV.",
  }),
  bypassOfBox: (value: string): ErrorText => ({
    message: `"${value}" is the box itself, whose tunnels must use every line`,
    hint: "Write the address of a machine that uses the box as its gateway, such as a TV.",
  }),
  bypassWithIpv6: (value: string): ErrorText => ({
    message: `"${value}" has IPv6 as well, which would still go through the bond: the box cannot know whose it is`,
    hint: 'Write the machine\'s MAC address instead, such as "a4:77:33:01:02:03": the box then refuses its IPv6, and it uses IPv4.',
  }),
  forwardToModem: (value: string, line: string): ErrorText => ({
    message: `"${value}" is the modem of line ${line}`,
    hint: "Forward to another host: a modem's answers do not pass through the box.",
  }),
  noSuchLine: (value: string, near: string | null, lines: string[]): ErrorText => ({
    message: `there is no line "${value}"`,
    hint: didYouMean(near, `The lines are ${lines.join(", ")}.`),
  }),
  emptyBypass: (): ErrorText => ({
    message: "without hosts, ports and networks, all traffic would leave by this line",
    hint: 'Add "hosts: [...]", "ports: [...]" or "networks: [...]".',
  }),
  protocolWithoutPorts: (protocol: string): ErrorText => ({
    message: `protocol ${protocol} without ports`,
    hint: 'Add "ports: [...]", or remove the protocol.',
  }),
  portOrder: (value: string): ErrorText => ({
    message: `"${value}" is not a range of ports`,
    hint: "Write the lower port first; the maximum is 65535.",
  }),
  hashWithoutXor: (mode: string): ErrorText => ({
    message: `bond.mode ${mode} has no hash`,
    hint: "Remove bond.hash, or use mode: balance-xor.",
  }),
  reserveWithoutStriper: (why: string): ErrorText => ({
    message: `only earliest delivery spares a line or holds it in reserve, and ${why}`,
    hint: 'Use bond.mode: active-backup, which uses the first line that works, or leave "use" out.',
  }),
  allInReserve: (): ErrorText => ({
    message: "no line is used always",
    hint: "Remove use from the lines that are to carry.",
  }),
  noLane: (why: string): ErrorText => ({
    message: `the TCP lane needs ${why}`,
    hint: "Remove tcpLane, or change that.",
  }),
  quicWithoutLane: (why: string): ErrorText => ({
    message: `there is no TCP lane that QUIC could give way to: ${why}`,
    hint: "Remove quic, so that it goes through the bond.",
  }),
  arpTooFast: (interval: number, line: string, rtt: number): ErrorText => ({
    message: `${interval} ms is too short for line ${line}: its answers take ${rtt} ms and would always be too late`,
    hint: `Use at least ${Math.ceil(rtt / 50) * 50 + 50}.`,
  }),
  keepalive: (interval: number, timeout: number): ErrorText => ({
    message: `the timeout of ${timeout} s is shorter than two intervals of ${interval} s`,
    hint: `Use at least ${2 * interval}.`,
  }),
  encapsulation: (value: string, link: string, allowed: string[]): ErrorText => ({
    message: `link ${link} has no encapsulation ${value}`,
    hint: `Write ${orList(allowed)}, or correct link.`,
  }),
  reservedInterface: (value: string): ErrorText => ({
    message: `bondbox or the kernel uses the name "${value}" itself`,
    hint: "Write the name of a real network port, such as eth0.",
  }),
  takenName: (value: string, other: string, free = "bond1"): ErrorText => ({
    message: `"${value}" is the name of ${other}`,
    hint: `Write another name, such as ${free}.`,
  }),
  notWired: (value: string, kind: string): ErrorText => ({
    message: `"${value}" is ${kind}: the box needs a wired port of its own`,
    hint: "Write the name of the wired port, such as eth0.",
  }),
  reservedUser: (value: string): ErrorText => ({
    message: `"${value}" is a system user`,
    hint: "Choose another name, such as admin.",
  }),
  noStaticKeys: (server: string, box: string, version: string): ErrorText => ({
    message: `${server} can only use static keys, which OpenVPN ${version} of ${box} no longer has`,
    hint: "Choose a newer server.target, such as debian-13.",
  }),
  cipherOfTarget: (cipher: string, target: string, allowed: string[]): ErrorText => ({
    message: `tunnels to ${target} cannot use the cipher ${cipher}`,
    hint: `Remove tunnel.cipher to get the best one, or write ${orList(allowed)}.`,
  }),
  authWithTls: (target: string): ErrorText => ({
    message: `tunnels to ${target} authenticate packets with their cipher and have no auth`,
    hint: "Remove tunnel.auth.",
  }),
  prefixWithoutTunnel: (): ErrorText => ({
    message: "the server has an IPv6 prefix for the LAN, but ipv6 is block",
    hint: 'Write "ipv6: tunnel", or remove server.prefix.',
  }),
  reachWithoutIpv6: (value: string): ErrorText => ({
    message: `"${value}" is an IPv6 network, but the LAN has no IPv6`,
    hint: 'Write "ipv6: tunnel" and server.prefix, or remove this network.',
  }),
  tunnelWithoutPrefix: (): ErrorText => ({
    message: "there is no IPv6 network for the LAN",
    hint: 'Add server.prefix, the IPv6 network that your provider routes to the server, such as "2001:db8:1:2::/64", or write "ipv6: block".',
  }),
  tunnelNeedsModern: (target: string): ErrorText => ({
    message: `${target} cannot tunnel IPv6`,
    hint: 'Use a current target, such as debian-13, or write "ipv6: block".',
  }),
  mtuTooSmallForIpv6: (mtu: number, least: number): ErrorText => ({
    message: `an MTU of ${mtu} bytes is too small for IPv6 through the tunnel`,
    hint: `Write at least ${least}, remove mtu, or write "ipv6: block".`,
  }),
  reservedHostname: (value: string): ErrorText => ({
    message: `"${value}" cannot be the name of a machine`,
    hint: "Choose another name, such as bondbox.",
  }),
});
