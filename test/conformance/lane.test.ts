import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { built, profileNames } from "../support/builds";
import { inNamespace, run } from "../support/programs";
import { layServer, planned, temporaryFolder } from "../support/trees";

const withLane = profileNames.filter((name) => planned(name).lane !== null);

it("profiles have the lane, and some have none", () => {
  expect(withLane.length).toBeGreaterThan(2);
  expect(withLane.length).toBeLessThan(profileNames.length);
});

describe.each(withLane)("the lane of %s", (name) => {
  it("haproxy takes the box's configuration", () => {
    const { status, output } = run("haproxy", ["-c", "-f", join(built(name).box, "etc/bondbox/lane.cfg")]);
    expect({ status, output: output.replace(/^Configuration file is valid\n/, "") }).toEqual({ status: 0, output: "" });
  });

  it("lane-listen opens the server's socket, with BBR if there is one, and haproxy takes it and its configuration", () => {
    const { lane } = planned(name);
    const folder = layServer(built(name), temporaryFolder());
    const script = `
      ip link set lo up
      ip address add "$2/32" dev lo
      "$1/usr/local/lib/bondbox/lane-listen" "$2" "$3" sh -c 'haproxy -c -f "$1/etc/bondbox/lane.cfg" && readlink "/proc/self/fd/$LANE"' sh "$1"`;
    const { status, stdout } = inNamespace(script, [folder, lane?.serverAddress ?? "", String(lane?.port)]);
    expect({ status, stdout: stdout.replace(/\d+/g, "N") }).toEqual({ status: 0, stdout: "Configuration file is valid\nsocket:[N]\n" });
  });

  it("is laid, takes connections and stops taking them, and what it has laid is seen", () => {
    const script = `
      ip link set lo up
      lane=$1/usr/local/sbin/bondbox-lane
      say() { echo "$1 $("$lane" check && echo there) $(nft list table ip bondbox 2>/dev/null | grep -c "$2")"; }
      say before tproxy
      "$lane" start
      say started tproxy
      "$lane" on
      say on tproxy
      say quic reject
      "$lane" start
      say again tproxy
      "$lane" off
      say off 'tproxy\\|reject'
      ip rule delete priority "$2"
      say without tproxy
      "$lane" start
      say mended tproxy`;
    const { lane } = planned(name);
    const { status, stdout, stderr } = inNamespace(script.replaceAll("\n      ", "\n"), [built(name).box, String(lane?.priority)]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.trim().split("\n")).toEqual([
      "before  0",
      "started there 0",
      "on there 1",
      `quic there ${lane?.refusesQuic === true ? 1 : 0}`,
      "again there 1",
      "off there 0",
      "without  0",
      "mended there 0",
    ]);
  });
});
