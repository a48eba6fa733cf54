import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeSshKey, sshFingerprint } from "../../builder/keys/ssh-key";
import { connect, type Connection, hostKeysThrough, type Options } from "../../builder/push/ssh/connection";
import { KnownHosts, knownName } from "../../builder/push/ssh/known-hosts";
import { run } from "../support/programs";

const folder = mkdtempSync(join(tmpdir(), "bondbox-ssh-"));
const [hostKey, otherKey, ownKey] = [makeSshKey(), makeSshKey(), makeSshKey()];
const servers: ChildProcess[] = [];

function write(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode });
  return path;
}

/** A port that nobody has. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** Debian's sshd, with a configuration of its own. @returns its port */
async function startSshd(name: string, words = ""): Promise<number> {
  const port = await freePort();
  const ecdsa = join(folder, "host-ecdsa");
  if (servers.length === 0) expect(run("ssh-keygen", ["-q", "-t", "ecdsa", "-N", "", "-f", ecdsa]).status).toBe(0);
  const config = write(
    `${name}.conf`,
    `Port ${port}
ListenAddress 127.0.0.1
HostKey ${write(`${name}-host`, hostKey.pem)}
HostKey ${ecdsa}
AuthorizedKeysFile ${write("authorized", `${ownKey.line}\n`)}
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
${words}
`,
  );
  mkdirSync("/run/sshd", { recursive: true });
  const sshd = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", config], { stdio: ["ignore", "ignore", "pipe"] });
  servers.push(sshd);
  await new Promise<void>((ready, fail) => {
    let said = "";
    sshd.stderr.on("data", (chunk: Buffer) => {
      said += String(chunk);
      if (said.includes("Server listening")) ready();
    });
    sshd.on("exit", () => fail(new Error(`sshd: ${said}`)));
  });
  return port;
}

let port: number;
beforeAll(async () => {
  port = await startSshd("first");
});
afterAll(() => {
  for (const server of servers) server.kill();
  rmSync(folder, { recursive: true });
});

/** ~/.ssh/config of these tests: nothing of the real one is read. */
function configFile(words = "", at = port): string {
  return write(
    "config",
    `Host far
  HostName 127.0.0.1
  Port ${at}
  User root
  IdentityFile ${write("id", ownKey.pem)}
  IdentityAgent none
  UserKnownHostsFile ${join(folder, "user-known")}
  GlobalKnownHostsFile /dev/null
${words}
`,
  );
}

const known = (key: string): string => write("known_hosts", `${knownName("127.0.0.1", port)} ${key}\n`);

function log(options: Partial<Options> = {}): Promise<Connection> {
  const all = {
    ...options,
    // Each writes its file.
    knownHosts: options.knownHosts ?? [known(hostKey.line)],
    configFile: options.configFile ?? configFile(),
  };
  return connect({ half: "box", host: "far", user: undefined, defaultUser: undefined }, all);
}

/** The code of the error, and what it says. */
async function failure(options: Partial<Options>): Promise<string> {
  try {
    (await log(options)).close();
    return "none";
  } catch (error) {
    const { code, message, hint } = error as { code: string; message: string; hint: string };
    return `${code}: ${message}. ${hint}`;
  }
}

