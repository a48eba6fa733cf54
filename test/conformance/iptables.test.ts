import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { built, profileNames } from "../support/builds";
import { inNamespace } from "../support/programs";
import { layServer, planned, temporaryFolder } from "../support/trees";

/** By name, as "iptables --version" shows them. */
const shown = { nft: "nf_tables", legacy: "legacy" };
const backends = ["nft", "legacy"] as const;
const halves = ["box", "server"] as const;

/** The tables before bondbox-firewall, after two starts, and after stop; counters and comments are left out. */
interface Tables {
  before: string[];
  once: string[];
  twice: string[];
  after: string[];
}

/** Rules of somebody else, in tables and chains that bondbox uses too. */
const foreign = `*raw
-A PREROUTING -s 192.0.2.0/24 -j ACCEPT
COMMIT
*mangle
:OTHERS - [0:0]
-A PREROUTING -j OTHERS
-A OTHERS -p udp -m udp --dport 9 -j MARK --set-xmark 0x7/0xffffffff
COMMIT
*nat
-A POSTROUTING -s 192.0.2.0/24 -j MASQUERADE
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OTHERS - [0:0]
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A FORWARD -j OTHERS
COMMIT
`;

/** What install.sh records of a machine that forwarded nothing before. */
const forwardedNothing = { ipv4: 0, ipv6: 0 };

/**
 * Runs a half's bondbox-firewall on a kernel's own tables, with one of iptables' two backends.
 * @param forwarded 1 where the machine forwarded packets before bondbox came, else 0.
 */
