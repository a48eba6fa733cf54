import { table, wrap } from "../base/format";
import type { Command, Option } from "./command";

/** The text of --help, at most 100 columns. */
export function helpOf({ name, summary, usage, options, notes = [], exitCodes }: Command): string {
  return [
    wrap(`${name}: ${summary}`),
    indent(table(usage.map(([call, explanation]) => [call, explanation]))),
    indent(table(options.map((option) => [spelling(option, true), option.help]))),
    ...notes.map(wrap),
    wrap(`Exit codes: ${exitCodes.map(([code, meaning]) => `${code} ${meaning}`).join(", ")}.`),
  ].join("\n\n");
}

/** The options as a Markdown table. */
export function markdownOptions({ options }: Command): string {
  const rows = options.filter(({ name }) => name !== "help").map((option) => `| \`${spelling(option, false)}\` | ${option.help} |`);
  return ["| option | meaning |", "|---|---|", ...rows].join("\n");
}

function spelling({ name, short, value }: Option, withShort: boolean): string {
  return `${short !== undefined && withShort ? `-${short}, ` : ""}--${name}${value === undefined ? "" : ` ${value}`}`;
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "  ");
}
