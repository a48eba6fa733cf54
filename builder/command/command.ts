import { parseArgs } from "node:util";
import { suggest } from "../base/suggest";
import { usage } from "../errors";

/** One option of a command. */
export interface Option {
  name: string;
  /** One letter. */
  short?: string;
  /** What the value is, such as DIR; without it the option is a switch. */
  value?: string;
  /** May be given several times. */
  multiple?: true;
  help: string;
}

/** All that is known of a command: its parser, its --help and the README's table are made from this. */
export interface Command {
  /** As a person types it. */
  name: string;
  /** What it does, in one sentence. */
  summary: string;
  /** Ways to call it, each with an explanation. */
  usage: readonly (readonly [call: string, explanation: string])[];
  /** Whether it takes arguments that are no options. */
  takesArguments?: boolean;
  /** The option that a word alone was probably meant for. */
  bareWord?: string;
  options: readonly Option[];
  /** Paragraphs after the options. */
  notes?: readonly string[];
  exitCodes: readonly (readonly [code: number, meaning: string])[];
}

/** Values of a command's options by name: true or false for a switch, the text or undefined for a value. */
export type Values<C extends Command> = {
  [O in C["options"][number] as O["name"]]: O extends { value: string }
    ? O extends { multiple: true }
      ? string[]
      : string | undefined
    : boolean;
};

/** --help, which every command has. */
export const help = { name: "help", short: "h", help: "print this text" } as const satisfies Option;
/** --version, which the commands that a person installs have. */
export const version = { name: "version", help: "print the version" } as const satisfies Option;

/**
 * Reads a command line. Options may stand anywhere before "--".
 * @param command the record of the command.
 * @param args the words after the command's name.
 * @throws UsageError
 */
export function parseCommand<const C extends Command>(command: C, args: string[]): { values: Values<C>; positionals: string[] } {
  const options = Object.fromEntries(
    command.options.map(({ name, short, value }) => [
      name,
      { type: value === undefined ? "boolean" : "string", multiple: true, ...(short === undefined ? {} : { short }) } as const,
    ]),
  );
  const { tokens, positionals } = parseArgs({ args, options, strict: false, allowPositionals: true, tokens: true });
  const values: Record<string, unknown> = Object.fromEntries(
    command.options.map(({ name, value, multiple }) => [name, value === undefined ? false : multiple ? [] : undefined]),
  );
  for (const token of tokens) {
    if (token.kind === "positional" && command.takesArguments !== true)
      throw usage.extraArgument(token.value, command.name, command.bareWord);
    if (token.kind !== "option") continue;
    const option = command.options.find(({ name }) => name === token.name);
    if (option === undefined) throw unknown(token.rawName, command);
    const { name, value, multiple } = option;
    if (value === undefined) {
      if (token.value !== undefined) throw usage.takesNoValue(token.rawName);
      values[name] = true;
      continue;
    }
    // A following option is no value: "--out --json" is a value that somebody forgot.
    const missing = token.value === undefined || token.value === "" || (!token.inlineValue && /^-./.test(token.value));
    if (missing) throw usage.needsValue(token.rawName, value);
    values[name] = multiple ? [...(values[name] as string[]), token.value] : token.value;
  }
  return { values: values as Values<C>, positionals };
}

function unknown(written: string, { name, options }: Command): Error {
  const near = written.startsWith("--")
    ? suggest(
        written.slice(2),
        options.map((option) => option.name),
      )
    : null;
  return usage.unknownOption(written, name, near === null ? null : `--${near}`);
}

/**
 * A whole number from the command line.
 * @param text undefined if the option was not given.
 * @param option such as "--jobs".
 * @param limits.most largest allowed number.
 * @param limits.usual number if the option was not given.
 */
export function wholeNumber(text: string | undefined, option: string, { most, usual }: { most: number; usual: number }): number {
  if (text === undefined) return usual;
  if (!/^[1-9]\d{0,5}$/.test(text) || Number(text) > most) throw usage.notANumber(option, text, most);
  return Number(text);
}