function tables(half: string, backend: keyof typeof shown, forwarded = forwardedNothing): Tables {
  const script = `
    mkdir /mnt/etc /mnt/etc/bondbox /mnt/etc/alternatives
    cp /etc/protocols /etc/services /mnt/etc/
    cp "$1"/etc/bondbox/rules.v* /mnt/etc/bondbox/
    printf 'net.ipv4.ip_forward=%s\nnet.ipv6.conf.all.forwarding=%s\n' "$4" "$5" >/mnt/etc/bondbox/sysctl
    for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
      ln -sfn "/usr/sbin/\${name%%-*}-$2\${name#ip*tables}" "/mnt/etc/alternatives/$name"
    done
    ln -s "$(readlink -f "$(command -v awk)")" /mnt/etc/alternatives/awk
    mount --bind /mnt/etc /etc
    iptables --version | grep -q "$3"
    save() { echo "== $1"; for family in iptables ip6tables; do echo "-- $family"; "$family-save" | sed -e '/^#/d' -e 's/ \\[[0-9:]*]$//'; done; }
    cat >/mnt/foreign
    iptables-restore </mnt/foreign
    sed 's|192.0.2.0/24|2001:db8::/32|' /mnt/foreign | ip6tables-restore
    save before
    "$1/usr/local/sbin/bondbox-firewall" start
    save once
    "$1/usr/local/sbin/bondbox-firewall" start
    save twice
    "$1/usr/local/sbin/bondbox-firewall" stop
    save after`;
  const { status, stdout, stderr } = inNamespace(script, [half, backend, shown[backend], String(forwarded.ipv4), String(forwarded.ipv6)], {
    input: foreign,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const parts = stdout.split(/^== \w+\n/m).slice(1);
  const [before = [], once = [], twice = [], after = []] = parts.map((part) => part.trim().split("\n"));
  return { before, once, twice, after };
}

/** A half's files on disk. */
function laid(name: string, half: "box" | "server"): string {
  return half === "box" ? built(name).box : layServer(built(name), temporaryFolder());
}

/** A half's rules; "" for IPv6 where it has none. */
function rulesOf(folder: string): Rules {
  const [v4 = "", v6 = ""] = ["v4", "v6"]
    .map((family) => join(folder, `etc/bondbox/rules.${family}`))
    .map((path) => (existsSync(path) ? readFileSync(path, "utf8") : ""));
  return { v4, v6 };
}

interface Rules {
  v4: string;
  v6: string;
}

/**
 * What a backend says against each of some sets of rules, with --test and, as nft asks the kernel only then, in earnest; "" for
 * nothing. Each set meets empty tables, in a network of its own.
 */
function faults(backend: string, sets: Rules[]): string[] {
  const folder = temporaryFolder();
  for (const [index, { v4, v6 }] of sets.entries()) {
    writeFileSync(join(folder, `${index}.iptables`), v4);
    writeFileSync(join(folder, `${index}.ip6tables`), v6);
  }
  const load = `
    for family in iptables ip6tables; do
      "$family-$2-restore" --test <"$1.$family" && "$family-$2-restore" --noflush <"$1.$family" || { echo "status $?"; exit; }
    done`;
  const script = `
    cd "$1"
    for index in $(seq 0 $(($3 - 1))); do
      unshare --net sh -c '${load}' sh "$index" "$2" >"$index.said" 2>&1
    done`;
  const { status, stderr } = inNamespace(script, [folder, backend, String(sets.length)]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return sets.map((_, index) => readFileSync(join(folder, `${index}.said`), "utf8"));
}

describe.each(halves)("on the %s", (half) => {
  it.each(backends)("the rules of every profile load with %s", (backend) => {
    const said = faults(
      backend,
      profileNames.map((name) => rulesOf(laid(name, half))),
    );
    expect(profileNames.map((name, index) => [name, said[index]])).toEqual(profileNames.map((name) => [name, ""]));
  });
});

describe.each(["home", "big", "qos", "bypass-forwards", "ipv6-tunnel"])("bondbox-firewall of %s", (name) => {
  it.each(halves.flatMap((half) => backends.map((backend) => [half, backend] as const)))("on the %s with %s", (half, backend) => {
    const folder = laid(name, half);
    const { before, once, twice, after } = tables(folder, backend);
    expect(twice).toEqual(once);
    expect(after).toEqual(before);
    expect(twice.filter((line) => !line.includes("BONDBOX-"))).toEqual(before);
    const hooks = twice.filter((line) => /^-A (?!BONDBOX-).*-j BONDBOX-/.test(line));
    const { v4, v6 } = rulesOf(folder);
    const chains = [...`${v4}${v6}`.matchAll(/^:BONDBOX-(\S+)/gm)].map(
      ([, chain = ""]) => `-A ${chain.replace("LAST-", "")} -j BONDBOX-${chain}`,
    );
    // What comes last is after the rules of everybody else.
    const forward = twice.map((line, at) => ({ line, next: twice[at + 1] })).filter(({ line }) => line.endsWith("-j BONDBOX-LAST-FORWARD"));
    for (const { next } of forward) expect(next).not.toMatch(/^-A FORWARD/);
    expect(hooks.sort()).toEqual(chains.sort());
  });
});

describe.each(backends)("on a server that forwarded packets before bondbox came, with %s", (backend) => {
  const last = "-A FORWARD -j BONDBOX-LAST-FORWARD";
  const nothing = { ipv4: [last], ipv6: [last] };

  it.each([
    [{ ipv4: 0, ipv6: 0 }, nothing],
    [
      { ipv4: 1, ipv6: 0 },
      { ...nothing, ipv4: [] },
    ],
    [
      { ipv4: 0, ipv6: 1 },
      { ...nothing, ipv6: [] },
    ],
    [
      { ipv4: 1, ipv6: 1 },
      { ipv4: [], ipv6: [] },
    ],
  ])("what it forwards besides is dropped only where it did not (%j)", (forwarded, expected) => {
    const { before, once, twice, after } = tables(laid("ipv6-tunnel", "server"), backend, forwarded);
    for (const rows of [once, twice]) {
      const found = rows.map((row, at) => ({ row, family: at < rows.indexOf("-- ip6tables") ? "ipv4" : "ipv6" }));
      const hooks = (of: string): string[] =>
        found.filter(({ row, family }) => row.includes("-j BONDBOX-LAST-") && family === of).map(({ row }) => row);
      expect({ ipv4: hooks("ipv4"), ipv6: hooks("ipv6") }).toEqual(expected);
      // All else is there, in two tables of each.
      expect(rows.filter((row) => row === "-A FORWARD -j BONDBOX-FORWARD")).toHaveLength(4);
    }
    expect(after).toEqual(before);
  });
});

it("only profiles with IPv6 through the bond have rules for it on the server; every box has some", () => {
  const server = profileNames.filter((name) => rulesOf(laid(name, "server")).v6 !== "");
  expect(server).toEqual(profileNames.filter((name) => planned(name).ipv6.tunnel !== null));
  expect(profileNames.filter((name) => rulesOf(laid(name, "box")).v6 === "")).toEqual([]);
});

test.each(backends)("a rule that %s cannot load is found", (backend) => {
  const rules = readFileSync(join(built("home").box, "etc/bondbox/rules.v4"), "utf8");
  const wrong = [rules.replace("-j MASQUERADE", "-j MASQUERADES"), rules.replace("COMMIT\n", "")];
  expect(
    faults(
      backend,
      [rules, ...wrong].map((v4) => ({ v4, v6: "" })),
    ),
  ).toEqual(["", expect.stringMatching(/MASQUERADES/), expect.stringMatching(/./)]);
});

test.each([
  ["starts twice", /"\$1" -t "\$2" -C .* \|\| /, "", ({ once, twice }: Tables) => expect(twice).not.toEqual(once)],
  ["forgets its chains", /^.* -X .*$/m, "", ({ before, after }: Tables) => expect(after).not.toEqual(before)],
  ["flushes the rules of others", " --noflush", "", ({ before, once }: Tables) => expect(once).not.toEqual(expect.arrayContaining(before))],
])("a firewall that %s is found", (_, pattern, replacement, check) => {
  const folder = laid("home", "server");
  const script = join(folder, "usr/local/sbin/bondbox-firewall");
  const text = readFileSync(script, "utf8");
  writeFileSync(script, text.replace(pattern, replacement));
  expect(readFileSync(script, "utf8")).not.toBe(text);
  check(tables(folder, "nft"));
});
