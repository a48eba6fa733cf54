import { complain, parseCommand, type Program } from "../../builder/command/command";
import { UsageError } from "../../builder/errors";
import { benchBuild } from "./build";
import { benchFlash } from "./flash";
import { benchImage } from "./image";

const benches: Record<string, (root: string) => Promise<void>> = {
  build: benchBuild,
  image: async () => benchImage(),
  flash: benchFlash,
};

/** Times one thing against its likes, in one run. Not a test: figures depend on the machine. @returns the exit code. */
export async function bench({ root, version, args }: Program): Promise<number> {
  try {
    const { positionals } = parseCommand("npm run bench --", { args, options: {}, allowPositionals: true });
    for (const name of positionals.length === 0 ? ["build"] : positionals) {
      const run = benches[name];
      if (run === undefined) throw new UsageError(`there is no benchmark "${name}"`, `There is ${Object.keys(benches).join(", ")}.`);
      await run(root);
    }
    return 0;
  } catch (error) {
    return complain(error, "bench", version);
  }
}
