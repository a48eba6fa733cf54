import { DocumentError, EnvironmentError, environmentError, formatError, UsageError } from "../errors";
import { printError } from "../machine/host";
import { formatDocumentError } from "../yaml/report";

/** What scripts/lib/start.cjs passes to every command. */
export interface Program {
  /** Absolute path of the repository. */
  root: string;
  version: string;
  args: string[];
}

/**
 * Prints what went wrong: a mistake with its fix, a bug with its stack.
 * @param error anything that was thrown.
 * @param command its name.
 * @param version of bondbox.
 * @returns the exit code.
 */
export function reportError(error: unknown, command: string, version: string): number {
  if (error instanceof DocumentError) return (printError(formatDocumentError(error)), 1);
  if (error instanceof UsageError) return (printError(formatError(command, error)), 1);
  const environment = error instanceof EnvironmentError ? error : environmentError(error);
  if (environment !== null) return (printError(formatError(command, environment)), 2);
  const stack = error instanceof Error ? error.stack : String(error);
  const asked = "Please report it with the lines below and your profile without its secrets.";
  printError(`${command}: this is a bug in bondbox ${version}. ${asked}\n${stack}`);
  return 70;
}
