import { type Language, languageOf } from "../runtime/messages";

/** The page's own words; what is found on the box has its own in overlay/runtime/messages. */
interface Words {
  /** Texts of elements that never change, by the element's id. page.html has the English ones, for browsers without scripts. */
  fixed: Record<
    | "traffic-heading"
    | "down-heading"
    | "up-heading"
    | "rtt-heading"
    | "loss-heading"
    | "lines-heading"
    | "outages-heading"
    | "box-heading"
    | "login-heading"
    | "password-label"
    | "enter"
    | "cancel",
    string
  >;
  timeShown: string;
  spans: Record<"minutes" | "day" | "week" | "quarter", string>;
  live: string;
  noContact: (time: string) => string;
  bond: string;
  /** For those who hear the page: what a graph shows at its end. */
  atEnd: (unit: string, values: string[]) => string;
  unknown: string;
  states: Record<"up" | "down" | "reserve" | "impaired" | "trial" | "out", string>;
  /** What the box has decided. The text says what of the line. */
  decision: (time: string, line: string, text: string) => string;
  logIn: string;
  logOut: string;
  sessionOver: string;
  unreachable: string;
  takeOut: (line: string) => [label: string, name: string];
  letIn: (line: string) => [label: string, name: string];
  wrongPassword: string;
  tooManyAttempts: (seconds: number) => string;
  lastLine: string;
  /** The facts of a line. */
  download: string;
  upload: string;
  roundTrip: string;
  lost: string;
  failed: string;
  times: (count: number) => string;
  month: string;
  modem: string;
  /** Both in Mbit/s, and the second one as in the profile. */
  load: (rate: string, planned: string) => string;
  /** The facts of the box. */
  packets: string;
  earliest: string;
  dealtBy: (mode: string) => string;
  lane: string;
  /** connections: null: unknown. */
  laneOn: (connections: number | null) => string;
  laneSteady: string;
  laneSilent: Record<"box" | "server", string>;
  server: string;
  keySet: string;
  version: string;
  /** The table of outages. */
  columns: [line: string, from: string, length: string, why: string];
  untilNow: string;
  noOutage: string;
  wholeTable: (count: number) => string;
}

const en: Words = {
  fixed: {
    "traffic-heading": "Traffic",
    "down-heading": "Download, Mbit/s",
    "up-heading": "Upload, Mbit/s",
    "rtt-heading": "Round trip, ms",
    "loss-heading": "Packets lost, %",
    "lines-heading": "Lines",
    "outages-heading": "Outages",
    "box-heading": "Box",
    "login-heading": "Log in",
    "password-label": "Password of this page",
    enter: "Log in",
    cancel: "Cancel",
  },
  timeShown: "Time shown",
  spans: { minutes: "10 minutes", day: "24 hours", week: "7 days", quarter: "90 days" },
  live: "live",
  noContact: (time) => `no contact with the box since ${time}: trying again`,
  bond: "bond",
  atEnd: (unit, values) => `At the end, in ${unit}: ${values.join(", ")}`,
  unknown: "unknown",
  states: { up: "up", down: "down", reserve: "reserve", impaired: "impaired", trial: "on trial", out: "taken out" },
  decision: (time, line, text) => `${time}: line ${line} ${text}`,
  logIn: "Log in",
  logOut: "Log out",
  sessionOver: "Your session is over: log in again.",
  unreachable: "The box does not answer: try again.",
  takeOut: (line) => ["Take out", `Take out ${line}`],
  letIn: (line) => ["Let in", `Let in ${line}`],
  wrongPassword: "The password is wrong.",
  tooManyAttempts: (seconds) => `There were too many attempts: try again in ${seconds} s.`,
  lastLine: "No other line is up: without this one, there would be no internet.",
  download: "Download",
  upload: "Upload",
  roundTrip: "Round trip",
  lost: "Lost",
  failed: "Failed",
  times: (count) => (count === 1 ? "once" : `${count} times`),
  month: "This month",
  modem: "Modem",
  load: (rate, planned) => `${rate} of ${planned} Mbit/s`,
  packets: "Packets",
  earliest: "each over the line on which it arrives first",
  dealtBy: (mode) => `dealt by ${mode}`,
  lane: "TCP lane",
  laneOn: (connections) => (connections === null ? "on" : `on, ${connections} connection${connections === 1 ? "" : "s"}`),
  laneSteady: "off, the lines are steady",
  laneSilent: { box: "off, it does not answer on the box", server: "off, it does not answer on the server" },
  server: "Server",
  keySet: "Key set",
  version: "Version",
  columns: ["Line", "From", "For", "Why"],
  untilNow: "until now",
  noOutage: "None is on record.",
  wholeTable: (count) => (count === 1 ? "The outage as a table (CSV)" : `All ${count} as a table (CSV)`),
};

