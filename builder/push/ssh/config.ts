import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { push as texts } from "../../errors";
import { environment } from "../../machine/host";
import { run } from "../../machine/run";

/** What the person's ssh knows of a host: ~/.ssh/config and the system's, as ssh(1) itself reads them. */
export interface SshConfig {
  /** As the person calls it. */
  host: string;
  /** What that stands for. */
  hostname: string;
  port: number;
  user: string;
  /** By what known_hosts has it, if not by its name. */
  alias: string | null;
  /** Files with private keys that are there. */
  identities: string[];
  /** Socket of the agent; null: there is none, or none is wanted. */
  agent: string | null;
  knownHosts: string[];
  /** null: straight. */
  proxyJump: string | null;
  proxyCommand: string | null;
}

export interface Wanted {
  host: string;
  /** Before what the configuration has. */
  user?: string | undefined;
  /** Where the configuration has none. */
  defaultUser?: string | undefined;
  /** In place of ~/.ssh/config. */
  configFile?: string | undefined;
}

/**
 * Asks ssh(1) what it knows of a host.
 * @throws EnvironmentError where there is no ssh, or its configuration is wrong
 */
export async function readSshConfig({ host, user, defaultUser, configFile }: Wanted): Promise<SshConfig> {
  const ask = async (more: string[]): Promise<Map<string, string[]>> => {
    const file = configFile === undefined ? [] : ["-F", configFile];
    const { status, stdout, stderr, failure } = await run("ssh", ["-G", ...file, ...more, "--", host]);
    if (failure === "missing") throw texts.noSsh();
    if (status !== 0) throw texts.sshConfig(stderr);
    return optionsIn(stdout.toString());
  };
  // An option on the command line goes first, one that comes last in a file would go last: with and without tells whether there is one.
  const plain = await ask(user === undefined ? [] : ["-l", user]);
  const own = plain.get("user")?.[0] ?? "";
  const isDefault = user === undefined && defaultUser !== undefined && own === (await ask(["-F", "none"])).get("user")?.[0];
  const one = (name: string): string | null => {
    const value = plain.get(name)?.[0];
    return value === undefined || value === "none" ? null : value;
  };
  return {
    host,
    hostname: one("hostname") ?? host,
    port: Number(one("port") ?? 22),
    user: isDefault ? defaultUser : own,
    alias: one("hostkeyalias"),
    identities: (plain.get("identityfile") ?? []).map(expanded).filter((path) => existsSync(path)),
    agent: agentOf(plain.get("identityagent")?.[0]),
    knownHosts: ["userknownhostsfile", "globalknownhostsfile"].flatMap((name) => one(name)?.split(" ") ?? []).map(expanded),
    proxyJump: one("proxyjump"),
    proxyCommand: one("proxycommand"),
  };
}

/** Rows of a word and its value, as "ssh -G" prints them. */
function optionsIn(text: string): Map<string, string[]> {
  const options = new Map<string, string[]>();
  for (const row of text.split("\n")) {
    const [, name, value] = /^(\S+) (.*)$/.exec(row) ?? [];
    if (name !== undefined && value !== undefined) options.set(name, [...(options.get(name) ?? []), value]);
  }
  return options;
}

const expanded = (path: string): string => path.replace(/^~(?=\/)/, homedir());

function agentOf(value = "SSH_AUTH_SOCK"): string | null {
  if (value === "none") return null;
  const [, name] = /^\$?(SSH_AUTH_SOCK|\w+)$/.exec(value) ?? [];
  const path = name === undefined ? expanded(value) : environment()[name];
  return path !== undefined && existsSync(path) ? path : null;
}
