import type { Finding, Way } from "../judge";
import type { Gone } from "../observe";
import type { Ailment } from "../parse/striper";
import type { Texts } from ".";

const noInternet = "le réseau local n'a pas Internet";

/** The texts of every finding. */
const findings: Texts["findings"] = {
  "bond-missing": ({ bond }) => ({
    short: `${bond} n'existe pas`,
    text: `${bond} n'existe pas : bondbox-bond.service ne l'a pas créé.`,
    fix: ["journalctl -u bondbox-bond"],
  }),
  "lan-missing": (finding) => ({
    short: `${finding.interface} n'existe pas`,
    text: missingPort(finding),
    fix: portFix(finding),
  }),
  "lan-unplugged": (finding) => ({
    short: `${finding.interface} n'a pas de lien`,
    text: `${finding.interface} n'a pas de lien : aucune box n'est joignable.`,
    fix: ["le câble entre le boîtier et le switch, et le switch lui-même"],
  }),
  "server-silent": ({ server, keySet, line }) => ({
    short: "le serveur ne répond par aucune ligne",
    text:
      line === null
        ? `Le serveur ${server} ne répond par aucune ligne : c'est le serveur lui-même, ou toutes les lignes sont coupées.`
        : `Le serveur ${server} ne répond par aucune ligne, alors que la ligne ${line} a Internet : c'est le serveur lui-même.`,
    fix: ["le serveur lui-même, depuis la console de l'hébergeur : est-il allumé, son pare-feu, ses tunnels", keysFix(keySet)],
  }),
  "server-closed": ({ server, keySet }) => ({
    short: "le serveur répond au ping, mais par aucun tunnel",
    text: `Le serveur ${server} répond au ping, mais par aucun tunnel : ses tunnels sont arrêtés, son pare-feu ou celui de l'hébergeur ferme leurs ports, ou il a d'autres clés.`,
    fix: ["sudo bondbox-preflight (sur le serveur)", keysFix(keySet)],
  }),
  "route-elsewhere": ({ bond }) => ({
    short: `la route par défaut ne passe pas par ${bond}`,
    text: `Des lignes sont actives, mais la route par défaut ne passe pas par ${bond}.`,
    fix: ["ip route show default"],
  }),
  "route-missing": () => ({
    short: "il n'y a pas de route par défaut",
    text: "Il n'y a pas de route par défaut : le réseau local n'a pas Internet.",
    fix: ["ip route show default", "journalctl -u bondbox-bond"],
  }),
  "route-dead": ({ bond }) => ({
    short: "la route par défaut passe par un agrégat sans ligne",
    text: `La seule route par défaut passe par ${bond}, qui n'a aucune ligne active : le réseau local n'a pas Internet.`,
    fix: ["ip route show default"],
  }),
  "tap-missing": ({ tap }) => ({
    short: `${tap} n'existe pas`,
    text: `${tap} n'existe pas : bondbox-bond.service ne l'a pas créé.`,
    fix: ["journalctl -u bondbox-bond"],
  }),
  "tap-outside": ({ tap, bond }) => ({
    short: `${tap} n'est pas dans ${bond}`,
    text: `${tap} existe, mais n'est pas dans ${bond} : il en a été retiré, ou n'y est jamais entré.`,
    fix: ["journalctl -u bondbox-bond"],
  }),
  "tap-off": ({ tap }) => ({
    short: `${tap} est désactivé`,
    text: `${tap} est dans l'agrégat, mais désactivé.`,
    fix: [`sudo ip link set ${tap} up`],
  }),
  "tunnel-stopped": ({ line, tap }) => ({
    short: "OpenVPN est arrêté",
    text: `OpenVPN est arrêté : aucun programme n'a ouvert ${tap}.`,
    fix: [`systemctl status bondbox-tunnel@${line}`],
  }),
  "modem-silent": ({ modem }) => ({
    short: `sa box ${modem} ne répond pas`,
    text: `La box ${modem} ne répond pas sur le réseau local : elle est éteinte, ou son câble est débranché.`,
    fix: [`ping ${modem}`],
  }),
  standby: () => ({
    short: "en réserve",
    text: "En réserve : active-backup emploie la première ligne tant qu'elle marche.",
    fix: [],
  }),
  "taken-out": ({ line, by }) => ({
    short: by === "box" ? "retirée, elle faisait plus de mal que de bien" : "retirée à la main",
    text:
      by === "box"
        ? "Le boîtier a retiré cette ligne de l'agrégat : elle faisait plus de mal que de bien. Il l'essaie à nouveau de lui-même."
        : "Cette ligne a été retirée de l'agrégat à la main.",
    fix: [`sudo bondbox line ${line} in`],
  }),
  "kept-in": ({ line }) => ({
    short: "elle devait être retirée, mais c'est la dernière",
    text: "Cette ligne devait être retirée de l'agrégat, mais aucune autre ne marche : elle y reste jusque-là.",
    fix: [`sudo bondbox line ${line} in`],
  }),
  "no-answer": ({ line, mark, server }) => ({
    short: "le serveur ne répond pas par cette ligne",
    text: "Le serveur ne répond pas par cette ligne (ARP) : la box, la ligne, l'opérateur, ou bien le tunnel, le port ou la clé du serveur.",
    fix: [`sudo ping -m ${mark} ${server} (par cette ligne seule)`, `journalctl -u bondbox-tunnel@${line}`],
  }),
  "line-dead": ({ modem, mark }) => ({
    short: "rien ne répond au-delà de sa box",
    text: `La box ${modem} répond, mais rien au-delà : c'est la ligne ou l'opérateur.`,
    fix: [`les voyants et la page d'état de la box ${modem}`, `sudo ping -m ${mark} 1.1.1.1 (par cette ligne seule)`],
  }),
  "line-captive": ({ modem }) => ({
    short: "elle renvoie toujours la même page au lieu d'Internet",
    text: `Quel que soit le site demandé, cette ligne renvoie une page de la box ${modem} ou de l'opérateur : elle n'a pas Internet.`,
    fix: [`ouvrez cette page depuis un ordinateur branché sur la box ${modem} : ligne coupée, forfait épuisé ou contrat`],
  }),
  "tunnel-unheard": ({ line, port, server }) => ({
    short: "elle a Internet, mais le serveur ne répond pas par elle",
    text: "Cette ligne a Internet, mais le serveur ne répond pas par son tunnel : le serveur, un pare-feu qui ferme le port, un opérateur qui le filtre, ou une clé.",
    fix: [`le port UDP ${port} de ${server} doit être ouvert`, `journalctl -u bondbox-tunnel@${line}`],
  }),
  "status-missing": ({ line }) => ({
    short: "OpenVPN n'écrit pas de fichier d'état",
    text: `OpenVPN n'écrit pas de fichier d'état (/run/bondbox/${line}.status).`,
    fix: [`systemctl status bondbox-tunnel@${line}`],
  }),
  "status-stale": ({ line, age }) => ({
    short: "le fichier d'état d'OpenVPN n'est plus à jour",
    text: `OpenVPN n'a pas écrit son état depuis ${number(age)} s, alors qu'il le fait toutes les 10 s : il est bloqué.`,
    fix: [`sudo systemctl restart bondbox-tunnel@${line}`],
  }),
  "dealt-in-turn": () => ({
    short: "les paquets sont distribués à tour de rôle",
    text: "Les lignes reçoivent les paquets à tour de rôle, et non selon leur débit : bondbox-striper est arrêté, et la ligne la plus lente freine les autres.",
    fix: ["journalctl -u bondbox-striper", "sudo systemctl restart bondbox-striper"],
  }),
  "server-unmeasured": ({ keySet }) => ({
    short: "le serveur ne dit pas ce qu'il reçoit",
    text: "Le serveur ne dit pas ce qu'il reçoit : son bondbox-striper est arrêté, ou vient d'une autre construction. D'ici là, les débits montants sont ceux du profil.",
    fix: [
      "sur le serveur : sudo bondbox-striper show, journalctl -u bondbox-striper",
      `le boîtier et le serveur, d'une même construction (jeu de clés ${keySet})`,
    ],
  }),
  "lane-silent": ({ end, keySet }) =>
    end === "box"
      ? {
          short: "la voie TCP ne répond pas sur le boîtier",
          text: "La voie TCP ne répond pas sur le boîtier : son service est arrêté ou bloqué. D'ici là, TCP passe par l'agrégat.",
          fix: ["journalctl -u bondbox-lane", "sudo systemctl restart bondbox-lane"],
        }
      : {
          short: "la voie TCP ne répond pas sur le serveur",
          text: "La voie TCP ne répond pas sur le serveur : son service y est arrêté, ou le serveur vient d'une autre construction. D'ici là, TCP passe par l'agrégat.",
          fix: [
            "sur le serveur : journalctl -u bondbox-lane",
            `le boîtier et le serveur, d'une même construction (jeu de clés ${keySet}) : réinstallez le serveur`,
          ],
        },
  "line-ails": ({ direction, what, lane }) => ({
    short: `${ailing(what, false, lane)}, sens ${ways[direction]}`,
    text: `Sens ${ways[direction]} : ${ailing(what, true, lane)}.`,
    fix: [],
  }),
  "line-slow": ({ direction, is, planned }) => ({
    short: `débit ${ways[direction]} inférieur à celui du profil`,
    text: `Le débit ${ways[direction]} est de ${number(is)} kbit/s, contre ${number(planned)} dans le profil : la ligne est utilisée à ce débit.`,
    fix: ["la page d'état de la box : débit de synchronisation", "si cela dure : le débit de la ligne dans le profil"],
  }),
  "month-used": ({ used, monthly }) => ({
    short: used < monthly ? "le forfait du mois est presque épuisé" : "le forfait du mois est épuisé",
    text: `Forfait du mois : ${dataUsed(used, monthly)} utilisés, d'après le compteur du tunnel.`,
    fix: used < monthly ? [] : ["dans le profil : use: reserve, pour que la ligne ne serve que si aucune autre ne marche"],
  }),
  gone: ({ parts }) => ({
    short: `enlevé puis remis : ${list(parts)}`,
    text: `Un autre programme enlève ce qui est à bondbox, et bondbox-guard le remet : ${list(parts)}.`,
    fix: ["journalctl -t bondbox-guard (à quel moment), journalctl (ce qui tournait alors)"],
  }),
  "mtu-differs": (finding) => ({
    short: `MTU de ${finding.interface} : ${finding.is} au lieu de ${finding.planned}`,
    text: `${finding.interface} a un MTU de ${finding.is}, mais le plan prévoit ${finding.planned} : de gros paquets risquent de se perdre.`,
    fix: [`sudo ip link set ${finding.interface} mtu ${finding.planned}`],
  }),
};

