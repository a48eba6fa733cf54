import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { makeBase } from "../lab/base";
import { built, profilesOf, root } from "../support/builds";
import { debFolder } from "../support/debs";
import { inNamespace, inRoot, run } from "../support/programs";
import { samples } from "../support/samples";
import { layServer, planned, temporaryFolder } from "../support/trees";

const UNITS = "etc/systemd/system";

const halves = ["box", "server"] as const;
type Half = (typeof halves)[number];

/** Of units that start before the basic system, systemd-analyze leaves out what guards their files: a tenth more for the same sandbox. */
const early = (exposed: number): number => exposed + 0.1;

/**
 * Exposure that each unit meets, as "systemd-analyze security" of systemd 252 counts it: 0 safe, 10 open. Of a unit that starts before the
 * basic system it does not count four settings, which are in force all the same: bondbox-firewall has 2.3 with them.
 */
const exposure: Record<Half, Record<string, number>> = {
  box: {
    "bondbox-bond.service": early(2.6),
    "bondbox-failover.service": 2.2,
    "bondbox-fallback.service": 2.3,
    "bondbox-firewall.service": 2.4,
    "bondbox-guard.service": 2.9,
    "bondbox-ipv6.service": 2,
    "bondbox-lane-watch.service": 2.2,
    "bondbox-lane.service": 2.2,
    "bondbox-network.service": 2.4,
    "bondbox-notify.service": 2,
    "bondbox-qos.service": 2.2,
    "bondbox-reconnect.service": 2.3,
    "bondbox-renew.service": 2,
    "bondbox-striper.service": 2.3,
    "bondbox-tunnel@.service": 2.4,
    "bondbox-watch.service": 1.6,
    "bondbox-watchdog.service": 2.2,
  },
  server: {
    "bondbox-bond.service": early(2.6),
    "bondbox-firewall.service": 2.4,
    "bondbox-guard.service": 2.9,
    "bondbox-lane.service": 2.2,
    "bondbox-qos.service": 2.2,
    "bondbox-renew.service": 2,
    "bondbox-striper.service": 2.3,
    "bondbox-tunnel@.service": early(2.6),
    "bondbox-watchdog.service": 2.2,
  },
};

/** Those that change the whole system, once and before all else: no sandbox, and the rest waits for them. */
const unconfined = ["bondbox-finish.service", "bondbox-judge.service", "bondbox-setup.service", "bondbox-update.service"];

/** Samples whose server is run by systemd. */
const servers = samples.filter((name) => profilesOf("systemd").includes(name));

/** Every half that systemd runs. */
const systems: [name: string, half: Half][] = [
  ...samples.map((name): [string, Half] => [name, "box"]),
  ...servers.map((name): [string, Half] => [name, "server"]),
];

const laid = new Map<string, string>();

/** A half's files as a tree, which nobody changes. */
function folderOf(name: string, half: Half): string {
  if (half === "box") return built(name).box;
  const folder = laid.get(name) ?? layServer(built(name), mkdtempSync(join(tmpdir(), "bondbox-server-")));
  laid.set(name, folder);
  return folder;
}

afterAll(() => {
  for (const folder of laid.values()) rmSync(folder, { recursive: true, force: true });
});

/** Runs systemd-analyze where a half's units and programs stand in for the host's own. */
function analyze(folder: string, args: string[]): string {
  const script = `
    cp -a "$1/usr/local" "$1/${UNITS}" /mnt/
    mount --bind /mnt/local /usr/local
    mount --bind /mnt/system /etc/systemd/system
    shift
    systemd-analyze "$@" 2>&1 || echo "status $?"`;
  return inNamespace(script, [folder, ...args]).output;
}

function unitsOf(folder: string): string[] {
  return readdirSync(join(folder, UNITS)).filter((name) => /^bondbox-.*\.(service|socket|path|timer)$/.test(name));
}

const servicesOf = (folder: string): string[] => unitsOf(folder).filter((unit) => unit.endsWith(".service"));

/** Those that something starts by itself. */
function wantedOf(folder: string): string[] {
  return unitsOf(folder).filter((unit) => values(folder, unit, "WantedBy").length > 0);
}

/** Template units stand for one instance per line. */
function instances(unit: string, lines: string[]): string[] {
  return unit.includes("@.") ? lines.map((line) => unit.replace("@.", `@${line}.`)) : [unit];
}

function lineNames(name: string): string[] {
  return planned(name).lines.map((line) => line.name);
}

