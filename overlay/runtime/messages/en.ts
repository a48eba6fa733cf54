import type { Finding, Way } from "../judge";
import type { Gone } from "../observe";
import type { Ailment } from "../parse/striper";
import type { Texts } from ".";

const noInternet = "the LAN has no internet";

/** The texts of every finding. */
const findings: Texts["findings"] = {
  "bond-missing": ({ bond }) => ({
    short: `there is no ${bond}`,
    text: `There is no ${bond}: bondbox-bond.service did not create it.`,
    fix: ["journalctl -u bondbox-bond"],
  }),
  "lan-missing": (finding) => ({
    short: `there is no ${finding.interface}`,
    text: missingPort(finding),
    fix: portFix(finding),
  }),
  "lan-unplugged": (finding) => ({
    short: `${finding.interface} has no link`,
    text: `${finding.interface} has no link, so no modem can be reached.`,
    fix: ["the cable between the box and the switch, and the switch itself"],
  }),
  "server-silent": ({ server, keySet, line }) => ({
    short: "the server answers over no line",
    text:
      line === null
        ? `The server ${server} answers over no line: it is the server itself, or all lines have failed.`
        : `The server ${server} answers over no line, although line ${line} has internet: it is the server itself.`,
    fix: ["the server itself, by its provider's console: is it on, its firewall, its tunnels", keysFix(keySet)],
  }),
  "server-closed": ({ server, keySet }) => ({
    short: "the server answers pings, but no tunnel",
    text: `The server ${server} answers pings, but no tunnel: its tunnels are stopped, its firewall or its provider's closes their ports, or its keys are others.`,
    fix: ["sudo bondbox-preflight (on the server)", keysFix(keySet)],
  }),
  "route-elsewhere": ({ bond }) => ({
    short: `the default route does not use ${bond}`,
    text: `Lines are up, but the default route does not use ${bond}.`,
    fix: ["ip route show default"],
  }),
  "route-missing": () => ({
    short: "there is no default route",
    text: "There is no default route, so the LAN has no internet.",
    fix: ["ip route show default", "journalctl -u bondbox-bond"],
  }),
  "route-dead": ({ bond }) => ({
    short: "the default route uses a bond without lines",
    text: `The only default route uses ${bond}, which has no line that is up: the LAN has no internet.`,
    fix: ["ip route show default"],
  }),
  "tap-missing": ({ tap }) => ({
    short: `there is no ${tap}`,
    text: `There is no ${tap}: bondbox-bond.service did not create it.`,
    fix: ["journalctl -u bondbox-bond"],
  }),
  "tap-outside": ({ tap, bond }) => ({
    short: `${tap} is not in ${bond}`,
    text: `${tap} exists, but is not in ${bond}: it was removed, or never joined.`,
    fix: ["journalctl -u bondbox-bond"],
  }),
  "tap-off": ({ tap }) => ({
    short: `${tap} is switched off`,
    text: `${tap} is in the bond, but switched off.`,
    fix: [`sudo ip link set ${tap} up`],
  }),
  "tunnel-stopped": ({ line, tap }) => ({
    short: "OpenVPN is not running",
    text: `OpenVPN is not running: no program has ${tap} open.`,
    fix: [`systemctl status bondbox-tunnel@${line}`],
  }),
  "modem-silent": ({ modem }) => ({
    short: `its modem ${modem} does not answer`,
    text: `The modem ${modem} does not answer in the LAN: it is off, or its cable is out.`,
    fix: [`ping ${modem}`],
  }),
  standby: () => ({
    short: "in reserve",
    text: "In reserve: active-backup uses the first line whenever it works.",
    fix: [],
  }),
  "taken-out": ({ line, by }) => ({
    short: by === "box" ? "taken out, it was sick" : "taken out by hand",
    text:
      by === "box"
        ? "The box has taken this line out of the bond, since it did more harm than good. It is tried again by itself."
        : "This line was taken out of the bond by hand.",
    fix: [`sudo bondbox line ${line} in`],
  }),
  "kept-in": ({ line }) => ({
    short: "it was to be taken out, but is the last one",
    text: "This line was to be taken out of the bond, but no other line carries: it stays in until one does.",
    fix: [`sudo bondbox line ${line} in`],
  }),
  "no-answer": ({ line, mark, server }) => ({
    short: "the server does not answer over it",
    text: "The server does not answer over this line (ARP): the modem, the line, its provider, or the server's tunnel, port or key.",
    fix: [`sudo ping -m ${mark} ${server} (by this line alone)`, `journalctl -u bondbox-tunnel@${line}`],
  }),
  "line-dead": ({ modem, mark }) => ({
    short: "nothing beyond its modem answers",
    text: `The modem ${modem} answers, but nothing beyond it: the line or its provider.`,
    fix: [`the lights and the status page of the modem ${modem}`, `sudo ping -m ${mark} 1.1.1.1 (by this line alone)`],
  }),
  "line-captive": ({ modem }) => ({
    short: "it answers every name with a page of its own",
    text: `This line answers every name with a page of its own, of the modem ${modem} or of the provider: it has no internet.`,
    fix: [`open that page from a computer at the modem ${modem}: a line that is down, used-up data, or a contract`],
  }),
  "tunnel-unheard": ({ line, port, server }) => ({
    short: "it has internet, but the server does not answer over it",
    text: "This line has internet, but the server does not answer through its tunnel: the server, a firewall that closes the port, a provider that filters it, or a key.",
    fix: [`UDP port ${port} of ${server} must be open`, `journalctl -u bondbox-tunnel@${line}`],
  }),
  "status-missing": ({ line }) => ({
    short: "OpenVPN writes no status file",
    text: `OpenVPN writes no status file (/run/bondbox/${line}.status).`,
    fix: [`systemctl status bondbox-tunnel@${line}`],
  }),
  "status-stale": ({ line, age }) => ({
    short: "OpenVPN's status file is stale",
    text: `OpenVPN has not written its status for ${age} s, although it does so every 10 s: it hangs.`,
    fix: [`sudo systemctl restart bondbox-tunnel@${line}`],
  }),
  "dealt-in-turn": () => ({
    short: "packets are dealt in turn",
    text: "The lines get packets in turn, not as they can carry them: the striper does not run, so the slowest line holds back the others.",
    fix: ["journalctl -u bondbox-striper", "sudo systemctl restart bondbox-striper"],
  }),
  "server-unmeasured": ({ keySet }) => ({
    short: "the server does not say what arrives there",
    text: "The server does not say what arrives there: its striper does not run, or is of another build. Until then the rates up are those of the profile.",
    fix: ["on the server: sudo bondbox-striper show, journalctl -u bondbox-striper", `box and server from one build (key set ${keySet})`],
  }),
  "lane-silent": ({ end, keySet }) =>
    end === "box"
      ? {
          short: "the TCP lane does not answer on the box",
          text: "The TCP lane does not answer on the box: its service does not run, or it hangs. Until then TCP goes through the bond.",
          fix: ["journalctl -u bondbox-lane", "sudo systemctl restart bondbox-lane"],
        }
      : {
          short: "the TCP lane does not answer on the server",
          text: "The TCP lane does not answer on the server: its service does not run there, or the server is of another build. Until then TCP goes through the bond.",
          fix: [
            "on the server: journalctl -u bondbox-lane",
            `box and server from one build (key set ${keySet}): install the server's half again`,
          ],
        },
  "line-ails": ({ direction, what, lane }) => ({
    short: `${ailing(what, false, lane)} ${direction}`,
    text: `${direction === "down" ? "Down" : "Up"}: ${ailing(what, true, lane)}.`,
    fix: [],
  }),
  "line-slow": ({ direction, is, planned }) => ({
    short: `it carries less ${direction} than the profile says`,
    text: `It carries ${is} kbit/s ${direction}, where the profile says ${planned}: it is used as far as it goes.`,
    fix: ["the modem's own status page: what it is connected with", "if it stays so: the line's rate in the profile"],
  }),
  "month-used": ({ used, monthly }) => ({
    short: used < monthly ? "most of its month's data is used" : "its month's data is used up",
    text: `${dataUsed(used, monthly)} of this month are used, as its tunnel counts.`,
    fix: used < monthly ? [] : ["in the profile: use: reserve, so that it carries only while no other line works"],
  }),
  gone: ({ parts }) => ({
    short: `${list(parts)} gone and brought back`,
    text: `Another program takes away what is bondbox's, and bondbox-guard brings it back: ${list(parts)}.`,
    fix: ["journalctl -t bondbox-guard (when), journalctl (what ran then)"],
  }),
  "mtu-differs": (finding) => ({
    short: `MTU of ${finding.interface} is ${finding.is}, not ${finding.planned}`,
    text: `${finding.interface} has MTU ${finding.is}, but the plan has ${finding.planned}: large packets may get lost.`,
    fix: [`sudo ip link set ${finding.interface} mtu ${finding.planned}`],
  }),
};

