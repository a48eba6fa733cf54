import { join, resolve } from "node:path";
import type { parseArgs } from "node:util";
import { shownPath } from "../base/host";
import { build, type Built, type LoadedProfile, planProfile } from "../build/build";
import type { CardOptions } from "../card/make";
import { complain, parseCommand, type Program } from "./command";
import { usage } from "../errors";
import { explain, wrap } from "../build/explain";
import { Steps } from "../base/steps";

const help = `build-image: makes the two halves of a bondbox from one profile.

  build-image --profile NAME        reads profiles/NAME.yaml, writes dist/NAME/
  build-image --profile FILE.yaml   the same for a profile elsewhere

  --explain       print what the profile comes to, build nothing
  --json          print the same for programs, build nothing
  --out DIR       write there instead of dist/NAME
  --secrets DIR   keep the keys there instead of secrets/
  --rotate-keys   make new keys; lay both halves again afterwards

  --base IMAGE    make the card's image from this Raspberry Pi OS Lite instead of fetching one
                  (.img as it is, or packed as .xz, .zst, .gz or .zip)
  --no-image      make no image for the card, only the files for one that is written already
  --no-card       make neither: nothing is fetched
  --update        take the newest packages for the card; NAME.packages.lock.json remembers them
  --mirror URL    fetch the packages from this archive of Debian

  --timings       print where the time goes
  --version, --help

Exit codes: 0 done, 1 the profile or the command line is wrong, 2 the machine failed, 70 a bug.`;

const options = {
  profile: { type: "string", short: "p" },
  explain: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  out: { type: "string" },
  secrets: { type: "string" },
  base: { type: "string" },
  "no-image": { type: "boolean", default: false },
  "no-card": { type: "boolean", default: false },
  update: { type: "boolean", default: false },
  mirror: { type: "string" },
  "rotate-keys": { type: "boolean", default: false },
  timings: { type: "boolean", default: false },
  version: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** Runs build-image. @returns its exit code. */
export async function buildImage(program: Program): Promise<number> {
  try {
    await run(program);
    return 0;
  } catch (error) {
    return complain(error, "build-image", program.version);
  }
}

async function run({ root, version, args }: Program): Promise<void> {
  const flags = parseCommand("build-image", { args, options, allowPositionals: false }).values;
  if (flags.help) return print(help);
  if (flags.version) return print(`bondbox ${version}`);
  if (flags.profile === undefined) throw usage.noProfile();
  if (flags.explain && flags.json) throw usage.together("--explain", "--json");
  const steps = new Steps(flags.timings ? (line) => process.stderr.write(`${line}\n`) : () => {});
  const wanted = flags.profile;
  const loaded = steps.time("profile", () => planProfile(root, wanted));
  if (flags.explain) return print(explain(loaded.plan));
  if (flags.json) return print(JSON.stringify({ profileHash: loaded.hash, ...loaded.plan }, null, 2));
  const out = flags.out === undefined ? join(root, "dist", loaded.plan.profile) : resolve(flags.out);
  const secrets = flags.secrets === undefined ? join(root, "secrets") : resolve(flags.secrets);
  const card = cardOptions(flags);
  const built = await build(loaded, { root, out, secrets, rotateKeys: flags["rotate-keys"], version, steps, card });
  print(summary(loaded, built, { out: shownPath(out), card: card !== null }));
}

type Flags = ReturnType<typeof parseArgs<{ options: typeof options }>>["values"];

/** @returns null with --no-card. */
function cardOptions(flags: Flags): CardOptions | null {
  const { base, update, mirror, "no-image": noImage, "no-card": noCard } = flags;
  const given = Object.entries({
    "--base": base !== undefined,
    "--update": update,
    "--mirror": mirror !== undefined,
    "--no-image": noImage,
  });
  const against = given.find(([, there]) => there)?.[0];
  if (noCard && against !== undefined) throw usage.together("--no-card", against);
  if (noImage && base !== undefined) throw usage.together("--no-image", "--base");
  if (noCard) return null;
  return { base: base ?? null, image: !noImage, update, mirror: mirror ?? null, tell: (line) => process.stderr.write(`${line}\n`) };
}

function summary(
  { plan }: LoadedProfile,
  { bundle: { userDataBytes, providers }, image, notes }: Built,
  { out, card }: { out: string; card: boolean },
): string {
  const refuse = providers.filter(({ fits }) => !fits).map(({ name }) => name);
  const take = providers.filter(({ fits }) => fits).map(({ name }) => name);
  const size =
    refuse.length === 0
      ? []
      : [
          `user-data has ${userDataBytes} bytes: too much for ${refuse.join(", ")}; ${take.join(", ") || "none of the known providers"} will take it, and server/install.sh always works.`,
        ];
  const row = (name: string, text: string): string => `  ${name.padEnd(20)} ${text}`;
  return [
    `${out}/`,
    row("SETUP.md", "start here: what to plug and paste where (topology.svg is its picture)"),
    ...(image ? [row(`${plan.profile}.img`, "the Raspberry Pi's card: scripts/flash-card writes it")] : []),
    ...(card ? [row("bootfs/", "the same for a card that is written already: scripts/copy-bootfs")] : []),
    row("box/overlay.tar", "the Raspberry Pi's half, bare"),
    row("server/user-data", `the server's half, for the provider's form (${userDataBytes} bytes)`),
    row("server/install.sh", "the same for a server that you already have"),
    ...[...plan.warnings.map(({ text }) => text), ...size].map((text) => `\n${wrap(`Warning: ${text}`)}`),
    ...notes.map((text) => `\n${wrap(`Note: ${text}`)}`),
    `\nThese files hold keys: keep them to yourself.`,
  ].join("\n");
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
