import { canLeave, letIn, takenOut, takeOut } from "../taken-out";
import type { Report } from "../report";
import type { Refusal } from "./answers";

export interface Controlled {
  /** Where /run is looked for. */
  root: string;
  report: Report | null;
  /** Puts a sentence into the journal and the history. */
  record: (row: string) => void;
}

/**
 * Takes a line out of the bond or lets it in again, as a person has asked for on the page. What is so already stays so.
 * @param name of the line
 * @param act what to do
 * @returns why it is refused; null: it is done.
 */
export function control(name: string, act: "out" | "in", { root, report, record }: Controlled): Refusal | null {
  if (report === null) return "starting";
  if (!report.lines.some((line) => line.name === name)) return "unknown-line";
  const out = takenOut(root);
  if (out.has(name) === (act === "out") && (act === "in" || out.get(name) === "person")) return null;
  if (act === "in") {
    letIn(root, name);
    record(`line ${name}: let in by a person on the page`);
    return null;
  }
  // The report is up to a second old, the files are not: two lines may be taken out within it.
  if (!canLeave(report.lines, name, out)) return "last-line";
  takeOut(root, name, "person");
  record(`line ${name}: taken out by a person on the page`);
  return null;
}
