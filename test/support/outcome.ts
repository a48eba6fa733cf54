import { type Program, reportError } from "../../builder/command/run";

/** How a command ended, for a program that counts on. */
export interface Outcome {
  /** Its exit code. */
  code: number;
  passed: number;
  failed: number;
}

/** Runs a command that measures or checks; an error is reported and counts as failed. */
export async function outcomeOf(command: string, program: Program, run: (program: Program) => Promise<Outcome>): Promise<Outcome> {
  try {
    return await run(program);
  } catch (error) {
    return { code: reportError(error, command, program.version), passed: 0, failed: 1 };
  }
}