/** Values of a setting in a unit, also where it is written more than once. */
function values(box: string, unit: string, key: string): string[] {
  const text = readFileSync(join(box, UNITS, unit), "utf8");
  return [...text.matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].flatMap(([, list = ""]) => list.split(" "));
}

describe.each(systems)("units of %s on the %s", (name, half) => {
  const folder = () => folderOf(name, half);

  it("are without fault, all together", () => {
    const units = unitsOf(folder()).flatMap((unit) => instances(unit, lineNames(name)));
    expect(units.length).toBeGreaterThan(4);
    const said = analyze(folder(), ["verify", ...units]).split("\n");
    // This machine's systemd may be older than the half's, which is asked below.
    expect(said.filter((line) => !/pauses\.conf:\d+: Unknown key '.*' in section .* ignoring\.$/.test(line)).join("\n")).toBe("");
  });

  it("come in the right order, and wait for nothing by the clock", () => {
    const of = (unit: string, key: string) => values(folder(), unit, key);
    expect(of("bondbox-bond.service", "After")).toContain("bondbox-firewall.service");
    expect(of("bondbox-bond.service", "Requires")).toContain("bondbox-firewall.service");
    expect(of("bondbox-tunnel@.service", "After")).toContain("bondbox-bond.service");
    expect(of("bondbox-tunnel@.service", "Requires")).toContain("bondbox-bond.service");
    for (const unit of ["bondbox-watchdog.service", ...(planned(name).qos.enabled ? ["bondbox-qos.service"] : [])])
      for (const key of ["Requires", "PartOf", "After"]) expect([unit, key, of(unit, key)]).toEqual([unit, key, ["bondbox-bond.service"]]);
    expect(of("bondbox-firewall.service", "Before")).toContain("network-pre.target");
    // Those load all of the machine's rules anew, and would take ours away.
    for (const other of ["nftables.service", "netfilter-persistent.service", "ufw.service"])
      expect(of("bondbox-firewall.service", "After")).toContain(other);
    for (const unit of unitsOf(folder())) {
      const starts = ["ExecStartPre", "ExecStart", "ExecStartPost"].flatMap((key) => of(unit, key));
      expect(starts.join(" ")).not.toMatch(/\bsleep\b/);
      const script = join(folder(), starts[0] ?? "");
      // A oneshot holds up what comes after it; a program that stays may wait, and so may one that nothing waits for.
      if (of(unit, "Type").includes("oneshot") && of(unit, "WantedBy").length > 0 && !unconfined.includes(unit))
        expect(readFileSync(script, "utf8")).not.toMatch(/^\s*sleep\b/m);
    }
  });

  it("have all that they call", () => {
    for (const unit of unitsOf(folder()))
      for (const key of ["ExecStart", "ExecReload", "ExecStop"]) {
        const [program = ""] = values(folder(), unit, key);
        if (program.startsWith("/usr/local/")) expect([unit, existsSync(join(folder(), program))]).toEqual([unit, true]);
      }
  });
});

/** Folders of links, as "systemctl enable" makes them. */
const wantsBelow = (folder: string): string[] => readdirSync(join(folder, UNITS)).filter((name) => name.endsWith(".wants"));

/** Links below a folder of units, with what they lead to. */
function enabledBelow(folder: string): string[] {
  return wantsBelow(folder)
    .flatMap((target) =>
      readdirSync(join(folder, UNITS, target)).map((link) => `${target}/${link} ${readlinkSync(join(folder, UNITS, target, link))}`),
    )
    .sort();
}

/** A copy of a half with the links that systemctl itself makes, and no others. */
function enabled(folder: string, units: string[]): string {
  const copy = copyOf(folder);
  for (const name of wantsBelow(copy)) rmSync(join(copy, UNITS, name), { recursive: true });
  expect(run("systemctl", ["-q", `--root=${copy}`, "enable", ...units]).output).toBe("");
  return copy;
}

const bySystemctl = (folder: string, units: string[]): string[] => enabledBelow(enabled(folder, units));

/** A copy of a half whose links systemctl has made and taken away again, as install.sh --remove has it do. */
function disabled(folder: string, units: string[]): string {
  const copy = enabled(folder, units);
  expect(run("systemctl", ["-q", `--root=${copy}`, "disable", ...units]).output).toBe("");
  return copy;
}

