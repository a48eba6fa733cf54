import { complain, type Program } from "../../builder/command/command";

/** How a command ended, for a program that counts on. */
export interface Outcome {
  /** Its exit code. */
  code: number;
  passed: number;
  failed: number;
}

/** Runs a command that measures or checks; what it throws is told, and counts as failed. */
export async function outcomeOf(command: string, program: Program, run: (program: Program) => Promise<Outcome>): Promise<Outcome> {
  try {
    return await run(program);
  } catch (error) {
    return { code: complain(error, command, program.version), passed: 0, failed: 1 };
  }
}