const fr: Words = {
  fixed: {
    "traffic-heading": "Trafic",
    "down-heading": "Débit descendant, Mbit/s",
    "up-heading": "Débit montant, Mbit/s",
    "rtt-heading": "Latence, ms",
    "loss-heading": "Paquets perdus, %",
    "lines-heading": "Lignes",
    "outages-heading": "Coupures",
    "box-heading": "Boîtier",
    "login-heading": "Se connecter",
    "password-label": "Mot de passe de cette page",
    enter: "Se connecter",
    cancel: "Annuler",
  },
  timeShown: "Durée affichée",
  spans: { minutes: "10 minutes", day: "24 heures", week: "7 jours", quarter: "90 jours" },
  live: "en direct",
  noContact: (time) => `pas de contact avec le boîtier depuis ${time} : nouvel essai en cours`,
  bond: "agrégat",
  // The comma is the decimal sign.
  atEnd: (unit, values) => `À la fin, en ${unit} : ${values.join(" ; ")}`,
  unknown: "inconnu",
  states: { up: "active", down: "coupée", reserve: "en réserve", impaired: "dégradée", trial: "à l'essai", out: "retirée" },
  decision: (time, line, text) => `${time} : ligne ${line}, ${text}`,
  logIn: "Se connecter",
  logOut: "Se déconnecter",
  sessionOver: "Votre session a expiré : reconnectez-vous.",
  unreachable: "Le boîtier ne répond pas : réessayez.",
  takeOut: (line) => ["Retirer", `Retirer ${line}`],
  letIn: (line) => ["Remettre", `Remettre ${line}`],
  wrongPassword: "Le mot de passe est faux.",
  tooManyAttempts: (seconds) => `Trop d'essais : recommencez dans ${seconds} s.`,
  lastLine: "Aucune autre ligne ne marche : sans celle-ci, il n'y aurait plus d'Internet.",
  download: "Descendant",
  upload: "Montant",
  roundTrip: "Latence",
  lost: "Pertes",
  failed: "Coupures",
  times: (count) => `${count}`,
  month: "Ce mois-ci",
  modem: "Box",
  load: (rate, planned) => `${rate} sur ${planned} Mbit/s`,
  packets: "Paquets",
  earliest: "chacun par la ligne où il arrive le plus tôt",
  dealtBy: (mode) => `répartis par ${mode}`,
  lane: "Voie TCP",
  laneOn: (connections) =>
    connections === null ? "en service" : `en service, ${connections} ${connections > 1 ? "connexions" : "connexion"}`,
  laneSteady: "inutile, les lignes sont stables",
  laneSilent: { box: "hors service, elle ne répond pas sur le boîtier", server: "hors service, elle ne répond pas sur le serveur" },
  server: "Serveur",
  keySet: "Jeu de clés",
  version: "Version",
  columns: ["Ligne", "Début", "Durée", "Cause"],
  untilNow: "en cours",
  noOutage: "Aucune coupure enregistrée.",
  wholeTable: (count) => (count === 1 ? "La coupure en tableau (CSV)" : `Les ${count} coupures en tableau (CSV)`),
};

/** The first of the browser's languages that the page speaks, with its region. Else English, with dates that nobody reads the wrong way round. */
const locale = navigator.languages.find((tag) => languageOf(tag) !== null) ?? "en-GB";

export const language: Language = languageOf(locale) ?? "en";

export const words: Words = { en, fr }[language];

/** @param digits exactly so many after the decimal sign */
export function number(value: number, digits: number): string {
  return value.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** With three digits that count, at most. */
export function roughly(value: number): string {
  return value.toLocaleString(locale, { maximumSignificantDigits: 3 });
}

/** "2:05:09 pm" or "14:05:09" */
export const clockTime = formatter({ timeStyle: "medium" });
/** "14:05" */
export const minuteTime = formatter({ timeStyle: "short" });
/** "23 Nov" */
export const dayOfYear = formatter({ day: "numeric", month: "short" });
/** "23 Nov 2026, 14:05" */
export const dateAndTime = formatter({ dateStyle: "medium", timeStyle: "short" });

/** In the time zone of the browser. */
function formatter(options: Intl.DateTimeFormatOptions): (time: Date | number) => string {
  const format = new Intl.DateTimeFormat(locale, options);
  return (time) => format.format(time);
}

/** In French a sign such as ":" stands after a space, and "%" does in both: a line must not begin with it. */
export function unbroken(text: string): string {
  return text.replace(/ (?=[:;?!%»])|(?<=«) /g, "\u00a0");
}