/** The links that the units' [Install] sections ask for. */
function linksOf(folder: string, lines: string[]): string[] {
  return wantedOf(folder)
    .flatMap((unit) =>
      values(folder, unit, "WantedBy").flatMap((target) =>
        instances(unit, lines).map((name) => `${target}.wants/${name} /${UNITS}/${unit}`),
      ),
    )
    .sort();
}

/**
 * What systemd says of circles in the order of a whole boot, with cloud-init, systemd-networkd and all firewalls enabled, as images for
 * clouds have them. It breaks a circle by leaving out one unit at random: the network, or ours.
 */
function circles(folder: string, lines: string[]): string[] {
  const script = `
    cp -a "$1/usr/local" /lib/systemd/system /mnt/
    cp -a "$2"/lib/systemd/system/. "$3"/lib/systemd/system/. "$1/${UNITS}"/. /mnt/system/
    mkdir -p /mnt/system/multi-user.target.wants /mnt/system/network-online.target.wants /mnt/system/sysinit.target.wants
    for link in $4; do mkdir -p "/mnt/system/\${link%/*}"; ln -sf "../\${link##*/}" "/mnt/system/$link"; done
    # As cloud-init's generator and the packages' own [Install] sections do.
    for unit in cloud-init.target systemd-networkd.service ufw.service; do ln -sf ../$unit /mnt/system/multi-user.target.wants/; done
    for unit in cloud-init-local.service cloud-init.service cloud-config.service cloud-final.service; do mkdir -p /mnt/system/cloud-init.target.wants; ln -sf ../$unit /mnt/system/cloud-init.target.wants/; done
    ln -sf ../systemd-networkd-wait-online.service /mnt/system/network-online.target.wants/
    mount --bind /mnt/local /usr/local
    mount --bind /mnt/system /lib/systemd/system
    mount -t tmpfs tmpfs /etc/systemd/system
    for word in . . . . .; do systemd-analyze verify multi-user.target 2>&1; done`;
  const ours = linksOf(folder, lines).flatMap((link) => link.split(" ")[0] ?? []);
  expect(ours).toContain("multi-user.target.wants/bondbox-firewall.service");
  const { output } = inNamespace(script, [folder, debFolder("cloud-init"), debFolder("ufw"), ours.join(" ")]);
  return circlesIn(output);
}

function circlesIn(output: string): string[] {
  return [...new Set(output.split("\n").filter((line) => /ordering cycle|Found dependency|deleted to break/.test(line)))];
}

/** A half whose firewall has another order. */
function reordered(half: Half, right: string, wrong: string): string {
  const folder = copyOf(folderOf("home", half));
  const unit = join(folder, UNITS, "bondbox-firewall.service");
  const text = readFileSync(unit, "utf8");
  expect(text).toContain(right);
  writeFileSync(unit, text.replace(right, wrong));
  return folder;
}

/** A server's half whose firewall has systemd's default dependencies: its boot has a circle. */
const circular = (): string => reordered("server", "DefaultDependencies=no\n", "");

describe("a whole boot with cloud-init has no circle in its order", () => {
  it.each(systems)("with the units of %s on the %s", (name, half) => expect(circles(folderOf(name, half), lineNames(name))).toEqual([]));

  it("and one is found, such as that of a firewall with systemd's default dependencies", () => {
    expect(circles(circular(), lineNames("home")).join("\n")).toContain("bondbox-firewall.service");
  });
});

/** What starts the network: NetworkManager on the box, one of the others on a server. */
const networks = ["NetworkManager", "systemd-networkd", "networking"] as const;

/**
 * The same in the root file system of another release, whose own systemd, cloud-init and network are judged: their names and their order
 * differ from release to release.
 * @param image the root file system.
 * @param network what starts the network; the others are off.
 */
function circlesOf(image: string, folder: string, network: (typeof networks)[number]): string[] {
  const whole = copyOf(folder);
  run("cp", ["-a", join(debFolder("ufw"), "lib/systemd/system/ufw.service"), join(whole, UNITS)]);
  const units = wantedOf(folder).flatMap((unit) => instances(unit, lineNames("home")));
  expect(units).toContain("bondbox-firewall.service");
  const script = `
    for at in etc usr; do
      mkdir /mnt/$at /mnt/$at.work
      mount -t overlay -o lowerdir=/$at,upperdir=/mnt/$at,workdir=/mnt/$at.work overlay /$at
    done
    cp -a "$1/usr/local/." /usr/local/
    cp -a "$1/${UNITS}/." /etc/systemd/system/
    systemctl -q disable ${networks.map((name) => `${name}.service`).join(" ")} NetworkManager-wait-online.service 2>&1
    systemctl -q enable ${network}.service ufw.service $UNITS 2>&1
    cd /usr/lib/systemd/system
    systemctl -q enable $(grep -l '^WantedBy=cloud-init.target' cloud-*) 2>&1
    # As cloud-init's generator does.
    ln -s $PWD/cloud-init.target /etc/systemd/system/multi-user.target.wants/
    for round in $(seq 20); do systemd-analyze verify multi-user.target 2>&1 || :; done`;
  const { status, output, stderr } = inRoot(image, script, whole, { env: { UNITS: units.join(" ") } });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return circlesIn(output);
}

