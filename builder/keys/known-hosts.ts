/** In a folder of keys: by what ssh knows the box and the server, for people and for push. Its format is that of sshd(8). */
export const KNOWN_HOSTS = "known_hosts";

export interface KnownHost {
  /** As in known_hosts, such as "192.168.1.2" or "[192.168.1.2]:2222". */
  name: string;
  /** Kind and key, such as "ssh-ed25519 AAAA…". */
  key: string;
  half: "box" | "server";
}

/** Last word of our lines. */
const mark = (half: KnownHost["half"]): string => `bondbox-${half}`;

const linesOf = (text: string | null): string[] => (text ?? "").split("\n").filter((line) => line !== "");

/**
 * A known_hosts with one host's key. Another key that it had for the box goes, and for a server at that address: servers are several
 * machines, of which each keeps its own. Another address of the same key stays, since that is where it may still be. Other lines are the
 * person's.
 * @param text of the file; null: there is none
 */
export function withHost(text: string | null, { name, key, half }: KnownHost): string {
  const line = `${name} ${key} ${mark(half)}`;
  const stays = (one: string): boolean => one.includes(` ${key} `) || (half === "server" && !one.startsWith(`${name} `));
  const kept = linesOf(text).filter((one) => one.split(" ").at(-1) !== mark(half) || (one !== line && stays(one)));
  return [...kept, line, ""].join("\n");
}

/**
 * Where a half was, the last address first.
 * @param text of the file; null: there is none
 */
export function namesOf(text: string | null, half: KnownHost["half"]): string[] {
  const ours = linesOf(text).filter((line) => line.split(" ").at(-1) === mark(half));
  return ours.map((line) => line.split(" ")[0] as string).reverse();
}