describe("a connection", () => {
  it("runs programs, whose words arrive as they are", async () => {
    const connection = await log();
    const words = ["a b", "it's", '"$HOME"', "two\nlines", "", "*", "`id`"];
    const { status, stdout } = await connection.run(["printf", "<%s>", ...words], { asRoot: true });
    expect([status, stdout]).toEqual([0, words.map((word) => `<${word}>`).join("")]);
    expect((await connection.run(["sh", "-c", "echo no >&2; exit 7"])).status).toBe(7);
    connection.close();
  });

  it("takes 30 MB of input whole", async () => {
    const connection = await log();
    const input = Buffer.alloc(30_000_000, "0123456789");
    const { stdout } = await connection.run(["sha256sum"], { input });
    expect(stdout).toBe(run("sha256sum", [write("large", input.toString("latin1"))]).stdout.replace(/ .*/, "  -"));
    connection.close();
  });

  it("reports that it was cut off", async () => {
    const connection = await log();
    const running = connection.run(["sh", "-c", "kill -9 $PPID; sleep 60"]);
    await expect(running).rejects.toMatchObject({ code: "push.broken" });
    connection.close();
  });

  it("reports that its way was cut off, which is no error of the whole process", async () => {
    const pid = join(folder, "proxy-pid");
    const connection = await log({ configFile: configFile(`  ProxyCommand sh -c 'echo $$ >${pid}; exec socat - TCP:%h:%p'`) });
    const running = connection.run(["sleep", "60"]);
    process.kill(Number(readFileSync(pid, "utf8")), "SIGKILL");
    await expect(running).rejects.toMatchObject({ code: "push.broken" });
    connection.close();
  });

  it("goes over jump hosts, and by commands", async () => {
    const second = await startSshd("second", "AllowTcpForwarding yes");
    const jump = `Host jump\n  HostName 127.0.0.1\n  Port ${second}\n  User root\n  IdentityFile ${join(folder, "id")}\n  IdentityAgent none\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n`;
    for (const way of ["ProxyJump jump", "ProxyCommand socat - TCP:%h:%p"]) {
      const connection = await log({ configFile: configFile(`  ${way}\n${jump}`) });
      expect((await connection.run(["echo", way])).stdout).toBe(`${way}\n`);
      connection.close();
    }
    expect(await failure({ configFile: configFile("  ProxyCommand echo gone >&2; exit 1") })).toMatch(/^push\.unreachable: .*gone/);
  });

  it("tells a port where nobody listens from a name that nobody has", async () => {
    expect(await failure({ configFile: configFile("", await freePort()) })).toMatch(
      /^push\.unreachable: the box cannot be reached at 127\.0\.0\.1 \(port \d+\): nothing listens there\./,
    );
  });
});

describe("a host key", () => {
  it("is known by any of the files, by its hash, and beside keys of other kinds", async () => {
    expect(await failure({})).toBe("none");
    const name = knownName("127.0.0.1", port);
    const file = write("hashed", `${name} ${hostKey.line}\n`);
    expect(run("ssh-keygen", ["-H", "-f", file]).status).toBe(0);
    expect(readFileSync(file, "utf8")).toMatch(/^\|1\|/);
    expect(await failure({ knownHosts: [file] })).toBe("none");
    // The server has a key of another kind, too, which a client would prefer that did not look first.
    const [ecdsa = ""] = /^ecdsa\S+ \S+/.exec(readFileSync(join(folder, "host-ecdsa.pub"), "utf8")) ?? [];
    expect(await failure({ knownHosts: [known(ecdsa)] })).toBe("none");
  });

  it("that is unknown is refused, with its fingerprint, unless that was given, or it is proven", async () => {
    const said = await failure({ knownHosts: [] });
    expect(said).toMatch(/^push\.unknown-key: the box at 127\.0\.0\.1 is not known/);
    expect(said).toContain(`--accept ${hostKey.fingerprint}`);
    expect(await failure({ knownHosts: [], accept: hostKey.fingerprint })).toBe("none");
    expect(await failure({ knownHosts: [], accept: otherKey.fingerprint })).toMatch(/^push\.unknown-key/);
    expect(await failure({ knownHosts: [], expected: [hostKey.line] })).toBe("none");
    expect(await failure({ knownHosts: [], expected: [otherKey.line] })).toMatch(/^push\.unknown-key/);
  });

  it("that has changed is refused with both fingerprints and the place of the other, whatever is accepted", async () => {
    const said = await failure({ knownHosts: [known(otherKey.line)], accept: hostKey.fingerprint });
    expect(said).toMatch(/^push\.changed-key/);
    for (const text of [hostKey.fingerprint, otherKey.fingerprint, `${join(folder, "known_hosts")}:1`]) expect(said).toContain(text);
    expect(await failure({ knownHosts: [known(otherKey.line)], expected: [hostKey.line] })).toBe("none");
  });

  it("that is revoked is refused, however it is known otherwise", async () => {
    const revoked = write("revoked", `@revoked * ${hostKey.line}\n`);
    expect(await failure({ knownHosts: [revoked, known(hostKey.line)] })).toMatch(/^push\.revoked/);
  });

  it("is what ssh-keyscan sees over a connection", async () => {
    const connection = await log();
    expect(await hostKeysThrough(connection, "127.0.0.1", port)).toContain(hostKey.line);
    expect(await hostKeysThrough(connection, "127.0.0.1", await freePort())).toEqual([]);
    connection.close();
  });

  it.each([
    ["box.example", "box.example", true],
    ["*.example", "box.example", true],
    ["*.example,!box.example", "box.example", false],
    ["b?x.example", "box.example", true],
    ["192.168.1.2,box", "box", true],
    ["[box]:2222", "[box]:2222", true],
    ["box", "[box]:2222", false],
    ["BOX", "box", true],
  ])("line %s is for %s as for ssh-keygen: %s", (hosts, name, expected) => {
    const file = write("rows", `${hosts} ${hostKey.line}\n`);
    const blob = Buffer.from(hostKey.line.split(" ")[1] as string, "base64");
    expect(new KnownHosts([file]).judge(name, blob).kind).toBe(expected ? "known" : "unknown");
    expect(run("ssh-keygen", ["-F", name, "-f", file]).status === 0).toBe(expected);
    expect(sshFingerprint(blob)).toBe(hostKey.fingerprint);
  });
});

