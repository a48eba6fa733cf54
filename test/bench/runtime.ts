import { simulate } from "./day";
import type { Looks } from "./schedule";

const DAY = 86_400;

/** How much slower a core of a Raspberry Pi 3 is taken to be than this computer's: computed figures say so. */
const SLOWER = 7;

/** What the box's program may cost: bytes, part of a core, bytes a day. */
export const bars = { bundle: 300_000, page: 100_000, resident: 60 * 2 ** 20, processor: 0.01, written: 4e6 };

/** Runs the box's program for a simulated day and prints what it costs, beside what it may. */
export async function benchRuntime(root: string): Promise<void> {
  const day = await simulate(root, DAY);
  const rest = perLook(day.atRest);
  const rows: [what: string, is: string, bar: string][] = [
    ["program with its page", kilobytes(day.bundle), kilobytes(bars.bundle)],
    ["page over the wire", kilobytes(day.page), kilobytes(bars.page)],
    ["resident after a minute", mebibytes(day.resident.minute), mebibytes(bars.resident)],
    ["resident after a day", mebibytes(day.resident.end), mebibytes(bars.resident)],
    ["resident at most", mebibytes(day.resident.most), mebibytes(bars.resident)],
    ["its values after a minute", mebibytes(day.heap.minute), ""],
    ["its values after a day", mebibytes(day.heap.end), ""],
    ["a look at rest", `${rest.toFixed(0)} µs`, ""],
    ["a look, three pages open", `${perLook(day.withPages).toFixed(0)} µs`, ""],
    [`of a core ${SLOWER} times slower`, percent((SLOWER * rest) / 1e6), percent(bars.processor)],
    ["history, written a day", kilobytes(day.written.bytes), ""],
    ["the same in pages of 4 KiB", kilobytes(4096 * day.written.pages), kilobytes(bars.written)],
    ["calls that write it", `${day.written.calls}`, ""],
    ["history, its files", kilobytes(day.history), ""],
  ];
  console.log(`${"a simulated day".padEnd(30)}${"is".padStart(12)}${"bar".padStart(12)}`);
  for (const [what, is, bar] of rows) console.log(`${what.padEnd(30)}${is.padStart(12)}${bar.padStart(12)}`.trimEnd());
  console.log("\nTimes are of this computer. Instructions: COST_LOG=1 npx vitest run --project system test/kernel/cost.test.ts");
}

/** µs */
const perLook = ({ count, us }: Looks): number => us / count;
const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(0)} KB`;
const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const percent = (part: number): string => `${(100 * part).toFixed(2)} %`;