const ways = { down: "descendant", up: "montant" };

/** @param digits after the comma */
function number(value: number, digits = 0): string {
  return value.toLocaleString("fr", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Why a line is not dealt to beside others. */
function ailing(what: Ailment, figures: boolean, lane: boolean): string {
  const aside = `la ligne sert donc seule ou pas du tout${lane ? ", sauf pour sa part de la voie TCP" : ""}`;
  switch (what.ails) {
    case "loses":
      return figures ? `${number(100 * what.much, 1)} % de paquets perdus, ${aside}` : "paquets perdus";
    case "jumps":
      return figures ? `la latence varie de ${number(what.much)} ms, ${aside}` : "latence instable";
    case "reserve":
      return "en réserve";
    case "spare":
      return figures ? "en réserve, car une ligne qui perd des paquets ou dont la latence varie porte davantage seule" : "en réserve";
  }
}

function list(parts: Gone[]): string {
  return parts.map(({ part, times }) => `${part} ${times === 1 ? "une fois" : "plusieurs fois"}`).join(", ");
}

function keysFix(keySet: string): string {
  return `ses clés : bondbox-preflight sur le serveur doit afficher le jeu de clés ${keySet}, celui de ce boîtier`;
}

type MissingPort = Extract<Finding, { code: "lan-missing" }>;

function missingPort({ interface: port, ports }: MissingPort): string {
  return ports.length === 0
    ? `Il n'y a pas de port ${port}, ni aucun autre port Ethernet.`
    : `Il n'y a pas de port ${port}, mais il y a ${ports.join(" et ")}.`;
}

function portFix({ ports }: MissingPort): string[] {
  const [first] = ports;
  return first === undefined
    ? ["l'adaptateur réseau, s'il est en USB", "ip link"]
    : [`dans le profil, écrivez « interface: ${first} » sous « lan: », relancez la fabrication et recopiez bootfs sur la carte`];
}

function dataUsed(used: number, monthly: number): string {
  return `${number(used / 1e9, monthly < 10e9 ? 1 : 0)} Go sur ${(monthly / 1e9).toLocaleString("fr")}`;
}

function lanSentence(way: Way, linesUp: number): string {
  switch (way.by) {
    case "bond":
      return linesUp > 0 ? "le réseau local passe par l'agrégat" : noInternet;
    case "line":
      return way.internet === false ? noInternet : `le réseau local sort directement par la ligne ${way.line}, sans l'agrégat`;
    case "other":
      return `le réseau local sort par ${way.interface}${way.gateway === null ? "" : ` vers ${way.gateway}`}, sans l'agrégat`;
    case "none":
      return noInternet;
  }
}

const decided: Texts["decided"] = ({ act, health, sickness, onTrial }) => {
  if (act === "let-in") return "remise dans l'agrégat, à l'essai";
  if (sickness === null) return onTrial ? `fin de l'essai : elle est ${health === "healthy" ? "saine" : "dégradée"}` : "";
  const what =
    sickness.of === "loss"
      ? `elle perd ${Math.round(100 * sickness.much)} % de ses paquets`
      : `sa latence est de ${Math.round(sickness.ms)} ms`;
  return `retirée de l'agrégat : ${what}`;
};

/** In French the provider's device is "la box", so that of bondbox is "le boîtier", as in overlay/docs/SETUP.fr.markdown.hbs. */
export const fr: Texts = {
  states: {
    fine: "Tout va bien",
    degraded: "Ça marche, mais tout n'est pas en ordre",
    down: "Pas d'Internet",
  },
  summary: ({ linesUp, lines, way }) =>
    `${linesUp} ${linesUp > 1 ? "lignes actives" : "ligne active"} sur ${lines.length} – ${lanSentence(way, linesUp)}`,
  noInternet,
  allLines: "toutes les lignes",
  dataUsed,
  findings,
  decided,
};