/** Why a line is not dealt to beside others. */
function ailing(what: Ailment, figures: boolean, lane: boolean): string {
  // One late or lost packet holds back all that is dealt over several lines.
  const aside = `so it carries nothing beside the others${lane ? " but its part of the TCP lane" : ""}, or everything alone`;
  switch (what.ails) {
    case "loses":
      return figures ? `it loses ${(100 * what.much).toFixed(1)} % of the packets, ${aside}` : "it loses packets";
    case "jumps":
      return figures ? `its delay jumps by ${Math.round(what.much)} ms, ${aside}` : "its delay jumps";
    case "reserve":
      return "in reserve";
    case "spare":
      return figures ? "in reserve, since a line that loses packets or whose delay jumps carries more alone" : "in reserve";
  }
}

/** No figures: the card is written to whenever its text changes. */
function list(parts: Gone[]): string {
  return parts.map(({ part, times }) => `${part} ${times === 1 ? "once" : "again and again"}`).join(", ");
}

function keysFix(keySet: string): string {
  return `its keys: bondbox-preflight on the server must show key set ${keySet}, as this box has`;
}

type MissingPort = Extract<Finding, { code: "lan-missing" }>;

/** bondbox-setup says the same in overlay/box/usr/local/lib/bondbox/setup/common.sh. */
function missingPort({ interface: port, ports }: MissingPort): string {
  return ports.length === 0
    ? `There is no port ${port}, nor any other wired one.`
    : `There is no port ${port}; there is ${ports.join(" and ")}.`;
}

