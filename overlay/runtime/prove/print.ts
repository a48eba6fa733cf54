import { painter, type PrintOptions, wrap } from "../print";
import type { Rate } from "../rates";
import type { Proof } from "./prove";

/** A pause that a person notices, ms. */
const noticed = 1000;

/** Whether a line gave way as it should: quickly, and came back. One that was left in says nothing. */
export function gaveWay({ skipped, left, back, pings }: Proof): boolean {
  return skipped !== null || (left && back && pings.gap <= noticed);
}

/** What taking a line out has shown, ending with a newline. */
export function printProof(proof: Proof, { colours, width }: PrintOptions): string {
  const paint = painter(colours);
  const name = paint("bold", proof.line);
  if (proof.skipped !== null) return `${name}: left in, ${proof.skipped}\n`;
  const { sent, lost, gap } = proof.pings;
  const rows = [
    `${name}: ${paint(gaveWay(proof) ? "green" : "red", gaveWay(proof) ? "ok" : "FAIL")}`,
    `  pings     ${sent} sent, ${lost} lost, longest gap ${gap} ms`,
    `  download  ${rates(proof, "down")}`,
    `  upload    ${rates(proof, "up")}`,
    wrap(sentence(proof), width, "  "),
  ];
  return `${rows.join("\n")}\n`;
}

function rates({ before, meanwhile }: Proof, direction: keyof Rate): string {
  return `${before[direction] ?? "-"} kbit/s before, ${meanwhile[direction] ?? "-"} meanwhile`;
}

function sentence({ line, left, back, pings: { lost, gap } }: Proof): string {
  if (!left) return "bondbox-watchdog did not take it out of the bond: systemctl status bondbox-watchdog, journalctl -u bondbox-watchdog.";
  const way =
    gap > noticed
      ? `The bond stood still for ${(gap / 1000).toFixed(1)} s: calls broke off, downloads waited.`
      : lost === 0
        ? "The others took over without losing anything."
        : "The others took over within a moment: a call stutters, a download goes on.";
  return back ? way : `${way} It has not come back since: bondbox doctor, journalctl -u bondbox-tunnel@${line}.`;
}