/** Profiles whose halves are a release's. */
const ofRelease = { bookworm: "debian-12", trixie: "home" } as const;

describe.each(["bookworm", "trixie"] as const)("a whole boot of Debian %s with its own cloud-init", (release) => {
  let image = "";
  beforeAll(async () => {
    image = (await makeBase(join(root, "test/lab/guest/init.sh"), { release, newestKernel: false }, console.log)).image;
  }, 1_800_000);

  it.each(halves)("has every setting of the %s's units, and its pauses grow if they can", (half) => {
    const folder = folderOf(ofRelease[release], half);
    const units = unitsOf(folder).flatMap((unit) => instances(unit, lineNames(ofRelease[release])));
    const script = `
      mkdir /mnt/etc /mnt/work
      mount -t overlay -o lowerdir=/etc,upperdir=/mnt/etc,workdir=/mnt/work overlay /etc
      cp -a "$1/usr/local" /mnt/; mount --bind /mnt/local /usr/local
      cp -a "$1/${UNITS}/." /etc/systemd/system/
      systemd-analyze verify $UNITS 2>&1 | grep -e pauses -e Unknown || :
      cat /etc/systemd/system/bondbox-.service.d/*.conf | grep -c -x -e RestartSteps=5 -e RestartMaxDelaySec=5 || :`;
    const { output } = inRoot(image, script, folder, { env: { UNITS: units.join(" ") } });
    expect(output.trim()).toBe(release === "trixie" ? "2" : "0");
  });

  it.each([
    ["box", "NetworkManager"],
    ["server", "systemd-networkd"],
    ["server", "networking"],
  ] as const)("has no circle in its order on the %s, with %s", (half, network) => {
    expect(circlesOf(image, folderOf("home", half), network)).toEqual([]);
  });

  it.each(["systemd-networkd", "networking"] as const)(
    "has one with systemd's default dependencies, and it is found, with %s",
    (network) => {
      const found = circlesOf(image, circular(), network).join("\n");
      for (const name of ["bondbox-firewall.service", `${network}.service`]) expect(found).toContain(name);
      expect(found).toMatch(/cloud-init(-network)?\.service/);
    },
  );

  it("has one where the firewall comes after NetworkManager, and it is found", () => {
    const late = reordered("box", "\nAfter=", "\nAfter=NetworkManager.service ");
    const found = circlesOf(image, late, "NetworkManager").join("\n");
    for (const name of ["bondbox-firewall.service", "NetworkManager.service"]) expect(found).toContain(name);
  });
});

describe("what ends is started again, for ever", () => {
  it.each(systems)("of %s on the %s", (name, half) => {
    const folder = folderOf(name, half);
    expect(readFileSync(join(folder, UNITS, "bondbox-.service.d/common.conf"), "utf8")).toContain("\nStartLimitIntervalSec=0\n");
    for (const unit of wantedOf(folder).filter((one) => one.endsWith(".service") && !unconfined.includes(one))) {
      const oneshot = values(folder, unit, "Type").includes("oneshot");
      expect([unit, values(folder, unit, "Restart"), values(folder, unit, "StartLimitIntervalSec")]).toEqual([
        unit,
        [oneshot ? "on-failure" : "always"],
        [],
      ]);
    }
  });
});