describe("who logs in", () => {
  it("by an agent", async () => {
    const socket = join(folder, "agent");
    const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
    servers.push(agent);
    write("id-agent", ownKey.pem);
    await expect
      .poll(() => run("sh", ["-c", `SSH_AUTH_SOCK="${socket}" ssh-add -q "${join(folder, "id-agent")}"; echo $?`]).stdout.trim(), {
        timeout: 10_000,
      })
      .toBe("0");
    const file = write(
      "agent-config",
      readFileSync(configFile(), "utf8")
        .replace(/IdentityFile .*/, "IdentityFile /none")
        .replace("IdentityAgent none", `IdentityAgent ${socket}`),
    );
    expect(await failure({ configFile: file })).toBe("none");
  });

  it("by a key with a passphrase, which is asked for, or else by none", async () => {
    const locked = write("locked", ownKey.pem);
    chmodSync(locked, 0o600);
    expect(run("ssh-keygen", ["-q", "-p", "-P", "", "-N", "secret phrase", "-f", locked]).status).toBe(0);
    const file = (): string =>
      write("locked-config", readFileSync(configFile(), "utf8").replace(/IdentityFile .*/, `IdentityFile ${locked}`));
    const asked: string[] = [];
    const ask = (question: string): Promise<string> => {
      asked.push(question);
      return Promise.resolve("secret phrase");
    };
    expect(await failure({ configFile: file(), ask })).toBe("none");
    expect(asked).toEqual([`passphrase of ${locked}: `]);
    expect(await failure({ configFile: file() })).toContain(`run ssh-add ${locked} first`);
    expect(await failure({ configFile: file(), ask: () => Promise.resolve("wrong") })).toMatch(/^push\.no-login/);
  });

  it("and who does not", async () => {
    const stranger = write("stranger", otherKey.pem);
    const file = write("stranger-config", readFileSync(configFile(), "utf8").replace(/IdentityFile .*/, `IdentityFile ${stranger}`));
    expect(await failure({ configFile: file })).toMatch(/^push\.no-login: the box does not let root in with .*stranger\./);
  });
});
