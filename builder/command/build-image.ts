import { join, resolve } from "node:path";
import { print, printError, shownPath } from "../machine/host";
import { build, type Built, type LoadedProfile, planProfile } from "../build/build";
import type { CardOptions } from "../card/make";
import { type Command, help, parseCommand, type Values, version } from "./command";
import { helpOf } from "./help";
import { type Program, reportError } from "./run";
import { usage } from "../errors";
import { wrap } from "../base/format";
import { explain } from "../build/explain";
import { Steps } from "../base/steps";

export const buildImageCommand = {
  name: "build-image",
  summary: "builds the box's card and the server's user-data from one profile.",
  usage: [
    ["build-image --profile NAME", "reads profiles/NAME.yaml, writes dist/NAME/"],
    ["build-image --profile FILE.yaml", "the same for a profile elsewhere"],
  ],
  bareWord: "profile",
  options: [
    { name: "profile", short: "p", value: "NAME", help: "a profile in profiles/, or the path of a YAML file" },
    { name: "explain", help: "print addresses, ports, MTU, rates and warnings, and build nothing" },
    { name: "json", help: "print the same as JSON, and build nothing" },
    { name: "out", value: "DIR", help: "write to this folder instead of dist/NAME" },
    { name: "secrets", value: "DIR", help: "keep the keys in this folder instead of secrets/" },
    { name: "rotate-keys", help: "make new keys; reinstall the box and the server afterwards" },
    {
      name: "base",
      value: "IMAGE",
      help: "make NAME.img from this Raspberry Pi OS Lite (.img, or packed as .xz, .zst, .gz or .zip) instead of downloading one",
    },
    { name: "no-image", help: "make no NAME.img: nothing large is downloaded" },
    { name: "no-card", help: "make neither NAME.img nor bootfs/: nothing is downloaded" },
    { name: "update", help: "use the newest packages for the card instead of those in NAME.packages.lock.json" },
    {
      name: "mirror",
      value: "URL",
      help: "Debian archive for the packages (www.debian.org/mirror/list); only needed where this machine's apt has none",
    },
    { name: "timings", help: "print how long each step takes" },
    version,
    help,
  ],
  exitCodes: [
    [0, "done"],
    [1, "the profile or the command line is wrong"],
    [2, "the machine failed"],
    [70, "a bug"],
  ],
} as const satisfies Command;

/**
 * Runs build-image.
 * @returns its exit code.
 */
export async function buildImage(program: Program): Promise<number> {
  try {
    await run(program);
    return 0;
  } catch (error) {
    return reportError(error, "build-image", program.version);
  }
}

async function run({ root, version: release, args }: Program): Promise<void> {
  const flags = parseCommand(buildImageCommand, args).values;
  if (flags.help) return print(helpOf(buildImageCommand));
  if (flags.version) return print(`bondbox ${release}`);
  if (flags.profile === undefined) throw usage.noProfile();
  if (flags.explain && flags.json) throw usage.together("--explain", "--json");
  const steps = new Steps(flags.timings ? printError : () => {});
  const wanted = flags.profile;
  const loaded = steps.time("profile", () => planProfile(root, wanted));
  if (flags.explain) return print(explain(loaded.plan));
  if (flags.json) return print(JSON.stringify({ profileHash: loaded.hash, ...loaded.plan }, null, 2));
  const out = flags.out === undefined ? join(root, "dist", loaded.plan.profile) : resolve(flags.out);
  const secrets = flags.secrets === undefined ? join(root, "secrets") : resolve(flags.secrets);
  const card = cardOptions(flags);
  const built = await build(loaded, { root, out, secrets, rotateKeys: flags["rotate-keys"], version: release, steps, card });
  print(summary(loaded, built, { out: shownPath(out), card: card !== null }));
}

type Flags = Values<typeof buildImageCommand>;

/** What the card options ask for; null with --no-card. */
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
  return { base: base ?? null, image: !noImage, update, mirror: mirror ?? null, log: printError };
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
          `user-data has ${userDataBytes} bytes, too many for ${refuse.join(", ")}; ${take.join(", ") || "none of the known providers"} will accept it, and server/install.sh always works.`,
        ];
  const row = (name: string, text: string): string => `  ${name.padEnd(20)} ${text}`;
  return [
    `${out}/`,
    row("SETUP.html", "start here: the steps to a running bond (SETUP.md is the same as text)"),
    ...(image ? [row(`${plan.profile}.img`, "the image for the Raspberry Pi's card: write it with scripts/flash-card")] : []),
    ...(card ? [row("bootfs/", "the same as files for a card with Raspberry Pi OS on it: copy them with scripts/copy-bootfs")] : []),
    row("box/overlay.tar", "the bare files of the Raspberry Pi"),
    row("server/user-data", `cloud-init for the provider's form (${userDataBytes} bytes)`),
    row("server/install.sh", "the same for a server that is already running"),
    ...[...plan.warnings.map(({ text }) => text), ...size].map((text) => `\n${wrap(`Warning: ${text}`)}`),
    ...notes.map((text) => `\n${wrap(`Note: ${text}`)}`),
    `\nThese files contain keys: keep them private.`,
  ].join("\n");
}
