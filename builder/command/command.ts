import { parseArgs, type ParseArgsConfig } from "node:util";
import { DocumentError, EnvironmentError, environmentError, UsageError, usage } from "../errors";
import { formatDocumentError } from "../yaml/report";

/** What scripts/lib/start.cjs gives to every command. */
export interface Program {
  /** The repository's folder. */
  root: string;
  version: string;
  args: string[];
}

/** Reads a command line. @param command its name. @throws UsageError at what is no option of it. */
export function parseCommand<T extends ParseArgsConfig & { args: string[] }>(command: string, config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const option = /'(?:-., )?(--?[^' ]+)/.exec(message)?.[1] ?? config.args[0] ?? "";
    if (code === "ERR_PARSE_ARGS_INVALID_OPTION_VALUE") throw usage.needsValue(option);
    if (code === "ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL") throw usage.unknownOption(/'([^']*)'/.exec(message)?.[1] ?? "", command);
    if (code?.startsWith("ERR_PARSE_ARGS")) throw usage.unknownOption(option, command);
    throw error;
  }
}

/** Tells a mistake in one way and a bug in another. @param command its name. @returns the exit code. */
export function complain(error: unknown, command: string, version: string): number {
  const say = (text: string, code: number): number => {
    process.stderr.write(`${text}\n`);
    return code;
  };
  if (error instanceof DocumentError) return say(formatDocumentError(error), 1);
  if (error instanceof UsageError) return say(`${command}: ${error.message}\n  ${error.hint}`, 1);
  const environment = error instanceof EnvironmentError ? error : environmentError(error);
  if (environment !== null) return say(`${command}: ${environment.message}\n  ${environment.hint}`, 2);
  const stack = error instanceof Error ? error.stack : String(error);
  return say(
    `${command}: this is a bug in bondbox ${version}. Please report it with the lines below and your profile without its secrets.\n${stack}`,
    70,
  );
}