function portFix({ ports }: MissingPort): string[] {
  const [first] = ports;
  return first === undefined
    ? ["the network adapter, if it is one at USB", "ip link"]
    : [`write "interface: ${first}" below "lan:" in the profile, build again, and copy bootfs to the card again`];
}

/** As coarse as is useful, since the card's status file is written again with each change. */
function dataUsed(used: number, monthly: number): string {
  const digits = monthly < 10e9 ? 1 : 0;
  return `${(used / 1e9).toFixed(digits)} of ${Number((monthly / 1e9).toFixed(3))} GB`;
}

function lanSentence(way: Way, linesUp: number): string {
  switch (way.by) {
    case "bond":
      return linesUp > 0 ? "the LAN uses the bond" : noInternet;
    case "line":
      return way.internet === false ? noInternet : `the LAN uses line ${way.line} directly, without the bond`;
    case "other":
      return `the LAN leaves by ${way.interface}${way.gateway === null ? "" : ` to ${way.gateway}`}, without the bond`;
    case "none":
      return noInternet;
  }
}

const decided: Texts["decided"] = ({ act, health, sickness, onTrial }) => {
  if (act === "let-in") return "let in again, on trial";
  if (sickness === null) return onTrial ? `its trial is over, it is ${health}` : "";
  const what =
    sickness.of === "loss"
      ? `it loses ${Math.round(100 * sickness.much)} % of its packets`
      : `its round trip is ${Math.round(sickness.ms)} ms`;
  return `taken out of the bond: ${what}`;
};

export const en: Texts = {
  states: {
    fine: "All is well",
    degraded: "It works, but not everything does",
    down: "No internet",
  },
  summary: ({ linesUp, lines, way }) =>
    `${linesUp} of ${lines.length} ${lines.length === 1 ? "line" : "lines"} up - ${lanSentence(way, linesUp)}`,
  noInternet,
  allLines: "all lines",
  dataUsed,
  findings,
  decided,
};
