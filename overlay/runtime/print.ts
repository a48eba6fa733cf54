import { texts } from "./messages";
import { exitCode, type LineReport, type Report, type Explained } from "./report";

export interface PrintOptions {
  colours: boolean;
  /** Columns of the terminal. */
  width: number;
}

type Colour = "red" | "yellow" | "green" | "bold";
type Paint = (colour: Colour, text: string) => string;

/**
 * The report as a person reads it, ending with a newline.
 * @param further sentences that come last
 */
export function printReport(report: Report, { colours, width }: PrintOptions, further: string[] = []): string {
  const paint = painter(colours);
  const summaryColour = (["green", "yellow", "red"] as const)[exitCode(report)] ?? "red";
  const blocks = [
    paint(summaryColour, wrap(report.summary, width, "")),
    table(report, width, paint),
    reasons(report, width, paint),
    [bondLine(report), laneLine(report)].flatMap((line) => (line === "" ? [] : wrap(line, width, ""))).join("\n"),
    wrap(monthLine(report), width, ""),
    further.map((sentence) => wrap(sentence, width, "")).join("\n"),
  ];
  return `${blocks.filter((block) => block !== "").join("\n\n")}\n`;
}

const sgr: Record<Colour, number> = { red: 31, yellow: 33, green: 32, bold: 1 };

/** What paints a text on a terminal with colours; on any other it leaves it as it is. */
export function painter(colours: boolean): Paint {
  return colours ? (colour, text) => `\u001b[${sgr[colour]}m${text}\u001b[0m` : (_, text) => text;
}

interface Column {
  heading: string;
  right?: true;
  cell: (line: LineReport) => string;
  /** The cell of the last row, which sums up the bond. */
  sum?: (report: Report) => string;
  /** If the terminal is too narrow, the columns with the highest number are left out first. 0: never. */
  spare: number;
}

const columns: Column[] = [
  { heading: "LINE", cell: (line) => line.name, sum: (report) => report.bond.name, spare: 0 },
  {
    heading: "STATE",
    cell: stateOf,
    sum: (report) => state(report.linesUp > 0),
    spare: 0,
  },
  { heading: "DOWNLOAD", right: true, cell: (line) => load(line, "down"), sum: (report) => bondLoad(report, "down"), spare: 0 },
  { heading: "UPLOAD", right: true, cell: (line) => load(line, "up"), sum: (report) => bondLoad(report, "up"), spare: 0 },
  { heading: "FAILED", right: true, cell: (line) => (line.failures === null ? "-" : `${line.failures}x`), spare: 2 },
  { heading: "MODEM", cell: (line) => line.modem, spare: 1 },
  { heading: "TAP", cell: (line) => line.tap, spare: 3 },
  { heading: "PORT", right: true, cell: (line) => `${line.port}`, spare: 4 },
];

function table(report: Report, width: number, paint: Paint): string {
  let shown = columns;
  while (true) {
    const rows = layout(shown, report);
    const last = Math.max(...shown.map((column) => column.spare));
    if (last === 0 || Math.max(...rows.map((row) => row.length)) <= width) {
      return rows.map((row, index) => (index === 0 ? paint("bold", row) : row.replace(/ DOWN /, ` ${paint("red", "DOWN")} `))).join("\n");
    }
    shown = shown.filter((column) => column.spare !== last);
  }
}

