import { painter, type PrintOptions, wrap } from "../print";
import { firstFailure, type Row } from "./examine";

const labels = { ok: "ok", fail: "FAIL", skipped: "skipped" } as const;
const colours = { ok: "green", fail: "red", skipped: "yellow" } as const;

/** One row per check, then the first thing that is wrong and how to fix it. It ends with a newline. */
export function printRows(rows: Row[], options: PrintOptions): string {
  const paint = painter(options.colours);
  const checks = rows.map(({ state, subject, text }) => {
    const indent = " ".repeat(9);
    const body = wrap(`${subject}: ${text}`, options.width, indent).slice(indent.length);
    return `${paint(colours[state], labels[state].padEnd(7))}  ${body}`;
  });
  const failure = firstFailure(rows);
  const end =
    failure === null
      ? [paint("green", "Nothing is wrong.")]
      : [
          wrap(`The first thing that is wrong is ${failure.subject}: ${failure.text}`, options.width, ""),
          ...[...new Set(failure.fix)].map((step) => wrap(`> ${step}`, options.width, "    ").slice(2)),
        ];
  return `${[...checks, "", ...end].join("\n")}\n`;
}
