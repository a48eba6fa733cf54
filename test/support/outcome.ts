import { type Program, reportError } from "../../builder/command/run";

/** How long a test file or a scenario took. */
export interface Timed {
  name: string;
  /** Wall time, s. */
  seconds: number;
}

/** How a command ended, for a program that adds up several. */
export interface Outcome {
  /** Its exit code. */
  code: number;
  passed: number;
  failed: number;
  /** Of each scenario. */
  times?: Timed[];
}

/** Runs a command that measures or checks. An error that it throws is printed, and counts as one failure. */
export async function outcomeOf(command: string, program: Program, run: (program: Program) => Promise<Outcome>): Promise<Outcome> {
  try {
    return await run(program);
  } catch (error) {
    return { code: reportError(error, command, program.version), passed: 0, failed: 1 };
  }
}
