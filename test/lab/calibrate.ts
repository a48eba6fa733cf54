import type { Plan } from "../../builder/plan/types";
import { bestLineIn, type BestLine, calibrationFigures } from "./figures";
import type { Bench } from "./lab";
import { calibrationOf, systemOf } from "./plan-job";
import { calibrated, type CalibrationReport } from "./report";
import type { NamedScenario } from "./scenario";
import { systemName } from "./target";

/** One set of lines. */
export interface Calibrated {
  report: CalibrationReport;
  /** Length of its time line, virtual. */
  seconds: number;
  /** Measures them, or waits for whoever does. @returns what the best of them gives alone */
  bestLine: () => Promise<BestLine>;
}

/** Measures lines without box and server, each set of lines once. */
export class Calibrations {
  private readonly known = new Map<string, Calibrated>();

  constructor(private readonly bench: Bench) {}

  get all(): Calibrated[] {
    return [...this.known.values()];
  }

  of(scenario: NamedScenario, plan: Plan): Calibrated {
    const calibration = calibrationOf(scenario, plan);
    const system = systemOf(scenario, plan);
    const id = JSON.stringify([system, calibration.job.network.lines]);
    const known = this.known.get(id);
    if (known !== undefined) return known;
    const { bench } = this;
    const report: CalibrationReport = {
      name: `lines ${this.known.size + 1}`,
      lines: `${linesText(plan)}; Debian ${systemName(system)}`,
      figures: [],
      error: "it did not run",
    };
    const measure = async (): Promise<BestLine> => {
      const { results, error } = await bench.run([calibration.job], null, { label: report.name, seed: 1, system });
      const [result] = results;
      if (result !== undefined) report.figures = calibrationFigures(calibration, result);
      report.error = error?.message ?? null;
      bench.settings.print(`${report.name}: ${calibrated(report) ? "calibrated" : "NOT calibrated: no figure of these lines counts"}`);
      return result === undefined ? null : bestLineIn(calibration, result);
    };
    let running: Promise<BestLine> | null = null;
    const one: Calibrated = { report, seconds: calibration.job.seconds, bestLine: () => (running ??= measure()) };
    this.known.set(id, one);
    return one;
  }
}

function linesText({ lines }: Plan): string {
  return lines
    .map(({ name, rate, encapsulation, rttMs }) => `${name} ${rate.down}/${rate.up} kbit/s ${encapsulation}, ${rttMs ?? "?"} ms`)
    .join("; ");
}
