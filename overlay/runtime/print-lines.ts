import { painter, type PrintOptions, reasons, stateOf } from "./print";
import type { LineReport, Report } from "./report";
import { texts } from "./messages";

/** A block for each line, ending with a newline: what it does now, and what is wrong with it. */
export function printLines(report: Report, { colours, width }: PrintOptions): string {
  const paint = painter(colours);
  const blocks = report.lines.map((line) => {
    const state = stateOf(line);
    const heading = `${paint("bold", line.name)}: ${state === "DOWN" ? paint("red", state) : state}`;
    const rows = figures(line).map(([name, value]) => `  ${name.padEnd(9)} ${value}`);
    return [heading, ...rows, reasons({ findings: [], lines: [line] }, width, paint)].filter((row) => row !== "").join("\n");
  });
  return `${blocks.join("\n\n")}\n`;
}

/** What is known of a line, by name. */
function figures({ rate, planned, measured, failures, month, modem, tap, port }: LineReport): [name: string, value: string][] {
  return [
    ["download", rateText(rate.down, planned.down)],
    ["upload", rateText(rate.up, planned.up)],
    ...(measured === null
      ? [["delay", "not known"] as [string, string]]
      : ([
          ["delay", `${milliseconds(measured.rtt)} now, ${milliseconds(measured.idle)} idle, jitter ${milliseconds(measured.jitter)}`],
          ["loss", measured.loss === null ? "not known: too few packets come down" : `${(100 * measured.loss).toFixed(1)} % down`],
        ] as [string, string][])),
    ["failures", failures === null ? "not known: its tap is not in the bond" : `${failures}, since its tap joined the bond`],
    ...(month === null ? [] : [["month", texts.en.dataUsed(month.used, month.monthly)] as [string, string]]),
    ["modem", `${modem}, tunnel ${tap} to port ${port}`],
  ];
}

function rateText(now: number | null, planned: number | null): string {
  return `${now === null ? "not known" : `${now} kbit/s`}, ${planned === null ? "as found" : `${planned} in the profile`}`;
}

function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}
