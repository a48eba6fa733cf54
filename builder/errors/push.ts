import { coded, EnvironmentError, orList, show, UsageError } from "../base/errors";

type Half = "box" | "server";

/** Errors of the way to a half. Nothing was changed then. */
export const push = coded("push", {
  noSsh: (): EnvironmentError =>
    new EnvironmentError("there is no ssh on this computer", "Install OpenSSH's client (openssh-client) and push again."),
  sshConfig: (said: string): EnvironmentError =>
    new EnvironmentError(`ssh cannot read its configuration: ${show(said.trim().slice(0, 300))}`, "Fix ~/.ssh/config and push again."),
  unreachable: (half: Half, where: string, why: string): EnvironmentError =>
    new EnvironmentError(
      `the ${half} cannot be reached at ${where}: ${why}`,
      `Check that the ${half} is on, and its address; --${half} ADDRESS is for another one.`,
    ),
  noCommon: (half: Half, where: string, why: string): EnvironmentError =>
    new EnvironmentError(`the ${half} at ${where} speaks no SSH that push knows: ${why}`, `Update the SSH server of the ${half}.`),
  unknownKey: (half: Half, host: string, { offered, user }: { offered: string; user: string }): UsageError =>
    new UsageError(
      `the ${half} at ${host} is not known: its host key is ${offered}`,
      `Compare it with what the ${half} itself says (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub). If they are the same, log in once with ssh ${user}@${host}, or write --accept ${offered}.`,
    ),
  changedKey: (
    half: Half,
    host: string,
    { offered, known, file, line, name }: { offered: string; known: string; file: string; line: number; name: string },
  ): UsageError =>
    new UsageError(
      `the ${half} at ${host} is not the one that is known: its host key is ${offered}, and ${file}:${line} has ${known}`,
      `Somebody may be in between. Only if you know why it changed: ssh-keygen -R ${show(name)} -f ${file}`,
    ),
  revoked: (half: Half, host: string, offered: string): UsageError =>
    new UsageError(
      `the host key of the ${half} at ${host} is revoked: ${offered}`,
      `Give the ${half} a new one (ssh-keygen -A) before you use it again.`,
    ),
  noLogin: (half: Half, user: string, { tried, locked }: { tried: string[]; locked: string[] }): UsageError =>
    new UsageError(
      `the ${half} does not let ${user} in${tried.length === 0 ? "" : ` with ${orList(tried)}`}`,
      locked.length > 0
        ? `${locked.join(" and ")} cannot be read without a passphrase: run ssh-add ${locked[0]} first.`
        : `Log in once with ssh, and use the same user (--user) and key (ssh-add, or IdentityFile in ~/.ssh/config). The profile's ssh.keys says who may.`,
    ),
  sudo: (half: Half, user: string): UsageError =>
    new UsageError(
      `${user} may not become root on the ${half} without a password`,
      "Log in as root, or as the profile's ssh.user: --user NAME, on a new server --fresh NAME@ADDRESS.",
    ),
  broken: (half: Half): EnvironmentError =>
    new EnvironmentError(`the connection to the ${half} broke`, "Push again; push --status shows how it ended."),
});
