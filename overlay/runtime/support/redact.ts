import { isIPv6 } from "node:net";

/**
 * Takes out of texts what is nobody's business: public addresses, the devices' half of MAC addresses, keys, and names. What stays shows how
 * things hang together: each address has the same stand-in everywhere. Pure, and doing it again changes nothing: stand-ins are in brackets,
 * which no address, key or name has.
 * @param texts of one archive
 * @param names of hosts to take out, whatever their case
 * @returns the texts, in the same order
 */
export function redact(texts: string[], names: string[] = []): string[] {
  const standIn = standIns();
  // A longer name may contain a shorter one. One without a dot could be any word.
  const hosts = names.filter((name) => name.includes(".")).sort((a, b) => b.length - a.length);
  return texts.map((text) => withoutDevices(withoutIpv6(withoutIpv4(withoutKeys(withoutNames(text, hosts)), standIn), standIn)));
}

type StandIn = (kind: "public" | "local", address: string) => string;

function standIns(): StandIn {
  const known = { public: new Map<string, string>(), local: new Map<string, string>() };
  return (kind, address) => {
    const found = known[kind].get(address) ?? `<${kind}-${known[kind].size + 1}>`;
    known[kind].set(address, found);
    return found;
  };
}

function withoutNames(text: string, names: string[]): string {
  return names.reduce((before, name) => before.replace(new RegExp(name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "gi"), "<name>"), text);
}

/** PEM (RFC 7468), and OpenVPN's static keys, which look alike. The end may be cut off. */
const block = /-----BEGIN [^\n-]*-----[^]*?(?:-----END [^\n-]*-----|$)/g;
/** base64 in both alphabets. */
const encoded = /[A-Za-z0-9+/_-]{40,}=*/g;
const hexadecimal = /[0-9A-Fa-f]{32,}/g;
/** What a program calls secret, whatever it looks like. */
const called = /((?:password|passwd|passphrase|secret|token)["']?\s*[:=]\s*)(?:"[^"\n]*"|\S+)/gi;
/** What stands before the host of a URL, and what follows it: a notification's command may print one that is as good as a password. */
const url = /:\/\/(?:[^\s/"'<>]*@)?([^\s/?#@"'<>]*)(?:(?:[/?#]|<removed>)(?:[^\s"'<>]|<removed>)*)?/g;
/** All of the row, since it has more than one word. */
const authorization = /(authorization["']?\s*[:=])[^\n]+/gi;
/** A line across a page. */
const rule = /^[+/_-]*$/;

function withoutKeys(text: string): string {
  return text
    .replace(block, "<removed>")
    .replace(encoded, (run) => (rule.test(run) ? run : "<removed>"))
    .replace(hexadecimal, "<removed>")
    .replace(url, (found, host: string) => ([`://${host}`, `://${host}/`].includes(found) ? found : `://${host}/<removed>`))
    .replace(authorization, "$1 <removed>")
    .replace(called, "$1<removed>");
}

/**
 * Four numbers and more: with dots, or as names of hosts have them, with dashes; backwards in names of reverse lookups. Of what is no address
 * but may contain one, nothing stays either.
 */
const numbers =
  /<(?:public|local)-\d+>|(?:[0-9a-f]\.){4,32}ip6\.arpa|\d+(?:\.\d+){3,}(?:\.in-addr\.arpa)?|\d+(?:-\d+){3,}|\d+(?:_\d+){3,}/gi;

function withoutIpv4(text: string, standIn: StandIn): string {
  return text.replace(numbers, (found) => {
    if (found.startsWith("<") || isLocalIpv4(found)) return found;
    const parts = found.match(/\d+/g) ?? [];
    return /^[\d._-]+(\.in-addr\.arpa)?$/i.test(found)
      ? standIn("public", (/arpa$/i.test(found) ? parts.reverse() : parts).join("."))
      : standIn("public", found);
  });
}

/** Addresses of no certain network, and masks. Sources: RFC 6890, RFC 5771 */
function isLocalIpv4(text: string): boolean {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return false;
  const [a = 0, b = 0, ...rest] = text.split(".").map(Number);
  if ([a, b, ...rest].some((part) => part > 255)) return false;
  return (
    [0, 10, 127].includes(a) ||
    a >= 224 ||
    (a === 100 && b >= 64 && b < 128) ||
    (a === 169 && b === 254) ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168)
  );
}

/** Digits and colons, of which two are next to each other or at least seven: a complete address, or more than one. */
function withoutIpv6(text: string, standIn: StandIn): string {
  return text.replace(/<(?:public|local)-\d+>|[0-9A-Fa-f:]{2,}/g, (run) => {
    if (run.startsWith("<")) return run;
    // A colon before or after an address is not its own.
    const [, before = "", address = "", after = ""] = /^(:(?!:))?(.*?)((?<!:):)?$/.exec(run) ?? [];
    if (!address.includes("::") && address.split(":").length < 8) return run;
    const found = isIPv6(address) ? scopeOf(groupsOf(address), address) : "public";
    return found === null ? run : `${before}${standIn(found, address.toLowerCase())}${after}`;
  });
}

/** The eight numbers of an IPv6 address. */
function groupsOf(address: string): number[] {
  const [head = [], tail = []] = address.split("::").map((half) => half.split(":").filter((group) => group !== ""));
  const zeros = new Array<string>(8 - head.length - tail.length).fill("0");
  return [...head, ...zeros, ...tail].map((group) => Number.parseInt(group, 16));
}

/** A number before a public address: "1194:2001:db8::1". */
const publicLater = /:0*[23][0-9a-f]{3}:/i;

/** local: it holds a MAC address (RFC 4291, appendix A); null: it says nothing of anybody. */
function scopeOf(groups: number[], text: string): "public" | "local" | null {
  const [first = 0, second = 0, , , , sixth = 0, seventh = 0, last = 0] = groups;
  if (first >> 13 === 1) return "public";
  // An IPv4 address in IPv6: RFC 4291, RFC 6052.
  const holdsIpv4 = groups.slice(0, 5).every((group) => group === 0)
    ? sixth === 0 || sixth === 0xffff
    : first === 0x64 && second === 0xff9b;
  if (holdsIpv4 && !isLocalIpv4([seventh >> 8, seventh & 255, last >> 8, last & 255].join("."))) return "public";
  if (first < 0xfc00) return publicLater.test(text) ? "public" : null;
  return (sixth & 255) === 255 && seventh >> 8 === 0xfe ? "local" : null;
}

/** Six bytes and more; the first three are the maker's. */
const bytes = /[0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}\1[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){3,}(?![0-9A-Fa-f])/g;
/** systemd names ports so where nothing else tells them apart: systemd.net-naming-scheme(7) */
const namedByMac = /((?:en|wl|ww)x[0-9a-f]{6})[0-9a-f]{6}(?![0-9a-f])/g;

function withoutDevices(text: string): string {
  return text
    .replace(bytes, (run, mark: string) => [...run.split(mark).slice(0, 3), "xx", "xx", "xx"].join(mark))
    .replace(namedByMac, "$1xxxxxx");
}
