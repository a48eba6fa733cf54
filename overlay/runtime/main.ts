import { parseArgs } from "node:util";
import { version } from "../../package.json";
import type { Command } from "./commands/command";
import { status } from "./commands/status";
import { watch } from "./commands/watch";
import { errors, exit, UserError } from "./errors";

const commands: Record<string, Command> = {
  status,
  watch,
  help: { summary: "show this", options: [], run: async () => say(helpText()) },
  version: { summary: "show the version of this program", options: [], run: async () => say(`bondbox ${version}\n`) },
};

async function main(words: string[]): Promise<number> {
  const { values, positionals } = readArguments(words);
  const [name = values.help ? "help" : values.version ? "version" : undefined, extra] = positionals;
  if (name === undefined) {
    throw errors.noCommand();
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    throw errors.unknownCommand(name);
  }
  if (extra !== undefined) {
    throw errors.extraArgument(extra);
  }
  if (values.help) {
    return say(helpText());
  }
  if (values.json && !command.options.includes("json")) {
    throw errors.badOption(name, "--json");
  }
  return command.run({ root: values.root ?? process.env.BONDBOX_ROOT ?? "/", json: values.json ?? false });
}

function readArguments(words: string[]) {
  try {
    return parseArgs({
      args: words,
      allowPositionals: true,
      options: {
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
        version: { type: "boolean" },
        root: { type: "string" },
      },
    });
  } catch (error) {
    throw errors.badArguments((error as Error).message.replace(/\. .*/s, ""));
  }
}

function helpText(): string {
  const rows = Object.entries(commands).map(([name, { summary, options }]) => {
    const usage = [name, ...options.map((option) => `[--${option}]`)].join(" ");
    return `  bondbox ${usage.padEnd(17)} ${summary}\n`;
  });
  return [
    "bondbox watches the lines, tunnels and bond of this box. It changes nothing.\n\n",
    ...rows,
    "\nstatus ends with 0: all lines up, 1: some down, 2: none up, 64: wrong usage.\n",
  ].join("");
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

// `bondbox status | head -1` closes the pipe early, and that is nobody's mistake.
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
