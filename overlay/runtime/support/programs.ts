import { execFile, type ExecFileException } from "node:child_process";

/** A program that only reads: what it is called with, and the file of the archive. */
export interface Program {
  file: string;
  words: string[];
}

/** None of them shows a key. Each is there on some boxes only. */
export const programs: Program[] = [
  {
    file: "journal.txt",
    words: ["journalctl", "--unit=bondbox-*", "--boot", "--no-pager", "--output=short-iso", "--no-hostname", "--lines=5000"],
  },
  { file: "units.txt", words: ["systemctl", "list-units", "--all", "--no-pager", "--full", "bondbox-*"] },
  { file: "links.txt", words: ["ip", "-details", "-statistics", "link"] },
  { file: "addresses.txt", words: ["ip", "address"] },
  { file: "rules.txt", words: ["ip", "rule"] },
  { file: "routes.txt", words: ["ip", "route", "show", "table", "all"] },
  { file: "routes-ipv6.txt", words: ["ip", "-6", "route", "show", "table", "all"] },
  { file: "neighbours.txt", words: ["ip", "-statistics", "neighbour"] },
  { file: "queues.txt", words: ["tc", "-statistics", "qdisc"] },
  { file: "nft.txt", words: ["nft", "list", "ruleset"] },
  { file: "iptables.txt", words: ["iptables-save", "-c"] },
  { file: "ip6tables.txt", words: ["ip6tables-save", "-c"] },
  { file: "kernel.txt", words: ["uname", "-srvm"] },
  { file: "openvpn.txt", words: ["openvpn", "--version"] },
];

/** Where programs of the system are that a user's own path may lack. */
const system = "/usr/sbin:/sbin:/usr/bin:/bin";
/** For one program, ms. */
const patience = 10_000;
/** Of one program, bytes; the journal's end is worth more than its beginning. */
const most = 512 * 1024;

/**
 * What a program prints, or a sentence why it prints nothing. It never fails.
 * @param words its name, then its arguments
 * @param limit after which it is stopped, ms
 */
export function outputOf([name = "", ...words]: string[], limit = patience): Promise<string> {
  const options = {
    timeout: limit,
    killSignal: "SIGKILL",
    maxBuffer: 16 * 1024 * 1024,
    env: { ...process.env, PATH: `${process.env.PATH}:${system}`, LC_ALL: "C" },
  } as const;
  return new Promise((done) => {
    execFile(name, words, options, (error, stdout, stderr) =>
      done(`${error === null ? "" : `(${name} ${failure(error)})\n`}${stderr}${tail(stdout)}`),
    );
  });
}

function failure({ code, killed }: ExecFileException): string {
  if (code === "ENOENT") return "is not installed";
  return killed || code === "ERR_CHILD_PROCESS_STDIO_MAXBUFFER" ? "was stopped: it takes too long or prints too much" : "failed";
}

function tail(text: string): string {
  return text.length <= most ? text : `(the beginning is left out)\n${text.slice(text.indexOf("\n", text.length - most) + 1)}`;
}
