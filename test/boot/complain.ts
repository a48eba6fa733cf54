import { EnvironmentError, environmentError, UsageError } from "../../builder/errors";
import { LabError } from "../lab/errors";
import { BootError } from "./errors";

/** Tells a mistake in one way and a bug in another. @returns the exit code. */
export function complain(error: unknown, program: string, version: string): number {
  const say = (text: string, code: number): number => {
    process.stderr.write(`${program}: ${text}\n`);
    return code;
  };
  if (error instanceof UsageError) return say(`${error.message}\n  ${error.hint}`, 1);
  if ((error as NodeJS.ErrnoException).code?.startsWith?.("ERR_PARSE_ARGS"))
    return say(`${(error as Error).message.split(". ")[0]}\n  See ${program} --help.`, 1);
  const known = error instanceof EnvironmentError || error instanceof LabError || error instanceof BootError;
  const environment = known ? error : environmentError(error);
  if (environment !== null) return say(`${environment.message}\n  ${environment.hint}`, 2);
  return say(`this is a bug in bondbox ${version}. Please report it.\n${error instanceof Error ? error.stack : String(error)}`, 70);
}
