/** Exit codes of bondbox, as its help prints them. */
export const exit = { allUp: 0, someDown: 1, allDown: 2, noConfig: 2, usage: 64, bug: 70 } as const;

/** A person's mistake: one line on stderr, no stack. Anything else that is thrown is a bug of ours. */
export class UserError extends Error {
  constructor(
    message: string,
    readonly exitCode: number,
  ) {
    super(message);
  }
}

/** All messages for mistakes, each with its way out. */
export const errors = {
  bootUnwritable: (path: string, reason: string) =>
    new UserError(`${path} cannot be changed (${reason}): run it as root; if it stays so, check the card`, exit.noConfig),
  unknownCommand: (name: string) => usage(`there is no command "${name}"`),
  noCommand: () => usage("which command?"),
  extraArgument: (argument: string) => usage(`"${argument}" is one word too many`),
  badOption: (command: string, option: string) => usage(`"bondbox ${command}" does not know ${option}`),
  badArguments: (reason: string) => usage(reason),
  configMissing: (path: string) => new UserError(`${path} is missing: this is no finished bondbox, write the image again`, exit.noConfig),
  configUnreadable: (path: string, reason: string) =>
    new UserError(`${path} cannot be read (${reason}): run bondbox as root`, exit.noConfig),
  configBroken: (path: string, reason: string) =>
    new UserError(`${path} is broken: ${reason}; the builder writes this file, put its version back`, exit.noConfig),
};

function usage(reason: string): UserError {
  return new UserError(`${reason}; "bondbox help" shows what there is`, exit.usage);
}