describe("what starts by itself", () => {
  it.each(samples)("on the box of %s is what systemctl would enable", (name) => {
    const { box } = built(name);
    const wanted = wantedOf(box).flatMap((unit) => instances(unit, lineNames(name)));
    expect(wanted).toContain("bondbox-bond.service");
    expect(enabledBelow(box)).toEqual(bySystemctl(box, wanted));
    expect(enabledBelow(box)).toEqual(linksOf(box, lineNames(name)));
  });

  it.each(servers)("on the server of %s is what install.sh enables: every unit that can be", (name) => {
    const folder = folderOf(name, "server");
    const install = readFileSync(join(built(name).folder, "server/install.sh"), "utf8");
    const list = (variable: string) => new RegExp(`^${variable}="(.*)"$`, "m").exec(install)?.[1]?.trim().split(" ") ?? [];
    const named = [...list("units"), ...list("tunnels")].map((unit) => `${unit}.service`);
    expect(install).toMatch(/^systemctl enable -q \$units \$tunnels$/m);
    const wanted = wantedOf(folder).flatMap((unit) => instances(unit, lineNames(name)));
    expect(named.sort()).toEqual(wanted.sort());
    const made = bySystemctl(folder, named);
    expect(made).toEqual(linksOf(folder, lineNames(name)));
    expect(wantsBelow(disabled(folder, named))).toEqual([]);
  });
});

describe("a part that fails once at boot brings its dependants with it when it is there", () => {
  it.each(systems)("of %s on the %s: each is wanted by those of ours that it requires", (name, half) => {
    const folder = folderOf(name, half);
    const ours = (unit: string, key: string) => values(folder, unit, key).filter((other) => other.startsWith("bondbox-"));
    for (const unit of unitsOf(folder)) expect([unit, ours(unit, "WantedBy")]).toEqual([unit, ours(unit, "Requires")]);
    expect(ours("bondbox-bond.service", "Requires")).toEqual(["bondbox-firewall.service"]);
  });
});

/** A unit's exposure by systemd-analyze's offline count. */
function exposureOf(folder: string, unit: string): number {
  const output = analyze(folder, ["security", "--offline=yes", "--no-pager", unit]);
  return Number(/Overall exposure level for \S+: ([\d.]+)/.exec(output)?.[1] ?? Number.NaN);
}

describe("sandboxes", () => {
  const rows = halves.flatMap((half) => Object.entries(exposure[half]).map(([unit, most]) => [half, unit, most] as const));

  it.each(rows)("on the %s: %s is exposed by at most %d", (half, unit, most) => {
    const [instance = ""] = instances(unit, ["ovh"]);
    // Without a backup server there is nothing to change over to, and home notifies nobody.
    const sample = /failover|notify/.test(unit) ? "backups" : "home";
    expect(exposureOf(folderOf(sample, half), instance)).toBeLessThanOrEqual(most);
    expect(most).toBeLessThanOrEqual(5);
  });

  it.each(halves)("are there for every unit of every profile, on the %s", (half) => {
    const units = new Set(systems.flatMap(([name, of]) => (of === half ? servicesOf(folderOf(name, half)) : [])));
    expect([...units].filter((unit) => !unconfined.includes(unit)).sort()).toEqual(Object.keys(exposure[half]));
  });

  it.each(unconfined)("are not there for %s", (unit) => {
    const { box } = built("home");
    expect(exposureOf(box, unit)).toBeGreaterThan(9);
  });

  it("come from the drop-in by prefix", () => {
    const folder = copyOf(built("home").box);
    const with_ = exposureOf(folder, "bondbox-bond.service");
    writeFileSync(join(folder, UNITS, "bondbox-.service.d/common.conf"), "");
    expect(exposureOf(folder, "bondbox-bond.service")).toBeGreaterThan(with_ + 2);
  });
});

function copyOf(box: string): string {
  const folder = temporaryFolder();
  run("cp", ["-a", `${box}/.`, folder]);
  return folder;
}

test.each([
  [
    "a program that is not there",
    "ExecStart=/usr/local/sbin/bondbox-bond start",
    "ExecStart=/usr/local/sbin/bondbox-band start",
    "bondbox-band",
  ],
  ["an unknown setting", "RemainAfterExit=yes", "RemainAfterExits=yes", "RemainAfterExits"],
  ["a circle", "Requires=bondbox-firewall.service", "Requires=bondbox-firewall.service\nBefore=bondbox-firewall.service", "cycle"],
])("%s is found", (_, right, wrong, complaint) => {
  const folder = copyOf(built("home").box);
  const unit = join(folder, UNITS, "bondbox-bond.service");
  const text = readFileSync(unit, "utf8");
  expect(text).toContain(right);
  writeFileSync(unit, text.replace(right, wrong));
  expect(analyze(folder, ["verify", "bondbox-bond.service"])).toContain(complaint);
});
