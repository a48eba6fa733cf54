import { type Command, help, parseCommand } from "../../builder/command/command";
import { helpOf } from "../../builder/command/help";
import { type Program, reportError } from "../../builder/command/run";
import { UsageError } from "../../builder/errors";
import { benchBuild } from "./build";
import { benchFlash } from "./flash";
import { benchImage } from "./image";
import { benchRuntime } from "./runtime";

const benches: Record<string, (root: string) => Promise<void>> = {
  build: benchBuild,
  image: async () => benchImage(),
  flash: benchFlash,
  runtime: benchRuntime,
};

const command = {
  name: "scripts/bench",
  summary: "times bondbox against comparable programs, in one run.",
  usage: [
    ["scripts/bench", "how long a build takes, and where"],
    ["scripts/bench image flash", "the image of a card, and writing it"],
    ["scripts/bench runtime", "what the box's program costs in a day"],
  ],
  takesArguments: true,
  options: [help],
  exitCodes: [
    [0, "done"],
    [1, "the command line is wrong"],
    [2, "the machine failed"],
    [70, "a bug"],
  ],
} as const satisfies Command;

/** Times one thing against its likes, in one run. Not a test: figures depend on the machine. @returns the exit code. */
export async function bench({ root, version, args }: Program): Promise<number> {
  try {
    const { values, positionals } = parseCommand(command, args);
    if (values.help) return (console.log(helpOf(command)), 0);
    for (const name of positionals.length === 0 ? ["build"] : positionals) {
      const run = benches[name];
      if (run === undefined) throw new UsageError(`there is no benchmark "${name}"`, `There is ${Object.keys(benches).join(", ")}.`);
      await run(root);
    }
    return 0;
  } catch (error) {
    return reportError(error, command.name, version);
  }
}
