import { describe, expect, it } from "vitest";
import { sha256 } from "../../../builder/base/hash";
import { actionsOf, changesOf, type Found, stopsOf } from "../../../builder/push/effects";
import { file, link } from "../../../builder/render/tree";

const found = (path: string, content: string, mode = 0o644): Found => ({ path, sum: sha256(Buffer.from(content)), mode });
const none = { added: [], changed: [], removed: [] };

describe("what differs", () => {
  const wanted = [file("/etc/a", "a\n"), file("/etc/b.key", "b\n"), link("/etc/c", "/etc/a")];

  it("is nothing where all is the same", () => {
    const same = [found("/etc/a", "a\n"), found("/etc/b.key", "b\n", 0o600), { path: "/etc/c", sum: "/etc/a", mode: 0o777 }];
    expect(changesOf(same, wanted, sha256)).toEqual(none);
  });

  it.each([
    ["another content", found("/etc/a", "x\n")],
    ["another mode", found("/etc/a", "a\n", 0o600)],
    ["a link in its place", { path: "/etc/a", sum: "/etc/x", mode: 0o777 }],
  ])("is a file with %s", (_, one) => {
    expect(changesOf([one, found("/etc/b.key", "b\n", 0o600), { path: "/etc/c", sum: "/etc/a", mode: 0o777 }], wanted, sha256)).toEqual({
      ...none,
      changed: ["/etc/a"],
    });
  });

  it("is what is new, and what is gone", () => {
    expect(changesOf([found("/etc/a", "a\n"), found("/etc/old", "x")], wanted, sha256)).toEqual({
      added: ["/etc/b.key", "/etc/c"],
      changed: [],
      removed: ["/etc/old"],
    });
  });
});

describe("what has to be restarted", () => {
  const unitsOf = (...changed: string[]): string[] => actionsOf({ ...none, changed }, ["ovh", "orange"]).map(({ unit }) => unit);

  it.each([
    ["/etc/bondbox/rules.v4", ["bondbox-firewall.service"]],
    ["/etc/openvpn/bondbox/ovh.key", ["bondbox-tunnel@ovh.service"]],
    ["/etc/openvpn/bondbox/orange.conf", ["bondbox-tunnel@orange.service"]],
    ["/usr/local/sbin/bondbox-tunnel", ["bondbox-tunnel@ovh.service", "bondbox-tunnel@orange.service"]],
    ["/etc/bondbox/lines.conf", ["bondbox-striper.service", "bondbox-qos.service"]],
    ["/usr/local/lib/bondbox/bondbox.cjs", ["bondbox-watch.service"]],
    ["/etc/ssh/sshd_config.d/10-bondbox.conf", ["ssh.service"]],
    ["/usr/local/lib/bondbox/setup/run.sh", []],
  ])("for %s", (path, units) => {
    expect(unitsOf(path)).toEqual(units);
  });

  it("is everything of ours when the sandbox of all changes, the tunnels after the bond and before what uses them", () => {
    const units = unitsOf("/etc/systemd/system/bondbox-.service.d/common.conf");
    const order = ["bondbox-firewall", "bondbox-network", "bondbox-bond", "bondbox-tunnel@ovh", "bondbox-tunnel@orange", "bondbox-striper"];
    expect(units.slice(0, 6)).toEqual(order.map((name) => `${name}.service`));
    expect(units).toContain("bondbox-watch.service");
  });

  it("keeps the firewall and the bond, which take over what is new", () => {
    const actions = actionsOf({ ...none, changed: ["/etc/bondbox/rules.v4", "/usr/local/sbin/bondbox-bond"] }, []);
    expect(actions.map(({ verb }) => verb)).toEqual(["reload-or-restart", "reload-or-restart"]);
  });

  it("takes nothing back but what the network has set up, and brings nothing back meanwhile", () => {
    const stops = (path: string): string[] => stopsOf(actionsOf({ ...none, changed: [path] }, ["ovh"]));
    expect(stops("/etc/bondbox/network.conf")).toEqual(["bondbox-guard.service", "bondbox-network.service"]);
    expect(stops("/etc/bondbox/rules.v4")).toEqual(["bondbox-guard.service"]);
    expect(stops("/etc/bondbox/box.json")).toEqual([]);
  });
});
