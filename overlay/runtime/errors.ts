/** Exit codes of bondbox, as its help prints them. */
export const exit = { allUp: 0, someDown: 1, allDown: 2, noConfig: 2, refused: 1, usage: 64, bug: 70, stopped: 130 } as const;

/** A mistake of the user: one line on stderr, no stack. Anything else that is thrown is a bug. */
export class UserError extends Error {
  constructor(
    message: string,
    readonly exitCode: number,
  ) {
    super(message);
  }
}

/** All error messages, each with its fix. */
export const errors = {
  bootUnwritable: (path: string, reason: string) =>
    new UserError(`${path} cannot be changed (${reason}): run it as root; if it stays so, check the card`, exit.noConfig),
  archiveUnwritable: (path: string, reason: string) =>
    new UserError(
      `${path} cannot be written (${reason}): go to a folder of yours, or run "bondbox support - >/tmp/support.tar.gz"`,
      exit.noConfig,
    ),
  needsRoot: (command: string) =>
    new UserError(`"bondbox ${command}" changes the bond: run it as root, sudo bondbox ${command}`, exit.noConfig),
  nobodyToAsk: () => usage('"bondbox prove" asks before it starts, but there is no terminal: write bondbox prove --yes'),
  staysIn: (name: string) => new UserError(`line ${name} stays in: no other line is up, so the LAN would have no internet`, exit.refused),
  lastLine: (line: string | null, others: string[]) =>
    new UserError(
      `${line === null ? "no line carries" : `only line ${line} carries, and without it the LAN has no internet`} (${others.join("; ")}): bring up another line, see bondbox doctor`,
      exit.noConfig,
    ),
  noPing: (reason: string) => new UserError(`ping cannot be started (${reason}): sudo apt-get install iputils-ping`, exit.noConfig),
  serverSilent: (address: string) =>
    new UserError(`the server does not answer pings through the bond (${address}): see bondbox doctor`, exit.noConfig),
  unknownCommand: (name: string) => usage(`there is no command "${name}"`),
  incomplete: (whole: string) => usage(`something is missing: ${whole}`),
  unknownLine: (name: string, names: string[]) => usage(`there is no line "${name}"; there is ${names.join(", ")}`),
  noCommand: () => usage("no command given"),
  extraArgument: (argument: string) => usage(`unexpected argument "${argument}"`),
  badOption: (command: string, option: string) => usage(`"bondbox ${command}" has no option ${option}`),
  badSeconds: (text: string) => usage(`--wait ${text}: write whole seconds, such as --wait 90`),
  badArguments: (reason: string) => usage(reason),
  configMissing: (path: string) =>
    new UserError(`${path} is missing: this box is not completely set up, write the card again`, exit.noConfig),
  configUnreadable: (path: string, reason: string) =>
    new UserError(`${path} cannot be read (${reason}): run bondbox as root`, exit.noConfig),
  configBroken: (path: string, reason: string) =>
    new UserError(`${path} is invalid: ${reason}; build again and copy the card again`, exit.noConfig),
};

function usage(reason: string): UserError {
  return new UserError(`${reason}; "bondbox help" lists the commands`, exit.usage);
}