function layout(shown: Column[], report: Report): string[] {
  const rows = [
    shown.map((column) => column.heading),
    ...report.lines.map((line) => shown.map((column) => column.cell(line))),
    shown.map((column) => column.sum?.(report) ?? ""),
  ];
  const widths = shown.map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)));
  return rows.map((row) =>
    shown
      .map((column, index) => (column.right ? row[index]?.padStart(widths[index] ?? 0) : row[index]?.padEnd(widths[index] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

/** Each reason once: the names of the lines that it concerns, the sentence, then the steps that fix it. */
export function reasons(report: Pick<Report, "findings" | "lines">, width: number, paint: Paint = (_, text) => text): string {
  const found = new Map<string, { text: string; names: string[]; fixes: Set<string> }>();
  const add = (name: string, finding: Explained) => {
    const entry = found.get(finding.text) ?? { text: finding.text, names: [], fixes: new Set() };
    entry.names.push(name);
    for (const fix of finding.fix) {
      entry.fixes.add(fix);
    }
    found.set(finding.text, entry);
  };
  for (const finding of report.findings) {
    add("", finding);
  }
  for (const line of report.lines) {
    for (const finding of [...(line.why ? [line.why] : []), ...line.notes]) {
      add(line.name, finding);
    }
  }
  return [...found.values()]
    .map(({ text, names, fixes }) => {
      // A finding about the whole box needs no names.
      const subject = names[0] === "" ? "" : `${names.join(", ")}: `;
      const wrapped = wrap(`${subject}${text}`, width, "  ").slice(2);
      const painted = subject === "" ? wrapped : wrapped.replace(subject, `${paint("bold", subject.trimEnd())} `);
      return [`! ${painted}`, ...[...fixes].map((fix) => wrap(`> ${fix}`, width, "    ").slice(2))].join("\n");
    })
    .join("\n");
}

function bondLine({ bond, server, lines, keySet }: Report): string {
  const mtu = bond.mtu === null ? "" : `, MTU ${bond.mtu}`;
  const plural = lines.length === 1 ? "line" : "lines";
  const dealing = bond.striper === true ? "earliest delivery" : bond.mode;
  return `${bond.name}: ${dealing} over ${lines.length} ${plural}${mtu}, server ${server.address}, key set ${keySet}, rates in kbit/s`;
}

function laneLine({ lane, lines }: Report): string {
  const why = lane?.why;
  switch (why) {
    case undefined:
      return "";
    case null:
      return ["TCP lane: on", connections(lane?.connections ?? null), shares(lines, "down"), shares(lines, "up")]
        .filter(Boolean)
        .join(", ");
    case "steady":
      return "TCP lane: off, the lines are steady";
    default:
      return `TCP lane: off, it does not answer on the ${why}`;
  }
}

function connections(count: number | null): string {
  return count === null ? "" : `${count} connection${count === 1 ? "" : "s"}`;
}

/** What part of what the lane has carried each line had: "down by ovh 61 %, orange 39 %". */
function shares(lines: LineReport[], direction: Direction): string {
  const sum = lines.reduce((all, { lane }) => all + (lane?.[direction] ?? 0), 0);
  const parts = lines.flatMap(({ name, lane }) => (lane === null ? [] : [`${name} ${Math.round((100 * lane[direction]) / sum)} %`]));
  return sum === 0 ? "" : `${direction} by ${parts.join(", ")}`;
}

function monthLine({ lines }: Report): string {
  const counted = lines.flatMap(({ name, month }) => (month === null ? [] : [`${name} ${texts.en.dataUsed(month.used, month.monthly)}`]));
  return counted.length === 0 ? "" : `data this month: ${counted.join(", ")}`;
}

type Direction = "down" | "up";

/** The rate now, and that of the profile: 5321/7232. */
function load(line: LineReport, direction: Direction): string {
  return `${line.rate[direction] ?? "-"}/${line.planned[direction] ?? "auto"}`;
}

function bondLoad(report: Report, direction: Direction): string {
  const planned = report.lines.map((line) => line.planned[direction]);
  const sum = planned.reduce<number>((before, rate) => before + (rate ?? Number.NaN), 0);
  return `${report.bond.rate[direction] ?? "-"}/${Number.isNaN(sum) ? "auto" : sum}`;
}

/** up, DOWN or reserve. */
export function stateOf(line: LineReport): string {
  return line.reserve && (line.up || line.why?.code === "standby") ? "reserve" : state(line.up);
}

function state(up: boolean): string {
  return up ? "up" : "DOWN";
}

/** Breaks a text at blanks; every row has the same indentation. */
export function wrap(text: string, width: number, indent: string): string {
  const rows: string[] = [];
  let row = indent;
  for (const word of text.split(" ")) {
    if (row !== indent && row.length + 1 + word.length > width) {
      rows.push(row);
      row = indent;
    }
    row += row === indent ? word : ` ${word}`;
  }
  return [...rows, row].join("\n");
}
