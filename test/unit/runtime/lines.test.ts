import { describe, expect, it } from "vitest";
import { config, FakeBox, halfBroken } from "./fixture";
import { useProgram } from "./program";

const { run } = useProgram();
const [ovh, orange] = config.lines as [(typeof config.lines)[number], (typeof config.lines)[number]];

describe("bondbox lines", () => {
  it("prints what is known of each line, and what is wrong with it", async () => {
    using box = new FakeBox({
      ...config,
      lines: [
        { ...ovh, monthly: 50e9 },
        { ...orange, rate: { down: null, up: 832 } },
      ],
    });
    box.measure([
      { down: 15_000, up: 16_000, took: 19_000, lost: 20 },
      { down: 3000, up: 3500, sent: 50 },
    ]);
    box.write("var/lib/bondbox/history/usage.json", JSON.stringify({ [new Date().toISOString().slice(0, 7)]: { ovh: 12e9 } }));
    halfBroken(box);
    const { code, stdout, stderr } = await run(["lines", "--root", box.root]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(stdout.replace(/^( {2}delay.*?)\d+ ms now/m, "$1N ms now")).toBe(`ovh: DOWN
  download  0 kbit/s, 7232 in the profile
  upload    0 kbit/s, 896 in the profile
  delay     N ms now, 31 ms idle, jitter 0.3 ms
  loss      2.0 % down
  failures  12, since its tap joined the bond
  month     12 of 50 GB
  modem     192.168.1.240, tunnel tap0 to port 1194
! ovh: The server does not answer over this line (ARP): the modem, the line, its
  provider, or the server's tunnel, port or key.
  > sudo ping -m 101 203.0.113.10 (by this line alone)
  > journalctl -u bondbox-tunnel@ovh

orange: up
  download  0 kbit/s, as found
  upload    0 kbit/s, 832 in the profile
  delay     6.5 ms now, 6.5 ms idle, jitter 0.3 ms
  loss      not known: too few packets come down
  failures  1, since its tap joined the bond
  modem     192.168.1.254, tunnel tap1 to port 1196
! orange: tap1 has MTU 1500, but the plan has 1401: large packets may get lost.
  > sudo ip link set tap1 mtu 1401
`);
  });

  it("says what nobody measures, and gives the list of status as JSON", async () => {
    using box = new FakeBox();
    expect((await run(["lines", "--root", box.root])).stdout).toContain("  delay     not known\n  failures  0,");
    const [lines, status] = await Promise.all(["lines", "status"].map((name) => run([name, "--json", "--root", box.root])));
    const ageless = (list: { tunnel: { age: number } }[]) => list.map((line) => ({ ...line, tunnel: { ...line.tunnel, age: 0 } }));
    expect(lines?.code).toBe(0);
    expect(ageless(JSON.parse(lines?.stdout ?? ""))).toEqual(ageless(JSON.parse(status?.stdout ?? "").lines));
  });
});
