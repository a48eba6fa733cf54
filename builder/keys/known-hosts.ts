/** In a folder of keys: by what ssh knows the box and the server, for people and for push. Its format is that of sshd(8). */
export const KNOWN_HOSTS = "known_hosts";

export interface KnownHost {
  /** As in known_hosts, such as "192.168.1.2" or "[192.168.1.2]:2222". */
  name: string;
  /** Kind and key, such as "ssh-ed25519 AAAA…". */
  key: string;
  half: "box" | "server";
}

/**
 * A known_hosts with one host's key. What it had for that half before goes; other lines are the person's, and stay.
 * @param text of the file; null: there is none
 */
export function withHost(text: string | null, { name, key, half }: KnownHost): string {
  const ours = `bondbox-${half}`;
  const kept = (text ?? "").split("\n").filter((line) => line !== "" && line.split(" ").at(-1) !== ours);
  return [...kept, `${name} ${key} ${ours}`, ""].join("\n");
}
