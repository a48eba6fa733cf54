import { parseArgs } from "node:util";
import { version } from "../../package.json";
import type { Command } from "./commands/command";
import { line } from "./commands/line";
import { notify } from "./commands/notify";
import { doctor } from "./commands/doctor";
import { history } from "./commands/history";
import { lines } from "./commands/lines";
import { prove } from "./commands/prove";
import { report } from "./commands/report";
import { status } from "./commands/status";
import { storage } from "./commands/storage";
import { support } from "./commands/support";
import { watch } from "./commands/watch";
import { errors, exit, UserError } from "./errors";

const commands: Record<string, Command> = {
  status,
  lines,
  line,
  doctor,
  prove,
  history,
  support,
  storage,
  watch,
  report,
  notify,
  help: { summary: "show this", options: [], run: async () => say(helpText()) },
  version: { summary: "show the version of this program", options: [], run: async () => say(`bondbox ${version}\n`) },
};

async function main(words: string[]): Promise<number> {
  const { values, positionals } = readArguments(words);
  const [name = values.help ? "help" : values.version ? "version" : undefined, ...rest] = positionals;
  if (name === undefined) {
    throw errors.noCommand();
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    throw errors.unknownCommand(name);
  }
  if (values.help) {
    return say(helpOf(name, command));
  }
  const subject = command.subject === undefined ? "" : rest.shift();
  const word = command.words?.find((known) => known === rest[0]) ?? null;
  const extra = rest[word === null ? 0 : 1];
  if (extra !== undefined) {
    throw errors.extraArgument(extra);
  }
  if (subject === undefined || (command.subject !== undefined && word === null)) {
    throw errors.incomplete(`bondbox ${usageOf(name, command)}`);
  }
  for (const option of ["json", "wait", "yes"] as const) {
    if (values[option] !== undefined && !command.options.includes(option)) {
      throw errors.badOption(name, `--${option}`);
    }
  }
  const root = values.root ?? process.env.BONDBOX_ROOT ?? "/";
  return command.run({ root, json: values.json ?? false, wait: seconds(values.wait ?? "0"), yes: values.yes ?? false, subject, word });
}

function readArguments(words: string[]) {
  try {
    return parseArgs({
      args: words,
      allowPositionals: true,
      options: {
        json: { type: "boolean" },
        wait: { type: "string" },
        yes: { type: "boolean" },
        help: { type: "boolean", short: "h" },
        version: { type: "boolean" },
        root: { type: "string" },
      },
    });
  } catch (error) {
    throw errors.badArguments((error as Error).message.replace(/\. .*/s, ""));
  }
}

function seconds(text: string): number {
  if (!/^\d{1,5}$/.test(text)) {
    throw errors.badSeconds(text);
  }
  return Number(text);
}

/** How the help shows each option. */
const shown = { json: "--json", wait: "--wait SECONDS", yes: "--yes" };

function helpText(): string {
  return [
    "bondbox watches the lines, tunnels and bond of this box. Only line, prove and\nstorage change anything.\n\n",
    ...Object.entries(commands).map(([name, command]) => row(name, command)),
    "\nstatus ends with 0: all lines up, 1: some down, 2: none up, 64: wrong usage.\nMore on one command: bondbox COMMAND --help\n",
  ].join("");
}

/** What a command has to say besides its row; the help of all, where that is nothing. */
function helpOf(name: string, command: Command): string {
  return command.details === undefined ? helpText() : `${row(name, command)}\n${command.details.map((line) => `${line}\n`).join("")}`;
}

function row(name: string, command: Command): string {
  const { summary } = command;
  const indent = `  bondbox ${usageOf(name, command)}`;
  return indent.length <= 27 ? `${indent.padEnd(27)} ${summary}\n` : `${indent}\n${" ".repeat(28)}${summary}\n`;
}

/** "line NAME out|in" */
function usageOf(name: string, { options, subject, words = [] }: Command): string {
  const choice = words.join("|");
  const ending = choice === "" ? [] : [subject === undefined ? `[${choice}]` : choice];
  return [name, ...options.map((option) => `[${shown[option]}]`), ...(subject === undefined ? [] : [subject]), ...ending].join(" ");
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

// `bondbox status | head -1` closes the pipe early, and that is not an error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") {
    throw error;
  }
  process.exit();
});

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const mistake = error instanceof UserError;
    process.stderr.write(`bondbox: ${mistake ? error.message : (error instanceof Error && error.stack) || error}\n`);
    process.exitCode = mistake ? error.exitCode : exit.bug;
  },
);
