import { reasons, wrap } from "./print";
import type { Report } from "./report";
import type { Setup } from "./setup";
import { type Storage, storageSentences } from "./storage";
import { type Updates, updateSentences } from "./updates";

export interface StatusFile {
  report: Report;
  storage: Storage;
  setup: Setup;
  updates: Updates | null;
}

/** Columns: any computer's editor shows them without breaking lines. */
const width = 100;

/**
 * The text of bondbox-status.txt of a box that runs, which a person reads on another computer. It holds nothing that changes by itself,
 * because the card is written to only when the text has changed.
 */
export function statusFile({ report, storage, setup, updates }: StatusFile): string {
  const incomplete = setup.cardIncomplete
    ? ["A changed card was copied only in part and is not applied: copy bootfs again, with scripts/copy-bootfs."]
    : [];
  const blocks = [
    wrap(`bondbox is running: ${report.summary}.`, width, ""),
    reasons(report, width),
    [...storageSentences(storage), ...incomplete, ...updateSentences(updates)].map((sentence) => wrap(sentence, width, "")).join("\n"),
    phases(setup),
    notes(setup),
  ];
  return `${blocks.filter((block) => block !== "").join("\n\n")}\n`;
}

function phases({ phases: all }: Setup): string {
  if (all.length === 0) return "";
  const sum = all.reduce((total, { seconds }) => total + seconds, 0);
  return wrap(`Set up in ${sum} s: ${all.map(({ name, seconds }) => `${name} ${seconds} s`).join(", ")}.`, width, "");
}

function notes({ notes: all }: Setup): string {
  if (all.length === 0) return "";
  return ["Please note:", ...all.map((note) => `- ${wrap(note, width, "  ").slice(2)}`)].join("\n");
}
